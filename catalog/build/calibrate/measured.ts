/** CPU timings that were measured for this project (llama-bench of llama.cpp v0.5.0 on one host), as votes. */
import { existsSync, readFileSync } from "node:fs";
import * as z from "zod";
import type { Observation } from "./observation.ts";

const measuredFile = z.object({
  cpu_measured_here: z.object({
    rows: z.array(
      z.object({
        file: z.string(),
        threads: z.number(),
        kind: z.string(),
        tps: z.number(),
        sd: z.number(),
        bytes: z.number(),
      }),
    ),
  }),
});

const models: Readonly<Record<string, string>> = {
  "Llama-3.2-1B": "llama-3.2-1b-instruct",
  "Llama-3.2-3B": "llama-3.2-3b-instruct",
  "Qwen3-0.6B": "qwen3-0.6b",
  "OLMoE-1B-7B": "olmoe-1b-7b-0125",
};

/** Read bandwidth of that host: one thread, and the middle of what two were seen to draw. */
const bandwidthGBps: Readonly<Record<number, number>> = { 1: 40.5, 2: 60 };

/** Medians whose own spread is above this are noise of a shared machine. */
const MOST_SPREAD = 0.15;

export function measuredObservations(path: string): Observation[] {
  if (!existsSync(path)) return [];
  const { rows } = measuredFile.parse(JSON.parse(readFileSync(path, "utf8"))).cpu_measured_here;
  return rows.flatMap((row): Observation[] => {
    const name = /^(.*)-([^-]+)\.gguf$/.exec(row.file);
    const model = models[name?.[1] ?? ""];
    const ram = bandwidthGBps[row.threads];
    const tokens = Number(/\d+$/.exec(row.kind)?.[0]);
    if (!model || !name?.[2] || ram === undefined || row.sd / row.tps > MOST_SPREAD) return [];
    return [
      {
        task: row.kind.startsWith("pp") ? "prefill" : "decode",
        device: "epyc-9005-turin",
        backend: "cpu",
        model,
        recipe: name[2],
        offload: "cpu",
        engine: "llama.cpp",
        year: 2026.85,
        flashAttention: true,
        depthTokens: 0,
        tokens,
        ubatchTokens: 512,
        cacheType: "f16",
        threads: row.threads,
        ramBandwidthGBps: ram,
        tokensPerSecond: row.tps,
        rows: 1,
        spread: 1,
        counted: true,
        source: "measured for this project",
      },
    ];
  });
}
