/**
 * Gated delta net (Qwen3-Next, Qwen3.5) and Kimi delta attention, as one fused operator: llama.cpp v0.5.0 keeps the fused form
 * wherever the backend has it (llama-context.cpp:569-577); CPU, CUDA and RPC do.
 * Source: src/models/delta-net-base.cpp:427-560, qwen3next.cpp:314-563, qwen35.cpp:256-401, kimi-linear.cpp:150-330.
 */
import * as g from "./ggml.ts";
import type { Graph } from "./graph.ts";
import type { Node } from "./node.ts";
import { lastColumns, type Sequences, type StateInput, stateRows, storeStateRows } from "./recurrent.ts";

export interface DeltaState {
  readonly graph: Graph;
  readonly sequences: Sequences;
  readonly input: StateInput;
  readonly convolution: Node;
  readonly state: Node;
}

export interface DeltaInputs {
  readonly q: Node;
  readonly k: Node;
  readonly v: Node;
  readonly gate: Node;
  readonly beta: Node;
}

/** The state ahead of `mixed` joined to it, the newest columns written back: input of the convolution. */
export function convolutionInput({ graph, sequences, input, convolution }: DeltaState, mixed: Node, kernel: number): Node {
  const before = g.reshape(stateRows(graph, input, convolution), kernel - 1, convolution.ne0 / (kernel - 1), sequences.count);
  const joined = g.concat(before, g.transpose(mixed), 0);
  storeStateRows(graph, convolution, lastColumns(joined, kernel - 1), sequences);
  return joined;
}

/** The state of `heads` square matrices, read for the sequences at hand. */
export function deltaMatrices({ graph, sequences, input, state }: DeltaState, width: number, heads: number): Node {
  return g.reshape(stateRows(graph, input, state), width, width, heads, sequences.count);
}

/** The fused recurrence: attention output, and the new state as a view of the same tensor. */
export function deltaRule({ q, k, v, gate, beta }: DeltaInputs, before: Node): { output: Node; state: Node } {
  const width = v.ne0;
  const heads = v.ne1;
  const result = g.gatedDeltaNet(q, k, v, gate, beta, before);
  const rows = width * 4;
  const output = g.view4d(result, width, heads, v.ne2, v.ne3, rows, rows * heads, rows * heads * v.ne2);
  const state = g.view4d(result, width, width, heads, v.ne3, rows, rows * width, rows * width * heads);
  return { output, state };
}

/** L2 norm as llama.cpp spells it: an RMS norm and a scale (`build_gdn_l2_norm`, models.h:14). */
export function lengthNorm(x: Node): Node {
  return g.scale(g.rmsNorm(x));
}
