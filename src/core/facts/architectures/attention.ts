/** Blocks around attention: embeddings and head, norms, projections, rope factors. */
import * as d from "./dimension.ts";
import { type Block, both, type Condition, type Dimension, not, only, row } from "./row.ts";
import { lookup } from "./scope.ts";

export const norm = (name: string, width: Dimension = d.embedding): Block => [row(`${name}.weight`, [width])];
export const biasedNorm = (name: string, width: Dimension = d.embedding): Block => [
  row(`${name}.weight`, [width]),
  row(`${name}.bias`, [width]),
];
export const linear = (name: string, from: Dimension, to: Dimension): Block => [row(`${name}.weight`, [from, to])];
export const biasedLinear = (name: string, from: Dimension, to: Dimension, bias: Condition = () => true): Block => [
  row(`${name}.weight`, [from, to]),
  row(`${name}.bias`, [to], bias),
];

export const tokenEmbedding: Block = linear("token_embd", d.embedding, d.vocabulary);
export const head: Block = only(not(d.chosen("tiedEmbeddings")), linear("output", d.embedding, d.vocabulary));
const isLongRope: Condition = (scope) => lookup(scope, "rope.scaling.type") === "longrope";
export const longRopeFactors: Block = [
  row("rope_factors_long.weight", [d.ropeFactorCount], d.chosen("ropeFactors")),
  row("rope_factors_short.weight", [d.ropeFactorCount], d.chosen("ropeFactors")),
];
export const ropeFactors: Block = [
  ...only(isLongRope, longRopeFactors),
  row("rope_freqs.weight", [d.ropeFactorCount], both(not(isLongRope), d.chosen("ropeFactors"))),
];
/** token embedding, output norm, head: what most models have outside their layers */
export const ends: Block = [...tokenEmbedding, ...norm("output_norm"), ...head];
export const endsWithRope: Block = [...ends, ...ropeFactors];
export const biasedEnds: Block = [...tokenEmbedding, ...biasedNorm("output_norm"), ...head];

/** `create_tensor_qkv` of llama.cpp v0.5.0 (llama-model.cpp:3270): one fused matrix or three, each with or without bias. */
export function queryKeyValue(
  query = d.queryWidth,
  key = d.keyWidth,
  value = d.valueWidth,
  from: Dimension = d.embedding,
): Block {
  const fused = d.chosen("fusedQueryKeyValue");
  const bias = d.chosen("attentionBias");
  return [
    ...only(fused, biasedLinear("attn_qkv", from, d.plus(query, key, value), bias)),
    ...only(not(fused), [
      ...linear("attn_q", from, query),
      ...linear("attn_k", from, key),
      ...linear("attn_v", from, value),
      row("attn_q.bias", [query], bias),
      row("attn_k.bias", [key], bias),
      row("attn_v.bias", [value], bias),
    ]),
  ];
}

export const attentionOutput = (width: Dimension = d.queryWidth): Block =>
  biasedLinear("attn_output", width, d.embedding, d.chosen("attentionOutputBias"));

export const attention: Block = [...queryKeyValue(), ...attentionOutput()];
/** one norm over each head */
export const headNorms: Block = [...norm("attn_q_norm", d.headWidth), ...norm("attn_k_norm", d.headWidth)];
/** one norm over all heads together */
export const wideNorms: Block = [...norm("attn_q_norm", d.queryWidth), ...norm("attn_k_norm", d.keyWidth)];
/** a norm of its own for every head */
export const perHeadNorms: Block = [
  row("attn_q_norm.weight", [d.headWidth, d.heads]),
  row("attn_k_norm.weight", [d.headWidth, d.keyValueHeads]),
];
export const sinks: Block = [row("attn_sinks.weight", [d.heads])];
export const elementGate: Block = linear("attn_gate", d.embedding, d.queryWidth);
export const headGate: Block = linear("attn_gate", d.embedding, d.heads);
