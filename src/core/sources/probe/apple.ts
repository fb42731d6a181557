/** Apple Silicon through `sysctl`, `system_profiler` and `vm_stat`. */
import { type Bytes, MIB } from "../../units.ts";
import type { World } from "../world.ts";
import type { SightedDevice } from "./result.ts";

export interface AppleFacts {
  readonly cpuModel: string;
  readonly physicalCoreCount: number | undefined;
  readonly memoryBytes: Bytes;
  /** `iogpu.wired_limit_mb`, where the user has set one */
  readonly wiredLimitBytes: Bytes | undefined;
  /** a translated x64 process still runs on an ARM machine */
  readonly arm: boolean;
}

const KEYS = ["hw.memsize", "hw.physicalcpu", "hw.optional.arm64", "machdep.cpu.brand_string", "iogpu.wired_limit_mb"];

/** `key: value` lines; a key that this macOS does not know is missing. */
export function parseSysctl(text: string): AppleFacts | undefined {
  const values = new Map([...text.matchAll(/^([\w.]+): (.*)$/gm)].map((match) => [match[1] ?? "", match[2] ?? ""]));
  const number = (key: string): number | undefined => {
    const value = Number(values.get(key));
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  const memoryBytes = number("hw.memsize");
  if (memoryBytes === undefined) return undefined;
  const limit = number("iogpu.wired_limit_mb");
  return {
    cpuModel: values.get("machdep.cpu.brand_string") ?? "",
    physicalCoreCount: number("hw.physicalcpu"),
    memoryBytes,
    wiredLimitBytes: limit === undefined ? undefined : limit * MIB,
    arm: values.get("hw.optional.arm64") === "1",
  };
}

/** The number of GPU cores, which selects the memory bandwidth. Log lines may precede the JSON. */
export function parseGpuCores(text: string): number | undefined {
  const cores = /"sppci_cores"\s*:\s*"(\d{1,4})"/.exec(text)?.[1];
  return cores === undefined ? undefined : Number(cores);
}

/** Pages that macOS gives to a program that asks: free, inactive, speculative and purgeable. */
export function parseVmStat(text: string): Bytes | undefined {
  const page = /page size of (\d{4,6}) bytes/.exec(text)?.[1];
  if (page === undefined) return undefined;
  const pages = ["free", "inactive", "speculative"].map((kind) => Number(new RegExp(`^Pages ${kind}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0));
  return pages.reduce((sum, count) => sum + count, 0) * Number(page);
}

export interface AppleSighting extends AppleFacts {
  readonly availableBytes: Bytes | undefined;
  readonly device: SightedDevice | undefined;
}

export async function sightApple(world: World, signal?: AbortSignal): Promise<AppleSighting | undefined> {
  const [sysctl, displays, pages] = await Promise.all([
    world.exec("sysctl", KEYS, { timeoutMs: 2000, signal }),
    world.exec("system_profiler", ["SPDisplaysDataType", "-json"], { timeoutMs: 10_000, signal }),
    world.exec("vm_stat", [], { timeoutMs: 2000, signal }),
  ]);
  const facts = parseSysctl(sysctl.outcome === "exited" ? sysctl.stdout : "");
  if (facts === undefined) return undefined;
  const availableBytes = pages.outcome === "exited" ? parseVmStat(pages.stdout) : undefined;
  if (!facts.arm) return { ...facts, availableBytes, device: undefined };
  const device: SightedDevice = {
    name: facts.cpuModel,
    vendor: "Apple",
    pciAddress: undefined,
    pciId: undefined,
    pciRevision: undefined,
    totalBytes: facts.memoryBytes,
    freeBytes: availableBytes,
    reservedBytes: undefined,
    unified: true,
    computeCapability: undefined,
    driver: undefined,
    memoryClockMHz: undefined,
    gpuCoreCount: displays.outcome === "exited" ? parseGpuCores(displays.stdout) : undefined,
    pcieGeneration: undefined,
    pcieLanes: undefined,
    uuid: undefined,
    visible: true,
    source: "sysctl",
  };
  return { ...facts, availableBytes, device };
}
