/** Encoders: the batch attends to itself, nothing is cached, the hidden state is the result. Source: src/models/{bert,modern-bert,neo-bert,eurobert}.cpp, llama.cpp v0.5.0. */
import type { Build, LayerSite } from "../builder.ts";
import { type Activation, feedForward } from "../feed-forward.ts";
import * as g from "../ggml.ts";
import { mixture } from "../mixture.ts";
import type { Node } from "../node.ts";
import { routerKeys } from "../router.ts";
import { selfAttention } from "../self-attention.ts";
import { feed, type TransformerRow, transformer } from "../transformer.ts";

/** Words, kinds of segment and, where there is a table, places; then a norm. */
function bertEmbeddings({ weights, hyper }: Build, hidden: Node, positions: Node): Node {
  let cur = hidden;
  const types = weights.find("token_types.weight");
  if (types) cur = g.add(cur, g.view1d(types, hyper.embeddingLength));
  const places = weights.find("position_embd.weight");
  if (places) cur = g.add(g.getRows(places, positions), cur);
  return weights.norm("token_embd_norm", cur, "layer");
}

/** Norms stand behind each sum. */
const bert: TransformerRow = {
  norm: "layer",
  cacheless: true,
  embeddings: bertEmbeddings,
  attentionNorm: undefined,
  queryNorm: (_, site) => (site.weights.has("attn_q_norm.weight") ? "whole" : "none"),
  queryNormKind: "layer",
  rope: false,
  activation: "gelu",
  block: (frame, site, { residual, attended }) => {
    const { weights } = site;
    let cur = weights.norm("attn_output_norm", g.add(attended, residual), "layer");
    if (weights.has("attn_norm_2.weight")) cur = weights.norm("attn_norm_2", g.add(cur, residual), "layer");
    return weights.norm("layer_output_norm", g.add(feed(frame, site, cur), cur), "layer");
  },
  headless: (_, hidden) => hidden,
};

/** The up projection of some files holds the gate as well. */
function jinaFeed(_: unknown, { weights, facts }: LayerSite, x: Node): Node {
  const joined = !weights.has("ffn_gate.weight") && weights.need("ffn_up.weight").ne1 !== facts.feedForwardLength;
  const activation: Activation = joined ? "glu-joined" : "gelu";
  return feedForward(weights, x, { activation });
}

/** Every other layer has experts without a gate. */
function nomicFeed({ build }: { readonly build: Build }, { weights }: LayerSite, x: Node): Node {
  if (!weights.has("ffn_gate_inp.weight")) return feedForward(weights, x, { activation: "gelu" });
  return mixture(build, weights, x, { ...routerKeys(build), gating: "softmax", normalized: false, activation: "gelu" });
}

const encoder: TransformerRow = {
  cacheless: true,
  headless: (build, hidden) => build.weights.rmsNorm("output_norm", hidden),
};

export const encoderGraphs = {
  bert: transformer(bert),
  "nomic-bert": transformer({ ...bert, rope: true, activation: "silu" }),
  "nomic-bert-moe": transformer({ ...bert, rope: true, feed: nomicFeed }),
  "jina-bert-v2": transformer({ ...bert, feed: jinaFeed }),
  "jina-bert-v3": transformer({ ...bert, rope: true }),
  eurobert: transformer(encoder),
  "neo-bert": transformer({
    ...encoder,
    activation: "glu-joined",
    headless: (build, hidden) => build.weights.rmsNorm("enc.output_norm", hidden),
  }),
  "modern-bert": transformer({
    norm: "layer",
    cacheless: true,
    embeddings: (build, hidden) => build.weights.norm("token_embd_norm", hidden, "layer"),
    attention: (frame, site, x, input) => selfAttention(frame, site, site.weights.has("attn_norm.weight") ? x : input),
    activation: "glu-joined",
    headless: (build, hidden) => build.weights.norm("output_norm", hidden, "layer"),
  }),
};
