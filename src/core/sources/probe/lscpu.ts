/** `lscpu`, and NUMA as `numactl --hardware` or `/sys/devices/system/node` show it. */
import { type Bytes, MIB } from "../../units.ts";
import type { World } from "../world.ts";
import type { Topology } from "./result.ts";
import { printed } from "./tools.ts";

export interface Lscpu {
  readonly model: string | undefined;
  readonly physicalCoreCount: number | undefined;
  readonly socketCount: number | undefined;
  readonly numaNodeCount: number | undefined;
}

/** On ARM the firmware's name says which processor it is; the model name is only its core's. */
export function parseLscpu(text: string): Lscpu {
  const field = (name: string): string | undefined => {
    const value = new RegExp(`^[ \\t]*${name}:[ \\t]*(.*)$`, "m").exec(text)?.[1]?.trim();
    return value === undefined || value === "" || value === "-" ? undefined : value;
  };
  const count = (name: string): number | undefined =>
    /^\d{1,5}$/.test(field(name) ?? "") ? Number(field(name)) : undefined;
  const arm = /aarch64|arm/i.test(field("Architecture") ?? "");
  const firmware = field("BIOS Model name")?.replace(/\s+CPU @ .*$/, "");
  const sockets = count("Socket\\(s\\)") ?? count("Cluster\\(s\\)");
  const perSocket = count("Core\\(s\\) per socket") ?? count("Core\\(s\\) per cluster");
  return {
    model:
      arm && firmware !== undefined && !/not specified|default string/i.test(firmware) ? firmware : field("Model name"),
    physicalCoreCount: perSocket === undefined ? undefined : perSocket * (sockets ?? 1),
    socketCount: count("Socket\\(s\\)"),
    numaNodeCount: count("NUMA node\\(s\\)"),
  };
}

/** `numactl --hardware`: nodes with processors, their memory, distances. Nodes of one socket lie closer than those of another. */
export function parseNumactl(text: string):
  | {
      readonly numaNodeCount: number;
      readonly socketCount: number;
      readonly processorCount: number;
      readonly totalBytes: Bytes;
      readonly freeBytes: Bytes;
    }
  | undefined {
  const nodes = [...text.matchAll(/^node (\d+) cpus:(.*)$/gm)];
  if (nodes.length === 0) return undefined;
  const sum = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
  const distances = [...text.matchAll(/^[ \t]+(\d+):((?:\s+\d+)+)\s*$/gm)].map((row) =>
    (row[2] ?? "").trim().split(/\s+/).map(Number),
  );
  // the first node of each group of near ones: nodes of one socket are closer than 20, another socket's are not
  const leaders = distances.filter((row, i) => row.slice(0, i).every((distance) => distance >= 20));
  return {
    numaNodeCount: nodes.length,
    socketCount: Math.max(1, leaders.length),
    processorCount: nodes.reduce(
      (total, node) =>
        total +
        (node[2] ?? "")
          .trim()
          .split(/\s+/)
          .filter((part) => part !== "").length,
      0,
    ),
    totalBytes: sum(/^node \d+ size: (\d+) MB$/gm) * MIB,
    freeBytes: sum(/^node \d+ free: (\d+) MB$/gm) * MIB,
  };
}

/** "0-3,8" is 5. */
export function countOfList(list: string): number {
  return list
    .trim()
    .split(",")
    .filter((range) => /^\d+(-\d+)?$/.test(range))
    .reduce((sum, range) => {
      const [from = "0", to = from] = range.split("-");
      return sum + Math.max(0, Number(to) - Number(from) + 1);
    }, 0);
}

/** Sockets from /proc/cpuinfo's packages, nodes and core kinds from /sys: hybrid processors list their fast threads in one file. */
export async function readTopology(world: World, cpuinfo: string): Promise<Topology> {
  const [nodes, fast, slow] = await Promise.all([
    world.listDir("/sys/devices/system/node"),
    world.readFile("/sys/devices/cpu_core/cpus", 4096),
    world.readFile("/sys/devices/cpu_atom/cpus", 4096),
  ]);
  const packages = new Set([...cpuinfo.matchAll(/^physical id\s*:[ \t]*(\d+)$/gm)].map((match) => match[1]));
  const numaNodeCount = nodes.filter(({ name }) => /^node\d+$/.test(name)).length;
  return {
    socketCount: packages.size > 0 ? packages.size : undefined,
    numaNodeCount: numaNodeCount > 0 ? numaNodeCount : undefined,
    performanceCoreCount: fast === undefined ? undefined : distinctCores(cpuinfo, fast),
    efficiencyCoreCount: slow === undefined ? undefined : countOfList(slow),
  };
}

/** Cores behind a list of threads: a fast core of a hybrid processor runs two. */
function distinctCores(cpuinfo: string, list: string): number {
  const members = new Set(
    list
      .trim()
      .split(",")
      .flatMap((range) => {
        const [from = "0", to = from] = range.split("-");
        return Array.from(
          { length: Math.max(0, Math.min(4096, Number(to) - Number(from) + 1)) },
          (_, i) => Number(from) + i,
        );
      }),
  );
  const cores = new Set<string>();
  for (const block of cpuinfo.split(/\n\s*\n/)) {
    const processor = /^processor\s*:[ \t]*(\d+)$/m.exec(block)?.[1];
    const core = /^core id\s*:[ \t]*(\d+)$/m.exec(block)?.[1];
    if (processor !== undefined && core !== undefined && members.has(Number(processor))) cores.add(core);
  }
  return cores.size > 0 ? cores.size : members.size;
}

/** ARM kernels leave the model out of /proc/cpuinfo. */
export async function askLscpu(world: World, signal?: AbortSignal): Promise<Lscpu> {
  return parseLscpu(await printed(world, "lscpu", [], { timeoutMs: 2000, signal, lasting: true }));
}
