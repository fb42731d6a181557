/** Models that run more layers than their file has: loops, cycles, a router behind the last layer (llama.cpp v0.5.0, by architecture name). */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import { gatedFeedForward } from "./feed-forward.ts";
import { normed } from "./layer.ts";
import { type Architecture, type Block, type Dimension, row, stored } from "./row.ts";

/** one low-rank pair for every adapter and a zero one, stacked (Granite Switch) */
const adapterSlots: Dimension = d.plus(d.key("adapters.count"), d.one);
const adapterRank: Dimension = d.key("adapters.lora_rank");
const adapter = (name: string, from: Dimension, to: Dimension): Block => [
  row(`${name}.lora_a`, [from, adapterRank, adapterSlots]),
  row(`${name}.lora_b`, [adapterRank, to, adapterSlots]),
];
const stackedAdapters: Block = [
  ...adapter("attn_q", d.embedding, d.queryWidth),
  ...adapter("attn_k", d.embedding, d.keyWidth),
  ...adapter("attn_v", d.embedding, d.keyWidth),
  ...adapter("attn_output", d.queryWidth, d.embedding),
  ...adapter("ffn_gate", d.embedding, d.feedForward),
  ...adapter("ffn_up", d.embedding, d.feedForward),
  ...adapter("ffn_down", d.feedForward, d.embedding),
];

const blockCount: Dimension = d.key("block_count");
const layer: Block = normed(a.attention, gatedFeedForward());

export const looped: Readonly<Record<string, Architecture>> = {
  nanbeige: stored(blockCount, a.endsWithRope, layer),
  graniteswitch: stored(blockCount, a.ends, [...layer, ...stackedAdapters], { fusedQueryKeyValue: true }),
  hrm_text: stored(
    d.twice(d.key("hrm.layers_per_stack")),
    [...a.tokenEmbedding, ...a.head, row("hrm.z_l_init", [d.embedding])],
    [...a.attention, ...a.elementGate, ...gatedFeedForward()],
  ),
};
