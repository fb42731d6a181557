/** Published timings as a folder of the truth holds them: `speed.jsonl`, one measurement a line. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";

const count = z.number().nullish();
const text = z.string().nullish();

const publishedRow = z.object({
  id: z.string(),
  device: z.string(),
  device_count: z.number(),
  backend: z.string(),
  engine: z.string(),
  cpu: text,
  model: z.string(),
  model_label: text,
  quant: text,
  model_bytes: count,
  model_bytes_est: count,
  model_bytes_inferred: count,
  params: count,
  is_moe: z.boolean(),
  n_gpu_layers: count,
  offload: z.string(),
  offload_src: text,
  context_depth: count,
  avg_depth: count,
  n_prompt: count,
  n_gen: count,
  n_ubatch: count,
  pp_tps: count,
  tg_tps: count,
  ttft_ms: count,
  flash_attn: z.boolean().nullish(),
  kv_type: text,
  threads: count,
  build: text,
  date: text,
  tps_kind: text,
  quality: z.enum(["high", "medium", "low"]),
  llmfit_usable: z.unknown().optional(),
  suspect: z.unknown().optional(),
  concurrency: count,
  note: text,
  source: z.string(),
  device_bw_gbps: count,
  ram_gb: count,
});

export type PublishedRow = z.output<typeof publishedRow>;

export function readPublished(folder: string): PublishedRow[] {
  const path = join(folder, "speed.jsonl");
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => publishedRow.parse(JSON.parse(line)));
}

const engines: Readonly<Record<string, string>> = {
  "llama.cpp": "llama.cpp",
  "llama-server": "llama-server",
  ollama: "ollama",
};

/** The three programs that the gates are about, under the names of the engine constants. */
export function engineOf({ engine, tps_kind }: PublishedRow): string | undefined {
  // a client's wall clock holds the prompt and the transport too
  if (tps_kind === "end_to_end" && engine === "llama.cpp") return "wall-clock";
  return engines[engine.toLowerCase()];
}

/**
 * Counted in the bars: high or medium quality, nothing suspect, one device, no concurrency, no speculative decoding, one of the three programs.
 */
export function isCounted(row: PublishedRow): boolean {
  if (row.quality === "low" || row.suspect !== undefined || row.device_count !== 1 || (row.concurrency ?? 1) > 1)
    return false;
  return engineOf(row) !== undefined && !/\bspeculative (decod|draft)|\bdraft model/i.test(row.note ?? "");
}

/** May enter a fit: what is counted, and crowd measurements whose file and placement are plain. */
export function isUsable(row: PublishedRow): boolean {
  return (
    isCounted(row) ||
    (row.llmfit_usable === true && row.suspect === undefined && row.device_count === 1 && engineOf(row) !== undefined)
  );
}
