/**
 * Multi-head latent attention: queries and keys in a rotated and an unrotated part, keys and values unfolded from a latent
 * vector; or, where the file holds the absorbed matrices, attention over the latent vector itself, K alone being cached.
 * Source: llama.cpp v0.5.0 src/models/deepseek2.cpp:520-660, minicpm3.cpp:90-190, kimi-linear.cpp:330-430;
 * `build_attn` for `llm_graph_input_attn_k`, llama-graph.cpp:2955-3011.
 */
import { HOST } from "../../facts/placement.ts";
import { type AttentionInput, attend, cachedAttention } from "./attention.ts";
import type { Build, LayerSite } from "./builder.ts";
import * as g from "./ggml.ts";
import { inputMask } from "./inputs.ts";
import type { Node } from "./node.ts";

/** Widths per head before absorption, and of the latent vector. */
export interface LatentDims {
  readonly heads: number;
  readonly rank: number;
  readonly rope: number;
  readonly nope: number;
  readonly value: number;
}

/** From the MLA keys, or from the plain head widths where a model caches unfolded keys and values. */
export function latentDims(build: Build, site: LayerSite): LatentDims {
  const { latent } = build.hyper;
  const { headCount, keyDim, valueDim } = site.facts;
  const rope = latent?.ropeDim ?? build.count("rope.dimension_count");
  return {
    heads: headCount,
    rank: latent?.kvRank ?? build.count("attention.kv_lora_rank"),
    rope,
    nope: (latent?.keyDim ?? keyDim) - rope,
    value: latent?.valueDim ?? valueDim,
  };
}

/** Inputs of a cache that holds K alone. */
export interface LatentInput {
  readonly rows: Node;
  readonly mask: Node;
}

/** `build_attn_inp_k`. */
export function latentInput(build: Build): LatentInput {
  return { rows: g.inputTensor("i64", build.batch.tokens), mask: inputMask(build, build.shape.cells) };
}

/** Queries through their own low-rank pair where the file has one. */
export function latentQueries({ weights }: LayerSite, x: Node): Node {
  if (weights.has("attn_q.weight")) return weights.mulMat("attn_q", x);
  return weights.mulMat("attn_q_b", weights.rmsNorm("attn_q_a_norm", weights.mulMat("attn_q_a", x)));
}

/** The joint projection cut into the latent vector and the rotated part that all heads share. */
export function splitLatent(both: Node, { rank, rope }: LatentDims): { readonly latent: Node; readonly shared: Node } {
  return {
    latent: g.view2d(both, rank, both.ne1, both.nb1),
    shared: g.view3d(both, rope, 1, both.ne1, both.nb1, both.nb1),
  };
}

/** One part of every head's columns. */
export function headPart(x: Node, width: number, heads: number, tokens: number, stride: number): Node {
  return g.view3d(x, width, heads, tokens, stride * 4, stride * 4 * heads);
}

/**
 * Attention over the latent vector: queries are absorbed, results unfolded by `attn_v_b`. `mask` where not every
 * cached token counts; `output` undefined: the caller applies the last matrix itself.
 */
export function absorbedAttention(
  build: Build,
  site: LayerSite,
  input: LatentInput,
  parts: {
    readonly q: Node;
    readonly latent: Node;
    readonly shared: Node;
    readonly temperature?: Node | undefined;
    readonly mask?: Node;
  },
  rotate: (x: Node) => Node,
  options: { readonly output?: undefined } = {},
): Node {
  const { tokens } = build.batch;
  const dims = latentDims(build, site);
  const { heads, rank, rope, nope } = dims;
  const unrotated = g.permute(headPart(parts.q, nope, heads, tokens, nope + rope), 0, 2, 1, 3);
  const rotated = rotate(headPart(parts.q, rope, heads, tokens, nope + rope));
  const absorbed = g.permute(g.mulMat(site.weights.need("attn_k_b.weight"), unrotated), 0, 2, 1, 3);
  const joined = g.concat(absorbed, rotated, 0);
  const values = g.reshape(parts.latent, rank, 1, tokens);
  const keys = g.concat(values, parts.shared, 0);
  const queries = parts.temperature === undefined ? joined : g.mul(joined, parts.temperature);
  return keyOnlyAttention(
    build,
    site,
    { ...input, mask: parts.mask ?? input.mask },
    queries,
    keys,
    values,
    "output" in options,
  );
}

function keyOnlyAttention(
  build: Build,
  site: LayerSite,
  input: LatentInput,
  q: Node,
  k: Node,
  v: Node,
  open: boolean,
): Node {
  const { graph, run, shape, placement } = build;
  for (const node of [q, v, k]) graph.expand(node);
  const device = placement.cacheDevices[site.index] ?? HOST;
  const width = k.ne0 * k.ne1;
  const cache = build.stored(`k${site.index}`, () =>
    g.storedTensor(run.cacheTypeK, device, false, width, shape.cells, shape.streams),
  );
  const rows = shape.streams > 1 ? g.reshape(cache, width, cache.ne1 * cache.ne2) : cache;
  graph.expand(g.setRows(rows, g.view2d(k, width, k.ne2, k.nb2), input.rows));
  const keys = g.view4d(cache, k.ne0, k.ne1, cache.ne1, cache.ne2, g.rowSize(cache, k.ne0), cache.nb1, cache.nb2);
  const values = g.view4d(keys, v.ne0, keys.ne1, keys.ne2, keys.ne3, keys.nb1, keys.nb2, keys.nb3);
  const sinks = site.weights.find("attn_sinks.weight");
  const latentValue = site.weights.need("attn_v_b.weight");
  const cur = attend(build, q, keys, values, input.mask, {
    latentValue,
    layer: site.index,
    ...(sinks ? { sinks } : {}),
  });
  return open ? cur : site.weights.linear("attn_output", cur);
}

/** Attention over unfolded keys and values. `q` is [keys of a head, heads, tokens] and rotated already, `shared` too. */
export function unfoldedAttention(
  build: Build,
  site: LayerSite,
  input: AttentionInput,
  parts: { readonly q: Node; readonly latent: Node; readonly shared: Node },
  options: { readonly rotatedFirst?: boolean } = {},
): Node {
  const { tokens } = build.batch;
  const { heads, nope, value, rope } = latentDims(build, site);
  const kv = site.weights.mulMat("attn_kv_b", parts.latent);
  const unrotated = headPart(kv, nope, heads, tokens, nope + value);
  const v = g.cont(headPart(kv, value, heads, tokens, nope + value));
  const rotated = g.repeat4d(parts.shared, rope, heads, tokens, 1);
  const k = options.rotatedFirst ? g.concat(rotated, unrotated, 0) : g.concat(unrotated, rotated, 0);
  return cachedAttention(build, site, input, { q: parts.q, k, v });
}
