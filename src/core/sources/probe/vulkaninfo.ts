/** Devices by the graphics and compute loaders: `vulkaninfo`, `clinfo`, `sycl-ls`. Identity where no vendor source answers; memory only where it is a card's own. */
import { type Bytes, MIB } from "../../units.ts";
import type { World } from "../world.ts";
import { isIntegratedName, isPretended, type SightedDevice, sighted, vendorOf } from "./sighting.ts";
import { printed } from "./tools.ts";

const value = (block: string, name: string): string | undefined =>
  new RegExp(`\\b${name}\\s*=\\s*(.+?)[ \\t]*$`, "m").exec(block)?.[1];

/** The largest heap that is the device's own; windows of 256 MiB into it and host heaps are not. */
function ownHeap(block: string): Bytes | undefined {
  const heaps = [
    ...block.matchAll(
      /memoryHeaps\[\d+\]:\s*\n\s*size\s*=\s*(\d+)[\s\S]*?flags:?([\s\S]*?)(?=memoryHeaps\[|memoryTypes|$(?![\s\S]))/g,
    ),
  ];
  const own = heaps.filter((heap) => /DEVICE_LOCAL/.test(heap[2] ?? "")).map((heap) => Number(heap[1]));
  const largest = Math.max(0, ...own);
  return largest > 256 * MIB ? largest : undefined;
}

/** `vulkaninfo` or its summary. Processors that pretend to be GPUs and Windows' translation layer are left out. */
export function parseVulkaninfo(text: string): SightedDevice[] {
  const parts = text.split(/^(?=GPU\d+:)/m);
  const own = parts.filter((part) => /^GPU\d+:/.test(part));
  const blocks = own.length > 0 ? own : parts;
  return blocks.flatMap((block): SightedDevice[] => {
    const name = value(block, "deviceName");
    const kind = value(block, "deviceType") ?? "";
    if (name === undefined || isPretended(name) || /TYPE_CPU/.test(kind)) return [];
    const ids = [value(block, "vendorID"), value(block, "deviceID")].map((id) =>
      /^0x([0-9a-f]{4})$/i.exec(id ?? "")?.[1]?.toLowerCase(),
    );
    const unified =
      /INTEGRATED/.test(kind) || (kind === "" && isIntegratedName(name))
        ? true
        : /DISCRETE/.test(kind)
          ? false
          : undefined;
    return [
      sighted({
        vendor: vendorOf(ids[0] ?? name),
        name,
        source: "vulkaninfo",
        unified,
        pciId: ids[0] === undefined || ids[1] === undefined ? undefined : `${ids[0]}:${ids[1]}`,
        totalBytes: unified === true ? undefined : ownHeap(block),
        uuid: value(block, "deviceUUID"),
      }),
    ];
  });
}

/** A device's record among OpenCL's, by lines or by `clinfo -l`'s tree; processors and emulators are left out. */
export function parseClinfo(text: string): SightedDevice[] {
  const names = [...text.matchAll(/^[ \t]*(?:[`|]?-- Device #\d+: |Device Name\s+)(.+?)\s*$/gm)].map(
    (match) => match[1] ?? "",
  );
  return names
    .filter((name) => !isPretended(name) && !/\bCPU\b|Core\(TM\)|Xeon|Processor/.test(name))
    .map((name) => {
      const id = /\[0x([0-9a-f]{4})\]/i.exec(name)?.[1]?.toLowerCase();
      // OpenCL's global memory is 80 to 98 % of a card's: never its size
      return sighted({
        vendor: vendorOf(name),
        name,
        source: "clinfo",
        pciId: id === undefined || vendorOf(name) !== "Intel" ? undefined : `8086:${id}`,
        unified: isIntegratedName(name) && id === undefined ? true : undefined,
      });
    });
}

/** `sycl-ls`: Level Zero's GPUs, and OpenCL's that Level Zero does not list. */
export function parseSyclLs(text: string): {
  readonly devices: SightedDevice[];
  readonly cpuModel: string | undefined;
} {
  const rows = [
    ...text.matchAll(/^\[(\w+):(\w+)\](?:\[[^\]]*\])?\s+[^,]+,\s+(.+?)\s+(?:OpenCL )?\d+\.\d[\w.]*(?: .*)?$/gm),
  ].map((match) => ({ driver: match[1] ?? "", kind: match[2] ?? "", name: match[3] ?? "" }));
  const gpus = rows.filter(({ kind, name }) => kind === "gpu" && !isPretended(name));
  const first = gpus.filter(({ driver }) => driver === "level_zero");
  const chosen = first.length > 0 ? first : gpus;
  return {
    devices: chosen.map(({ name }) =>
      sighted({ vendor: vendorOf(name), name, source: "sycl-ls", unified: isIntegratedName(name) ? true : undefined }),
    ),
    cpuModel: rows.find(({ kind, name }) => kind === "cpu" && !isPretended(name))?.name,
  };
}

/** Asked only where the kernel names no display device: a container without /sys, another Unix. */
export async function sightLoaders(world: World, signal?: AbortSignal): Promise<readonly SightedDevice[]> {
  const [vulkan, tree] = await Promise.all([
    printed(world, "vulkaninfo", ["--summary"], { timeoutMs: 5000, signal, lasting: true }),
    printed(world, "clinfo", ["-l"], { timeoutMs: 8000, signal, lasting: true }),
  ]);
  const devices = parseVulkaninfo(vulkan);
  return devices.length > 0 ? devices : parseClinfo(tree);
}
