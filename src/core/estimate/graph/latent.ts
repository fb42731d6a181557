/**
 * Multi-head latent attention (DeepSeek, MiniCPM3, PLM): queries and keys in two parts, one rotated, and keys and values
 * unfolded from a latent vector, or, where the file holds the absorbed matrices, attention over the latent vector itself.
 * Source: llama.cpp v0.5.0 src/models/deepseek2.cpp:520-660, minicpm3.cpp, plm.cpp.
 */
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";

/** Widths per head before absorption, and of the latent vector. */
export interface LatentDims {
  readonly heads: number;
  readonly rank: number;
  readonly rope: number;
  readonly nope: number;
  readonly value: number;
}

/** `kv_a_mqa`'s result cut in two: the latent vector and the rotated part all heads share. */
export function splitLatent(both: Node, { rank, rope }: LatentDims): { latent: Node; shared: Node } {
  const row = (rank + rope) * 4;
  return {
    latent: g.view2d(both, rank, both.ne1, row),
    shared: g.view3d(both, rope, 1, both.ne1, row, row),
  };
}

/** One head's part of a projection: `size` of its columns. */
export function headPart(x: Node, size: number, heads: number, tokens: number, stride: number): Node {
  return g.view3d(x, size, heads, tokens, stride * 4, stride * 4 * heads);
}
