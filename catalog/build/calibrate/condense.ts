/** Published rows → votes: names resolved, configurations counted once by their median. */
import type { Backend } from "../../../src/core/facts/hardware.ts";
import { backends } from "../../../src/core/facts/hardware.ts";
import type { HardwareCatalog } from "../../../src/core/sources/hardware-catalog.ts";
import type { ModelCatalog } from "../../../src/core/sources/model-catalog.ts";
import { buildYear } from "./build-age.ts";
import { type Observation, voteKey } from "./observation.ts";
import { engineOf, isCounted, isUsable, type PublishedRow } from "./published.ts";
import { resolveDevice, resolveProcessor } from "./resolve-device.ts";
import { resolveModel } from "./resolve-model.ts";

export interface Condensed {
  readonly observations: readonly Observation[];
  /** counted rows that no catalog row stands for */
  readonly failures: readonly { readonly id: string; readonly reason: string }[];
}

/** Default of `-fa` before and after llama.cpp made it automatic. */
const FLASH_BY_DEFAULT_YEAR = 2025.6;
function backendOf(name: string): Backend | undefined {
  return backends.find((backend) => backend === name);
}

/** Rows that say nothing of their files' format, or of formats that llama.cpp has no kernel of. */
function recipeOf(row: PublishedRow): string | undefined {
  const recipe = row.quant ?? "";
  if (/nvfp4|mxfp8|int4|awq|gptq|mlx/i.test(`${recipe} ${row.model}`)) return undefined;
  if (recipe === "") return engineOf(row) === "ollama" ? "Q4_K_M" : undefined;
  return /^Q4 \(/.test(recipe) ? "Q4_K_M" : recipe;
}

function offloadOf(row: PublishedRow): Observation["offload"] | undefined {
  if (row.offload === "cpu" || row.backend === "cpu") return "cpu";
  if (row.offload === "partial") return "partial";
  // Apple's rows without the flag ran on the GPU: that is llama.cpp's default there
  return row.offload === "full" || row.backend === "metal" || row.llmfit_usable === true ? "full" : undefined;
}

/** `ngl 31, experts of 30 layers on the CPU` */
function split(row: PublishedRow): { readonly offloadedLayers?: number; readonly hostExpertLayers?: number } {
  const layers = /\bngl (\d+)/.exec(row.offload_src ?? "")?.[1] ?? row.n_gpu_layers?.toString();
  const experts = /experts of (\d+) layers/.exec(row.offload_src ?? "")?.[1];
  return {
    ...(layers === undefined ? {} : { offloadedLayers: Number(layers) }),
    ...(experts === undefined ? {} : { hostExpertLayers: Number(experts) }),
  };
}

function cacheTypeOf(row: PublishedRow): Observation["cacheType"] | undefined {
  const type = (row.kv_type ?? "f16").toLowerCase();
  if (/^(f16|fp16|default|auto)/.test(type)) return "f16";
  return /q8/.test(type) ? "q8_0" : undefined;
}

/** The repository or thread; which of its files is not needed to find it again. */
function sourceOf({ source, date }: PublishedRow): string {
  const place = /^[^:]+?\/[^:/]+(?=:)/.exec(source)?.[0] ?? source;
  return date ? `${place}, ${date.slice(0, 7)}` : place;
}

/** The bars' partial offload is one machine's: the only one whose split and RAM are stated. */
function statesItsSplit(row: PublishedRow): boolean {
  return row.offload_src?.startsWith("source: ngl") === true;
}

function observationsOf(row: PublishedRow, hardware: HardwareCatalog, models: ModelCatalog): Observation[] | string {
  const offload = offloadOf(row);
  const recipe = recipeOf(row);
  const cacheType = cacheTypeOf(row);
  const engine = engineOf(row);
  const backend = offload === "cpu" ? "cpu" : backendOf(row.backend);
  if (!offload || !recipe || !cacheType || !engine || !backend) return [];
  if (offload === "partial" && !statesItsSplit(row)) return [];
  const device = offload === "cpu" ? resolveProcessor(row, hardware) : resolveDevice(row, hardware);
  if (!device)
    return `no catalog id for the device ${row.device}${offload === "cpu" ? ` (CPU ${row.cpu ?? "not stated"})` : ""}`;
  const entry = resolveModel(row, models);
  if (!entry) return `no catalog model for ${row.model}`;
  const year = buildYear(row);
  const bytes = row.model_bytes ?? row.model_bytes_inferred ?? undefined;
  const ramGiB = row.ram_gb ?? (offload === "cpu" ? Number(/(\d+) ?GB/.exec(row.cpu ?? "")?.[1] ?? 0) : 0);
  const shared = {
    device: device.id,
    backend,
    model: entry.id,
    recipe,
    ...(bytes ? { fileBytes: bytes } : {}),
    offload,
    ...(offload === "partial" ? split(row) : {}),
    engine,
    year,
    flashAttention: row.flash_attn ?? (year >= FLASH_BY_DEFAULT_YEAR && offload !== "cpu"),
    ubatchTokens: row.n_ubatch ?? 512,
    cacheType,
    ...(row.threads && offload === "cpu" ? { threads: row.threads } : {}),
    ...(ramGiB ? { ramGiB } : {}),
    rows: 1,
    spread: 1,
    counted: isCounted(row),
    source: sourceOf(row),
  };
  const context = row.context_depth ?? 0;
  const list: Observation[] = [];
  const generated = row.n_gen ?? 128;
  if (row.tg_tps)
    list.push({
      task: "decode",
      ...shared,
      depthTokens: row.avg_depth ? Math.max(0, row.avg_depth - generated / 2) : context,
      tokens: generated,
      tokensPerSecond: row.tg_tps,
    });
  if (row.pp_tps && row.n_prompt && row.n_prompt >= 32) {
    // a depth equal to the prompt is where decoding began, not where the prompt did
    const depthTokens = context === row.n_prompt ? 0 : context;
    const threads = /pp at (\d+) threads/.exec(row.note ?? "")?.[1];
    list.push({
      task: "prefill",
      ...shared,
      ...(threads ? { threads: Number(threads) } : {}),
      depthTokens,
      tokens: row.n_prompt,
      tokensPerSecond: row.pp_tps,
    });
  }
  return list;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function vote(group: readonly Observation[]): Observation | undefined {
  const rates = group.map(({ tokensPerSecond }) => tokensPerSecond);
  const tokensPerSecond = median(rates);
  // the row nearest the median stands for the conditions
  const first = [...group].sort(
    (a, b) => Math.abs(a.tokensPerSecond - tokensPerSecond) - Math.abs(b.tokensPerSecond - tokensPerSecond),
  )[0];
  return first && { ...first, tokensPerSecond, rows: group.length, spread: Math.max(...rates) / Math.min(...rates) };
}

/** @param keep which published rows may vote; rows of `isCounted` that cannot be resolved are failures */
export function condense(
  rows: readonly PublishedRow[],
  hardware: HardwareCatalog,
  models: ModelCatalog,
  keep: (row: PublishedRow) => boolean = isUsable,
): Condensed {
  const groups = new Map<string, Observation[]>();
  const failures: { id: string; reason: string }[] = [];
  for (const row of rows.filter(keep)) {
    const found = observationsOf(row, hardware, models);
    if (typeof found === "string") {
      if (isCounted(row)) failures.push({ id: row.id, reason: found });
      continue;
    }
    for (const one of found) {
      const key = voteKey(one);
      groups.set(key, [...(groups.get(key) ?? []), one]);
    }
  }
  return { observations: [...groups.values()].flatMap((group) => vote(group) ?? []), failures };
}
