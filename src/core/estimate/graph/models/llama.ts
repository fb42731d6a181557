/**
 * Llama and the many that differ from it by norms, biases, rope or the order of a sum.
 * Source: src/models/{llama,qwen,qwen2,qwen3,granite,olmo,phi3,…}.cpp, llama.cpp v0.5.0.
 */
import type { Build, LayerSite } from "../builder.ts";
import * as g from "../ggml.ts";
import type { MixtureOptions } from "../mixture.ts";
import type { Node } from "../node.ts";
import { routerKeys } from "../router.ts";
import { selfAttention } from "../self-attention.ts";
import { feed, parallel, type TransformerRow, transformer } from "../transformer.ts";

/** Softmax over all experts, whatever the keys say. */
export function softmaxExperts(normalized: boolean): (build: Build) => MixtureOptions {
  return (build) => ({ ...routerKeys(build), gating: "softmax", normalized });
}

/** Positions per token: four where the file cuts rope into sections (`use_mrope`). */
export function sectionedPositions(build: Build): number {
  const sections = build.key("rope.dimension_sections");
  const [first, second] = Array.isArray(sections) ? sections : [];
  return Number(first ?? 0) > 0 && Number(second ?? 0) > 0 ? 4 : 1;
}

/** Image features for the first layers travel beside the embeddings (`n_deepstack_layers`). */
function deepstackWidth(build: Build): number {
  return build.hyper.embeddingLength * (1 + build.count("n_deepstack_layers"));
}

const deepstack: Pick<TransformerRow, "embeddingWidth" | "positionsPerToken" | "finish"> = {
  embeddingWidth: deepstackWidth,
  positionsPerToken: 4,
  finish: ({ build, embedded }, site, x) => {
    if (site.index >= build.count("n_deepstack_layers")) return x;
    return g.add(x, g.view2d(embedded, build.hyper.embeddingLength, build.batch.tokens, embedded.nb1));
  },
};

const granite: TransformerRow = {
  embeddingScaleKey: true,
  ropeFactors: true,
  rope: (build) => build.key("rope.scaling.finetuned") !== false,
  residualScale: (build) => build.count("residual_scale") !== 0,
  mixture: softmaxExperts(true),
  head: { scaled: true },
};

/** Every `step`-th layer has no rope. */
function ropeBut(step: number): (build: Build, site: LayerSite) => boolean {
  return (_, site) => (site.index + 1) % step !== 0;
}

/** Embeddings and every norm without weights; the embedding joins each layer's end. */
const talkie: TransformerRow = {
  embeddings: (_, hidden) => g.rmsNorm(hidden),
  queryNorm: "head-after-rope",
  bareKeyNorm: true,
  finish: ({ embedded, outputRows }, site, x) => {
    const skip = site.last ? g.getRows(embedded, outputRows) : embedded;
    return g.add(x, g.mul(skip, site.weights.need("layer_output_scale.weight")));
  },
  head: { scaled: true },
};

/** DeciLM drops attention, or all of a block, from some layers. */
const deci: TransformerRow = {
  ropeFactors: true,
  attention: (frame, site, x, input) => {
    if (site.facts.headCount === 0) return input;
    return site.facts.kvHeadCount === 0 ? site.weights.mulMat("attn_output", x) : selfAttention(frame, site, x);
  },
  block: (frame, site, { input, residual, attended }) => {
    if (!site.weights.has("ffn_up.weight")) return input;
    const middle = site.facts.headCount === 0 ? attended : g.add(attended, residual);
    return g.add(feed(frame, site, site.weights.norm("ffn_norm", middle, frame.norm)), middle);
  },
};

const bitnet: TransformerRow = {
  // logits come from the embedding itself, which lies on the host
  headless: ({ weights }, hidden) =>
    g.mulMat(weights.need("token_embd.weight"), g.setOutput(weights.rmsNorm("output_norm", hidden))),
  openOutput: true,
  attention: (frame, site, x) => {
    const { weights } = site;
    return weights.linear("attn_output", weights.rmsNorm("attn_sub_norm", selfAttention(frame, site, x)));
  },
  feed: (_, { weights }, x) => {
    const scaled = (stem: string): Node => weights.mulMat(stem, x);
    const up = scaled("ffn_up");
    const gate = scaled("ffn_gate");
    return weights.mulMat("ffn_down", weights.rmsNorm("ffn_sub_norm", g.swigluSplit(gate, up)));
  },
};

/** The layers are run several times over, with the final norm between the rounds. */
const nanbeige: TransformerRow = {
  ropeFactors: true,
  finish: ({ build }, site, x) => {
    const betweenRounds = (site.index + 1) % Math.max(1, build.count("block_count")) === 0 && !site.last;
    return betweenRounds && build.key("skip_loop_final_norm") !== true ? build.weights.rmsNorm("output_norm", x) : x;
  },
};

/** Rotary positions and nothing else to tell them from Llama. */
const plain: TransformerRow = {};
const withFactors: TransformerRow = { ropeFactors: true };
const joinedFeed: TransformerRow = { activation: "glu-joined" };
const layerNormed: TransformerRow = { norm: "layer" };

export const llamaGraphs = {
  llama: transformer({ ropeFactors: true, mixture: softmaxExperts(true) }),
  "llama-embed": transformer({
    ropeFactors: true,
    cacheless: true,
    mixture: softmaxExperts(true),
    headless: (build, hidden) => build.weights.rmsNorm("output_norm", hidden),
  }),
  mistral3: transformer({
    ropeFactors: true,
    queryScale: (build) => (build.count("attention.temperature_scale") === 0 ? "none" : "temperature"),
    mixture: softmaxExperts(true),
  }),
  qwen: transformer(plain),
  qwen2: transformer(plain),
  qwen2vl: transformer({ positionsPerToken: 4 }),
  qwen3: transformer({ queryNorm: "head" }),
  qwen3vl: transformer({ queryNorm: "head", ...deepstack }),
  qwen3moe: transformer({ queryNorm: "head", mixture: softmaxExperts(true) }),
  qwen3vlmoe: transformer({ queryNorm: "head", mixture: softmaxExperts(true), ...deepstack }),
  internlm2: transformer(plain),
  xverse: transformer(plain),
  exaone: transformer(withFactors),
  ernie4_5: transformer(plain),
  paddleocr: transformer({ positionsPerToken: 4 }),
  "pangu-embedded": transformer(plain),
  refact: transformer({ rope: false }),
  baichuan: transformer({ rope: ({ hyper }) => hyper.layerCount === 32 }),
  orion: transformer(layerNormed),
  chatglm: transformer(joinedFeed),
  arcee: transformer({ ropeFactors: true, activation: "relu-squared" }),
  apertus: transformer({ ropeFactors: true, queryNorm: "head" }),
  smollm3: transformer({ rope: ropeBut(4) }),
  seed_oss: transformer({ feedForwardNorm: "post_attention_norm" }),
  maincoder: transformer({ queryNorm: "head-after-rope" }),
  nanbeige: transformer(nanbeige),
  dream: transformer({ cacheless: true }),
  llada: transformer({ cacheless: true }),
  "hunyuan-dense": transformer({ ropeFactors: true, queryNorm: "head-after-rope" }),
  hunyuan_vl: transformer({ ropeFactors: true, queryNorm: "head-after-rope", positionsPerToken: sectionedPositions }),
  plamo: transformer({ block: parallel("feed-attention-residual") }),
  granite: transformer(granite),
  granitemoe: transformer(granite),
  minicpm: transformer({
    ...granite,
    residualScale: true,
    embeddings: (build, hidden) => (build.count("embedding_scale") === 0 ? g.scale(hidden) : hidden),
  }),
  granite_swa: transformer({ ...granite, sinks: true, sharedActivation: "glu-joined" }),
  olmo: transformer({ norm: "layer", projections: { clamped: true } }),
  olmo2: transformer({
    attentionNorm: undefined,
    queryNorm: "whole",
    postAttentionNorm: "post_attention_norm",
    feedForwardNorm: undefined,
    postFeedForwardNorm: "post_ffw_norm",
  }),
  openelm: transformer({ queryNorm: "head", residualFirst: "middle" }),
  phi3: transformer({
    ropeFactors: true,
    queryScale: "constant",
    activation: "glu-joined",
    mixture: softmaxExperts(true),
    residualFirst: "end",
  }),
  phimoe: transformer({
    ropeFactors: true,
    queryScale: "constant",
    activation: "glu-joined",
    mixture: softmaxExperts(true),
    residualFirst: "end",
  }),
  talkie: transformer(talkie),
  deci: transformer(deci),
  bitnet: transformer(bitnet),
  cogvlm: transformer({ outputRows: "every-row" }),
};
