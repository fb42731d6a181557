/**
 * The frame nearly every decoder shares: embed, then per layer attention and feed-forward with residuals, then norm and logits.
 * An architecture is a row of options; blocks that differ altogether are functions in the row.
 * Source: src/models/llama.cpp and its kin, llama.cpp v0.5.0.
 */
import { type AttentionInput, type AttentionParts, attentionInput, cachedAttention, type ProjectionOptions, projections } from "./attention.ts";
import { type Build, type LayerSite, normed, type NormKind } from "./builder.ts";
import { type Activation, feedForward } from "./feed-forward.ts";
import * as g from "./ggml.ts";
import type { Graph } from "./graph.ts";
import { inputEmbeddings, inputOutputRows, inputPositions } from "./inputs.ts";
import { mixture, type MixtureOptions } from "./mixture.ts";
import type { Node } from "./node.ts";

type When = boolean | ((build: Build, site: LayerSite) => boolean);

export interface TransformerRow {
  readonly norm?: NormKind;
  /** embeddings multiplied by a constant */
  readonly scaledEmbeddings?: boolean | ((build: Build) => boolean);
  /** the same inside `build_inp_embd` (`embedding_scale`) */
  readonly embeddingScaleKey?: boolean;
  readonly embeddingNorm?: boolean;
  /** learned positions added to the embeddings */
  readonly learnedPositions?: boolean;
  /** position numbers per token (4: multi-dimensional rope) */
  readonly positionsPerToken?: number;

  readonly attentionNorm?: string | undefined;
  readonly projections?: ProjectionOptions;
  /** Q and K normed: each head (`attn_q_norm` as wide as a head), or all heads together */
  readonly queryNorm?: "head" | "whole" | "head-after-rope" | "whole-after-rope" | "plain-after-rope";
  readonly queryNormKind?: NormKind;
  readonly rope?: When;
  /** frequency factors: `rope_freqs`, or long and short ones */
  readonly ropeFactors?: boolean;
  /** Q multiplied by a constant before attention */
  readonly scaledQuery?: When;
  readonly softCapped?: boolean;
  readonly sinks?: boolean;
  readonly postAttentionNorm?: string;

  /** feed-forward reads the same normed input as attention */
  readonly parallel?: boolean;
  readonly feedForwardNorm?: string | undefined;
  readonly activation?: Activation;
  readonly mixture?: (build: Build, site: LayerSite) => MixtureOptions;
  /** shared experts beside the routed ones, in this order of the sum */
  readonly sharedExperts?: "routed-first" | "shared-first";
  readonly postFeedForwardNorm?: string;
  readonly scaledResiduals?: boolean;
  readonly feed?: (model: Frame, site: LayerSite, x: Node) => Node;
  readonly attention?: (model: Frame, site: LayerSite, x: Node) => Node;
  /** `residual + x` instead of `x + residual` */
  readonly residualFirst?: boolean;

  /** rows of output are picked in the last layer, or after all layers */
  readonly outputRows?: "last-layer" | "after-layers";
  /** the last layer's output is kept (`t_h_nextn`), before or after the final norm */
  readonly keptHidden?: "before-norm" | "after-norm";
  readonly logits?: "plain" | "scaled" | "capped" | "scaled-capped" | ((build: Build, logits: Node) => Node);
}

/** What the blocks of one graph share. */
export interface Frame {
  readonly build: Build;
  readonly graph: Graph;
  readonly row: TransformerRow;
  readonly positions: Node;
  readonly attention: AttentionInput;
}

function holds(when: When | undefined, fallback: boolean, build: Build, site: LayerSite): boolean {
  if (when === undefined) return fallback;
  return typeof when === "boolean" ? when : when(build, site);
}

export function transformer(row: TransformerRow): (build: Build) => void {
  return (build) => {
    const { graph } = build;
    let hidden = embeddings(build, row);
    const frame: Frame = { build, graph, row, positions: inputPositions(build, row.positionsPerToken ?? 1), attention: attentionInput(build) };
    if (row.learnedPositions) hidden = g.add(g.getRows(build.weights.need("position_embd.weight"), frame.positions), hidden);
    const outputRows = inputOutputRows(build);
    for (const site of build.layers) hidden = layer(frame, site, hidden, outputRows);
    if (row.keptHidden === "before-norm") g.setOutput(hidden);
    if (row.outputRows === "after-layers") hidden = g.getRows(hidden, outputRows);
    const final = build.weights.norm("output_norm", hidden, row.norm ?? "rms");
    graph.expand(logitsOf(build, row, g.setOutput(final)));
  };
}

function embeddings(build: Build, row: TransformerRow): Node {
  let hidden = inputEmbeddings(build, row.embeddingScaleKey ?? false);
  const scaled = typeof row.scaledEmbeddings === "function" ? row.scaledEmbeddings(build) : row.scaledEmbeddings;
  if (scaled) hidden = g.scale(hidden);
  return row.embeddingNorm ? build.weights.norm("token_embd_norm", hidden, row.norm ?? "rms") : hidden;
}

function layer(frame: Frame, site: LayerSite, input: Node, outputRows: Node): Node {
  const { build, row } = frame;
  const { weights } = site;
  const kind = row.norm ?? "rms";
  const norm = (stem: string | undefined, x: Node): Node => (stem === undefined ? x : weights.norm(stem, x, kind));
  const attentionStem = "attentionNorm" in row ? row.attentionNorm : "attn_norm";
  const normedInput = norm(attentionStem, input);
  let attended = (row.attention ?? attention)(frame, site, normedInput);
  let residual = input;
  let parallelInput = normedInput;
  if (site.last && row.outputRows !== "after-layers") {
    attended = g.getRows(attended, outputRows);
    residual = g.getRows(residual, outputRows);
    if (row.parallel) parallelInput = g.getRows(parallelInput, outputRows);
  }
  attended = norm(row.postAttentionNorm, attended);
  if (row.scaledResiduals) attended = g.scale(attended);
  const feed = row.feed ?? fed;
  if (row.parallel) return g.add(g.add(feed(frame, site, parallelInput), residual), attended);
  const middle = row.residualFirst ? g.add(residual, attended) : g.add(attended, residual);
  const feedStem = "feedForwardNorm" in row ? row.feedForwardNorm : "ffn_norm";
  let output = feed(frame, site, norm(feedStem, middle));
  output = norm(row.postFeedForwardNorm, output);
  if (row.scaledResiduals) output = g.scale(output);
  return row.residualFirst ? g.add(middle, output) : g.add(output, middle);
}

/** Standard attention over the cache. */
export function attention(frame: Frame, site: LayerSite, x: Node): Node {
  const { build, row } = frame;
  let { q, k, v } = projections(build, site, x, row.projections);
  [q, k] = rotated(frame, site, q, k);
  if (holds(row.scaledQuery, false, build, site)) q = g.scale(q);
  return cachedAttention(build, site, frame.attention, { q, k, v }, attentionParts(row, site));
}

function attentionParts(row: TransformerRow, site: LayerSite): AttentionParts {
  const sinks = row.sinks ? (site.weights.find("attn_sinks.weight") ?? site.weights.find("attn_sinks")) : undefined;
  return { softCapped: row.softCapped ?? false, ...(sinks ? { sinks } : {}) };
}

/** Norms and rotary positions of Q and K. */
function rotated(frame: Frame, site: LayerSite, q: Node, k: Node): [Node, Node] {
  const { build, row, positions } = frame;
  const { weights } = site;
  const kind = row.queryNormKind ?? "rms";
  const norm = (stem: string, x: Node): Node => {
    const weight = weights.find(`${stem}.weight`);
    return weight ? normed(x, weight, weights.find(`${stem}.bias`), kind) : x;
  };
  let queries = row.queryNorm === "head" ? norm("attn_q_norm", q) : q;
  let keys = row.queryNorm === "head" ? norm("attn_k_norm", k) : k;
  if (holds(row.rope, true, build, site)) {
    const factors = row.ropeFactors ? ropeFactors(site) : undefined;
    queries = g.ropeExt(queries, positions, factors);
    keys = g.ropeExt(keys, positions, factors);
  }
  if (row.queryNorm === "head-after-rope") return [norm("attn_q_norm", queries), norm("attn_k_norm", keys)];
  if (row.queryNorm === "plain-after-rope") return [g.rmsNorm(queries), g.rmsNorm(keys)];
  return [queries, keys];
}

/** `get_rope_factors`, llama-model.cpp: which of the long and short ones has no effect on sizes. */
export function ropeFactors(site: LayerSite): Node | undefined {
  const { weights } = site;
  return (
    weights.shared("rope_freqs.weight") ??
    weights.shared("rope_factors_short.weight") ??
    weights.find("rope_freqs.weight") ??
    weights.find("rope_factors_short.weight")
  );
}

/** A dense block, or routed experts where the layer has a router, with shared ones beside them. */
export function fed(frame: Frame, site: LayerSite, x: Node): Node {
  const { build, row } = frame;
  const { weights } = site;
  if (!row.mixture || !weights.has("ffn_gate_inp.weight")) return feedForward(weights, x, { activation: row.activation ?? "silu" });
  const routed = mixture(build, weights, x, row.mixture(build, site));
  if (!row.sharedExperts || !weights.has("ffn_up_shexp.weight")) return routed;
  const shared = feedForward(weights, x, { up: "ffn_up_shexp", gate: "ffn_gate_shexp", down: "ffn_down_shexp" });
  return row.sharedExperts === "routed-first" ? g.add(routed, shared) : g.add(shared, routed);
}

function logitsOf(build: Build, row: TransformerRow, hidden: Node): Node {
  let logits = g.mulMat(build.outputMatrix(), hidden);
  const bias = build.weights.find("output.bias");
  if (bias) logits = g.add(logits, bias);
  if (typeof row.logits === "function") logits = row.logits(build, logits);
  else if (row.logits === "scaled") logits = g.scale(logits);
  else if (row.logits === "capped") logits = g.scale(g.tanh(g.scale(logits)));
  return g.setOutput(logits);
}
