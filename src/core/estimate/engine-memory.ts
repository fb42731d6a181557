/**
 * Memory of engines that run safetensors checkpoints: one documented sum each, and a wide interval, because nothing here was measured
 * on them. llama.cpp's own breakdown is estimate/memory.ts.
 */
import type { Hyperparameters } from "../facts/model.ts";
import { type Bytes, type Fraction, GIB, type Interval, MIB, padTo, type Tokens } from "../units.ts";

export interface EngineRun {
  readonly contextTokens: Tokens;
  readonly sequences: number;
  /** tokens that one forward pass takes: vLLM's --max-num-batched-tokens, MLX's --prefill-step-size */
  readonly batchTokens: Tokens;
  readonly cacheBytesPerElement: number;
  /** devices that share every layer (tensor parallel) */
  readonly tensorParallel: number;
}

export interface EngineMemory {
  readonly modelBytes: Bytes;
  readonly contextBytes: Bytes;
  readonly computeBytes: Interval;
  /** what one device must have, all three */
  readonly totalBytes: Interval;
  readonly source: string;
}

/** vLLM and MLX keep K and V of `contextTokens` tokens per sequence in pages; latent attention keeps one vector a layer. */
export function cacheBytes(hyper: Hyperparameters, run: EngineRun, pageTokens: Tokens): Bytes {
  let bytes = 0;
  for (const layer of hyper.layers) {
    if (layer.hasCache) {
      const kept =
        layer.windowTokens > 0 ? Math.min(run.contextTokens, layer.windowTokens + run.batchTokens) : run.contextTokens;
      const width = layer.keyDim * layer.kvHeadCount + (hyper.latent ? 0 : layer.valueDim * layer.kvHeadCount);
      bytes += width * run.cacheBytesPerElement * padTo(kept, pageTokens) * run.sequences;
    }
    if (layer.recurrent) bytes += (layer.convStateElements + layer.stateElements) * 4 * run.sequences;
  }
  return bytes;
}

/** Live activations of one pass: a residual and the widest feed-forward's three parts per token, in two bytes, and a row of f32 logits per sequence. */
function activationBytes(hyper: Hyperparameters, run: EngineRun): Bytes {
  const experts = hyper.experts
    ? hyper.experts.used * hyper.experts.feedForwardLength + hyper.experts.sharedFeedForwardLength
    : 0;
  const widest = hyper.layers.reduce((most, { feedForwardLength }) => Math.max(most, feedForwardLength), experts);
  return run.batchTokens * 2 * (4 * hyper.embeddingLength + 3 * widest) + run.sequences * hyper.vocabularyCount * 4;
}

function sum(modelBytes: Bytes, contextBytes: Bytes, compute: Interval, source: string): EngineMemory {
  const fixed = modelBytes + contextBytes;
  return {
    modelBytes,
    contextBytes,
    computeBytes: compute,
    totalBytes: { low: fixed + compute.low, mid: fixed + compute.mid, high: fixed + compute.high },
    source,
  };
}

/**
 * Per device. Weights and cache are divided by the tensor-parallel size (K/V heads cannot be cut below one); CUDA graphs and the
 * driver take 0.3–2.5 GiB more. Source: vLLM `vllm/config/cache.py` (pages of 16 tokens), `vllm/utils/mem_utils.py` (weights + peak of
 * a dummy pass + non-torch), its log line "Graph capturing finished … took 0.61 GiB".
 */
export function vllmMemory(hyper: Hyperparameters, checkpointBytes: Bytes, run: EngineRun): EngineMemory {
  const heads = hyper.layers.reduce((most, { kvHeadCount }) => Math.max(most, kvHeadCount), 1);
  const activations = activationBytes(hyper, run);
  const compute = {
    low: Math.round(0.5 * activations + 0.3 * GIB),
    mid: Math.round(activations + GIB),
    high: Math.round(2 * activations + 2.5 * GIB),
  };
  const cache = cacheBytes(hyper, run, 16) / (hyper.latent ? 1 : Math.min(run.tensorParallel, heads));
  return sum(
    Math.ceil(checkpointBytes / run.tensorParallel),
    Math.ceil(cache),
    compute,
    "vLLM: weights ÷ TP + paged cache + peak of a dummy pass + CUDA graphs",
  );
}

/** Whatever the model takes, vLLM fills this share of the card; what is left of it after the weights is cache. */
export function vllmReservedBytes(deviceBytes: Bytes, utilization: Fraction = 0.92): Bytes {
  return Math.floor(deviceBytes * utilization);
}

/** Weights wired, a cache that grows in steps of 256 tokens, and one prefill step. Source: mlx-lm `mlx_lm/models/cache.py` (step), `mlx_lm/server.py` (--prefill-step-size 2048). */
export function mlxMemory(hyper: Hyperparameters, checkpointBytes: Bytes, run: EngineRun): EngineMemory {
  const activations = activationBytes(hyper, run);
  const compute = {
    low: Math.round(0.5 * activations + 100 * MIB),
    mid: Math.round(1.5 * activations + 300 * MIB),
    high: Math.round(3 * activations + GIB),
  };
  return sum(
    checkpointBytes,
    cacheBytes(hyper, run, 256),
    compute,
    "MLX: weights + cache in steps of 256 tokens + one prefill step",
  );
}

/** The whole prompt passes at once, and dynamic caches are copied when they grow. Source: Transformers `cache_utils.py` (DynamicCache concatenates), accelerate's big-model guide. */
export function transformersMemory(hyper: Hyperparameters, checkpointBytes: Bytes, run: EngineRun): EngineMemory {
  const whole = { ...run, batchTokens: run.contextTokens };
  const activations = activationBytes(hyper, whole);
  const cache = cacheBytes(hyper, { ...run, batchTokens: run.contextTokens }, 1);
  const largestLayerCopy = cache / Math.max(1, hyper.layerCount);
  const compute = {
    low: Math.round(0.3 * activations + 0.5 * GIB),
    mid: Math.round(activations + largestLayerCopy + GIB),
    high: Math.round(2 * activations + cache + 2.5 * GIB),
  };
  return sum(checkpointBytes, cache, compute, "Transformers: weights + dynamic cache + one pass over the whole prompt");
}
