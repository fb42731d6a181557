/**
 * ggml's graph constructors, shapes only: each mirrors the function of the same name (`mulMat` = `ggml_mul_mat`) in the order of
 * its sources, the type and shape of its result, and whether that is a view. Source: ggml/src/ggml.c of llama.cpp v0.5.0.
 * Parameters that change no size (epsilons, frequencies, offsets of views) are left out. Long because ggml has many operators;
 * every one is a line or three.
 */

import { rowBytes, type TensorType } from "../../facts/tensor-type.ts";
import type { Bytes } from "../../units.ts";
import { Node, type Op } from "./node.ts";

function result(op: Op, type: TensorType, ne0: number, ne1: number, ne2: number, ne3: number, sources: Node[]): Node {
  return new Node(op, type, ne0, ne1, ne2, ne3, sources, undefined);
}

/** same shape and type as `a`, contiguous (`ggml_dup_tensor`) */
function like(op: Op, a: Node, sources: Node[]): Node {
  return new Node(op, a.type, a.ne0, a.ne1, a.ne2, a.ne3, sources, undefined);
}

/** a view with `a`'s shape and strides (`ggml_view_tensor`): how in-place operators return */
function over(op: Op, a: Node, sources: Node[]): Node {
  const node = new Node(op, a.type, a.ne0, a.ne1, a.ne2, a.ne3, sources, a);
  node.nb0 = a.nb0;
  node.nb1 = a.nb1;
  node.nb2 = a.nb2;
  node.nb3 = a.nb3;
  return node;
}

function present(...sources: (Node | undefined)[]): Node[] {
  const list: Node[] = [];
  for (const source of sources) if (source !== undefined) list.push(source);
  return list;
}

// --- leaves ---

/** A leaf without flags (`ggml_new_tensor`). */
export function newTensor(type: TensorType, ne0: number, ne1 = 1, ne2 = 1, ne3 = 1): Node {
  return result("none", type, ne0, ne1, ne2, ne3, []);
}

/** A graph input (`ggml_set_input`): allocated before everything else, on the host. */
export function inputTensor(type: TensorType, ne0: number, ne1 = 1, ne2 = 1, ne3 = 1): Node {
  const node = newTensor(type, ne0, ne1, ne2, ne3);
  node.input = true;
  return node;
}

/** A tensor in a buffer of its own on `device`: `weight` true for model weights, false for caches and recurrent state. */
export function storedTensor(
  type: TensorType,
  device: number,
  weight: boolean,
  ne0: number,
  ne1 = 1,
  ne2 = 1,
  ne3 = 1,
): Node {
  const node = newTensor(type, ne0, ne1, ne2, ne3);
  node.device = device;
  node.weight = weight;
  return node;
}

export function setOutput(node: Node): Node {
  node.output = true;
  return node;
}

export function elementCount(a: Node): number {
  return a.ne0 * a.ne1 * a.ne2 * a.ne3;
}

/** Bytes of one element (`ggml_element_size`); of a row of `width` elements of `a`'s type (`ggml_row_size`). */
export function elementSize(a: Node): Bytes {
  return a.nb0;
}

export function rowSize(a: Node, width: number): Bytes {
  return rowBytes(a.type, width);
}

// --- views ---

export function view1d(a: Node, ne0: number): Node {
  return new Node("view", a.type, ne0, 1, 1, 1, [a], a);
}

export function view2d(a: Node, ne0: number, ne1: number, nb1: Bytes): Node {
  const node = new Node("view", a.type, ne0, ne1, 1, 1, [a], a);
  node.nb1 = nb1;
  node.nb2 = nb1 * ne1;
  node.nb3 = node.nb2;
  return node;
}

export function view3d(a: Node, ne0: number, ne1: number, ne2: number, nb1: Bytes, nb2: Bytes): Node {
  const node = new Node("view", a.type, ne0, ne1, ne2, 1, [a], a);
  node.nb1 = nb1;
  node.nb2 = nb2;
  node.nb3 = nb2 * ne2;
  return node;
}

export function view4d(
  a: Node,
  ne0: number,
  ne1: number,
  ne2: number,
  ne3: number,
  nb1: Bytes,
  nb2: Bytes,
  nb3: Bytes,
): Node {
  const node = new Node("view", a.type, ne0, ne1, ne2, ne3, [a], a);
  node.nb1 = nb1;
  node.nb2 = nb2;
  node.nb3 = nb3;
  return node;
}

/** `ggml_reshape_1d … _4d`: missing extents are 1. */
export function reshape(a: Node, ne0: number, ne1 = 1, ne2 = 1, ne3 = 1): Node {
  return new Node("reshape", a.type, ne0, ne1, ne2, ne3, [a], a);
}

/** Axis `i` of `a` becomes axis `axis_i` of the result, as in `ggml_permute`. */
export function permute(a: Node, axis0: number, axis1: number, axis2: number, axis3: number): Node {
  const node = over("permute", a, [a]);
  const move = (axis: number, ne: number, nb: Bytes): void => {
    if (axis === 0) {
      node.ne0 = ne;
      node.nb0 = nb;
    } else if (axis === 1) {
      node.ne1 = ne;
      node.nb1 = nb;
    } else if (axis === 2) {
      node.ne2 = ne;
      node.nb2 = nb;
    } else {
      node.ne3 = ne;
      node.nb3 = nb;
    }
  };
  move(axis0, a.ne0, a.nb0);
  move(axis1, a.ne1, a.nb1);
  move(axis2, a.ne2, a.nb2);
  move(axis3, a.ne3, a.nb3);
  return node;
}

export function transpose(a: Node): Node {
  const node = over("transpose", a, [a]);
  node.ne0 = a.ne1;
  node.ne1 = a.ne0;
  node.nb0 = a.nb1;
  node.nb1 = a.nb0;
  return node;
}

// --- element-wise ---

export function add(a: Node, b: Node): Node {
  return like("add", a, [a, b]);
}

export function addInplace(a: Node, b: Node): Node {
  return over("add", a, [a, b]);
}

export function addId(a: Node, b: Node, ids: Node): Node {
  return like("add_id", a, [a, b, ids]);
}

export function sub(a: Node, b: Node): Node {
  return like("sub", a, [a, b]);
}

export function mul(a: Node, b: Node): Node {
  return like("mul", a, [a, b]);
}

export function div(a: Node, b: Node): Node {
  return like("div", a, [a, b]);
}

/** `ggml_scale` and `ggml_scale_bias`. */
export function scale(a: Node): Node {
  return like("scale", a, [a]);
}

export function scaleInplace(a: Node): Node {
  return over("scale", a, [a]);
}

export function sqr(a: Node): Node {
  return like("sqr", a, [a]);
}

export function sqrt(a: Node): Node {
  return like("sqrt", a, [a]);
}

/** Every `ggml_unary` operator is one shape: silu, gelu, relu, sigmoid, tanh, softplus, exp, neg, xielu … */
export function unary(a: Node): Node {
  return like("unary", a, [a]);
}

export {
  unary as silu,
  unary as gelu,
  unary as relu,
  unary as sigmoid,
  unary as tanh,
  unary as softplus,
  unary as exp,
  unary as neg,
  unary as abs,
  unary as xielu,
};

export function clamp(a: Node): Node {
  return like("clamp", a, [a]);
}

export function fill(a: Node): Node {
  return like("fill", a, [a]);
}

/** Gated unit of one tensor that holds both halves (`ggml_swiglu`, `ggml_geglu` …). */
export function glu(a: Node): Node {
  return result("glu", a.type, a.ne0 / 2, a.ne1, a.ne2, a.ne3, [a]);
}

/** Gated unit of two tensors: `ggml_swiglu_split`, `ggml_geglu_split`, `ggml_swiglu_oai` … */
export function gluSplit(a: Node, b: Node): Node {
  return like("glu", a, [a, b]);
}

export { gluSplit as swigluSplit, gluSplit as gegluSplit, gluSplit as regluSplit, gluSplit as swigluOai };

// --- norms, softmax, rope ---

export function rmsNorm(a: Node): Node {
  return like("rms_norm", a, [a]);
}

export function norm(a: Node): Node {
  return like("norm", a, [a]);
}

export function groupNorm(a: Node): Node {
  return like("group_norm", a, [a]);
}

export function l2Norm(a: Node): Node {
  return like("l2_norm", a, [a]);
}

export function softMax(a: Node): Node {
  return like("soft_max", a, [a]);
}

export function softMaxExt(a: Node, mask: Node | undefined, sinks?: Node): Node {
  return like("soft_max", a, present(a, mask, sinks));
}

/** `ggml_rope_ext` and `ggml_rope_multi`: `factors` are the optional frequency factors. */
export function ropeExt(a: Node, positions: Node, factors?: Node): Node {
  return like("rope", a, present(a, positions, factors));
}

export { ropeExt as ropeMulti };

// --- matrices ---

export function mulMat(a: Node, b: Node): Node {
  return result("mul_mat", "f32", a.ne1, b.ne1, b.ne2, b.ne3, [a, b]);
}

export function mulMatId(experts: Node, b: Node, ids: Node): Node {
  return result("mul_mat_id", "f32", experts.ne1, ids.ne0, b.ne2, 1, [experts, b, ids]);
}

export function flashAttnExt(q: Node, k: Node, v: Node, mask: Node | undefined, sinks?: Node): Node {
  return result("flash_attn_ext", "f32", v.ne0, q.ne2, q.ne1, q.ne3, present(q, k, v, mask, sinks));
}

export function solveTri(a: Node, b: Node): Node {
  return result("solve_tri", "f32", b.ne0, b.ne1, b.ne2, b.ne3, [a, b]);
}

// --- moving data ---

export function getRows(a: Node, ids: Node): Node {
  return result("get_rows", a.type === "i32" ? "i32" : "f32", a.ne0, ids.ne0, ids.ne1, ids.ne2, [a, ids]);
}

/** Writes rows `b` at `ids` of `a`; the result is a view of `a`, which ggml keeps as the last source. */
export function setRows(a: Node, b: Node, ids: Node): Node {
  return over("set_rows", a, [b, ids, a]);
}

/** Copies `a` into `b`; the result is a view of `b`. */
export function cpy(a: Node, b: Node): Node {
  return over("cpy", b, [a, b]);
}

/** A copy of another type; ggml makes the result a source of itself. */
export function cast(a: Node, type: TensorType): Node {
  const node = result("cpy", type, a.ne0, a.ne1, a.ne2, a.ne3, [a]);
  node.sources.push(node);
  return node;
}

export function dup(a: Node): Node {
  return like("dup", a, [a]);
}

/** `ggml_cont`, and `ggml_cont_1d … _4d` when extents are given. */
export function cont(a: Node, ne0?: number, ne1 = 1, ne2 = 1, ne3 = 1): Node {
  if (ne0 === undefined) return like("cont", a, [a]);
  return result("cont", a.type, ne0, ne1, ne2, ne3, [a]);
}

export { cont as cont2d, cont as cont3d, cont as cont4d };

export function set(a: Node, b: Node): Node {
  return like("set", a, [a, b]);
}

/** `a` repeated to `b`'s shape. */
export function repeat(a: Node, b: Node): Node {
  return result("repeat", a.type, b.ne0, b.ne1, b.ne2, b.ne3, [a]);
}

export function repeat4d(a: Node, ne0: number, ne1: number, ne2: number, ne3: number): Node {
  return result("repeat", a.type, ne0, ne1, ne2, ne3, [a]);
}

export function concat(a: Node, b: Node, axis: number): Node {
  return result(
    "concat",
    a.type,
    axis === 0 ? a.ne0 + b.ne0 : a.ne0,
    axis === 1 ? a.ne1 + b.ne1 : a.ne1,
    axis === 2 ? a.ne2 + b.ne2 : a.ne2,
    axis === 3 ? a.ne3 + b.ne3 : a.ne3,
    [a, b],
  );
}

/** `ggml_pad`: extents added at the end of each axis (`ggml_pad_ext`: sum of both ends). */
export function pad(a: Node, add0: number, add1 = 0, add2 = 0, add3 = 0): Node {
  return result("pad", a.type, a.ne0 + add0, a.ne1 + add1, a.ne2 + add2, a.ne3 + add3, [a]);
}

// --- reductions, sorting, triangles ---

export function sumRows(a: Node): Node {
  return result("sum_rows", a.type, 1, a.ne1, a.ne2, a.ne3, [a]);
}

export function mean(a: Node): Node {
  return result("mean", "f32", 1, a.ne1, a.ne2, a.ne3, [a]);
}

export function argsort(a: Node): Node {
  return result("argsort", "i32", a.ne0, a.ne1, a.ne2, a.ne3, [a]);
}

/** A view of the first `k` of a full sort. */
export function argsortTopK(a: Node, k: number): Node {
  const sorted = argsort(a);
  return view4d(sorted, k, sorted.ne1, sorted.ne2, sorted.ne3, sorted.nb1, sorted.nb2, sorted.nb3);
}

export function topK(a: Node, k: number): Node {
  return result("top_k", "i32", k, a.ne1, a.ne2, a.ne3, [a]);
}

export function cumsum(a: Node): Node {
  return like("cumsum", a, [a]);
}

export function tri(a: Node): Node {
  return like("tri", a, [a]);
}

export function diag(a: Node): Node {
  return result("diag", a.type, a.ne0, a.ne0, a.ne2, a.ne3, [a]);
}

/** A node without sources that computes `count` values. */
export function arange(count: number): Node {
  return result("arange", "f32", count, 1, 1, 1, []);
}

// --- recurrent state ---

export function ssmConv(sx: Node, c: Node): Node {
  return result("ssm_conv", "f32", c.ne1, sx.ne0 - c.ne0 + 1, sx.ne2, 1, [sx, c]);
}

/** Output and new states in one tensor; `snapshots` states are kept per sequence. */
export function ssmScan(s: Node, x: Node, dt: Node, a: Node, b: Node, c: Node, ids: Node, snapshots = 1): Node {
  const count = elementCount(x) + snapshots * s.ne0 * s.ne1 * s.ne2 * ids.ne0;
  return result("ssm_scan", "f32", count, 1, 1, 1, [s, x, dt, a, b, c, ids]);
}

function withState(op: Op, k: Node, state: Node, sources: Node[]): Node {
  return result(op, "f32", k.ne0 * k.ne1, k.ne2 + k.ne0 * state.ne1, 1, 1, sources);
}

export function rwkvWkv6(k: Node, v: Node, r: Node, tf: Node, td: Node, state: Node): Node {
  return withState("rwkv_wkv6", k, state, [k, v, r, tf, td, state]);
}

export function rwkvWkv7(r: Node, w: Node, k: Node, v: Node, a: Node, b: Node, state: Node): Node {
  return withState("rwkv_wkv7", k, state, [r, w, k, v, a, b, state]);
}

export function gatedLinearAttn(k: Node, v: Node, q: Node, g: Node, state: Node): Node {
  return withState("gated_linear_attn", k, state, [k, v, q, g, state]);
}

export function gatedDeltaNet(q: Node, k: Node, v: Node, g: Node, beta: Node, state: Node, snapshots = 1): Node {
  const rows = v.ne2 * v.ne3 + snapshots * v.ne0 * v.ne3;
  return result("gated_delta_net", "f32", v.ne0 * v.ne1, rows, 1, 1, [q, k, v, g, beta, state]);
}

// --- sparse attention and hyper-connections ---

export function lightningIndexer(q: Node, k: Node, weights: Node, mask: Node): Node {
  return result("lightning_indexer", "f32", k.ne2, q.ne2, 1, q.ne3, [q, k, weights, mask]);
}

/** `streams` = hc where mixes are (2 + hc)·hc wide. */
export function hyperConnectionComb(mixes: Node, scales: Node, base: Node, streams: number): Node {
  return result("hyper_connection_comb", "f32", streams, streams, mixes.ne1, 1, [mixes, scales, base]);
}

export function hyperConnectionPre(x: Node, weights: Node): Node {
  return result("hyper_connection_pre", "f32", x.ne0, x.ne2, 1, 1, [x, weights]);
}

export function hyperConnectionPost(x: Node, residual: Node, post: Node, comb?: Node): Node {
  return result("hyper_connection_post", "f32", x.ne0, residual.ne1, x.ne1, 1, present(x, residual, post, comb));
}

// --- anything else ---

/** An operator this file does not name: its result's type, shape and sources in ggml's order. */
export function custom(op: Op, type: TensorType, shape: readonly number[], sources: Node[]): Node {
  return result(op, type, shape[0] ?? 1, shape[1] ?? 1, shape[2] ?? 1, shape[3] ?? 1, sources);
}
