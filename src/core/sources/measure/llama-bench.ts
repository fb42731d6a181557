/** Reads what `llama-bench -o json` prints (llama.cpp v0.5.0, tools/llama-bench/llama-bench.cpp:1577): one object a test. */
import * as z from "zod";
import { jsonOf } from "./record.ts";

const test = z.object({
  build_commit: z.string(),
  build_number: z.number(),
  cpu_info: z.string(),
  gpu_info: z.string(),
  backends: z.string(),
  n_ubatch: z.number().int().positive(),
  n_prompt: z.number().int().min(0),
  n_gen: z.number().int().min(0),
  /** absent before 2025 */
  n_depth: z.number().int().min(0).default(0),
  /** tokens a second of each repetition; absent in old builds, which print the mean */
  samples_ts: z.array(z.number().positive()).min(1).optional(),
  avg_ts: z.number().positive(),
  stddev_ts: z.number().min(0),
});

export interface BenchRow {
  readonly build: string;
  readonly backend: string;
  readonly device: string;
  readonly ubatchTokens: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly depthTokens: number;
  readonly samplesTokensPerSecond: readonly number[];
}

/** The rows that are complete: the list is printed as it grows, so after a crash its end is missing. Empty when nothing can be read. */
export function parseLlamaBench(stdout: string): BenchRow[] {
  const from = stdout.search(/\[\s*\{/);
  if (from < 0) return [];
  const text = stdout.slice(from);
  const cut = `${text.slice(0, text.lastIndexOf("}") + 1)}]`;
  const rows = z.array(z.unknown()).safeParse(jsonOf(text) ?? jsonOf(cut));
  if (!rows.success) return [];
  return rows.data.flatMap((row) => {
    const read = test.safeParse(row);
    return read.success ? [rowOf(read.data)] : [];
  });
}

function rowOf(row: z.output<typeof test>): BenchRow {
  // "CUDA", "CUDA,BLAS", "CPU": the accelerator is named first, helpers of the CPU do not count
  const backend =
    row.backends
      .split(",")
      .map((name) => name.trim())
      .find((name) => !/^(blas|cpu|rpc|)$/i.test(name)) ?? "CPU";
  const spread = Math.min(row.stddev_ts, row.avg_ts * 0.9);
  return {
    build: `${row.build_commit} (${row.build_number})`,
    backend,
    device: (backend === "CPU" ? row.cpu_info : (row.gpu_info.split(",")[0] ?? "")).trim().slice(0, 300),
    ubatchTokens: row.n_ubatch,
    promptTokens: row.n_prompt,
    outputTokens: row.n_gen,
    depthTokens: row.n_depth,
    samplesTokensPerSecond: row.samples_ts ?? [row.avg_ts - spread, row.avg_ts, row.avg_ts + spread],
  };
}
