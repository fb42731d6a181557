/** Models in which some layers see a window: Gemma, Cohere, EXAONE and kin. Source: src/models/{gemma,gemma2,gemma3,cohere2,exaone4,…}.cpp, llama.cpp v0.5.0. */
import type { Build, LayerSite } from "../builder.ts";
import * as g from "../ggml.ts";
import type { Node } from "../node.ts";
import { routerKeys } from "../router.ts";
import { selfAttention } from "../self-attention.ts";
import { parallel, type TransformerRow, transformer } from "../transformer.ts";
import { softmaxExperts } from "./llama.ts";

const scaled = (_: Build, hidden: Node): Node => g.scale(hidden);
const windowed = (_: Build, site: LayerSite): boolean => site.facts.windowTokens > 0;
const noWindows = ({ hyper }: Build): boolean => hyper.layers.every(({ windowTokens }) => windowTokens === 0);

/** `final_logit_softcapping`, in Gemma 2 also where the file does not say. */
const capped = (build: Build) => ({ capped: build.count("final_logit_softcapping") !== 0 });

const gemma: TransformerRow = { embeddings: scaled, queryScale: "constant", activation: "gelu" };
const bothNorms = { postAttentionNorm: "post_attention_norm", postFeedForwardNorm: "post_ffw_norm" } as const;
const gemma3: TransformerRow = { ...gemma, ...bothNorms, queryNorm: "head", head: capped };
const cohere: TransformerRow = {
  norm: "layer",
  block: parallel("feed-residual-attention"),
  head: (build) => ({ scaled: build.count("logit_scale") !== 0 }),
};

export const windowedGraphs = {
  gemma: transformer(gemma),
  gemma2: transformer({ ...gemma, ...bothNorms, softCapped: true, head: { capped: true } }),
  gemma3: transformer(gemma3),
  "gemma-embedding": transformer({
    ...gemma3,
    cacheless: true,
    headless: (build, hidden) => build.weights.rmsNorm("output_norm", hidden),
  }),
  "command-r": transformer({ ...cohere, queryNorm: "head", queryNormKind: "layer" }),
  cohere2: transformer({ ...cohere, rope: windowed, ropeFactors: true }),
  cohere2moe: transformer({
    ...cohere,
    norm: (build) => (build.count("attention.layer_norm_rms_epsilon") === 0 ? "layer" : "rms"),
    rope: (build, site) => windowed(build, site) || site.index < build.count("leading_dense_block_count"),
    ropeFactors: true,
    mixture: (build) => routerKeys(build, "sigmoid"),
    halvedExperts: true,
    outputRows: "after-norm",
  }),
  exaone4: transformer({
    attentionNorm: undefined,
    queryNorm: "head",
    rope: (build, site) => windowed(build, site) || noWindows(build),
    ropeFactors: true,
    postAttentionNorm: "post_attention_norm",
    feedForwardNorm: undefined,
    postFeedForwardNorm: "post_ffw_norm",
  }),
  plamo3: transformer({ ...bothNorms, queryNorm: "head", activation: "glu-joined" }),
  mellum: transformer({ queryNorm: "head", mixture: softmaxExperts(true) }),
  "muse-glimmer": transformer({
    embeddings: (_, hidden) => g.rmsNorm(hidden),
    queryNorm: "head",
    rope: windowed,
    outputGate: true,
    attention: (frame, site, x) => site.weights.rmsNorm("post_attention_norm", selfAttention(frame, site, x)),
    postFeedForwardNorm: "post_ffw_norm",
    head: (build) => ({ scaled: true, ...capped(build) }),
  }),
  spark2_5: transformer({ outputGate: true, activation: "gelu" }),
};
