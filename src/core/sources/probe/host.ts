/** The host: processor, memory and limits. Linux from `/proc` and `/sys`, macOS from `sysctl`, others from what the system calls itself. */
import type { Fact } from "../../facts/evidence.ts";
import type { BytesPerSecond } from "../../units.ts";
import type { HardwareCatalog } from "../hardware-catalog.ts";
import type { World } from "../world.ts";
import type { AppleSighting } from "./apple.ts";
import { readBoard } from "./boards.ts";
import { readCgroup } from "./cgroup.ts";
import { parseAllowedCount, parseCpuinfo, parseLoad } from "./cpuinfo.ts";
import { type Dimms, parseDmidecode } from "./dimms.ts";
import { askLscpu, readTopology } from "./lscpu.ts";
import { parseMeminfo } from "./meminfo.ts";
import type { MemoryModules, ProbedHost, Setting, Topology } from "./result.ts";
import type { Sighting } from "./sighting.ts";
import { printed } from "./tools.ts";

type BareHost = Omit<ProbedHost, "ramBandwidthBytesPerSecond" | "memoryModules">;

const reported = <T>(value: T, source: string): Fact<T> => ({ value, evidence: "reported", source });

const NO_TOPOLOGY: Topology = {
  socketCount: undefined,
  numaNodeCount: undefined,
  performanceCoreCount: undefined,
  efficiencyCoreCount: undefined,
};
const PLAIN: Setting = { wsl: false, virtualMachine: false, board: undefined };

async function linuxHost(world: World, signal: AbortSignal | undefined): Promise<BareHost | undefined> {
  const read = (path: string): Promise<string | undefined> => world.readFile(path, 4_000_000);
  const [meminfoText, cpuinfoText, status, loadavg, version, limits, board, dxg] = await Promise.all([
    read("/proc/meminfo"),
    read("/proc/cpuinfo"),
    read("/proc/self/status"),
    read("/proc/loadavg"),
    read("/proc/version"),
    readCgroup(world),
    readBoard(world),
    world.stat("/dev/dxg"),
  ]);
  const meminfo = parseMeminfo(meminfoText ?? "");
  if (meminfo === undefined) return undefined;
  const cpu = parseCpuinfo(cpuinfoText ?? "");
  // most ARM kernels leave the model out
  const [lscpu, topology] = await Promise.all([
    cpu.model === undefined ? askLscpu(world, signal) : undefined,
    readTopology(world, cpuinfoText ?? ""),
  ]);
  const allowed = parseAllowedCount(status ?? "");
  const caps = [
    {
      count: cpuinfoText === undefined ? (lscpu?.physicalCoreCount ?? cpu.physicalCoreCount) : cpu.physicalCoreCount,
      source: cpuinfoText === undefined ? "lscpu" : "/proc/cpuinfo",
    },
    ...(allowed === undefined
      ? []
      : [{ count: allowed, source: "/proc/self/status, processors allowed to this process" }]),
    ...(limits.cpuQuota === undefined
      ? []
      : [{ count: Math.max(1, Math.floor(limits.cpuQuota)), source: "cgroup cpu.max" }]),
  ];
  const cores = caps.reduce((least, cap) => (cap.count < least.count ? cap : least));
  // below the total only: "no limit" and limits above the RAM do not bind
  const limit =
    limits.memory !== undefined && limits.memory.limitBytes < meminfo.totalBytes ? limits.memory : undefined;
  const inside = limit === undefined ? Number.POSITIVE_INFINITY : Math.max(0, limit.limitBytes - limit.usedBytes);
  return {
    os: world.platform,
    arch: world.arch,
    cpuModel: lscpu?.model ?? cpu.model ?? (await world.system()).cpuModel,
    physicalCoreCount: reported(cores.count, cores.source),
    isa: cpu.isa,
    ramTotalBytes: reported(meminfo.totalBytes, "/proc/meminfo MemTotal"),
    ramAvailableBytes:
      inside < meminfo.availableBytes
        ? reported(inside, `limit of ${limit?.path} less its use`)
        : reported(meminfo.availableBytes, "/proc/meminfo MemAvailable"),
    ramLimitBytes: limit === undefined ? undefined : reported(limit.limitBytes, limit.path),
    cpuLoadFraction: parseLoad(loadavg ?? "", cpu.logicalCount),
    topology: {
      ...topology,
      socketCount: topology.socketCount ?? lscpu?.socketCount,
      numaNodeCount: topology.numaNodeCount ?? lscpu?.numaNodeCount,
    },
    setting: {
      wsl: /microsoft/i.test(version ?? "") || dxg !== undefined,
      virtualMachine: /^flags\s*:.*\bhypervisor\b/m.test(cpuinfoText ?? ""),
      board: board?.name,
    },
  };
}

function appleHost(world: World, apple: AppleSighting): BareHost {
  const total = reported(apple.memoryBytes, "sysctl hw.memsize");
  return {
    os: world.platform,
    arch: apple.arm ? "arm64" : world.arch,
    cpuModel: apple.cpuModel,
    physicalCoreCount:
      apple.physicalCoreCount === undefined
        ? { value: 8, evidence: "assumed", source: "sysctl does not say" }
        : reported(apple.physicalCoreCount, "sysctl hw.physicalcpu"),
    isa: apple.arm ? ["neon", "dotprod"] : ["avx2"],
    ramTotalBytes: total,
    ramAvailableBytes:
      apple.availableBytes === undefined
        ? {
            value: Math.floor(total.value * 0.75),
            evidence: "assumed",
            source: "3/4 of the RAM; vm_stat did not answer",
          }
        : reported(Math.min(apple.availableBytes, total.value), "vm_stat"),
    ramLimitBytes: undefined,
    cpuLoadFraction: undefined,
    topology: { ...NO_TOPOLOGY, ...apple.topology },
    setting: PLAIN,
  };
}

async function otherHost(world: World, given: readonly Sighting[]): Promise<BareHost> {
  const system = await world.system();
  const cores = given.find(({ coreCount }) => coreCount !== undefined)?.coreCount ?? system.physicalCoreCount;
  const memory = given.find((sighting) => sighting.memory !== undefined)?.memory;
  const total = memory?.totalBytes ?? system.memoryTotalBytes;
  return {
    os: world.platform,
    arch: world.arch,
    cpuModel: given.find(({ cpuModel }) => cpuModel !== undefined)?.cpuModel ?? system.cpuModel,
    physicalCoreCount:
      cores === undefined
        ? { value: 4, evidence: "assumed", source: "the system does not say" }
        : reported(cores, "operating system"),
    isa: world.arch === "arm64" ? ["neon", "dotprod"] : ["avx2"],
    ramTotalBytes: reported(total, memory?.source ?? "operating system"),
    ramAvailableBytes: reported(
      memory === undefined ? system.memoryFreeBytes : (memory.availableBytes ?? total),
      memory?.source ?? "operating system",
    ),
    ramLimitBytes: undefined,
    cpuLoadFraction: undefined,
    topology: NO_TOPOLOGY,
    setting: PLAIN,
  };
}

/** `given`: what other sources said about the host; it fills what the system leaves open. */
export async function sightHost(
  world: World,
  apple: AppleSighting | undefined,
  given: readonly Sighting[],
  signal?: AbortSignal,
): Promise<BareHost> {
  const host =
    apple !== undefined
      ? appleHost(world, apple)
      : ((world.platform === "linux" ? await linuxHost(world, signal) : undefined) ?? (await otherHost(world, given)));
  const filled: Partial<Topology> = {};
  for (const topology of [...given.map((sighting) => sighting.topology ?? {}), host.topology])
    Object.assign(filled, defined(topology));
  const settings = given.map(({ setting }) => setting ?? {});
  return {
    ...host,
    topology: { ...NO_TOPOLOGY, ...filled },
    setting: settings.reduce<Setting>(
      (sum, next) => ({
        wsl: sum.wsl || next.wsl === true,
        virtualMachine: sum.virtualMachine || next.virtualMachine === true,
        board: sum.board ?? next.board,
      }),
      host.setting,
    ),
  };
}

function defined<T extends object>(facts: T): Partial<T> {
  const kept: Partial<T> = {};
  Object.assign(kept, Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)));
  return kept;
}

/** The modules as the firmware lists them; needs root, and nobody is asked for a password. */
export async function readModules(world: World, signal?: AbortSignal): Promise<Dimms | undefined> {
  if (world.platform !== "linux") return undefined;
  const text = await printed(world, "dmidecode", ["-t", "17"], { timeoutMs: 3000, signal, lasting: true });
  return text === "" ? undefined : parseDmidecode(text);
}

export function modulesOf(dimms: Dimms | undefined): MemoryModules | undefined {
  if (dimms === undefined || dimms.populatedCount === 0) return undefined;
  return {
    memoryType: dimms.memoryType,
    configuredMegatransfers: dimms.configuredMegatransfers,
    populatedCount: dimms.populatedCount,
    slotCount: dimms.slotCount,
    channelCount: dimms.channelCount,
    soldered: dimms.soldered,
  };
}

/** RAM bandwidth: from the modules, from the processor's row in the catalog, else two ordinary channels. */
export function ramBandwidth(
  dimms: Dimms | undefined,
  cpuModel: string,
  catalog: HardwareCatalog,
): Fact<BytesPerSecond> {
  if (dimms?.bandwidthBytesPerSecond !== undefined) {
    return reported(
      dimms.bandwidthBytesPerSecond,
      `dmidecode: ${dimms.channelCount} channels of ${dimms.memoryType ?? "memory"} at ${dimms.configuredMegatransfers} MT/s`,
    );
  }
  const processor = catalog.processor(cpuModel);
  if (processor !== undefined)
    return {
      value: processor.bandwidthBytesPerSecond,
      evidence: "catalog",
      source: `${processor.source}, all channels filled`,
    };
  const usual = catalog.byId("ddr4-3200-2-channel");
  return {
    value: usual?.bandwidthBytesPerSecond ?? 51.2e9,
    evidence: "assumed",
    source: "two channels of DDR4-3200; the modules are not readable and the processor is not in the catalog",
  };
}
