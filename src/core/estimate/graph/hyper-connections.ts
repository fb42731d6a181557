/**
 * Hyper-connections (DeepSeek-V4): several residual streams, mixed into a block's input and out of its output by learned,
 * token-dependent weights. The fused operators are taken to be there, as they are on CPU, CUDA and RPC.
 * Source: llama.cpp v0.5.0 src/models/deepseek4.cpp:270-470.
 */
import type { Weights } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";

export interface Connection {
  /** one stream for the block to work on */
  readonly input: Node;
  /** how the block's output joins each stream, and how streams mix with each other */
  readonly post: Node;
  readonly comb: Node;
}

function affine(x: Node, scales: Node, base: Node): Node {
  return g.add(g.mul(x, scales), base);
}

function mixesOf(streams: Node, matrix: Node): Node {
  return g.mulMat(matrix, g.rmsNorm(g.reshape(streams, streams.ne0 * streams.ne1, streams.ne2)));
}

/** `stem`: `hc_attn` or `hc_ffn`. */
export function connect(weights: Weights, stem: string, streams: Node): Connection {
  const count = streams.ne1;
  const scales = weights.need(`${stem}_scale.weight`);
  const base = weights.need(`${stem}_base.weight`);
  const mixes = mixesOf(streams, weights.need(`${stem}_fn.weight`));
  const part = (): Node =>
    affine(g.view2d(mixes, count, mixes.ne1, mixes.nb1), g.view1d(scales, 1), g.view1d(base, count));
  const pre = g.scale(g.sigmoid(part()));
  const post = g.scale(g.sigmoid(part()));
  const comb = g.hyperConnectionComb(mixes, scales, base, count);
  return { input: g.hyperConnectionPre(streams, pre), post, comb };
}

export function reconnect(output: Node, streams: Node, { post, comb }: Connection): Node {
  return g.hyperConnectionPost(output, streams, post, comb);
}

/** How much of each stream goes on to the output matrix. */
export function outputShares(weights: Weights, streams: Node): Node {
  const mixes = mixesOf(streams, weights.need("output_hc_fn.weight"));
  return g.scale(
    g.sigmoid(affine(mixes, weights.need("output_hc_scale.weight"), weights.need("output_hc_base.weight"))),
  );
}

/** The two parts of a connection without a mix among streams: each stream's share of the input, and of the output. */
export function shares(weights: Weights, stem: string, streams: Node): { readonly pre: Node; readonly post: Node } {
  const count = streams.ne1;
  const scales = weights.need(`${stem}_scale.weight`);
  const base = weights.need(`${stem}_base.weight`);
  const mixes = mixesOf(streams, weights.need(`${stem}_fn.weight`));
  const part = (): Node =>
    g.sigmoid(affine(g.view2d(mixes, count, mixes.ne1, mixes.nb1), g.view1d(scales, 1), g.view1d(base, count)));
  return { pre: g.scale(part()), post: g.scale(g.scale(part())) };
}

/** Streams summed by their shares, step by step, without the fused operator. */
export function weighedSum(streams: Node, shares: Node): Node {
  let sum: Node | undefined;
  for (let stream = 0; stream < streams.ne1; stream++) {
    const own = g.view2d(streams, streams.ne0, streams.ne2, streams.nb2);
    const scaled = g.mul(own, g.view2d(shares, 1, streams.ne2, shares.nb1));
    sum = sum === undefined ? scaled : g.add(sum, scaled);
  }
  if (sum === undefined) throw new RangeError("the model has no residual stream");
  return sum;
}
