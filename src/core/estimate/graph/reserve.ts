/**
 * The graph llama.cpp plans its compute buffers by: prompt processing with a full micro-batch and a full cache.
 * With no memory allocated (its own breakdown, `--fit`) this one graph decides; a running engine plans token generation too,
 * which is smaller. Source: src/llama-context.cpp:617-742 and :2487-2543 of llama.cpp v0.5.0.
 */
import type { Hyperparameters } from "../../facts/model.ts";
import type { Placement } from "../../facts/placement.ts";
import type { Run } from "../../facts/run.ts";
import type { RunShape } from "../../facts/run-shape.ts";
import type { Batch } from "./builder.ts";

/** Copies of every input so that several micro-batches can be under way (`GGML_SCHED_MAX_COPIES`). */
const PIPELINE_COPIES = 4;

export function reservedBatch(hyper: Hyperparameters, run: Run, shape: RunShape): Batch {
  const tokens = Math.min(shape.contextTokens, shape.ubatchTokens);
  // llama-server asks for one row a slot, but for every token of a batch when it serves embeddings
  const wanted = run.outputs === "server" && hyper.hasCache ? run.sequences : shape.batchTokens;
  return {
    tokens: Math.ceil(tokens / run.sequences) * run.sequences,
    sequences: run.sequences,
    outputs: Math.min(tokens, wanted),
  };
}

/** Pipeline parallelism: several devices, everything offloaded by layers, no override (llama-context.cpp:427-460). */
export function copyCount(hyper: Hyperparameters, run: Run, placement: Placement): number {
  const everything = run.offloadedLayers > hyper.layerCount;
  const parallel =
    placement.deviceCount > 1 && everything && run.splitMode === "layer" && run.cacheOffload && !placement.hasOverrides;
  return parallel ? PIPELINE_COPIES : 1;
}
