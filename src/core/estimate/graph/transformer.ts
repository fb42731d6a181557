/**
 * The frame nearly every decoder shares: embed, then per layer attention and feed-forward with residuals, then norm and logits.
 * An architecture is a row of options; a block that differs altogether is a function in its row.
 * Source: src/models/llama.cpp and its kin, llama.cpp v0.5.0.
 */
import { type AttentionInput, attentionInput, batchMasks, type ProjectionOptions } from "./attention.ts";
import type { Build, LayerSite } from "./builder.ts";
import { type Activation, feedForward } from "./feed-forward.ts";
import * as g from "./ggml.ts";
import type { Graph } from "./graph.ts";
import { inputEmbeddings, inputOutputRows, inputPositions } from "./inputs.ts";
import { type MixtureOptions, mixture } from "./mixture.ts";
import type { Node } from "./node.ts";
import { type OutputHeadOptions, outputHead, outputHeadOfRows } from "./output-head.ts";
import { selfAttention } from "./self-attention.ts";
import type { NormKind } from "./weights.ts";

export type Block = (frame: Frame, site: LayerSite, parts: LayerParts) => Node;

/** A fact of the row, or of the model, or of one layer. */
export type OfBuild<T> = T | ((build: Build) => T);
export type OfLayer<T> = T | ((build: Build, site: LayerSite) => T);

export interface TransformerRow {
  readonly norm?: OfBuild<NormKind>;
  /** `build_inp_embd` scales by `embedding_scale` where the file has it */
  readonly embeddingScaleKey?: true;
  /** what happens to the embeddings before the first layer */
  readonly embeddings?: (build: Build, hidden: Node, positions: Node) => Node;
  /** embeddings as read, wider than the model where images bring extra layers (`n_deepstack_layers`) */
  readonly embeddingWidth?: (build: Build) => number;
  /** position numbers per token: 4 for multi-dimensional rope */
  readonly positionsPerToken?: OfBuild<number>;

  /** `attn_norm` unless said otherwise; undefined: none */
  readonly attentionNorm?: string | undefined;
  readonly projections?: ProjectionOptions;
  /** Q and K normed by `attn_q_norm`, `attn_k_norm`: one head at a time or all together, before or after rope; `plain`: without weights */
  readonly queryNorm?: OfLayer<"none" | "head" | "whole" | "head-after-rope" | "plain-after-rope">;
  readonly queryNormKind?: NormKind;
  /** K is normed although the file has no weights for it */
  readonly bareKeyNorm?: true;
  readonly rope?: OfLayer<boolean>;
  readonly ropeFactors?: OfLayer<boolean>;
  /** Q scaled by a constant, or by a temperature per token */
  readonly queryScale?: OfLayer<"none" | "constant" | "temperature">;
  readonly softCapped?: true;
  readonly tanhCapped?: true;
  readonly sinks?: true;
  /** the heads' outputs are multiplied by a gate of the layer's input (`attn_gate`) before the last matrix */
  readonly outputGate?: true;
  /** the row's own `attention` applies the last matrix */
  readonly openOutput?: true;
  /** `x`: the normed input of the layer, `input` as it came */
  readonly attention?: (frame: Frame, site: LayerSite, x: Node, input: Node) => Node;
  /** no cache: the batch attends to itself */
  readonly cacheless?: true;

  readonly postAttentionNorm?: string;
  /** `ffn_norm` unless said otherwise; undefined: none */
  readonly feedForwardNorm?: string | undefined;
  readonly postFeedForwardNorm?: string;
  /** both branches scaled before they join the residual */
  readonly residualScale?: OfBuild<boolean>;
  /** `residual + x` instead of `x + residual`, at one or both of a layer's joints */
  readonly residualFirst?: "middle" | "end" | "both";
  readonly activation?: Activation;
  readonly sharedActivation?: Activation;
  /** routed and shared experts are averaged */
  readonly halvedExperts?: true;
  readonly mixture?: (build: Build, site: LayerSite) => MixtureOptions;
  /** instead of the dense block or mixture with shared experts */
  readonly feed?: (frame: Frame, site: LayerSite, x: Node) => Node;
  /** instead of everything after attention */
  readonly block?: Block;
  /** after everything else of a layer */
  readonly finish?: (frame: Frame, site: LayerSite, x: Node) => Node;

  /** where only the rows with an output go on: in the last layer, after all layers, after the final norm, or nowhere */
  readonly outputRows?: "last-layer" | "after-layers" | "after-norm" | "every-row";
  /** the hidden state before or after the final norm is kept to the end (`t_h_nextn`) */
  readonly kept?: "before-norm";
  readonly head?: OfBuild<OutputHeadOptions>;
  /** instead of a norm and logits: encoders end with the hidden state */
  readonly headless?: (build: Build, hidden: Node) => Node;
}

/** What the blocks of one graph share. */
export interface Frame {
  readonly build: Build;
  readonly graph: Graph;
  readonly row: TransformerRow;
  readonly norm: NormKind;
  /** what the first layer reads */
  readonly embedded: Node;
  readonly positions: Node;
  readonly attention: AttentionInput;
  readonly batchMasks: ReturnType<typeof batchMasks> | undefined;
  readonly temperature: Node;
  readonly outputRows: Node;
}

/** A layer after attention; all but `input` hold only the rows that go on. */
export interface LayerParts {
  /** the layer's input, every row */
  readonly input: Node;
  readonly residual: Node;
  readonly normed: Node;
  readonly attended: Node;
}

export function ofBuild<T extends string | number | boolean | object | undefined>(
  value: OfBuild<T> | undefined,
  build: Build,
  fallback: T,
): T {
  if (value === undefined) return fallback;
  return typeof value === "function" ? value(build) : value;
}

export function ofLayer<T extends string | boolean>(
  value: OfLayer<T> | undefined,
  build: Build,
  site: LayerSite,
  fallback: T,
): T {
  if (value === undefined) return fallback;
  return typeof value === "function" ? value(build, site) : value;
}

export function transformer(row: TransformerRow): (build: Build) => void {
  return (build) => {
    const { graph } = build;
    const norm = ofBuild<NormKind>(row.norm, build, "rms");
    const scaled = row.embeddingScaleKey === true && build.count("embedding_scale") !== 0;
    const read = inputEmbeddings(build, scaled, row.embeddingWidth?.(build));
    const positions = inputPositions(build, ofBuild(row.positionsPerToken, build, 1));
    const embedded = row.embeddings ? row.embeddings(build, read, positions) : read;
    const frame: Frame = {
      build,
      graph,
      row,
      norm,
      embedded,
      positions,
      attention: attentionInput(build),
      batchMasks: row.cacheless ? batchMasks(build) : undefined,
      temperature: g.inputTensor("f32", 1, 1, build.batch.tokens),
      outputRows: inputOutputRows(build),
    };
    let hidden = embedded;
    for (const site of build.layers) hidden = layer(frame, site, hidden);
    finish(frame, hidden);
  };
}

function finish({ build, row, norm, outputRows }: Frame, hidden: Node): void {
  if (row.headless) {
    build.graph.expand(g.setOutput(row.headless(build, hidden)));
    return;
  }
  if (row.kept === "before-norm") g.setOutput(hidden);
  const head = { kind: norm, ...ofBuild<OutputHeadOptions>(row.head, build, {}) };
  if (row.outputRows === "after-norm") outputHeadOfRows(build, hidden, outputRows, head);
  else outputHead(build, row.outputRows === "after-layers" ? g.getRows(hidden, outputRows) : hidden, head);
}

function layer(frame: Frame, site: LayerSite, input: Node): Node {
  const { row, outputRows } = frame;
  const normed = normOf(frame, site, "attentionNorm" in row ? row.attentionNorm : "attn_norm", input);
  const attended = (row.attention ?? selfAttention)(frame, site, normed, input);
  const picks = site.last && (row.outputRows ?? "last-layer") === "last-layer";
  const pick = (x: Node): Node => (picks ? g.getRows(x, outputRows) : x);
  const parts = { input, residual: pick(input), normed: pick(normed), attended: pick(attended) };
  const output = (row.block ?? sequential)(frame, site, parts);
  return row.finish ? row.finish(frame, site, output) : output;
}

function normOf(frame: Frame, site: LayerSite, stem: string | undefined, x: Node): Node {
  return stem === undefined ? x : site.weights.norm(stem, x, frame.norm);
}

/** Attention joins the residual, then the feed-forward block joins the sum. */
export function sequential(frame: Frame, site: LayerSite, { residual, attended }: LayerParts): Node {
  const { row, build } = frame;
  const scaled = ofBuild(row.residualScale, build, false);
  let branch = normOf(frame, site, row.postAttentionNorm, attended);
  if (scaled) branch = g.scale(branch);
  const first = row.residualFirst === "middle" || row.residualFirst === "both";
  const middle = first ? g.add(residual, branch) : g.add(branch, residual);
  const fed = feed(
    frame,
    site,
    normOf(frame, site, "feedForwardNorm" in row ? row.feedForwardNorm : "ffn_norm", middle),
  );
  let output = normOf(frame, site, row.postFeedForwardNorm, fed);
  if (scaled) output = g.scale(output);
  return row.residualFirst === "end" || row.residualFirst === "both" ? g.add(middle, output) : g.add(output, middle);
}

/** Feed-forward reads what attention reads; the order of the sums differs between families. */
export function parallel(
  order: "feed-residual-attention" | "feed-attention-residual" | "attention-feed-residual",
  norm?: string,
): Block {
  return (frame, site, { residual, normed, attended }) => {
    const fed = feed(frame, site, norm === undefined ? normed : normOf(frame, site, norm, residual));
    switch (order) {
      case "feed-residual-attention":
        return g.add(g.add(fed, residual), attended);
      case "feed-attention-residual":
        return g.add(g.add(fed, attended), residual);
      case "attention-feed-residual":
        return g.add(g.add(attended, fed), residual);
    }
  };
}

/** A dense block, or routed experts where the layer has a router, with shared ones beside them. */
export function feed(frame: Frame, site: LayerSite, x: Node): Node {
  const { build, row } = frame;
  const { weights } = site;
  if (row.feed) return row.feed(frame, site, x);
  if (!row.mixture || !weights.has("ffn_gate_inp.weight"))
    return feedForward(weights, x, { activation: row.activation ?? "silu" });
  const routed = mixture(build, weights, x, row.mixture(build, site));
  if (!weights.has("ffn_up_shexp.weight")) return routed;
  const both = g.add(routed, sharedExperts(site, x, row.sharedActivation));
  return row.halvedExperts ? g.scale(both) : both;
}

export function sharedExperts(site: LayerSite, x: Node, activation: Activation = "silu"): Node {
  return feedForward(site.weights, x, {
    activation,
    up: "ffn_up_shexp",
    gate: "ffn_gate_shexp",
    down: "ffn_down_shexp",
  });
}
