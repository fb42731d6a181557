/**
 * A tensor of a compute graph as ggml's allocator sees it: shape, strides, sources, and whether it is a view, a weight, a cache
 * or an input. No data, no offsets: sizes alone decide what is allocated.
 */

import { type TensorType, tensorTypes } from "../../facts/tensor-type.ts";
import type { Bytes } from "../../units.ts";

/** Where a node has no buffer of its own yet; the scheduler decides. Devices count from 0, the host is `HOST` (facts/placement.ts). */
export const UNPLACED = -2;

export type Op =
  | "none"
  | "view"
  | "reshape"
  | "permute"
  | "transpose"
  | "add"
  | "add_id"
  | "sub"
  | "mul"
  | "div"
  | "scale"
  | "sqr"
  | "sqrt"
  | "unary"
  | "glu"
  | "rms_norm"
  | "norm"
  | "group_norm"
  | "l2_norm"
  | "rope"
  | "clamp"
  | "fill"
  | "soft_max"
  | "mul_mat"
  | "mul_mat_id"
  | "get_rows"
  | "set_rows"
  | "cpy"
  | "cont"
  | "dup"
  | "set"
  | "repeat"
  | "concat"
  | "sum_rows"
  | "mean"
  | "argsort"
  | "top_k"
  | "pad"
  | "cumsum"
  | "tri"
  | "diag"
  | "solve_tri"
  | "arange"
  | "flash_attn_ext"
  | "ssm_conv"
  | "ssm_scan"
  | "rwkv_wkv6"
  | "rwkv_wkv7"
  | "gated_linear_attn"
  | "gated_delta_net"
  | "lightning_indexer"
  | "hyper_connection_comb"
  | "hyper_connection_pre"
  | "hyper_connection_post"
  | "pool_2d"
  | "custom";

/** Shape (`ne`) and strides in bytes (`nb`) are eight plain fields: this is the hot path of an estimate. */
export class Node {
  readonly op: Op;
  readonly type: TensorType;
  ne0: number;
  ne1: number;
  ne2: number;
  ne3: number;
  nb0: Bytes;
  nb1: Bytes;
  nb2: Bytes;
  nb3: Bytes;
  /** in ggml's `src` order: the order decides the order of evaluation */
  sources: Node[];
  /** the tensor that owns the memory, never itself a view (`view_src`) */
  readonly viewOf: Node | undefined;
  /** device (or HOST) whose buffer holds it before the graph runs: weights and caches; else UNPLACED */
  device: number;
  /** device (or HOST) that llama.cpp asks the scheduler for; else UNPLACED */
  pin: number;
  /** lies in a weight buffer: an op with it prefers the weight's device */
  weight: boolean;
  input: boolean;
  output: boolean;
  /** the graph that visited it, and its place in that graph's numbering of nodes and leaves together */
  graph: number;
  slot: number;

  constructor(
    op: Op,
    type: TensorType,
    ne0: number,
    ne1: number,
    ne2: number,
    ne3: number,
    sources: Node[],
    viewOf: Node | undefined,
  ) {
    const row = tensorTypes[type];
    this.op = op;
    this.type = type;
    this.ne0 = ne0;
    this.ne1 = ne1;
    this.ne2 = ne2;
    this.ne3 = ne3;
    this.nb0 = row.blockBytes;
    this.nb1 = row.blockBytes * (ne0 / row.blockWeights);
    this.nb2 = this.nb1 * ne1;
    this.nb3 = this.nb2 * ne2;
    this.sources = sources;
    this.viewOf = viewOf === undefined ? undefined : (viewOf.viewOf ?? viewOf);
    this.device = UNPLACED;
    this.pin = UNPLACED;
    this.weight = false;
    this.input = false;
    this.output = false;
    this.graph = 0;
    this.slot = -1;
  }
}

/** Bytes from the first to the last element (`ggml_nbytes`, ggml.c). */
export function nodeBytes(node: Node): Bytes {
  if (node.ne0 <= 0 || node.ne1 <= 0 || node.ne2 <= 0 || node.ne3 <= 0) return 0;
  const { blockWeights, blockBytes } = tensorTypes[node.type];
  const row = blockWeights === 1 ? blockBytes + (node.ne0 - 1) * node.nb0 : (node.ne0 * node.nb0) / blockWeights;
  return row + (node.ne1 - 1) * node.nb1 + (node.ne2 - 1) * node.nb2 + (node.ne3 - 1) * node.nb3;
}

/** Ops that only look at memory: the scheduler skips them (`ggml_is_view_op`, ggml-backend.cpp:757 of llama.cpp v0.5.0). */
export function isViewOp(op: Op): boolean {
  return op === "view" || op === "reshape" || op === "permute" || op === "transpose";
}

/** Ops that may write over a source of the same layout (`ggml_op_can_inplace`, ggml-alloc.c:20 of llama.cpp v0.5.0). */
export const inPlaceOps: ReadonlySet<Op> = new Set<Op>([
  "fill",
  "scale",
  "add",
  "add_id",
  "sub",
  "mul",
  "div",
  "sqr",
  "sqrt",
  "unary",
  "rope",
  "rms_norm",
  "clamp",
  "soft_max",
]);

/** Same type, shape and strides (`ggml_are_same_layout`): only such a source can be written over. */
export function sameLayout(a: Node, b: Node): boolean {
  return (
    a.type === b.type &&
    a.ne0 === b.ne0 &&
    a.ne1 === b.ne1 &&
    a.ne2 === b.ne2 &&
    a.ne3 === b.ne3 &&
    a.nb0 === b.nb0 &&
    a.nb1 === b.nb1 &&
    a.nb2 === b.nb2 &&
    a.nb3 === b.nb3
  );
}
