/**
 * Gated delta net (Qwen3-Next, Qwen3.5) and Kimi delta attention, as one fused operator: llama.cpp v0.5.0 keeps the fused form
 * wherever the backend has it (llama-context.cpp:569-577); CPU, CUDA and RPC do.
 * Source: src/models/delta-net-base.cpp:427-560, qwen3next.cpp:314-563, qwen35.cpp:256-401, kimi-linear.cpp:150-330.
 */
import type { Build, LayerSite } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";
import {
  convolutionCells,
  lastColumns,
  recurrenceCells,
  type StateInput,
  sequencesOf,
  stateRows,
  storeStateRows,
} from "./recurrent.ts";

export interface DeltaInputs {
  readonly q: Node;
  readonly k: Node;
  readonly v: Node;
  readonly gate: Node;
  readonly beta: Node;
}

/** The state ahead of `mixed` joined to it, the newest columns written back: input of the convolution (`build_conv_state`). */
function convolutionInput(build: Build, site: LayerSite, input: StateInput, mixed: Node, kernel: number): Node {
  const sequences = sequencesOf(build);
  const cells = convolutionCells(build, site.facts);
  const before = g.reshape(stateRows(build.graph, input, cells), kernel - 1, cells.ne0 / (kernel - 1), sequences.count);
  const joined = g.concat(before, g.transpose(mixed), 0);
  storeStateRows(build.graph, cells, lastColumns(joined, kernel - 1), sequences);
  return joined;
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

export interface DeltaProjections {
  /** queries, keys and values of all heads side by side, [channels, tokens, sequences] */
  readonly mixed: Node;
  readonly gate: Node;
  readonly beta: Node;
  /** gates the result */
  readonly z: Node;
}

export interface DeltaHeads {
  readonly kernel: number;
  readonly width: number;
  readonly keyHeads: number;
  readonly valueHeads: number;
  /** key heads are repeated for the operator */
  readonly repeated: boolean;
}

/** A gated delta-net layer from its projections on: convolution, recurrence, gated norm, output. */
export function gatedDeltaLayer(
  build: Build,
  site: LayerSite,
  input: StateInput,
  projected: DeltaProjections,
  heads: DeltaHeads,
): Node {
  const { graph } = build;
  const { weights } = site;
  const { count, tokens } = sequencesOf(build);
  const { kernel, width, keyHeads, valueHeads } = heads;
  const joined = convolutionInput(build, site, input, projected.mixed, kernel);
  const cells = recurrenceCells(build, site.facts);
  const before = g.reshape(stateRows(graph, input, cells), width, width, valueHeads, count);
  const convolved = g.silu(g.ssmConv(joined, weights.need("ssm_conv1d.weight")));
  const row = (2 * keyHeads + valueHeads) * width * 4;
  const part = (headCount: number): Node =>
    g.view4d(convolved, width, headCount, tokens, count, width * 4, row, row * tokens);
  const keyed = (): Node => {
    const normed = lengthNorm(part(keyHeads));
    if (!heads.repeated || keyHeads === valueHeads) return normed;
    const wide = g.repeat4d(
      g.reshape(normed, width, 1, keyHeads, tokens * count),
      width,
      valueHeads / keyHeads,
      keyHeads,
      tokens * count,
    );
    return g.reshape(wide, width, valueHeads, tokens, count);
  };
  const { output, state } = deltaRule(
    { q: keyed(), k: keyed(), v: part(valueHeads), gate: projected.gate, beta: projected.beta },
    before,
  );
  storeStateRows(graph, cells, state, sequencesOf(build));
  const gate = g.silu(g.reshape(projected.z, width, valueHeads, tokens, count));
  const gated = g.mul(weights.rmsNorm("ssm_norm", output), gate);
  const line = weights.mulMat("ssm_out", g.reshape(gated, width * valueHeads, tokens, count));
  return g.reshape(line, build.hyper.embeddingLength, tokens * count);
}
