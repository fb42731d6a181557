/** Single-board computers and modules by their device tree, and Jetson's `tegrastats`. */
import { MIB } from "../../units.ts";
import type { World } from "../world.ts";
import { type Sighting, sighted } from "./sighting.ts";

export interface Board {
  /** as the firmware prints it, or made from its compatible string */
  readonly name: string | undefined;
  readonly jetson: boolean;
}

/** `vendor,part` of common boards, in words. The part number of a Jetson module tells its memory. Source: NVIDIA's and the Raspberry Pi's device trees. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/p3701-0005/, "NVIDIA Jetson AGX Orin 64GB"],
  [/p3701/, "NVIDIA Jetson AGX Orin 32GB"],
  [/p3767-0000/, "NVIDIA Jetson Orin NX 16GB"],
  [/p3767-0001/, "NVIDIA Jetson Orin NX 8GB"],
  [/p3767-000[35]/, "NVIDIA Jetson Orin Nano 8GB"],
  [/p3767-0004/, "NVIDIA Jetson Orin Nano 4GB"],
  [/p3834|tegra264/, "NVIDIA Jetson AGX Thor"],
];

function worded(compatible: string): string | undefined {
  const raspberry = /raspberrypi,(\d)-model-([a-z])(-plus)?/.exec(compatible);
  if (raspberry !== null)
    return `Raspberry Pi ${raspberry[1]} Model ${raspberry[2]?.toUpperCase()}${raspberry[3] === undefined ? "" : "+"}`;
  const zero = /raspberrypi,model-zero-([\w-]+)/.exec(compatible)?.[1];
  return zero === undefined
    ? PARTS.find(([pattern]) => pattern.test(compatible))?.[1]
    : `Raspberry Pi Zero ${zero.replaceAll("-", " ").toUpperCase()}`;
}

/** Both files hold strings that end in NUL. */
export function parseDeviceTree(model: string | undefined, compatible: string | undefined): Board {
  const strings = (compatible ?? "").split("\0").filter((part) => part !== "");
  const printedModel = model?.replaceAll("\0", "").trim();
  const jetson =
    strings.some((part) => /^nvidia,(tegra|jetson|p\d{4})/i.test(part)) || /jetson/i.test(printedModel ?? "");
  const known = worded(strings.join(" "));
  return {
    name: jetson ? (known ?? printedModel) : printedModel === undefined || printedModel === "" ? known : printedModel,
    jetson,
  };
}

/** undefined on machines without a device tree, which is most. */
export async function readBoard(world: World): Promise<Board | undefined> {
  if (world.platform !== "linux") return undefined;
  const [model, compatible] = await Promise.all([
    world.readFile("/proc/device-tree/model", 4096),
    world.readFile("/proc/device-tree/compatible", 4096),
  ]);
  return model === undefined && compatible === undefined ? undefined : parseDeviceTree(model, compatible);
}

/** `RAM 2048/7620MB`: MiB, of the pool that processor and GPU share. */
export function parseTegrastats(text: string): Sighting {
  const match = /\bRAM (\d{1,7})\/(\d{1,7})MB\b/.exec(text);
  if (match === null) return { devices: [], warnings: [] };
  const totalBytes = Number(match[2]) * MIB;
  const memory = { totalBytes, availableBytes: totalBytes - Number(match[1]) * MIB, source: "tegrastats" };
  return {
    devices: [sighted({ vendor: "NVIDIA", name: "Orin (nvgpu)", source: "tegrastats", unified: true })],
    warnings: [],
    memory,
  };
}
