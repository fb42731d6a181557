/** `/proc/cpuinfo` and its neighbours: model, physical cores, and the instruction sets that decide CPU speed. */

export interface Cpuinfo {
  /** undefined on most ARM kernels */
  readonly model: string | undefined;
  readonly physicalCoreCount: number;
  readonly logicalCount: number;
  readonly isa: readonly string[];
}

/** Kernel flag → the name used here. Only what llama.cpp has kernels for (ggml/src/ggml-cpu/CMakeLists.txt of v0.5.0). */
const FLAGS: Readonly<Record<string, string>> = {
  sse4_2: "sse4.2",
  avx: "avx",
  f16c: "f16c",
  fma: "fma",
  avx2: "avx2",
  avx_vnni: "avx-vnni",
  avx512f: "avx512",
  avx512_vnni: "avx512-vnni",
  avx512_bf16: "avx512-bf16",
  avx512_vbmi: "avx512-vbmi",
  amx_int8: "amx-int8",
  amx_bf16: "amx-bf16",
  amx_tile: "amx",
  bmi2: "bmi2",
  asimd: "neon",
  neon: "neon",
  asimddp: "dotprod",
  i8mm: "i8mm",
  sve: "sve",
  sve2: "sve2",
  sme: "sme",
  fphp: "fp16",
  bf16: "bf16",
};

const field = (block: string, name: string): string | undefined =>
  new RegExp(`^${name}\\s*:[ \\t]*(.*)$`, "mi").exec(block)?.[1]?.trim();

/** Physical cores are distinct (package, core) pairs; where the kernel names none (ARM, many guests) every processor counts. */
export function parseCpuinfo(text: string): Cpuinfo {
  const blocks = text.split(/\n\s*\n/).filter((block) => /^processor\s*:/m.test(block));
  const cores = new Set<string>();
  for (const block of blocks) {
    const core = field(block, "core id");
    if (core !== undefined) cores.add(`${field(block, "physical id") ?? "0"}/${core}`);
  }
  // cores of one chip may differ (big.LITTLE): what the first of them has
  const flags = (field(text, "flags") ?? field(text, "Features") ?? "").split(/\s+/);
  const vectors = /^rv64\w*v/.test(field(text, "isa") ?? "") ? ["rvv"] : [];
  return {
    model: field(text, "model name"),
    physicalCoreCount: Math.max(1, cores.size > 0 ? cores.size : blocks.length),
    logicalCount: Math.max(1, blocks.length),
    isa: [...new Set(flags.flatMap((flag) => FLAGS[flag] ?? []))].concat(vectors),
  };
}

/** Processors this process may run on, from `Cpus_allowed_list` of `/proc/self/status`: "0-3,8" is 5. */
export function parseAllowedCount(status: string): number | undefined {
  const list = /^Cpus_allowed_list:[ \t]*([\d,-]+)$/m.exec(status)?.[1];
  if (list === undefined) return undefined;
  return list.split(",").reduce((sum, range) => {
    const [from = "0", to = from] = range.split("-");
    return sum + Math.max(0, Number(to) - Number(from) + 1);
  }, 0);
}

/** Runnable tasks of the last minute per processor, 0…1, from `/proc/loadavg`. */
export function parseLoad(text: string, logicalCount: number): number | undefined {
  const load = /^(\d+\.\d+)/.exec(text)?.[1];
  return load === undefined ? undefined : Math.min(1, Number(load) / logicalCount);
}
