/** The host: processor, memory and limits. Linux from `/proc` and `/sys`, macOS from `sysctl`, others from what the system calls itself. */
import type { Fact } from "../../facts/evidence.ts";
import type { BytesPerSecond } from "../../units.ts";
import type { HardwareCatalog } from "../hardware-catalog.ts";
import type { World } from "../world.ts";
import type { AppleSighting } from "./apple.ts";
import { readCgroup } from "./cgroup.ts";
import { parseAllowedCount, parseCpuinfo, parseLoad } from "./cpuinfo.ts";
import { parseDmidecode } from "./dimms.ts";
import { parseMeminfo } from "./meminfo.ts";
import type { ProbedHost } from "./result.ts";

type BareHost = Omit<ProbedHost, "ramBandwidthBytesPerSecond">;

const reported = <T>(value: T, source: string): Fact<T> => ({ value, evidence: "reported", source });

async function linuxHost(world: World): Promise<BareHost | undefined> {
  const read = (path: string): Promise<string | undefined> => world.readFile(path, 4_000_000);
  const [meminfoText, cpuinfoText, status, loadavg, limits] = await Promise.all([
    read("/proc/meminfo"), read("/proc/cpuinfo"), read("/proc/self/status"), read("/proc/loadavg"), readCgroup(world),
  ]);
  const meminfo = parseMeminfo(meminfoText ?? "");
  if (meminfo === undefined) return undefined;
  const cpu = parseCpuinfo(cpuinfoText ?? "");
  const allowed = parseAllowedCount(status ?? "");
  const caps = [
    { count: cpu.physicalCoreCount, source: "/proc/cpuinfo" },
    ...(allowed === undefined ? [] : [{ count: allowed, source: "/proc/self/status, processors allowed to this process" }]),
    ...(limits.cpuQuota === undefined ? [] : [{ count: Math.max(1, Math.floor(limits.cpuQuota)), source: "cgroup cpu.max" }]),
  ];
  const cores = caps.reduce((least, cap) => (cap.count < least.count ? cap : least));
  // below the total only: "no limit" and limits above the RAM do not bind
  const limit = limits.memory !== undefined && limits.memory.limitBytes < meminfo.totalBytes ? limits.memory : undefined;
  const inside = limit === undefined ? Number.POSITIVE_INFINITY : Math.max(0, limit.limitBytes - limit.usedBytes);
  return {
    os: world.platform,
    arch: world.arch,
    cpuModel: cpu.model ?? (await world.system()).cpuModel,
    physicalCoreCount: reported(cores.count, cores.source),
    isa: cpu.isa,
    ramTotalBytes: reported(meminfo.totalBytes, "/proc/meminfo MemTotal"),
    ramAvailableBytes: inside < meminfo.availableBytes ? reported(inside, `limit of ${limit?.path} less its use`) : reported(meminfo.availableBytes, "/proc/meminfo MemAvailable"),
    ramLimitBytes: limit === undefined ? undefined : reported(limit.limitBytes, limit.path),
    cpuLoadFraction: parseLoad(loadavg ?? "", cpu.logicalCount),
  };
}

function appleHost(world: World, apple: AppleSighting): BareHost {
  const total = reported(apple.memoryBytes, "sysctl hw.memsize");
  return {
    os: world.platform,
    arch: apple.arm ? "arm64" : world.arch,
    cpuModel: apple.cpuModel,
    physicalCoreCount: apple.physicalCoreCount === undefined ? { value: 8, evidence: "assumed", source: "sysctl does not say" } : reported(apple.physicalCoreCount, "sysctl hw.physicalcpu"),
    isa: apple.arm ? ["neon", "dotprod"] : ["avx2"],
    ramTotalBytes: total,
    ramAvailableBytes: apple.availableBytes === undefined ? { value: Math.floor(total.value * 0.75), evidence: "assumed", source: "3/4 of the RAM; vm_stat did not answer" } : reported(Math.min(apple.availableBytes, total.value), "vm_stat"),
    ramLimitBytes: undefined,
    cpuLoadFraction: undefined,
  };
}

async function otherHost(world: World): Promise<BareHost> {
  const system = await world.system();
  const cores = system.physicalCoreCount;
  return {
    os: world.platform,
    arch: world.arch,
    cpuModel: system.cpuModel,
    physicalCoreCount: cores === undefined ? { value: 4, evidence: "assumed", source: "the system does not say" } : reported(cores, "operating system"),
    isa: world.arch === "arm64" ? ["neon", "dotprod"] : ["avx2"],
    ramTotalBytes: reported(system.memoryTotalBytes, "operating system"),
    ramAvailableBytes: reported(system.memoryFreeBytes, "operating system"),
    ramLimitBytes: undefined,
    cpuLoadFraction: undefined,
  };
}

export async function sightHost(world: World, apple: AppleSighting | undefined): Promise<BareHost> {
  if (apple !== undefined) return appleHost(world, apple);
  return (world.platform === "linux" ? await linuxHost(world) : undefined) ?? otherHost(world);
}

/** RAM bandwidth: from the modules (needs root), from the processor's row in the catalog, else two ordinary channels. */
export async function ramBandwidth(world: World, cpuModel: string, catalog: HardwareCatalog, signal?: AbortSignal): Promise<Fact<BytesPerSecond>> {
  if (world.platform === "linux") {
    const modules = await world.exec("dmidecode", ["-t", "17"], { timeoutMs: 3000, signal });
    const dimms = modules.outcome === "exited" && modules.exitCode === 0 ? parseDmidecode(modules.stdout) : undefined;
    if (dimms?.bandwidthBytesPerSecond !== undefined) {
      return reported(dimms.bandwidthBytesPerSecond, `dmidecode: ${dimms.channelCount} channels of ${dimms.memoryType ?? "memory"} at ${dimms.configuredMegatransfers} MT/s`);
    }
  }
  const processor = catalog.processor(cpuModel);
  if (processor !== undefined) return { value: processor.bandwidthBytesPerSecond, evidence: "catalog", source: `${processor.source}, all channels filled` };
  const usual = catalog.byId("ddr4-3200-2-channel");
  return { value: usual?.bandwidthBytesPerSecond ?? 51.2e9, evidence: "assumed", source: "two channels of DDR4-3200; the modules are not readable and the processor is not in the catalog" };
}
