/**
 * State of recurrent layers in a compute graph: one row per sequence, read by index, written back in place.
 * Source: llama.cpp v0.5.0 `build_rs`, llama-graph.cpp:3478-3556, with a full memory module (`init_full`: head 0, cell 0 is the
 * one cleared, llama-memory-recurrent.cpp:1278-1290).
 */
import type { LayerFacts } from "../../facts/model.ts";
import { HOST } from "../../facts/placement.ts";
import type { Build } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Graph } from "./graph.ts";
import type { Node } from "./node.ts";

/** Sequences of a micro-batch, all of the same length. */
export interface Sequences {
  readonly count: number;
  /** tokens of each */
  readonly tokens: number;
}

/** Which cells a micro-batch reads: the sequences in it, and the cells that only have to be moved. */
export interface StateInput {
  readonly main: Node;
  readonly extra: Node;
  /** cells less the sequences of the micro-batch */
  readonly extraCount: number;
}

/** `build_rs_inp`: a cell is kept for every sequence of the run, also for those not in the micro-batch. */
export function stateInput({ run, batch }: Build): StateInput {
  const copy = g.inputTensor("i32", run.sequences);
  const extraCount = run.sequences - batch.sequences;
  return { main: g.view1d(copy, batch.sequences), extra: g.view1d(copy, extraCount), extraCount };
}

export function sequencesOf({ batch }: Build): Sequences {
  return { count: batch.sequences, tokens: batch.tokens / batch.sequences };
}

/** A count of the file that recurrent layers have too, though their facts say 0 heads: a scalar, or one a layer. */
export function storedCount(build: Build, name: string, index: number): number {
  const value = build.key(name);
  const own: unknown = Array.isArray(value) ? value[index] : value;
  return typeof own === "number" ? own : 0;
}

/** Cells of a layer's convolution (`cache_r`) or token shift, and of its recurrence (`cache_s`): always f32. */
export function convolutionCells(build: Build, { index, convStateElements }: LayerFacts): Node {
  return cells(build, `r${index}`, index, convStateElements);
}

export function recurrenceCells(build: Build, { index, stateElements }: LayerFacts): Node {
  return cells(build, `s${index}`, index, stateElements);
}

function cells(build: Build, key: string, index: number, width: number): Node {
  const device = build.placement.cacheDevices[index] ?? HOST;
  return build.stored(key, () => g.storedTensor("f32", device, false, width, build.run.sequences));
}

/**
 * Rows of `state` for the sequences at hand. `read` replaces the plain copy where an operator takes the indices itself
 * (`ssm_scan`), so that no copy of a large state is made.
 */
export function stateRows(
  graph: Graph,
  input: StateInput,
  state: Node,
  read: (rows: Node, ids: Node) => Node = g.getRows,
): Node {
  const rows = g.reshape(state, state.ne0, state.ne1);
  graph.expand(g.scaleInplace(g.view1d(rows, state.ne0)));
  const output = read(rows, input.main);
  graph.expand(output);
  const moved = g.getRows(rows, input.extra);
  graph.expand(g.cpy(moved, g.view2d(state, state.ne0, input.extraCount, state.nb1)));
  return output;
}

/** Writes `rows` over the cells of the sequences at hand, seen as one line (`view_1d`). */
export function storeState(graph: Graph, state: Node, rows: Node): void {
  graph.expand(g.cpy(rows, g.view1d(state, g.elementCount(rows))));
}

/** The same, one row a sequence (`view_2d`). */
export function storeStateRows(graph: Graph, state: Node, rows: Node, sequences: Sequences): void {
  graph.expand(g.cpy(rows, g.view2d(state, state.ne0, sequences.count, state.nb1)));
}

/** Columns of `convolved` that the next micro-batch needs: the last `width` of each channel. */
export function lastColumns(convolved: Node, width: number): Node {
  return g.view3d(convolved, width, convolved.ne1, convolved.ne2, convolved.nb1, convolved.nb2);
}
