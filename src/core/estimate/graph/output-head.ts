/**
 * From the last hidden state to the logits. What a caller may read (hidden state, logits) is kept in memory to the end.
 * Source: `llm_graph_result::set_outputs`, llama-graph.cpp:1355-1395; closing lines of each src/models/*.cpp (llama.cpp v0.5.0).
 */
import type { Build, NormKind } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";

export interface OutputHeadOptions {
  /** `token_embd_norm` in LFM2's files */
  readonly norm?: string;
  readonly kind?: NormKind;
  /** the normed hidden state multiplied by a constant */
  readonly scaledHidden?: boolean;
  /** logits multiplied by a constant */
  readonly scaled?: boolean;
  /** logits squeezed by tanh */
  readonly capped?: boolean;
}

/** `hidden` holds only the rows that have an output. */
export function outputHead(build: Build, hidden: Node, options: OutputHeadOptions = {}): void {
  logits(build, g.setOutput(build.weights.norm(options.norm ?? "output_norm", hidden, options.kind ?? "rms")), options);
}

/** All rows are normed and kept for a drafting head (`t_h_nextn`); then `rows` of them have an output. */
export function outputHeadOfRows(build: Build, hidden: Node, rows: Node, options: OutputHeadOptions = {}): void {
  const kept = g.setOutput(build.weights.norm(options.norm ?? "output_norm", hidden, options.kind ?? "rms"));
  logits(build, g.setOutput(g.getRows(kept, rows)), options);
}

function logits(build: Build, hidden: Node, options: OutputHeadOptions): void {
  let cur = g.mulMat(build.outputMatrix(), options.scaledHidden ? g.scale(hidden) : hidden);
  const bias = build.weights.find("output.bias");
  if (bias) cur = g.add(cur, bias);
  if (options.scaled) cur = g.scale(cur);
  if (options.capped) cur = g.scale(g.tanh(g.scale(cur)));
  build.graph.expand(g.setOutput(cur));
}
