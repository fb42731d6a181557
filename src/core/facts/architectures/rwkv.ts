/** RWKV and its conversions of other models. Source: src/models/{rwkv6,rwkv6qwen2,rwkv7,arwkv7}.cpp of llama.cpp v0.5.0. */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import { gatedFeedForward } from "./feed-forward.ts";
import { type Architecture, type Block, blocks, type Dimension, not, only, row } from "./row.ts";

const wide: Dimension = d.embedding;
const mixExtra: Dimension = d.key("time_mix_extra_dim");
const decayExtra: Dimension = d.key("time_decay_extra_dim");
const stateHead: Dimension = d.key("wkv.head_size");
const rank = (name: string): Dimension => d.key(`attention.${name}_lora_rank`);
const square = (name: string): Block => a.linear(name, wide, wide);
const lowRank = (letter: string, middle: Dimension): Block => [
  row(`time_mix_${letter}0.weight`, [wide]),
  ...a.linear(`time_mix_${letter}1`, wide, middle),
  ...a.linear(`time_mix_${letter}2`, middle, wide),
];
const ends: Block = [
  ...a.tokenEmbedding,
  ...a.biasedNorm("token_embd_norm"),
  ...a.biasedNorm("output_norm"),
  ...a.head,
];
const norms: Block = [...a.biasedNorm("attn_norm"), ...a.biasedNorm("attn_norm_2")];
const fused = (lerps: number): Block => [row("time_mix_lerp_fused.weight", [wide, d.one, d.one, d.fixed(lerps)])];

const shared6: Block = [
  ...a.linear("time_mix_w1", wide, d.times(mixExtra, d.fixed(5))),
  row("time_mix_w2.weight", [mixExtra, wide, d.fixed(5)]),
  ...a.norm("time_mix_lerp_x"),
  ...fused(5),
  ...a.norm("time_mix_decay"),
  ...a.linear("time_mix_decay_w1", wide, decayExtra),
  ...a.linear("time_mix_decay_w2", decayExtra, wide),
  ...square("time_mix_receptance"),
  ...square("time_mix_gate"),
  ...square("time_mix_output"),
];
const first: Block = [row("time_mix_first.weight", [stateHead, d.over(wide, stateHead)])];

const shared7: Block = [
  ...lowRank("w", rank("decay")),
  ...lowRank("a", rank("iclr")),
  ...only(d.isFirst, lowRank("v", rank("iclr"))),
  ...only(not(d.isFirst), lowRank("v", rank("value_residual_mix"))),
  ...a.norm("time_mix_k_k"),
  ...a.norm("time_mix_k_a"),
  ...a.norm("time_mix_r_k"),
  ...square("time_mix_key"),
  ...square("time_mix_value"),
  ...square("time_mix_receptance"),
  ...square("time_mix_output"),
];
const gate7: Block = [...a.linear("time_mix_g1", wide, rank("gate")), ...a.linear("time_mix_g2", rank("gate"), wide)];

/** as wide as attention where keys and values are not grouped */
const keyValue: Dimension = (scope) => (scope.layer.kvHeadCount || wide(scope) / stateHead(scope)) * stateHead(scope);

export const rwkv: Readonly<Record<string, Architecture>> = {
  rwkv6: blocks(ends, [
    ...norms,
    ...shared6,
    ...first,
    ...square("time_mix_key"),
    ...square("time_mix_value"),
    ...a.biasedNorm("time_mix_ln"),
    ...a.norm("channel_mix_lerp_k"),
    ...a.norm("channel_mix_lerp_r"),
    ...a.linear("channel_mix_key", wide, d.feedForward),
    ...a.linear("channel_mix_value", d.feedForward, wide),
    ...square("channel_mix_receptance"),
  ]),
  rwkv6qwen2: blocks(
    a.ends,
    [
      ...a.norm("attn_norm"),
      ...shared6,
      ...a.biasedLinear("time_mix_key", wide, keyValue, d.chosen("attentionBias")),
      ...a.biasedLinear("time_mix_value", wide, keyValue, d.chosen("attentionBias")),
      row("time_mix_receptance.bias", [wide], d.chosen("attentionBias")),
      ...a.norm("ffn_norm"),
      ...gatedFeedForward(),
    ],
    { attentionBias: true },
  ),
  rwkv7: blocks(ends, [
    ...norms,
    ...shared7,
    ...gate7,
    ...fused(6),
    ...a.biasedNorm("time_mix_ln"),
    ...a.norm("channel_mix_lerp_k"),
    ...a.linear("channel_mix_key", wide, d.feedForward),
    ...a.linear("channel_mix_value", d.feedForward, wide),
  ]),
  arwkv7: blocks(a.ends, [
    ...a.norm("attn_norm"),
    ...shared7,
    ...only(d.has("attention.gate_lora_rank"), [...gate7, ...fused(6)]),
    ...only(not(d.has("attention.gate_lora_rank")), fused(5)),
    ...a.norm("ffn_norm"),
    ...gatedFeedForward(),
  ]),
};
