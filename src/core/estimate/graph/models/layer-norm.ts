/** GPT-2's kin: layer norms with biases, learned positions or none, one-armed feed-forward. Source: src/models/{gpt2,falcon,gptneox,starcoder,mpt,…}.cpp, llama.cpp v0.5.0. */
import type { Build } from "../builder.ts";
import * as g from "../ggml.ts";
import type { Node } from "../node.ts";
import { selfAttention } from "../self-attention.ts";
import { feed, parallel, sequential, type TransformerRow, transformer } from "../transformer.ts";

const base: TransformerRow = { norm: "layer", activation: "gelu" };

function learnedPositions(build: Build, hidden: Node, positions: Node): Node {
  const table = build.weights.find("position_embd.weight");
  return table ? g.add(hidden, g.getRows(table, positions)) : hidden;
}

const learned: TransformerRow = { ...base, rope: false, embeddings: learnedPositions };
const parallelNeox = parallel("feed-residual-attention", "ffn_norm");

/** StableLM 2 12B: without a norm of its own, feed-forward reads what attention reads. */
const stablelm: TransformerRow = {
  norm: "layer",
  queryNorm: "head",
  queryNormKind: "layer",
  block: (frame, site, parts) => {
    if (site.weights.has("ffn_norm.weight")) return sequential(frame, site, parts);
    const middle = g.add(parts.attended, parts.residual);
    return g.add(feed(frame, site, parts.normed), middle);
  },
};

export const layerNormGraphs = {
  gpt2: transformer(learned),
  starcoder: transformer(learned),
  starcoder2: transformer(base),
  codeshell: transformer(base),
  bloom: transformer({
    ...base,
    rope: false,
    embeddings: (build, hidden) => build.weights.norm("token_embd_norm", hidden, "layer"),
  }),
  mpt: transformer({
    ...learned,
    projections: { clamped: true },
    queryNorm: (_, site) => (site.weights.has("attn_q_norm.weight") ? "whole" : "none"),
    queryNormKind: "layer",
  }),
  jais: transformer({ ...base, rope: false, activation: "silu" }),
  jais2: transformer({ ...base, activation: "relu-squared" }),
  nemotron: transformer({ ...base, activation: "relu-squared" }),
  stablelm: transformer(stablelm),
  gptneox: transformer({
    ...base,
    block: (frame, site, parts) =>
      (frame.build.key("use_parallel_residual") === true ? parallelNeox : sequential)(frame, site, parts),
  }),
  falcon: transformer({
    ...base,
    attention: (frame, site, x, input) =>
      selfAttention(
        frame,
        site,
        site.weights.has("attn_norm_2.weight") ? site.weights.norm("attn_norm_2", input, "layer") : x,
      ),
    block: parallel("feed-attention-residual"),
  }),
  phi2: transformer({ ...base, queryScale: "constant", block: parallel("attention-feed-residual") }),
};
