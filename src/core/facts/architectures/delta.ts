/** Models with gated delta nets or linear attention beside attention. Source: src/models/*.cpp of llama.cpp v0.5.0, by architecture name. */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import * as f from "./feed-forward.ts";
import { hashedEmbedding, hashTable } from "./hashed-embedding.ts";
import * as l from "./latent.ts";
import { normed } from "./layer.ts";
import { nextn, nextnEntrance } from "./nextn.ts";
import * as r from "./recurrent.ts";
import { type Architecture, type Block, blocks, type Condition, type Dimension, only, row } from "./row.ts";
import { lookup } from "./scope.ts";
import { lowRankConnection, lowRankLayerConnection } from "./streams.ts";

/** Qwen's gated attention: the query projection carries the output gate */
const gatedAttention: Block = [...a.queryKeyValue(d.twice(d.queryWidth)), ...a.attentionOutput(), ...a.headNorms];
const qwenLayer = (deltaNet: Block, feedForward: Block): Block => [
  ...a.norm("attn_norm"),
  ...a.norm("post_attention_norm"),
  ...r.eitherLayer(deltaNet, gatedAttention),
  ...feedForward,
  ...nextn,
];
const qwenMixture: Block = [
  ...f.mixture(d.expertFeedForwardOrShare),
  ...f.gatedSharedExpert(d.keyOr("expert_shared_feed_forward_length", d.feedForward)),
];

/** Kimi delta attention with low-rank gates */
const deltaProjections: Block = [...r.deltaConvolutions, ...a.queryKeyValue(r.deltaInner, r.deltaInner, r.deltaInner)];
const deltaEnd: Block = [
  row("ssm_dt.bias", [r.deltaInner]),
  ...a.norm("ssm_norm", r.deltaHead),
  ...a.linear("attn_output", r.deltaInner, d.embedding),
];
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
/** llama.cpp requires the key (kimi-k3.cpp:43), so a catalog row without it is one whose value nobody published: 0 alone means none */
const hasResidualScores: Condition = (scope) => lookup(scope, "attn_res.block_size") !== 0;
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

/** MiniMax's linear attention has the heads of its softmax attention, ungrouped */
const lightningWidth: Dimension = d.times(d.modelHeads, d.modelHeadWidth);

export const deltas: Readonly<Record<string, Architecture>> = {
  qwen3next: blocks(a.ends, qwenLayer(r.gatedDeltaNetFusedGates, qwenMixture), { nextnNorm: true }),
  qwen35: blocks(a.ends, qwenLayer(r.gatedDeltaNet, f.gatedFeedForward()), { nextnNorm: true }),
  qwen35moe: blocks(a.ends, qwenLayer(r.gatedDeltaNet, qwenMixture), { nextnNorm: true }),
  qwen4exp: blocks(
    [...a.tokenEmbedding, ...lowRankConnection("output_hc"), ...a.head, ...hashTable],
    [
      ...lowRankLayerConnection("hc_attn"),
      ...lowRankLayerConnection("hc_ffn"),
      ...r.eitherLayer(r.gatedDeltaNet, [...gatedAttention, ...l.plainIndexer]),
      ...hashedEmbedding,
      ...qwenMixture,
    ],
  ),
  "minimax-01": blocks(
    a.ends,
    normed(
      [
        ...r.eitherLayer(
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
    normed(
      r.eitherLayer(kimiDelta, l.latentAttention),
      f.leadingDense([...f.mixture(), ...f.routerBias, ...sharedOfCount]),
    ),
  ),
  "kimi-k3": blocks(
    [...a.ends, row("output_res_score.weight", [d.embedding], hasResidualScores)],
    [
      ...normed(
        r.eitherLayer(kimi3Delta, [...l.latentAttention, ...a.linear("attn_gate", d.embedding, l.joinedLatentWidth)]),
        f.leadingDense(kimi3Mixture),
      ),
      ...only(hasResidualScores, [...a.norm("attn_res_score"), ...a.norm("ffn_res_score")]),
    ],
  ),
  bailingmoe3: blocks(a.ends, [
    ...normed(
      r.eitherLayer(bailingDelta, [...l.latentAttention, ...a.headGate]),
      f.leadingDense([...f.mixture(), ...f.routerBias, ...f.sharedExpert(d.sharedFeedForward)]),
    ),
    ...nextnEntrance,
    ...only(d.isNextn, a.norm("layer_output_norm")),
  ]),
};
