/**
 * RWKV's token shift: the last token of each sequence, one or two rows of it, kept beside the attention state.
 * Source: llama.cpp v0.5.0 `build_rwkv_token_shift_load/_store`, llama-graph.cpp:3558-3597.
 */
import * as g from "./ggml.ts";
import type { Graph } from "./graph.ts";
import type { Node } from "./node.ts";
import { type Sequences, type StateInput, stateRows } from "./recurrent.ts";

export function loadShift(graph: Graph, input: StateInput, shift: Node, embedding: number, sequences: Sequences): Node {
  return g.reshape(stateRows(graph, input, shift), embedding, shift.ne0 / embedding, sequences.count);
}

export function storeShift(graph: Graph, shift: Node, rows: Node, sequences: Sequences): void {
  const count = shift.ne0 * sequences.count;
  graph.expand(g.cpy(g.view1d(rows, count), g.view1d(shift, count)));
}

/** `normed` one token later: the kept row first, then all but the last. */
export function shifted(kept: Node, normed: Node, { count, tokens }: Sequences): Node {
  return g.concat(kept, g.view3d(normed, normed.ne0, tokens - 1, count, normed.nb1, normed.nb2), 1);
}

/** The last token of each sequence. */
export function lastToken(normed: Node, { count }: Sequences): Node {
  return g.view3d(normed, normed.ne0, 1, count, normed.nb1, normed.nb2);
}
