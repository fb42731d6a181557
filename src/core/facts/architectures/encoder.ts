/** Encoders and encoder-decoders. Source: src/models/*.cpp of llama.cpp v0.5.0, by architecture name. */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import * as f from "./feed-forward.ts";
import { type Architecture, type Block, blocks, type Condition, type Dimension, not, only, row } from "./row.ts";
import { requiredNumber } from "./scope.ts";

const classifier: Block = only(d.classifies, [
  ...a.biasedLinear("cls", d.embedding, d.embedding),
  ...a.biasedLinear("cls.output", d.embedding, d.classifierOutputs),
]);

const types: Block = [row("token_types.weight", [d.embedding, d.tokenTypes], d.chosen("tokenTypes"))];
const positions: Block = a.linear("position_embd", d.embedding, d.trainedContext);
const bertEnds: Block = [...a.tokenEmbedding, ...types, ...a.biasedNorm("token_embd_norm")];
/** norms behind attention and behind the feed-forward network, none ahead of them */
const postNormed = (feedForward: Block): Block => [
  ...a.attention,
  ...a.biasedNorm("attn_output_norm"),
  ...feedForward,
  ...a.biasedNorm("layer_output_norm"),
];
const biased = { attentionBias: true, attentionOutputBias: true, feedForwardBias: true, tokenTypes: true } as const;
const isEvery: Condition = (scope) => scope.layer.index % requiredNumber(scope, "moe_every_n_layers") === 1;

const withGate: Condition = d.chosen("feedForwardGate");
const jinaUp: Dimension = (scope) => (withGate(scope) ? 1 : 2) * d.feedForward(scope);

const buckets: Dimension = d.key("attention.relative_buckets_count");
const t5Attention = (name: string): Block => [
  ...a.linear(`${name}_q`, d.embedding, d.keyWidth),
  ...a.linear(`${name}_k`, d.embedding, d.keyWidth),
  ...a.linear(`${name}_v`, d.embedding, d.valueWidth),
  ...a.linear(`${name}_o`, d.valueWidth, d.embedding),
];
const t5Layer = (cross: Block): Block => [
  ...a.norm("attn_norm"),
  row("attn_rel_b.weight", [d.heads, buckets], d.isFirst),
  ...t5Attention("attn"),
  ...cross,
  ...a.norm("ffn_norm"),
  ...only(withGate, a.linear("ffn_gate", d.embedding, d.feedForward)),
  ...a.linear("ffn_down", d.feedForward, d.embedding),
  ...a.linear("ffn_up", d.embedding, d.feedForward),
];
const t5Encoder = { prefix: "enc.blk", count: d.key("block_count"), rows: t5Layer([]) };
const t5Decoder = {
  prefix: "dec.blk",
  count: d.keyOr("decoder_block_count", d.key("block_count")),
  rows: t5Layer([...a.norm("cross_attn_norm"), ...t5Attention("cross_attn")]),
};

export const encoders: Readonly<Record<string, Architecture>> = {
  bert: blocks([...bertEnds, ...positions, ...classifier], postNormed(f.plainFeedForward()), biased),
  "jina-bert-v3": blocks(bertEnds, postNormed(f.plainFeedForward()), { ...biased, fusedQueryKeyValue: true }),
  "nomic-bert": blocks(bertEnds, postNormed(f.gatedFeedForward()), { tokenTypes: true, fusedQueryKeyValue: true }),
  "nomic-bert-moe": blocks(
    bertEnds,
    postNormed([
      ...only(not(isEvery), f.plainFeedForward()),
      ...only(isEvery, [
        ...f.router,
        row("ffn_up_exps.weight", [d.embedding, d.feedForward, d.experts]),
        row("ffn_down_exps.weight", [d.feedForward, d.embedding, d.experts]),
      ]),
    ]),
    { ...biased, fusedQueryKeyValue: true },
  ),
  "jina-bert-v2": blocks(
    [...bertEnds, ...only(d.classifies, a.biasedLinear("cls", d.embedding, d.one))],
    [
      ...a.attention,
      ...only(d.chosen("queryKeyNorm"), [...a.biasedNorm("attn_q_norm"), ...a.biasedNorm("attn_k_norm")]),
      ...a.biasedNorm("attn_output_norm"),
      ...only(d.chosen("secondNorm"), a.biasedNorm("attn_norm_2")),
      ...only(withGate, a.linear("ffn_gate", d.embedding, d.feedForward)),
      ...a.linear("ffn_up", d.embedding, jinaUp),
      ...a.biasedLinear("ffn_down", d.feedForward, d.embedding),
      ...a.biasedNorm("layer_output_norm"),
    ],
    { attentionBias: true, attentionOutputBias: true, tokenTypes: true },
  ),
  "modern-bert": blocks(
    [
      ...a.tokenEmbedding,
      ...a.norm("token_embd_norm"),
      ...a.norm("output_norm"),
      ...only(d.classifies, [
        ...a.linear("cls", d.embedding, d.embedding),
        ...a.norm("cls.norm"),
        ...a.biasedLinear("cls.output", d.embedding, d.classifierOutputs),
      ]),
    ],
    [...only(not(d.isFirst), a.norm("attn_norm")), ...a.attention, ...f.fusedFeedForward, ...a.norm("ffn_norm")],
    { fusedQueryKeyValue: true },
  ),
  "neo-bert": blocks(
    [...a.tokenEmbedding, ...a.norm("enc.output_norm"), ...classifier],
    [...a.norm("attn_norm"), ...a.attention, ...a.norm("ffn_norm"), ...f.fusedFeedForward],
    { fusedQueryKeyValue: true },
  ),
  eurobert: blocks(
    [...a.tokenEmbedding, ...a.norm("output_norm")],
    [...a.norm("attn_norm"), ...a.attention, ...a.norm("ffn_norm"), ...f.gatedFeedForward()],
  ),
  t5: {
    model: [...a.tokenEmbedding, ...a.norm("enc.output_norm"), ...a.norm("dec.output_norm"), ...a.head],
    stacks: [t5Encoder, t5Decoder],
    defaults: { feedForwardGate: true },
  },
  t5encoder: {
    model: [...a.tokenEmbedding, ...a.norm("enc.output_norm"), ...a.head],
    stacks: [t5Encoder],
    defaults: { feedForwardGate: true, tiedEmbeddings: true },
  },
};
