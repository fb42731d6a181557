/** Inputs that graphs share: tokens, positions, rows of output, masks and indices of the caches. Source: llama-graph.cpp:2370-2500, llama-kv-cache.cpp:1409-1480 (llama.cpp v0.5.0). */

import type { LayerFacts } from "../../facts/model.ts";
import { type TensorType, tensorTypes } from "../../facts/tensor-type.ts";
import type { Build } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";

/**
 * `build_inp_embd`: rows of the embedding, and beside them the input for ready-made embeddings, which is reserved as well.
 * `width` where the model reads wider embeddings than it computes with (`n_embd_inp`); `scaled` multiplies them.
 */
export function inputEmbeddings(build: Build, scaled = false, width = build.hyper.embeddingLength): Node {
  const { graph, hyper, batch } = build;
  const tokens = g.inputTensor("i32", batch.tokens);
  const ready = g.inputTensor("f32", width, batch.tokens);
  let cur = g.getRows(build.weights.need("token_embd.weight"), tokens);
  if (width !== hyper.embeddingLength) cur = g.pad(cur, width - hyper.embeddingLength);
  graph.expand(cur);
  graph.expand(ready);
  if (width !== hyper.embeddingLength) cur = g.view2d(cur, hyper.embeddingLength, batch.tokens, cur.nb1);
  if (scaled) cur = g.scale(cur.viewOf === undefined ? cur : g.cont(cur));
  graph.expand(cur);
  return cur;
}

/** `build_inp_pos`: `perToken` is 4 for multi-dimensional positions. */
export function inputPositions(build: Build, perToken = 1): Node {
  return g.inputTensor("i32", build.batch.tokens * perToken);
}

/** `build_inp_out_ids`: the rows whose logits are wanted. */
export function inputOutputRows(build: Build): Node {
  return g.inputTensor("i32", build.batch.outputs);
}

/** `build_inp_attn_scale`: a temperature per token. */
export function inputAttentionScale(build: Build): Node {
  return g.inputTensor("f32", 1, 1, build.batch.tokens);
}

/** Indices, mask and rotations of one cache. */
export interface CacheInput {
  readonly keyRows: Node;
  readonly valueRows: Node;
  readonly mask: Node;
  readonly keyRotation: Node | undefined;
  readonly valueRotation: Node | undefined;
}

/** `build_attn_inp_kv` over the cache of `layers`, which all have as many cells; `rotated` false where the engine builds no rotation. */
export function cacheInput(build: Build, layers: readonly LayerFacts[], cells: number, rotated = true): CacheInput {
  const { tokens } = build.batch;
  const { flashAttention } = build.run;
  return {
    keyRows: g.inputTensor("i64", tokens),
    valueRows: g.inputTensor("i64", flashAttention ? tokens : tokens * build.widestValue()),
    mask: inputMask(build, cells),
    keyRotation: rotated ? rotation(build.run.cacheTypeK, layers, "keyDim") : undefined,
    valueRotation: rotated ? rotation(build.run.cacheTypeV, layers, "valueDim") : undefined,
  };
}

/** `build_attn_inp_kq_mask`: f16 with flash attention, one plane per stream. */
export function inputMask(build: Build, cells: number): Node {
  const { streams } = build.shape;
  return g.inputTensor(build.fusedAttention ? "f16" : "f32", cells, build.batch.tokens / streams, 1, streams);
}

/**
 * Quantized caches are rotated by a Hadamard matrix when every head is as wide and the width is a multiple of 64:
 * K by the largest power of two that divides it, V by 64. Source: llama-kv-cache.cpp:314-345, :1437-1475.
 */
function rotation(type: TensorType, layers: readonly LayerFacts[], width: "keyDim" | "valueDim"): Node | undefined {
  const size = layers[0]?.[width] ?? 0;
  if (tensorTypes[type].blockWeights === 1 || size === 0 || size % 64 !== 0) return undefined;
  if (layers.some((layer) => layer[width] !== size)) return undefined;
  let rows = 64;
  if (width === "keyDim") while (size % (rows * 2) === 0) rows *= 2;
  return g.inputTensor("f32", rows, rows);
}
