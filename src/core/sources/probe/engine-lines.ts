/** The lines that llama.cpp's device list and the starts of its backends consist of, each form by itself. */
import type { Backend } from "../../facts/hardware.ts";
import { type Bytes, GIB, MIB } from "../../units.ts";
import { isRecord, jsonAfterNoise } from "./amd-smi.ts";
import { isIntegratedName, isPretended, pciAddressOf } from "./sighting.ts";

const BACKENDS: readonly (readonly [RegExp, Backend])[] = [
  [/^cuda/i, "cuda"],
  [/^rocm|^hip/i, "rocm"],
  [/^vulkan/i, "vulkan"],
  [/^sycl/i, "sycl"],
  [/^(metal|mtl)/i, "metal"],
  [/^cann/i, "cann"],
  [/^musa/i, "musa"],
  [/^(gpu)?opencl/i, "opencl"],
  [/^rpc/i, "rpc"],
];

export const backendOf = (name: string): Backend | undefined => BACKENDS.find(([pattern]) => pattern.test(name))?.[1];

export interface Listed {
  readonly backend: Backend;
  readonly ordinal: number;
  readonly description: string;
  readonly totalBytes: Bytes | undefined;
  readonly freeBytes: Bytes | undefined;
  readonly unified?: boolean | undefined;
  readonly pciAddress?: string | undefined;
  readonly computeCapability?: string | undefined;
  readonly gfx?: string | undefined;
}

/** Without a number at the end the backend has one device. */
const ordinalOf = (name: string): number => Number(/(\d+)$/.exec(name)?.[1] ?? 0);

/** `Vulkan0: AMD Radeon RX 7900 XTX (24560 MiB, 23000 MiB free)`; builds before b4500 print no memory. */
export function listedText(text: string): Listed[] {
  return [
    ...text.matchAll(
      /^\s{0,4}((?:CUDA|ROCm|HIP|Vulkan|SYCL|Metal|MTL|CANN|MUSA|GPUOpenCL|OpenCL|RPC)\d*)(?:\[[^\]]*\])?:[ \t]+(.+?)(?:\s+\((\d+) MiB,\s*(\d+) MiB free\))?\s*$/gm,
    ),
  ].flatMap((match): Listed[] => {
    const backend = backendOf(match[1] ?? "");
    // a start-up line of the same name carries " | uma: …"; that is the other parser's
    if (backend === undefined || (match[2] ?? "").includes(" | ")) return [];
    const size = (value: string | undefined): Bytes | undefined =>
      value === undefined ? undefined : Number(value) * MIB;
    return [
      {
        backend,
        ordinal: ordinalOf(match[1] ?? ""),
        description: match[2] ?? "",
        totalBytes: size(match[3]),
        freeBytes: size(match[4]),
      },
    ];
  });
}

const numberOr = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
const textOr = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** The JSON form of the list, where a build has it. */
export function listedJson(text: string): Listed[] {
  const json = jsonAfterNoise(text);
  const rows = isRecord(json) && Array.isArray(json["devices"]) ? json["devices"] : Array.isArray(json) ? json : [];
  return rows.filter(isRecord).flatMap((row): Listed[] => {
    const backend = backendOf(textOr(row["backend"]) ?? textOr(row["name"]) ?? "");
    const kind = textOr(row["type"]) ?? "";
    if (backend === undefined || /^(cpu|accel)$/i.test(kind)) return [];
    const attributes = isRecord(row["attributes"]) ? row["attributes"] : {};
    return [
      {
        backend,
        ordinal: numberOr(row["index"]) ?? ordinalOf(textOr(row["name"]) ?? ""),
        description: textOr(row["description"]) ?? "",
        totalBytes: numberOr(row["memory_total"]),
        freeBytes: numberOr(row["memory_free"]),
        unified: /^igpu$/i.test(kind) ? true : /^gpu$/i.test(kind) ? false : undefined,
        pciAddress: pciAddressOf(textOr(row["device_id"])),
        computeCapability: textOr(attributes["compute_capability"]),
      },
    ];
  });
}

/** `ggml_cuda_init`: `Device 0: NVIDIA A40, compute capability 8.6, VMM: yes`; ROCm prints the architecture instead. */
export function cudaLines(text: string): Listed[] {
  const rocm = /found \d+ ROCm devices/.test(text);
  return [
    ...text.matchAll(/^[ \t]*Device (\d+): ([^,\n]+), (?:compute capability (\d+\.\d+)|(gfx[0-9a-f]+)[^,]*)(.*)$/gm),
  ].flatMap((match): Listed[] => {
    if (/global mem size|max compute_units/.test(match[0])) return [];
    const total = /VRAM: (\d+) MiB/.exec(match[5] ?? "")?.[1];
    if (match[4] === undefined && !/VMM/.test(match[5] ?? "")) return [];
    return [
      {
        backend: rocm || match[4] !== undefined ? "rocm" : "cuda",
        ordinal: Number(match[1]),
        description: (match[2] ?? "").trim(),
        totalBytes: total === undefined ? undefined : Number(total) * MIB,
        freeBytes: undefined,
        computeCapability: match[3],
        gfx: match[4],
      },
    ];
  });
}

/** `ggml_vulkan: 0 = Name (driver) | uma: 1 | …`, the older `Vulkan0: Name (driver) | uma: …`. */
export function vulkanLines(text: string): Listed[] {
  return [...text.matchAll(/^(?:ggml_vulkan:[ \t]*(\d+) = |Vulkan(\d+): )(.+?) \(([^()]*)\) \| uma: ([01])/gm)].map(
    (match) => ({
      backend: "vulkan",
      ordinal: Number(match[1] ?? match[2]),
      description: match[3] ?? "",
      totalBytes: undefined,
      freeBytes: undefined,
      unified: match[5] === "1",
    }),
  );
}

/** Smaller than any Arc card, and where 32-bit counters of old builds wrap: no total of a card. */
const WRAPPED_BELOW = 4 * GIB;

/** SYCL's list, as the table of newer builds or the lines of older ones. The same card stands in it once a driver: Level Zero and OpenCL. */
export function syclLines(text: string): Listed[] {
  const rows: { readonly name: string; readonly bytes: number; readonly driver: string }[] = [];
  for (const match of text.matchAll(
    /^\|\s*\d+\|\s*\[?(\w+:\w+)(?::\d+)?\]?\|\s*(.+?)\|[^|]*\|[^|]*\|[^|]*\|[^|]*\|\s*(\d+)M?\s*\|/gm,
  )) {
    rows.push({
      driver: match[1] ?? "",
      name: (match[2] ?? "").trim(),
      bytes: Number(match[3]) < 1e7 ? Number(match[3]) * 1e6 : Number(match[3]),
    });
  }
  for (const match of text.matchAll(
    /^[ \t]*Device \d+: ([^,\n]+),\s+compute capability ([\d.]+),\s*\n[^\n]*global mem size (\d+)/gm,
  )) {
    rows.push({
      driver: Number(match[2]) >= 3 ? "opencl:gpu" : "level_zero:gpu",
      name: (match[1] ?? "").trim(),
      bytes: Number(match[3]),
    });
  }
  const gpus = rows.filter(
    ({ name, driver }) =>
      !isPretended(name) && !/:(cpu|acc)$/.test(driver) && !/\bCPU\b|\bCore\(TM\)|\bXeon\b|Processor/.test(name),
  );
  const levelZero = gpus.filter(({ driver }) => driver.startsWith("level_zero"));
  // OpenCL's twin of a device that Level Zero already lists
  const twins = gpus.filter(
    (row) => !row.driver.startsWith("level_zero") && !levelZero.some(({ name }) => name === row.name),
  );
  return [...levelZero, ...twins].map(({ name, bytes }, ordinal) => {
    const unified = isIntegratedName(name);
    return {
      backend: "sycl",
      ordinal,
      description: name,
      totalBytes: unified || bytes < WRAPPED_BELOW ? undefined : bytes,
      freeBytes: undefined,
      unified: unified ? true : undefined,
    };
  });
}

/** Metal's start-up lines. The working set is printed in 10^6 bytes. */
export function metalLines(text: string): Listed[] {
  const printed = /recommendedMaxWorkingSetSize\s*[=:]\s*([\d.]+) (MB|GiB)/.exec(text);
  if (printed === null && !/ggml_metal/.test(text)) return [];
  const amount = Number(printed?.[1] ?? 0);
  const totalBytes = printed === null ? undefined : Math.round(amount * (printed[2] === "GiB" ? GIB : 1e6));
  const name =
    /(?:GPU name|found device|picking default device):[ \t]+(.+)$/m.exec(text)?.[1]?.trim() ??
    /using device (?:MTL|Metal)\d* \(([^)]+)\)/.exec(text)?.[1] ??
    "";
  return [{ backend: "metal", ordinal: 0, description: name, totalBytes, freeBytes: undefined, unified: true }];
}

/** Windows' own adapter list as the Vulkan backend prints it: what a chip may take of the RAM. */
export function dxgiShared(text: string): ReadonlyMap<string, Bytes> {
  const shared = new Map<string, Bytes>();
  for (const match of text.matchAll(/Integrated GPU \((.+)\) with LUID [^:]*: ?Shared Total: (\d+)/g))
    shared.set(match[1] ?? "", Number(match[2]));
  for (const match of text.matchAll(/Integrated GPU \((.+)\) with LUID \S+ detected\. Shared Total: (\d+)/g))
    shared.set(match[1] ?? "", Number(match[2]));
  return shared;
}
