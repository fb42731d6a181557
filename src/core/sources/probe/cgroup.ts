/** Container limits: memory and processors, cgroup v1 and v2. A limit of any ancestor binds, so the tree is walked to its root. */
import type { Bytes } from "../../units.ts";
import type { World } from "../world.ts";

export interface CgroupLimits {
  /** the smallest limit on the way up, and where it stands */
  readonly memory: { readonly limitBytes: Bytes; readonly usedBytes: Bytes; readonly path: string } | undefined;
  /** processors' worth of time, e.g. 1.5 */
  readonly cpuQuota: number | undefined;
}

/** v1 writes "no limit" as the largest page-aligned integer; anything near it is none. */
const NO_LIMIT = 2 ** 62;

/** The limit in a `memory.max`, `memory.high` or `memory.limit_in_bytes`; undefined = none. */
export function parseLimit(text: string | undefined): Bytes | undefined {
  const trimmed = text?.trim() ?? "";
  if (!/^\d{1,20}$/.test(trimmed)) return undefined;
  const value = Number(trimmed);
  return value > 0 && value < NO_LIMIT ? value : undefined;
}

/** `cpu.max`: "150000 100000" is 1.5 processors, "max …" none. */
export function parseCpuMax(text: string | undefined): number | undefined {
  const match = /^(\d{1,12}) (\d{1,12})$/.exec(text?.trim() ?? "");
  return match === null || Number(match[2]) === 0 ? undefined : Number(match[1]) / Number(match[2]);
}

/** The memory controller's path of `/proc/self/cgroup`, and which version it is. */
export function parseSelfCgroup(text: string): { readonly version: 1 | 2; readonly path: string } {
  for (const line of text.split("\n")) {
    const [, controllers = "", path = "/"] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers.split(",").includes("memory")) return { version: 1, path };
  }
  const unified = /^0::(.*)$/m.exec(text)?.[1];
  return { version: 2, path: unified ?? "/" };
}

/** `/a/b` → `/a/b`, `/a`, ``: every folder from the group up to the root. A namespace may show "/../x"; dots are dropped. */
function upwards(path: string): string[] {
  const parts = path
    .split("/")
    .filter((part) => part !== "" && part !== "." && part !== "..")
    .slice(0, 32);
  return [...parts.keys()].map((_, i) => `/${parts.slice(0, parts.length - i).join("/")}`).concat("");
}

const inactiveFile = (stat: string | undefined): Bytes =>
  Number(/^(?:total_)?inactive_file (\d{1,18})$/m.exec(stat ?? "")?.[1] ?? 0);

export async function readCgroup(world: World): Promise<CgroupLimits> {
  const own = await world.readFile("/proc/self/cgroup", 65_536);
  if (own === undefined) return { memory: undefined, cpuQuota: undefined };
  const { version, path } = parseSelfCgroup(own);
  const root = version === 2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
  const read = (file: string): Promise<string | undefined> => world.readFile(file, 65_536);
  const levels = await Promise.all(
    upwards(path).map(async (level) => {
      const folder = root + level;
      const [limit, high, used, stat, cpu] = await Promise.all(
        version === 2
          ? [
              read(`${folder}/memory.max`),
              read(`${folder}/memory.high`),
              read(`${folder}/memory.current`),
              read(`${folder}/memory.stat`),
              read(`${folder}/cpu.max`),
            ]
          : [
              read(`${folder}/memory.limit_in_bytes`),
              undefined,
              read(`${folder}/memory.usage_in_bytes`),
              read(`${folder}/memory.stat`),
              undefined,
            ],
      );
      const limits = [parseLimit(limit), parseLimit(high)].flatMap((value) => value ?? []);
      const memory =
        limits.length === 0
          ? undefined
          : {
              limitBytes: Math.min(...limits),
              usedBytes: Math.max(0, (parseLimit(used) ?? 0) - inactiveFile(stat)),
              path: folder,
            };
      return { memory, cpuQuota: parseCpuMax(cpu) };
    }),
  );
  const memories = levels.flatMap(({ memory }) => memory ?? []).sort((a, b) => a.limitBytes - b.limitBytes);
  const quotas = levels.flatMap(({ cpuQuota }) => cpuQuota ?? []);
  return { memory: memories[0], cpuQuota: quotas.length > 0 ? Math.min(...quotas) : undefined };
}
