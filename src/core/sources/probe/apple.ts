/** Macs through `sysctl`, `system_profiler` and `vm_stat`. */
import { type Bytes, MIB } from "../../units.ts";
import type { World } from "../world.ts";
import { parseDisplays, parseHardwareOverview } from "./apple-profiler.ts";
import type { Topology } from "./result.ts";
import { type SightedDevice, sighted } from "./sighting.ts";
import { ask, printed } from "./tools.ts";

export interface AppleFacts {
  readonly cpuModel: string;
  readonly physicalCoreCount: number | undefined;
  readonly performanceCoreCount: number | undefined;
  readonly efficiencyCoreCount: number | undefined;
  readonly memoryBytes: Bytes;
  /** `iogpu.wired_limit_mb`, where the user has set one; 0 is the default and none */
  readonly wiredLimitBytes: Bytes | undefined;
  /** a translated x64 process still runs on an ARM machine */
  readonly arm: boolean;
}

const KEYS = [
  "hw.memsize",
  "hw.physicalcpu",
  "hw.perflevel0.physicalcpu",
  "hw.perflevel1.physicalcpu",
  "hw.optional.arm64",
  "machdep.cpu.brand_string",
  "iogpu.wired_limit_mb",
];

/** The limit alone, for a listing of `iogpu` without the rest. */
export function parseWiredLimit(text: string): Bytes | undefined {
  const limit = Number(/^iogpu\.wired_limit_mb: (\d{1,9})$/m.exec(text)?.[1] ?? 0);
  return limit > 0 ? limit * MIB : undefined;
}

/** `key: value` lines; a key that this macOS does not know is missing. */
export function parseSysctl(text: string): AppleFacts | undefined {
  const values = new Map([...text.matchAll(/^([\w.]+): (.*)$/gm)].map((match) => [match[1] ?? "", match[2] ?? ""]));
  const number = (key: string): number | undefined => {
    const value = Number(values.get(key));
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  const memoryBytes = number("hw.memsize");
  if (memoryBytes === undefined) return undefined;
  const performance = number("hw.perflevel0.physicalcpu");
  const efficiency = number("hw.perflevel1.physicalcpu");
  return {
    cpuModel: values.get("machdep.cpu.brand_string") ?? "",
    physicalCoreCount:
      number("hw.physicalcpu") ?? (performance === undefined ? number("hw.ncpu") : performance + (efficiency ?? 0)),
    performanceCoreCount: performance,
    efficiencyCoreCount: efficiency,
    memoryBytes,
    wiredLimitBytes: parseWiredLimit(text),
    // levels of cores are Apple's own chips' alone
    arm: values.get("hw.optional.arm64") === "1" || performance !== undefined,
  };
}

/** Pages that macOS gives to a program that asks: free, inactive, speculative and purgeable. */
export function parseVmStat(text: string): Bytes | undefined {
  const page = /page size of (\d{4,6}) bytes/.exec(text)?.[1];
  if (page === undefined) return undefined;
  const pages = ["free", "inactive", "speculative"].map((kind) =>
    Number(new RegExp(`^Pages ${kind}:[ \\t]+(\\d+)`, "m").exec(text)?.[1] ?? 0),
  );
  return pages.reduce((sum, count) => sum + count, 0) * Number(page);
}

export interface AppleSighting extends AppleFacts {
  readonly topology: Partial<Topology>;
  readonly availableBytes: Bytes | undefined;
  readonly devices: readonly SightedDevice[];
}

/** The chip's graphics: one device that shares the RAM; its core count selects the bandwidth. */
function chip(facts: AppleFacts, displays: readonly SightedDevice[], availableBytes: Bytes | undefined): SightedDevice {
  const graphics = displays.find(({ vendor }) => vendor === "Apple");
  return sighted({
    vendor: "Apple",
    source: "sysctl",
    name: facts.cpuModel === "" ? (graphics?.name ?? "") : facts.cpuModel,
    freeBytes: availableBytes,
    mappableBytes: facts.wiredLimitBytes,
    unified: true,
    gpuCoreCount: graphics?.gpuCoreCount,
  });
}

export async function sightApple(world: World, signal?: AbortSignal): Promise<AppleSighting | undefined> {
  const [sysctl, displays, pages] = await Promise.all([
    ask(world, "sysctl", KEYS, { timeoutMs: 2000, signal }),
    printed(world, "system_profiler", ["SPDisplaysDataType", "-json"], { timeoutMs: 10_000, signal, lasting: true }),
    printed(world, "vm_stat", [], { timeoutMs: 2000, signal }),
  ]);
  // sysctl exits with 1 when one of the keys is unknown to this macOS, and prints the others
  const graphics = parseDisplays(displays);
  const facts = parseSysctl(sysctl.outcome === "exited" ? sysctl.stdout : "") ?? (await overview(world, signal));
  if (facts === undefined) return undefined;
  const availableBytes = parseVmStat(pages);
  const topology = {
    performanceCoreCount: facts.performanceCoreCount,
    efficiencyCoreCount: facts.efficiencyCoreCount,
    socketCount: 1,
  };
  return {
    ...facts,
    topology,
    availableBytes,
    devices: facts.arm ? [chip(facts, graphics, availableBytes)] : graphics,
  };
}

/** Where sysctl is out of reach, the overview that System Information prints. */
async function overview(world: World, signal: AbortSignal | undefined): Promise<AppleFacts | undefined> {
  const text = await printed(world, "system_profiler", ["SPHardwareDataType"], {
    timeoutMs: 10_000,
    signal,
    lasting: true,
  });
  return parseHardwareOverview(text);
}
