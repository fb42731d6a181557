/**
 * Sizes that follow from a run alone: padded context, cells of the caches, batch limits.
 * Source: llama.cpp v0.5.0 src/llama-context.cpp:248-305 (n_batch, n_ubatch, n_ctx_seq), src/llama-kv-cache-iswa.cpp:69-83 (window cells).
 */
import { padTo, type Tokens } from "../units.ts";
import type { Run } from "./run.ts";

/** Cells are padded to this many tokens for the attention kernels' sake. */
const CELL_PADDING_TOKENS = 256;

export interface RunShape {
  /** context as allocated, over all sequences */
  readonly contextTokens: Tokens;
  /** cells of a full-attention cache, per stream */
  readonly cells: Tokens;
  /** separate cache streams: one when unified */
  readonly streams: number;
  readonly batchTokens: Tokens;
  readonly ubatchTokens: Tokens;
}

/** `causal` false (encoders): the batch is not limited by the context. */
export function runShape(run: Run, causal: boolean): RunShape {
  const requested = run.contextTokens;
  const batchTokens = causal ? Math.min(requested, run.batchTokens) : run.batchTokens;
  const padded = padTo(requested, CELL_PADDING_TOKENS);
  const cells = run.unifiedCache ? padded : padTo(Math.floor(padded / run.sequences), CELL_PADDING_TOKENS);
  return {
    contextTokens: run.unifiedCache ? padded : cells * run.sequences,
    cells,
    streams: run.unifiedCache ? 1 : run.sequences,
    batchTokens,
    ubatchTokens: Math.min(batchTokens, run.ubatchTokens),
  };
}

/** Cells of a windowed layer's cache: the window of every sequence that shares it, plus one micro-batch. */
export function windowCells(run: Run, shape: RunShape, windowTokens: Tokens): Tokens {
  if (run.swaFull) return shape.cells;
  const windows = windowTokens * (run.unifiedCache ? run.sequences : 1);
  return padTo(Math.min(shape.cells, windows + shape.ubatchTokens), CELL_PADDING_TOKENS);
}
