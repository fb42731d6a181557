/** Models with Mamba, RWKV or short convolutions, alone or beside attention. Source: src/models/*.cpp of llama.cpp v0.5.0, by architecture name. */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import * as f from "./feed-forward.ts";
import { normed } from "./layer.ts";
import { nextnEntrance } from "./nextn.ts";
import * as r from "./recurrent.ts";
import { type Architecture, type Block, blocks, both, type Condition, type Dimension, not, only, row } from "./row.ts";
import { rwkv } from "./rwkv.ts";
import { optionalNumber } from "./scope.ts";

const hasFeedForward: Condition = (scope) => (optionalNumber(scope, "feed_forward_length") ?? 0) > 0;
const isMoe: Condition = ({ layer }) => layer.moe;
const latentWidth: Dimension = d.keyOr("moe_latent_size", d.embedding);
const nemotronMixture: Block = [
  ...f.router,
  ...f.routerBias,
  ...only(d.has("moe_latent_size"), [
    ...a.linear("ffn_latent_down", d.embedding, latentWidth),
    ...a.linear("ffn_latent_up", latentWidth, d.embedding),
  ]),
  row("ffn_down_exps.weight", [d.expertFeedForwardOrShare, latentWidth, d.experts]),
  row("ffn_up_exps.weight", [latentWidth, d.expertFeedForwardOrShare, d.experts]),
  ...a.linear("ffn_down_shexp", d.sharedFeedForward, d.embedding),
  ...a.linear("ffn_up_shexp", d.embedding, d.sharedFeedForward),
];
/** one of three: state, attention, feed-forward network; a prediction block has the last two */
const isFeedForwardLayer: Condition = both(not(r.keepsState), hasFeedForward);
const nemotron = blocks(a.ends, [
  ...a.norm("attn_norm"),
  ...only(r.keepsState, [...r.mamba2, ...r.groupNorm]),
  ...only((scope) => d.isNextn(scope) || (!r.keepsState(scope) && !hasFeedForward(scope)), a.attention),
  ...only(
    (scope) => d.isNextn(scope) || isFeedForwardLayer(scope),
    [...only(d.hasExperts, nemotronMixture), ...only(not(d.hasExperts), f.plainFeedForward())],
  ),
  ...nextnEntrance,
  ...only(d.isNextn, [...a.norm("nextn.shared_head_norm"), ...a.norm("post_attention_norm")]),
]);

const lfmLayer: Block = [
  ...normed(
    r.eitherLayer(r.shortConvolution, [...a.attention, ...a.headNorms]),
    f.leadingDense([...f.mixture(), ...f.routerBias]),
  ),
];
/** no key for leading dense layers means that all are dense */
const lfmDense: Block = normed(
  r.eitherLayer(r.shortConvolution, [...a.attention, ...a.headNorms]),
  f.gatedFeedForward(),
);
const lfmEnds: Block = [
  ...a.tokenEmbedding,
  ...a.norm("token_embd_norm"),
  ...a.head,
  ...only(d.has("embedding_length_out"), a.linear("dense_2", d.embedding, d.key("embedding_length_out"))),
];

/** PLaMo 2 splits its state by heads and norms step, B and C */
const stepWidth: Dimension = (scope) => Math.max(64, Math.floor(scope.hyper.embeddingLength / 16));
/** its first layer has no heads, so that the usual head widths are 0 */
const plamoKey: Dimension = d.key("attention.key_length");
const plamoValue: Dimension = d.key("attention.value_length");
const plamoMamba: Block = [
  ...a.linear("ssm_in", d.embedding, d.twice(r.inner)),
  row("ssm_conv1d.weight", [r.convolution, r.inner]),
  ...a.linear("ssm_x", r.inner, d.plus(stepWidth, d.twice(r.state))),
  ...a.linear("ssm_dt", stepWidth, r.timeRank),
  row("ssm_dt.bias", [r.timeRank]),
  row("ssm_a", [r.timeRank]),
  row("ssm_d", [r.timeRank]),
  ...a.linear("ssm_out", r.inner, d.embedding),
  row("ssm_dt_norm", [stepWidth]),
  row("ssm_b_norm", [r.state]),
  row("ssm_c_norm", [r.state]),
];

export const hybrids: Readonly<Record<string, Architecture>> = {
  ...rwkv,
  mamba: blocks(a.ends, [...a.norm("attn_norm"), ...r.mamba], { tiedEmbeddings: true }),
  mamba2: blocks(a.ends, [...a.norm("attn_norm"), ...r.mamba2, ...r.groupNorm], { tiedEmbeddings: true }),
  jamba: blocks(
    a.ends,
    normed(r.eitherLayer([...r.mamba, ...r.mambaInnerNorms], a.attention), [
      ...only(isMoe, f.mixture(d.feedForward)),
      ...only(not(isMoe), f.gatedFeedForward()),
    ]),
  ),
  "falcon-h1": blocks(
    a.endsWithRope,
    [
      ...a.norm("attn_norm"),
      ...r.mamba2,
      ...only(d.chosen("stateNorm"), r.groupNorm),
      ...a.attention,
      row("ffn_norm", [d.embedding]),
      ...f.gatedFeedForward(),
    ],
    { stateNorm: true },
  ),
  granitehybrid: blocks(
    a.endsWithRope,
    normed(r.eitherLayer([...r.mamba2, ...r.groupNorm], a.attention), f.denseOrMixture),
    { tiedEmbeddings: true },
  ),
  nemotron_h: nemotron,
  nemotron_h_moe: nemotron,
  plamo2: blocks(
    a.ends,
    [
      ...a.norm("attn_norm"),
      ...r.eitherLayer(plamoMamba, [
        ...a.linear(
          "attn_qkv",
          d.embedding,
          d.plus(d.times(d.heads, plamoKey), d.times(d.keyValueHeads, d.plus(plamoKey, plamoValue))),
        ),
        row("attn_q_norm.weight", [plamoKey, d.heads]),
        row("attn_k_norm.weight", [plamoKey, d.keyValueHeads]),
        ...a.linear("attn_output", d.times(d.heads, plamoValue), d.embedding),
      ]),
      row("post_attention_norm", [d.embedding]),
      ...a.norm("ffn_norm"),
      ...f.fusedFeedForward,
      row("post_ffw_norm", [d.embedding]),
    ],
    { tiedEmbeddings: true },
  ),
  lfm2: blocks(lfmEnds, lfmDense, { tiedEmbeddings: true }),
  lfm2moe: blocks(lfmEnds, lfmLayer, { tiedEmbeddings: true }),
};
