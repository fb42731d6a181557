/**
 * What a run is when nothing is said: our own defaults and each llama.cpp program's.
 * Source: llama.cpp v0.5.0 common/common.h (n_ubatch 512, n_batch 2048, cache_ram_mib 8192), tools/server/server.cpp:156-160
 * (four slots over one cache when `-np` is not given), common/arg.cpp (flags). Flash attention is `auto` there, which is on wherever
 * the backend has the kernel.
 */
import { MIB, type Tokens } from "../units.ts";
import type { Run } from "./run.ts";

export const programs = ["llama-server", "llama-cli", "llama-completion", "llama-bench", "llama-fit-params"] as const;
export type Program = (typeof programs)[number];

/** More than any model has; resolved to layerCount + 1. */
export const ALL_LAYERS = 1_000_000;

const base: Run = {
  contextTokens: 8192,
  sequences: 1,
  unifiedCache: false,
  cacheTypeK: "f16",
  cacheTypeV: "f16",
  batchTokens: 2048,
  ubatchTokens: 512,
  flashAttention: true,
  offloadedLayers: ALL_LAYERS,
  cpuMoeLayers: 0,
  cpuFfnLayers: 0,
  overrides: [],
  splitMode: "layer",
  mainDevice: 0,
  tensorSplit: [],
  cacheOffload: true,
  swaFull: false,
  outputs: "server",
  threads: undefined,
  loadMode: "auto",
  promptCacheBytes: 8192 * MIB,
};

/** One slot, one row of logits a slot: what a plan for one user runs. `contextTokens` is the use case's. */
export function defaultRun(contextTokens: Tokens): Run {
  return { ...base, contextTokens };
}

/** A program's own defaults; `-c` absent means the trained context there. */
export function programRun(program: Program, trainedContextTokens: Tokens): Run {
  const run = { ...base, contextTokens: trainedContextTokens };
  if (program === "llama-server") return { ...run, sequences: 4, unifiedCache: true };
  if (program === "llama-fit-params") return { ...run, outputs: "batch" };
  return run;
}
