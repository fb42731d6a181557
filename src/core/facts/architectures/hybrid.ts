/** Models with recurrent layers, alone or beside attention. Source: src/models/*.cpp of llama.cpp v0.5.0, by architecture name. */
import * as a from "./attention.ts";
import { normed } from "./dense.ts";
import * as d from "./dimension.ts";
import * as f from "./feed-forward.ts";
import * as l from "./latent.ts";
import { nextn, nextnEntrance } from "./nextn.ts";
import * as r from "./recurrent.ts";
import { type Architecture, type Block, type Condition, type Dimension, blocks, both, not, only, row } from "./row.ts";
import { lookup, optionalNumber } from "./scope.ts";
import { rwkv } from "./rwkv.ts";

/** prediction blocks attend, whatever the pattern of the trunk says */
const keepsState: Condition = both(d.isRecurrent, d.inTrunk);
const eitherLayer = (recurrent: Block, attention: Block): Block => [...only(keepsState, recurrent), ...only(not(keepsState), attention)];
const plainAttention: Block = a.attention;

/** Qwen's gated attention: the query projection carries the output gate */
const gatedAttention: Block = [...a.queryKeyValue(d.twice(d.queryWidth)), ...a.attentionOutput(), ...a.headNorms];
const qwenLayer = (deltaNet: Block, feedForward: Block): Block => [
  ...a.norm("attn_norm"),
  ...a.norm("post_attention_norm"),
  ...eitherLayer(deltaNet, gatedAttention),
  ...feedForward,
  ...nextn,
];
const qwenMixture: Block = [
  ...f.mixture(d.expertFeedForwardOrShare),
  ...f.gatedSharedExpert(d.keyOr("expert_shared_feed_forward_length", d.feedForward)),
];

const hasFeedForward: Condition = (scope) => (optionalNumber(scope, "feed_forward_length") ?? 0) > 0;
const isMoe: Condition = ({ layer }) => layer.moe;
const latentWidth: Dimension = d.keyOr("moe_latent_size", d.embedding);
const nemotronMixture: Block = [
  ...f.router,
  ...f.routerBias,
  ...only(d.has("moe_latent_size"), [...a.linear("ffn_latent_down", d.embedding, latentWidth), ...a.linear("ffn_latent_up", latentWidth, d.embedding)]),
  row("ffn_down_exps.weight", [d.expertFeedForwardOrShare, latentWidth, d.experts]),
  row("ffn_up_exps.weight", [latentWidth, d.expertFeedForwardOrShare, d.experts]),
  ...a.linear("ffn_down_shexp", d.sharedFeedForward, d.embedding),
  ...a.linear("ffn_up_shexp", d.embedding, d.sharedFeedForward),
];
/** one of three: state, attention, feed-forward network; a prediction block has the last two */
const isFeedForwardLayer: Condition = both(not(keepsState), hasFeedForward);
const nemotron = blocks(
  a.ends,
  [
    ...a.norm("attn_norm"),
    ...only(keepsState, [...r.mamba2, ...r.groupNorm]),
    ...only((scope) => d.isNextn(scope) || (!keepsState(scope) && !hasFeedForward(scope)), plainAttention),
    ...only((scope) => d.isNextn(scope) || isFeedForwardLayer(scope), [
      ...only(d.hasExperts, nemotronMixture),
      ...only(not(d.hasExperts), f.plainFeedForward()),
    ]),
    ...nextnEntrance,
    ...only(d.isNextn, [...a.norm("nextn.shared_head_norm"), ...a.norm("post_attention_norm")]),
  ],
);

const lfmLayer: Block = [
  ...normed(eitherLayer(r.shortConvolution, [...a.attention, ...a.headNorms]), f.leadingDense([...f.mixture(), ...f.routerBias])),
];
/** no key for leading dense layers means that all are dense */
const lfmDense: Block = normed(eitherLayer(r.shortConvolution, [...a.attention, ...a.headNorms]), f.gatedFeedForward());
const lfmEnds: Block = [...a.tokenEmbedding, ...a.norm("token_embd_norm"), ...a.head];

/** Kimi delta attention with low-rank gates */
const deltaProjections: Block = [...r.deltaConvolutions, ...a.queryKeyValue(r.deltaInner, r.deltaInner, r.deltaInner)];
const deltaEnd: Block = [row("ssm_dt.bias", [r.deltaInner]), ...a.norm("ssm_norm", r.deltaHead), ...a.linear("attn_output", r.deltaInner, d.embedding)];
const kimiDelta: Block = [
  ...deltaProjections,
  ...a.linear("ssm_f_a", d.embedding, r.deltaHead),
  ...a.linear("ssm_f_b", r.deltaHead, r.deltaInner),
  ...a.linear("ssm_beta", d.embedding, d.modelHeads),
  row("ssm_a", [d.one, d.modelHeads]),
  ...a.linear("ssm_g_a", d.embedding, r.deltaHead),
  ...a.linear("ssm_g_b", r.deltaHead, r.deltaInner),
  ...deltaEnd,
];
const kimi3Delta: Block = [
  ...deltaProjections,
  ...a.linear("ssm_f_a", d.embedding, r.deltaHead),
  ...a.linear("ssm_f_b", r.deltaHead, r.deltaInner),
  ...a.linear("ssm_beta", d.embedding, d.modelHeads),
  row("ssm_a", [d.modelHeads]),
  ...a.linear("ssm_g", d.embedding, r.deltaInner),
  ...deltaEnd,
];
const bailingDelta: Block = [
  ...deltaProjections,
  ...a.linear("ssm_f_a", d.embedding, r.deltaInner),
  ...a.linear("ssm_beta", d.embedding, d.modelHeads),
  row("ssm_a", [d.one, d.modelHeads]),
  ...a.linear("ssm_g_a", d.embedding, r.deltaInner),
  ...deltaEnd,
];
const sharedOfCount: Block = f.sharedExpert(d.times(d.expertFeedForward, d.keyOr("expert_shared_count", d.one)));

/** experts of Kimi K3 work in a narrower space, with a projection on either side */
const expertSpace: Dimension = d.keyOr("expert_latent_length", d.embedding);
const hasResidualScores: Condition = d.has("attn_res.block_size");
const kimi3Mixture: Block = [
  ...f.router,
  ...f.routerBias,
  ...f.expertNetworks(d.expertFeedForward, expertSpace),
  ...only(d.has("expert_latent_length"), [
    ...a.linear("ffn_routed_down", d.embedding, expertSpace),
    ...a.linear("ffn_routed_up", expertSpace, d.embedding),
    ...a.norm("ffn_routed_norm", expertSpace),
  ]),
  ...sharedOfCount,
];

/** Qwen4: hyper-connections through a low rank, per-layer embeddings in some layers */
const streams: Dimension = d.key("hyper_connection.count");
const streamWidth: Dimension = d.times(streams, d.embedding);
const streamRank: Dimension = d.key("hyper_connection.low_rank");
const lowRankConnection = (name: string): Block => [
  row(`${name}_norm.weight`, [d.embedding, streams]),
  ...a.linear(`${name}_down`, streamWidth, streamRank),
  ...a.linear(`${name}_up`, streamRank, streamWidth),
];
const layerConnection = (name: string): Block => [...lowRankConnection(name), ...a.linear(`${name}_inject`, streamWidth, streams)];

const hasTable: Condition = (scope) => Array.isArray(lookup(scope, "ple.layers"));
const readsTable: Condition = (scope) => {
  const layers = lookup(scope, "ple.layers");
  return Array.isArray(layers) && layers.includes(scope.layer.index);
};
const numbers = (value: ReturnType<typeof lookup>): number[] => (Array.isArray(value) ? value.map(Number) : []);
/** one table for all hashes: the last row any of them reaches */
const tableRows: Dimension = (scope) => {
  const sizes = numbers(lookup(scope, "ple.head_vocab_sizes"));
  return Math.max(0, ...numbers(lookup(scope, "ple.head_offsets")).map((offset, index) => offset + (sizes[index] ?? 0)));
};
const perStream = (name: string): Block => [row(`${name}.weight`, [d.embedding, streams])];
const hashedEmbedding: Block = only(readsTable, [
  ...a.linear("ple_key", d.embedding, streamWidth),
  ...a.linear("ple_value", d.embedding, d.embedding),
  ...perStream("ple_norm_key"),
  ...perStream("ple_norm_query"),
  ...perStream("ple_norm_conv"),
  row("ple_conv1d.weight", [d.key("ple.conv_kernel"), streamWidth]),
]);

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

/** MiniMax's linear attention has the heads of its softmax attention, ungrouped */
const lightningWidth: Dimension = d.times(d.modelHeads, d.modelHeadWidth);

export const hybrids: Readonly<Record<string, Architecture>> = {
  ...rwkv,
  mamba: blocks(a.ends, [...a.norm("attn_norm"), ...r.mamba], { tiedEmbeddings: true }),
  mamba2: blocks(a.ends, [...a.norm("attn_norm"), ...r.mamba2, ...r.groupNorm], { tiedEmbeddings: true }),
  jamba: blocks(
    a.ends,
    normed(eitherLayer([...r.mamba, ...r.mambaInnerNorms], plainAttention), [
      ...only(isMoe, f.mixture(d.feedForward)),
      ...only(not(isMoe), f.gatedFeedForward()),
    ]),
  ),
  "falcon-h1": blocks(a.endsWithRope, [
    ...a.norm("attn_norm"),
    ...r.mamba2,
    ...only(d.chosen("stateNorm"), r.groupNorm),
    ...plainAttention,
    row("ffn_norm", [d.embedding]),
    ...f.gatedFeedForward(),
  ], { stateNorm: true }),
  granitehybrid: blocks(a.endsWithRope, normed(eitherLayer([...r.mamba2, ...r.groupNorm], plainAttention), f.denseOrMixture), { tiedEmbeddings: true }),
  nemotron_h: nemotron,
  nemotron_h_moe: nemotron,
  plamo2: blocks(a.ends, [
    ...a.norm("attn_norm"),
    ...eitherLayer(plamoMamba, [
      ...a.linear("attn_qkv", d.embedding, d.plus(d.times(d.heads, plamoKey), d.times(d.keyValueHeads, d.plus(plamoKey, plamoValue)))),
      row("attn_q_norm.weight", [plamoKey, d.heads]),
      row("attn_k_norm.weight", [plamoKey, d.keyValueHeads]),
      ...a.linear("attn_output", d.times(d.heads, plamoValue), d.embedding),
    ]),
    row("post_attention_norm", [d.embedding]),
    ...a.norm("ffn_norm"),
    ...f.fusedFeedForward,
    row("post_ffw_norm", [d.embedding]),
  ], { tiedEmbeddings: true }),
  lfm2: blocks(lfmEnds, lfmDense, { tiedEmbeddings: true }),
  lfm2moe: blocks(lfmEnds, lfmLayer, { tiedEmbeddings: true }),
  qwen3next: blocks(a.ends, qwenLayer(r.gatedDeltaNetFusedGates, qwenMixture), { nextnNorm: true }),
  qwen35: blocks(a.ends, qwenLayer(r.gatedDeltaNet, f.gatedFeedForward()), { nextnNorm: true }),
  qwen35moe: blocks(a.ends, qwenLayer(r.gatedDeltaNet, qwenMixture), { nextnNorm: true }),
  qwen4exp: blocks(
    [
      ...a.tokenEmbedding,
      ...lowRankConnection("output_hc"),
      ...a.head,
      ...only(hasTable, a.linear("per_layer_token_embd", d.key("embedding_length_per_layer_input"), tableRows)),
    ],
    [
      ...layerConnection("hc_attn"),
      ...layerConnection("hc_ffn"),
      ...eitherLayer(r.gatedDeltaNet, [...gatedAttention, ...l.plainIndexer]),
      ...hashedEmbedding,
      ...qwenMixture,
    ],
  ),
  "minimax-01": blocks(
    a.ends,
    normed(
      [
        ...eitherLayer(
          [
            ...a.norm("attn_norm_2", lightningWidth),
            ...a.linear("attn_qkv", d.embedding, d.times(d.fixed(3), lightningWidth)),
            ...a.linear("attn_gate", d.embedding, lightningWidth),
          ],
          a.queryKeyValue(),
        ),
        ...a.attentionOutput(lightningWidth),
      ],
      f.mixture(d.feedForward),
    ),
  ),
  "kimi-linear": blocks(
    a.ends,
    normed(eitherLayer(kimiDelta, l.latentAttention), f.leadingDense([...f.mixture(), ...f.routerBias, ...sharedOfCount])),
  ),
  "kimi-k3": blocks(
    [...a.ends, row("output_res_score.weight", [d.embedding], hasResidualScores)],
    [
      ...normed(
        eitherLayer(kimi3Delta, [...l.latentAttention, ...a.linear("attn_gate", d.embedding, l.joinedLatentWidth)]),
        f.leadingDense(kimi3Mixture),
      ),
      ...only(hasResidualScores, [...a.norm("attn_res_score"), ...a.norm("ffn_res_score")]),
    ],
  ),
  bailingmoe3: blocks(
    a.ends,
    [
      ...normed(
        eitherLayer(bailingDelta, [...l.latentAttention, ...a.headGate]),
        f.leadingDense([...f.mixture(), ...f.routerBias, ...f.sharedExpert(d.sharedFeedForward)]),
      ),
      ...nextnEntrance,
      ...only(d.isNextn, a.norm("layer_output_norm")),
    ],
  ),
};
