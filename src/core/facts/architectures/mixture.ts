/** Attention and routed experts. Source: src/models/*.cpp of llama.cpp v0.5.0, by architecture name. */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import * as f from "./feed-forward.ts";
import { plainIndexer } from "./latent.ts";
import { normed } from "./layer.ts";
import { nextn } from "./nextn.ts";
import { type Architecture, type Block, blocks, both, type Condition, not, only, row } from "./row.ts";
import { requiredNumber } from "./scope.ts";

const headNormed: Block = [...a.attention, ...a.headNorms];
const qwen3moe = blocks(a.ends, normed(headNormed, f.mixture(d.expertFeedForwardOrShare)));
const sharedOrExpert = d.keyOr("expert_shared_feed_forward_length", d.expertFeedForward);
const sharedOrCount = d.keyOr(
  "expert_shared_feed_forward_length",
  d.times(d.expertFeedForwardOrWhole, d.sharedExperts),
);
const deepseek: Block = f.leadingDense([...f.mixture(), ...f.optionalRouterBias, ...f.sharedByCount]);
const biasNormedMixture: Block = [
  ...a.biasedNorm("attn_norm"),
  ...a.attention,
  ...a.biasedNorm("ffn_norm"),
  ...f.mixture(d.feedForward),
];
const isSliding: Condition = ({ layer }) => layer.window === "sliding";

const isInterleaved: Condition = (scope) =>
  (scope.layer.index + 1) % requiredNumber(scope, "interleave_moe_layer_step") === 0;
const groups = d.over(d.experts, d.key("experts_per_group"));
const groupFeedForward = d.keyOr("expert_chunk_feed_forward_length", d.headWidth);
const headGateOr = (isElement: Condition): Block => [
  ...only(isElement, a.elementGate),
  ...only(not(isElement), a.headGate),
];
const isElementGate: Condition = ({ options }) => options.attentionGate === "element";

export const mixtures: Readonly<Record<string, Architecture>> = {
  qwen2moe: blocks(
    a.ends,
    normed(a.attention, [
      ...f.mixture(d.expertFeedForwardOrShare),
      ...f.gatedSharedExpert(d.keyOr("expert_shared_feed_forward_length", d.feedForward)),
    ]),
    { attentionBias: true },
  ),
  qwen3moe,
  qwen3vlmoe: qwen3moe,
  rnd1: qwen3moe,
  mellum: qwen3moe,
  maple: qwen3moe,
  "llada-moe": qwen3moe,
  olmoe: blocks(a.ends, normed([...a.attention, ...a.wideNorms], f.mixture(d.feedForward))),
  phimoe: blocks([...a.biasedEnds, row("output.bias", [d.vocabulary]), ...a.longRopeFactors], biasNormedMixture, {
    attentionBias: true,
    attentionOutputBias: true,
    ropeFactors: true,
  }),
  dbrx: blocks(
    a.ends,
    [...a.norm("attn_norm"), ...a.attention, ...a.norm("attn_output_norm"), ...f.mixture(d.feedForward)],
    { fusedQueryKeyValue: true },
  ),
  grok: blocks(
    a.ends,
    [
      ...normed(a.attention, [
        ...only(d.chosen("denseBesideExperts"), f.gatedFeedForward()),
        ...f.mixture(d.expertFeedForwardOrWhole),
      ]),
      ...a.norm("attn_output_norm"),
      ...only(not(d.chosen("denseBesideExperts")), a.norm("layer_output_norm")),
      ...only(d.chosen("denseBesideExperts"), a.norm("post_ffw_norm")),
    ],
    { tiedEmbeddings: true },
  ),
  arctic: blocks(
    a.ends,
    normed(a.attention, [...f.gatedFeedForward(d.embedding), ...a.norm("ffn_norm_exps"), ...f.mixture(d.feedForward)]),
  ),
  grovemoe: blocks(
    a.ends,
    normed(headNormed, [
      ...f.mixture(d.expertFeedForwardOrShare),
      row("ffn_gate_chexps.weight", [d.embedding, groupFeedForward, groups]),
      row("ffn_down_chexps.weight", [groupFeedForward, d.embedding, groups]),
      row("ffn_up_chexps.weight", [d.embedding, groupFeedForward, groups]),
    ]),
  ),
  smallthinker: blocks(a.ends, normed(a.attention, f.mixture())),
  "gpt-oss": blocks(
    a.ends,
    [
      ...a.norm("attn_norm"),
      ...a.norm("post_attention_norm"),
      ...a.attention,
      ...a.sinks,
      ...f.mixture(),
      row("ffn_gate_inp.bias", [d.experts]),
      row("ffn_gate_exps.bias", [d.expertFeedForward, d.experts]),
      row("ffn_down_exps.bias", [d.embedding, d.experts]),
      row("ffn_up_exps.bias", [d.expertFeedForward, d.experts]),
    ],
    { attentionBias: true, attentionOutputBias: true },
  ),
  granite_swa: blocks(
    a.endsWithRope,
    normed(
      [...a.attention, ...a.sinks],
      [
        ...only(not(d.hasExperts), f.gatedFeedForward()),
        ...only(d.hasExperts, [
          ...f.mixture(d.feedForward),
          ...only(d.has("expert_shared_feed_forward_length"), [
            ...a.linear("ffn_up_shexp", d.embedding, d.twice(d.sharedFeedForward)),
            ...a.linear("ffn_down_shexp", d.sharedFeedForward, d.embedding),
          ]),
        ]),
      ],
    ),
  ),
  "hunyuan-moe": blocks(
    a.ends,
    normed(headNormed, [
      ...f.mixture(d.feedForward),
      ...f.sharedExpert(d.keyOr("expert_shared_feed_forward_length", d.feedForward)),
    ]),
    { tiedEmbeddings: true },
  ),
  "minimax-m2": blocks(
    a.ends,
    normed([...a.attention, ...a.wideNorms], [...f.mixture(d.feedForward), ...f.routerBias]),
  ),
  "minimax-m3": blocks(
    a.ends,
    normed(headNormed, f.leadingDense([...f.mixture(), ...f.routerBias, ...f.sharedByCount, ...plainIndexer])),
  ),
  llama4: blocks(
    a.endsWithRope,
    normed(a.attention, [
      ...only(isInterleaved, [...f.mixture(), ...f.sharedExpert(d.expertFeedForward)]),
      ...only(not(isInterleaved), f.gatedFeedForward()),
    ]),
  ),
  afmoe: blocks(a.ends, [
    ...normed(
      [...headNormed, ...a.elementGate],
      f.leadingDense([...f.mixture(), ...f.routerBias, ...only(d.has("expert_shared_count"), f.sharedByCount)]),
    ),
    ...a.norm("post_attention_norm"),
    ...a.norm("post_ffw_norm"),
  ]),
  laguna: blocks(
    a.ends,
    normed(
      [...headNormed, ...headGateOr(isElementGate)],
      f.leadingDense([...f.mixture(), ...f.routerBias, ...f.sharedExpert(sharedOrExpert)]),
    ),
  ),
  bailingmoe: blocks(a.ends, normed(a.attention, [...f.mixture(), ...f.sharedByCount])),
  bailingmoe2: blocks(
    a.ends,
    [
      ...normed(
        headNormed,
        f.leadingDense([
          ...f.mixture(),
          ...f.optionalRouterBias,
          ...f.sharedExpert(d.times(sharedOrExpert, d.sharedExperts)),
        ]),
      ),
      ...nextn,
      ...only(d.isNextn, a.norm("layer_output_norm")),
    ],
    { fusedQueryKeyValue: true },
  ),
  deepseek: blocks(a.ends, normed(a.attention, f.leadingDense([...f.mixture(), ...f.sharedByCount]))),
  "deepseek2-ocr": blocks(a.ends, normed(a.attention, deepseek)),
  dots1: blocks(a.ends, normed(headNormed, deepseek)),
  "ernie4_5-moe": blocks(
    a.ends,
    normed(a.attention, f.leadingDense([...f.mixture(), ...f.optionalRouterBias, ...f.sharedByKey])),
    { routerBias: true },
  ),
  glm4moe: blocks(
    a.ends,
    [
      ...a.norm("attn_norm"),
      ...a.attention,
      ...only(d.chosen("queryKeyNorm"), a.headNorms),
      ...a.norm("post_attention_norm"),
      ...f.leadingDense([
        ...f.mixture(d.expertFeedForwardOrShare),
        ...f.routerBias,
        ...only(d.has("expert_shared_count"), f.sharedExpert(d.times(d.expertFeedForwardOrShare, d.sharedExperts))),
      ]),
      ...nextn,
    ],
    { attentionBias: true, nextnHead: true, nextnNorm: true },
  ),
  "exaone-moe": blocks(
    a.endsWithRope,
    [
      ...normed(headNormed, [
        ...only(both(d.pastLeadingDense, d.inTrunk), [
          ...f.mixture(),
          ...f.optionalRouterBias,
          ...f.sharedExpert(sharedOrExpert),
        ]),
        ...only((scope) => !d.pastLeadingDense(scope) || d.isNextn(scope), f.gatedFeedForward()),
      ]),
      ...nextn,
    ],
    { nextnNorm: true },
  ),
  cohere2moe: blocks(
    a.ends,
    [
      ...a.norm("attn_norm"),
      ...a.attention,
      ...f.leadingDense([
        ...f.mixture(d.expertFeedForwardOrWhole),
        ...only(d.has("expert_shared_count"), f.sharedExpert(sharedOrCount)),
      ]),
      ...nextn,
    ],
    { tiedEmbeddings: true },
  ),
  hy_v3: blocks(
    a.ends,
    [
      ...normed(headNormed, [
        ...only(d.isFirst, f.gatedFeedForward()),
        ...only(not(d.isFirst), [
          ...f.mixture(d.expertFeedForwardOrShare),
          row("exp_probs_b", [d.experts]),
          ...f.sharedExpert(d.keyOr("expert_shared_feed_forward_length", d.expertFeedForwardOrShare)),
        ]),
      ]),
      ...nextn,
    ],
    { nextnNorm: true },
  ),
  mimo2: blocks(
    a.ends,
    [
      ...normed(
        [...a.queryKeyValue(), ...a.attentionOutput(d.joinedValueWidth), ...only(isSliding, a.sinks)],
        [
          ...only(both(d.inTrunk, not(d.isFirst)), [...f.mixture(), ...f.routerBias]),
          ...only((scope) => d.isNextn(scope) || d.isFirst(scope), f.gatedFeedForward()),
        ],
      ),
      ...nextn,
      ...only(d.isNextn, a.norm("layer_output_norm")),
    ],
    { fusedQueryKeyValue: true },
  ),
  step35: blocks(
    a.endsWithRope,
    [
      ...normed(
        [...a.queryKeyValue(), ...a.headNorms, ...a.attentionOutput(d.joinedValueWidth), ...a.headGate],
        [
          ...only(both(d.pastLeadingDense, d.inTrunk), [
            ...f.mixture(),
            ...f.routerBias,
            ...f.sharedExpert(d.sharedFeedForward),
          ]),
          ...only((scope) => !d.pastLeadingDense(scope) || d.isNextn(scope), f.gatedFeedForward()),
        ],
      ),
      ...nextn,
    ],
    { nextnHead: true, nextnNorm: true },
  ),
};
