/** Attention and one gated feed-forward network in every layer, RMS norms. Source: src/models/*.cpp of llama.cpp v0.5.0, by architecture name. */
import * as a from "./attention.ts";
import * as d from "./dimension.ts";
import { denseOrMixture, fusedFeedForward, gatedFeedForward, plainFeedForward } from "./feed-forward.ts";
import { normed } from "./layer.ts";
import { nextn, nextnEntrance } from "./nextn.ts";
import { type Architecture, type Block, blocks, type Condition, not, only, row } from "./row.ts";
import { optionalNumber } from "./scope.ts";

const headNormed: Block = [...a.attention, ...a.headNorms];
const postNorms: Block = [...a.norm("post_attention_norm"), ...a.norm("post_ffw_norm")];

const gatedLayer: Block = normed(a.attention, gatedFeedForward());
const llama = blocks(a.endsWithRope, normed(a.attention, denseOrMixture));
const gatedDense = blocks(a.ends, gatedLayer);
const tied = { tiedEmbeddings: true } as const;
const biased = { attentionBias: true } as const;
const fused = { fusedQueryKeyValue: true } as const;

const qwen2 = blocks([...a.ends, row("output.bias", [d.vocabulary], d.chosen("outputBias"))], gatedLayer, biased);
const qwen3 = blocks(
  [...a.ends, ...only(d.classifies, a.linear("cls.output", d.embedding, d.classifierOutputs))],
  normed(headNormed, gatedFeedForward()),
);
const headNormedDense = blocks(a.ends, normed(headNormed, gatedFeedForward()));
const gemmaLayer: Block = [...gatedLayer, ...postNorms];

const isDeep: Condition = (scope) => scope.options.queryKeyNorm ?? scope.hyper.layerCount >= 64;
const hasAttention: Condition = ({ layer }) => layer.headCount > 0;
const hasCacheHeads: Condition = ({ layer }) => layer.kvHeadCount > 0;
const hasFeedForward: Condition = (scope) => (optionalNumber(scope, "feed_forward_length") ?? 0) > 0;

export const dense: Readonly<Record<string, Architecture>> = {
  llama,
  "llama-embed": llama,
  mistral3: llama,
  granite: { ...llama, defaults: tied },
  granitemoe: { ...llama, defaults: tied },
  minicpm: { ...llama, defaults: tied },
  refact: llama,
  llada: llama,
  "pangu-embedded": { ...llama, defaults: { attentionBias: true, attentionOutputBias: true } },
  deci: blocks(a.endsWithRope, [
    ...only(hasAttention, [
      ...a.norm("attn_norm"),
      ...only(hasCacheHeads, a.attention),
      ...only(not(hasCacheHeads), a.linear("attn_output", d.embedding, d.embedding)),
    ]),
    ...only(hasFeedForward, [...a.norm("ffn_norm"), ...gatedFeedForward()]),
  ]),
  exaone: blocks(a.endsWithRope, gatedLayer),
  smollm3: { ...gatedDense, defaults: tied },
  baichuan: gatedDense,
  internlm2: gatedDense,
  xverse: gatedDense,
  ernie4_5: { ...gatedDense, defaults: tied },
  paddleocr: gatedDense,
  gemma: { ...gatedDense, defaults: tied },
  gemma2: blocks(a.ends, gemmaLayer, tied),
  gemma3: blocks(a.ends, [...gemmaLayer, ...a.headNorms], tied),
  "gemma-embedding": blocks(
    [
      ...a.ends,
      ...only(d.has("dense_2_feat_out"), a.linear("dense_2", d.embedding, d.key("dense_2_feat_out"))),
      ...only(d.has("dense_3_feat_in"), a.linear("dense_3", d.key("dense_3_feat_in"), d.embedding)),
    ],
    [...gemmaLayer, ...a.headNorms],
    tied,
  ),
  qwen: blocks(a.ends, normed(a.attention, gatedFeedForward(d.half(d.feedForward))), {
    attentionBias: true,
    fusedQueryKeyValue: true,
  }),
  qwen2,
  qwen2vl: qwen2,
  dream: qwen2,
  qwen3,
  qwen3vl: qwen3,
  "hunyuan-dense": { ...headNormedDense, defaults: tied },
  hunyuan_vl: headNormedDense,
  maincoder: headNormedDense,
  seed_oss: blocks(
    a.ends,
    [...a.norm("attn_norm"), ...a.attention, ...a.norm("post_attention_norm"), ...gatedFeedForward()],
    biased,
  ),
  arcee: blocks(a.endsWithRope, normed(a.attention, plainFeedForward())),
  apertus: blocks(a.endsWithRope, normed(headNormed, plainFeedForward()), { ropeFactors: true }),
  cohere2: blocks(a.ends, [...a.norm("attn_norm"), ...a.attention, ...gatedFeedForward()], tied),
  "command-r": blocks(
    a.ends,
    [...a.norm("attn_norm"), ...only(isDeep, a.perHeadNorms), ...a.attention, ...gatedFeedForward()],
    tied,
  ),
  plamo: blocks(a.ends, [...a.norm("attn_norm"), ...a.attention, ...gatedFeedForward()]),
  olmo: blocks([...a.tokenEmbedding, ...a.head], [...a.attention, ...gatedFeedForward()]),
  olmo2: blocks(a.ends, [...a.attention, ...a.wideNorms, ...gatedFeedForward(), ...postNorms]),
  exaone4: blocks(
    a.endsWithRope,
    [
      ...a.attention,
      ...a.headNorms,
      ...gatedFeedForward(),
      ...postNorms,
      ...nextnEntrance,
      ...only(d.isNextn, only(d.chosen("nextnNorm"), a.norm("nextn.shared_head_norm"))),
    ],
    { nextnNorm: true },
  ),
  glm4: blocks(a.ends, [...normed(a.attention, fusedFeedForward), ...postNorms, ...nextn]),
  chatglm: blocks(a.ends, normed(a.attention, fusedFeedForward), { fusedQueryKeyValue: true, attentionBias: true }),
  phi3: blocks([...a.ends, ...a.longRopeFactors], normed(a.attention, fusedFeedForward), fused),
  "muse-glimmer": blocks(a.ends, [...normed([...headNormed, ...a.elementGate], gatedFeedForward()), ...postNorms]),
  spark2_5: blocks(a.ends, normed([...a.attention, ...a.headGate], gatedFeedForward())),
  bitnet: blocks(
    [...a.tokenEmbedding, ...a.norm("output_norm")],
    [
      ...gatedLayer,
      ...a.norm("attn_sub_norm"),
      ...a.norm("ffn_sub_norm", d.feedForward),
      ...["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_down", "ffn_up"].map((name) =>
        row(`${name}.scale`, [d.one], d.chosen("weightScale")),
      ),
    ],
    tied,
  ),
  openelm: blocks(a.ends, normed(headNormed, gatedFeedForward()), { ...tied, ...fused }),
  plamo3: blocks(
    a.ends,
    [
      ...a.norm("attn_norm"),
      ...a.queryKeyValue(),
      ...a.headNorms,
      ...a.attentionOutput(d.joinedValueWidth),
      row("post_attention_norm", [d.embedding]),
      ...a.norm("ffn_norm"),
      row("post_ffw_norm", [d.embedding]),
      ...fusedFeedForward,
    ],
    fused,
  ),
  talkie: blocks(
    [...a.tokenEmbedding, ...a.head],
    [
      ...a.attention,
      row("attn_q_norm.weight", [d.one, d.heads]),
      ...gatedFeedForward(),
      row("layer_output_scale.weight", [d.one]),
    ],
  ),
  chameleon: blocks(a.ends, normed([...a.attention, ...a.perHeadNorms], gatedFeedForward())),
  cogvlm: blocks(
    a.ends,
    [
      ...gatedLayer,
      ...a.linear("vis_attn_qkv", d.embedding, d.queryKeyValueWidth),
      ...a.linear("vis_attn_output", d.queryWidth, d.embedding),
      ...a.linear("vis_gate", d.embedding, d.feedForward),
      ...a.linear("vis_down", d.feedForward, d.embedding),
      ...a.linear("vis_up", d.embedding, d.feedForward),
    ],
    fused,
  ),
};
