/** Hyper-connections: several residual streams, mixed ahead of and behind every block. */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import { type Block, type Dimension, row } from "./row.ts";

export const streams: Dimension = d.key("hyper_connection.count");
export const streamWidth: Dimension = d.times(streams, d.embedding);

/** one matrix computes the mix (DeepSeek-V4, Hunyuan 4); `mix` and `scales` are how many coefficients and scales it has */
export const fullRankConnection = (name: string, mix: Dimension, scales: number): Block => [
  ...a.linear(`${name}_fn`, streamWidth, mix),
  row(`${name}_base.weight`, [mix]),
  row(`${name}_scale.weight`, [d.fixed(scales)]),
];
export const outputConnection: Block = fullRankConnection("output_hc", streams, 1);

/** the mix goes through a low rank (Qwen4) */
const rank: Dimension = d.key("hyper_connection.low_rank");
export const lowRankConnection = (name: string): Block => [
  row(`${name}_norm.weight`, [d.embedding, streams]),
  ...a.linear(`${name}_down`, streamWidth, rank),
  ...a.linear(`${name}_up`, rank, streamWidth),
];
export const lowRankLayerConnection = (name: string): Block => [
  ...lowRankConnection(name),
  ...a.linear(`${name}_inject`, streamWidth, streams),
];
