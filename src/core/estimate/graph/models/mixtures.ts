/** Mixtures of experts. Source: src/models/{openai-moe,glm4-moe,llama4,olmoe,dbrx,grok,…}.cpp, llama.cpp v0.5.0. */
import type { Build, LayerSite } from "../builder.ts";
import { feedForward } from "../feed-forward.ts";
import * as g from "../ggml.ts";
import { type MixtureOptions, mixture } from "../mixture.ts";
import type { Node } from "../node.ts";
import { routerKeys } from "../router.ts";
import { selfAttention } from "../self-attention.ts";
import { type Frame, sharedExperts, type TransformerRow, transformer } from "../transformer.ts";
import { sectionedPositions, softmaxExperts } from "./llama.ts";

const byKeys = (build: Build): MixtureOptions => routerKeys(build);
const sigmoidByKeys = (build: Build): MixtureOptions => routerKeys(build, "sigmoid");
const normalizedSigmoid = (build: Build): MixtureOptions => ({
  ...routerKeys(build),
  gating: "sigmoid",
  normalized: true,
});

/** The shared expert is weighed by a gate of its own; Qwen 2 takes the long way to a sigmoid. */
function gatedShared(frame: Frame, site: LayerSite, x: Node): Node {
  const { build } = frame;
  const { weights } = site;
  const routed = mixture(build, weights, x, softmaxExperts(false)(build));
  const logit = weights.mulMat("ffn_gate_inp_shexp", x);
  const gate = g.div(g.silu(logit), logit);
  return g.add(routed, g.mul(sharedExperts(site, x), gate));
}

/** A dense block beside the experts, both halved in variance. */
function grokFeed({ build }: Frame, { weights }: LayerSite, x: Node): Node {
  const routed = mixture(build, weights, x, softmaxExperts(true)(build));
  const both = weights.has("ffn_up.weight")
    ? g.scale(g.add(feedForward(weights, x, { activation: "gelu" }), routed))
    : routed;
  return weights.rmsNorm(weights.has("layer_output_norm.weight") ? "layer_output_norm" : "post_ffw_norm", both);
}

/** Small experts refine what the large ones give, by the same router. */
function groveFeed({ build }: Frame, { weights }: LayerSite, x: Node): Node {
  const experts = build.hyper.experts;
  const total = experts?.total ?? 0;
  const chunks = total / Math.max(1, build.count("experts_per_group"));
  const logits = weights.mulMat("ffn_gate_inp", x);
  const options: MixtureOptions = { ...softmaxExperts(true)(build), logits, sigmoidSelection: true };
  const large = mixture(build, weights, x, options);
  const small = mixture(build, weights, large, {
    ...options,
    suffix: "chexps",
    expertCount: chunks,
    usedCount: Math.min(chunks, experts?.used ?? 0),
    probabilityCount: total,
  });
  return g.add(large, g.scale(small));
}

/** Arctic: a dense block after attention, experts that read the layer's input. */
const arctic: TransformerRow = {
  block: (frame, site, { residual, attended }) => {
    const { weights } = site;
    const middle = g.add(attended, residual);
    const dense = g.add(feedForward(weights, weights.rmsNorm("ffn_norm", middle)), middle);
    const routed = mixture(
      frame.build,
      weights,
      weights.rmsNorm("ffn_norm_exps", residual),
      softmaxExperts(true)(frame.build),
    );
    return g.add(routed, dense);
  },
};

/** SmallThinker routes by the layer's input, before attention. */
const smallthinker: TransformerRow = {
  rope: (build, site) => {
    const windows = build.hyper.layers.some(({ windowTokens }) => windowTokens > 0);
    return !windows || site.index % 4 !== 0;
  },
  block: (frame, site, parts) => {
    const { build, outputRows } = frame;
    const routing = site.weights.mulMat("ffn_gate_inp", parts.input);
    const logits = site.last ? g.getRows(routing, outputRows) : routing;
    const middle = g.add(parts.attended, parts.residual);
    const options = { ...routerKeys(build), normalized: true, logits };
    return g.add(mixture(build, site.weights, site.weights.rmsNorm("ffn_norm", middle), options), middle);
  },
};

const keyNumber = (build: Build, name: string, site: LayerSite): number => {
  const value = build.key(name);
  return Number((Array.isArray(value) ? value[site.index] : value) ?? 0);
};

/** Step 3.5 clamps the experts of some layers. */
const step35: TransformerRow = {
  queryNorm: "head",
  ropeFactors: (_, site) => site.facts.windowTokens === 0,
  outputGate: true,
  kept: "before-norm",
  outputRows: "after-layers",
  feed: ({ build }, site, x) => {
    const { weights } = site;
    const limited = keyNumber(build, "swiglu_clamp_shexp", site) > 0;
    if (!weights.has("ffn_gate_inp.weight")) return feedForward(weights, x, { limited });
    const routed = mixture(build, weights, x, {
      ...routerKeys(build, "sigmoid"),
      limited: keyNumber(build, "swiglu_clamp_exp", site) > 0,
    });
    return g.add(
      routed,
      feedForward(weights, x, { limited, up: "ffn_up_shexp", gate: "ffn_gate_shexp", down: "ffn_down_shexp" }),
    );
  },
};

export const mixtureGraphs = {
  "gpt-oss": transformer({
    sinks: true,
    feedForwardNorm: "post_attention_norm",
    mixture: (build) => ({ ...routerKeys(build), gating: "softmax-weight", normalized: false }),
    kept: "before-norm",
    outputRows: "after-layers",
  }),
  glm4moe: transformer({
    queryNorm: "head",
    feedForwardNorm: "post_attention_norm",
    positionsPerToken: sectionedPositions,
    mixture: sigmoidByKeys,
  }),
  glm4: transformer({
    positionsPerToken: sectionedPositions,
    postAttentionNorm: "post_attention_norm",
    activation: "glu-joined",
    postFeedForwardNorm: "post_ffw_norm",
  }),
  olmoe: transformer({ queryNorm: "whole", mixture: softmaxExperts(false) }),
  "minimax-m2": transformer({ queryNorm: "whole", mixture: (build) => ({ ...routerKeys(build), normalized: true }) }),
  qwen2moe: transformer({ feed: gatedShared }),
  dbrx: transformer({
    norm: "layer",
    projections: { clamped: true },
    feedForwardNorm: "attn_output_norm",
    mixture: softmaxExperts(true),
  }),
  deepseek: transformer({ ropeFactors: true, mixture: softmaxExperts(false) }),
  dots1: transformer({ queryNorm: "head", mixture: byKeys }),
  bailingmoe: transformer({ ropeFactors: true, mixture: (build) => ({ ...routerKeys(build), gating: "softmax" }) }),
  bailingmoe2: transformer({ queryNorm: "head", mixture: byKeys }),
  "ernie4_5-moe": transformer({ mixture: softmaxExperts(true) }),
  "exaone-moe": transformer({
    queryNorm: "head",
    rope: (_, site) => site.facts.windowTokens > 0,
    ropeFactors: true,
    mixture: byKeys,
  }),
  "hunyuan-moe": transformer({ ropeFactors: true, queryNorm: "head-after-rope", mixture: softmaxExperts(true) }),
  hy_v3: transformer({ ropeFactors: true, queryNorm: "head", mixture: sigmoidByKeys, outputRows: "after-norm" }),
  grok: transformer({
    embeddings: (build, hidden) => (build.count("embedding_scale") === 0 ? g.scale(hidden) : hidden),
    embeddingScaleKey: true,
    tanhCapped: true,
    postAttentionNorm: "attn_output_norm",
    feed: grokFeed,
    head: (build) => ({ scaled: true, capped: build.count("final_logit_softcapping") !== 0 }),
  }),
  grovemoe: transformer({ queryNorm: "head", feed: groveFeed }),
  arctic: transformer(arctic),
  smallthinker: transformer(smallthinker),
  "llada-moe": transformer({ cacheless: true, queryNorm: "head", mixture: softmaxExperts(false) }),
  rnd1: transformer({ cacheless: true, queryNorm: "head", mixture: softmaxExperts(true) }),
  maple: transformer({
    queryNorm: "head",
    rope: (_, site) => site.facts.windowTokens > 0,
    mixture: (build) => ({ ...routerKeys(build), gating: "softmax", normalized: true, scaled: false }),
  }),
  mimo2: transformer({
    sinks: true,
    attention: (frame, site, x) => {
      const cur = selfAttention(frame, site, x);
      return frame.build.count("attention.value_scale") === 0 ? cur : g.scale(cur);
    },
    mixture: normalizedSigmoid,
  }),
  laguna: transformer({ queryNorm: "head", outputGate: true, mixture: sigmoidByKeys }),
  afmoe: transformer({
    embeddings: (_, hidden) => g.scale(hidden),
    queryNorm: "head",
    rope: (_, site) => (site.index + 1) % 4 !== 0,
    outputGate: true,
    attention: (frame, site, x) => site.weights.rmsNorm("post_attention_norm", selfAttention(frame, site, x)),
    mixture: sigmoidByKeys,
    postFeedForwardNorm: "post_ffw_norm",
  }),
  step35: transformer(step35),
};
