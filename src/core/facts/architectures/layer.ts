/** The two usual orders of a layer: a norm ahead of attention and one ahead of the feed-forward network. */
import * as a from "./attention.ts";
import type { Block } from "./row.ts";

/** norm, attention, norm, feed-forward network */
export const normed = (attention: Block, feedForward: Block): Block => [
  ...a.norm("attn_norm"),
  ...attention,
  ...a.norm("ffn_norm"),
  ...feedForward,
];
export const biasNormed = (attention: Block, feedForward: Block): Block => [
  ...a.biasedNorm("attn_norm"),
  ...attention,
  ...a.biasedNorm("ffn_norm"),
  ...feedForward,
];
