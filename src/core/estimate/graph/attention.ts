/** Attention over a cache or over the batch itself. Source: `build_qkv`, `build_attn`, `build_attn_mha`, llama-graph.cpp:1580-3300 (llama.cpp v0.5.0). */
import type { LayerFacts } from "../../facts/model.ts";
import type { Build, LayerSite } from "./builder.ts";
import * as g from "./ggml.ts";
import { type CacheInput, cacheInput } from "./inputs.ts";
import type { Node } from "./node.ts";
import type { NormKind, Weights } from "./weights.ts";

export interface Projections {
  readonly q: Node;
  readonly k: Node;
  readonly v: Node;
}

export interface ProjectionOptions {
  /** clamps each projection (`attention.clamp_kqv`) */
  readonly clamped?: boolean;
  /** Q and K normed before they are cut into heads (`reshape` false) */
  readonly normed?: NormKind;
}

/** `build_qkv`: fused or separate projections with whatever biases the file has, one head a row. */
export function projections(build: Build, site: LayerSite, x: Node, options: ProjectionOptions = {}): Projections {
  const { weights } = site;
  if (options.normed !== undefined) return normedWhole(build, site, flatProjections(build, site, x), options.normed);
  if (weights.has("attn_qkv.weight")) return fusedHeads(build, site, fused(weights, x, options));
  const clamped = (cur: Node): Node => (options.clamped ? g.clamp(cur) : cur);
  return inHeads(build, site, {
    q: clamped(weights.linear("attn_q", x)),
    k: clamped(weights.linear("attn_k", x)),
    v: clamped(weights.linear("attn_v", x)),
  });
}

function inHeads({ batch }: Build, { facts }: LayerSite, { q, k, v }: Projections): Projections {
  return {
    q: g.reshape(q, facts.keyDim, facts.headCount, batch.tokens),
    k: g.reshape(k, facts.keyDim, facts.kvHeadCount, batch.tokens),
    v: g.reshape(v, facts.valueDim, facts.kvHeadCount, batch.tokens),
  };
}

function fused(weights: Weights, x: Node, options: ProjectionOptions): Node {
  let cur = weights.linear("attn_qkv", x);
  const [qBias, kBias, vBias] = ["attn_q.bias", "attn_k.bias", "attn_v.bias"].map((name) => weights.find(name));
  if (!weights.has("attn_qkv.bias") && qBias && kBias && vBias)
    cur = g.add(cur, g.concat(g.concat(qBias, kBias, 0), vBias, 0));
  return options.clamped ? g.clamp(cur) : cur;
}

function fusedHeads({ batch }: Build, { facts }: LayerSite, cur: Node): Projections {
  const { headCount, kvHeadCount, keyDim, valueDim } = facts;
  const head = (size: number, heads: number): Node =>
    g.view3d(cur, size, heads, batch.tokens, g.rowSize(cur, size), cur.nb1);
  return { q: head(keyDim, headCount), k: head(keyDim, kvHeadCount), v: head(valueDim, kvHeadCount) };
}

/** Not yet cut into heads; a fused projection is copied apart. */
function flatProjections({ batch }: Build, { facts, weights }: LayerSite, x: Node): Projections {
  if (!weights.has("attn_qkv.weight"))
    return { q: weights.linear("attn_q", x), k: weights.linear("attn_k", x), v: weights.linear("attn_v", x) };
  const cur = fused(weights, x, {});
  const part = (width: number): Node => g.cont(g.view2d(cur, width, batch.tokens, cur.nb1));
  const { headCount, kvHeadCount, keyDim, valueDim } = facts;
  return { q: part(keyDim * headCount), k: part(keyDim * kvHeadCount), v: part(valueDim * kvHeadCount) };
}

function normedWhole(build: Build, site: LayerSite, { q, k, v }: Projections, kind: NormKind): Projections {
  const norm = (stem: string, x: Node): Node =>
    site.weights.has(`${stem}.weight`) ? site.weights.norm(stem, x, kind) : x;
  return inHeads(build, site, { q: norm("attn_q_norm", q), k: norm("attn_k_norm", k), v });
}

/** What a layer's attention reads beside its projections. */
export interface AttentionParts {
  /** added to the scores (position bias); switches the fused operator off */
  readonly bias?: Node;
  readonly sinks?: Node;
  /** score caps (`attn_logit_softcapping`), computed step by step without flash attention */
  readonly softCapped?: boolean;
  /** Grok caps in its own way */
  readonly tanhCapped?: boolean;
  /** unfolds a latent V after attention */
  readonly latentValue?: Node;
  /** index of the layer, to see where its attention will run */
  readonly layer?: number;
}

/** `build_attn_mha`. */
export function attend(build: Build, q: Node, k: Node, v: Node, mask: Node, parts: AttentionParts = {}): Node {
  const transposed = v.nb1 > v.nb2;
  const streams = k.ne3;
  const queries = g.permute(
    g.view4d(q, q.ne0, q.ne1, q.ne2 / streams, streams, q.nb1, q.nb2, q.nb3 / streams),
    0,
    2,
    1,
    3,
  );
  const keys = g.permute(k, 0, 2, 1, 3);
  const values = g.permute(v, 0, 2, 1, 3);
  const cur =
    build.fusedAttention && parts.bias === undefined
      ? fusedAttention(build, queries, keys, values, mask, transposed, parts)
      : plainAttention(queries, keys, values, mask, transposed, parts);
  build.graph.expand(cur);
  return cur;
}

function fusedAttention(
  build: Build,
  q: Node,
  k: Node,
  v: Node,
  mask: Node,
  transposed: boolean,
  parts: AttentionParts,
): Node {
  let values = transposed ? g.transpose(v) : v;
  const keys = k.type === "f32" ? g.cast(k, "f16") : k;
  if (values.type === "f32") values = g.cast(values, "f16");
  let cur = g.flashAttnExt(q, keys, values, mask, parts.sinks);
  if (parts.layer !== undefined) build.fusedNodes.push({ node: cur, layer: parts.layer });
  if (parts.latentValue) cur = g.cont(g.permute(g.mulMat(parts.latentValue, g.permute(cur, 0, 2, 1, 3)), 0, 2, 1, 3));
  return g.reshape(cur, cur.ne0 * cur.ne1, cur.ne2 * cur.ne3);
}

function plainAttention(q: Node, k: Node, v: Node, mask: Node, transposed: boolean, parts: AttentionParts): Node {
  let scores = g.mulMat(k, q);
  if (parts.tanhCapped) scores = g.scale(g.tanh(g.scale(scores)));
  if (parts.softCapped) scores = g.scale(g.tanh(g.scale(scores)));
  if (parts.bias) scores = g.add(scores, parts.bias);
  scores = g.softMaxExt(scores, mask, parts.sinks);
  const values = transposed ? v : g.cont(g.transpose(v));
  let product = g.mulMat(values, scores);
  if (parts.latentValue) product = g.mulMat(parts.latentValue, product);
  const merged = g.permute(product, 0, 2, 1, 3);
  return g.cont2d(merged, merged.ne0 * merged.ne1, merged.ne2 * merged.ne3);
}

/** The cache inputs of a model: one for layers that see everything, one for those that see a window, where it has such. */
export interface AttentionInput {
  readonly full: CacheInput | undefined;
  readonly window: CacheInput | undefined;
}

/** `build_attn_inp_kv` or `_iswa`. The windowed form makes both inputs, also where no layer uses one of them. */
export function attentionInput(build: Build): AttentionInput {
  const cached = build.hyper.layers.filter(({ hasCache, nextn }) => hasCache && !nextn);
  const windowed = cached.filter(({ windowTokens }) => windowTokens > 0);
  const plain = cached.filter(({ windowTokens }) => windowTokens === 0);
  const full = cacheInput(build, plain, build.shape.cells);
  const first = windowed[0];
  return { full, window: first && cacheInput(build, windowed, build.cellsOf(first)) };
}

/**
 * `build_attn` over a cache: stores K and V, attends, projects. `k` and `v` absent: the layer reads an earlier layer's cache
 * (`source`).
 */
export function cachedAttention(
  build: Build,
  site: LayerSite,
  input: AttentionInput,
  { q, k, v }: { readonly q: Node; readonly k: Node | undefined; readonly v: Node | undefined },
  parts: AttentionParts & { readonly output?: string | undefined; readonly source?: LayerFacts } = {},
): Node {
  const { graph } = build;
  const windowed = site.facts.windowTokens > 0;
  const own = (windowed ? input.window : input.full) ?? input.full;
  if (own === undefined) throw new RangeError("a layer's cache has no input");
  const { keyRotation, valueRotation } = own;
  const queries = keyRotation ? rotate(q, keyRotation) : q;
  const keys = keyRotation && k ? rotate(k, keyRotation) : k;
  const values = valueRotation && v ? rotate(v, valueRotation) : v;
  graph.expand(queries);
  // the windowed form expands K first (llama-graph.cpp:3105-3115), the plain one V (:2878-2880)
  const order = input.window ? [keys, values] : [values, keys];
  for (const node of order) if (node) graph.expand(node);

  const layer = parts.source ?? site.facts;
  const cache = build.cache(layer);
  if (keys) graph.expand(storeKeys(build, cache.k, keys, own.keyRows));
  if (values) graph.expand(storeValues(build, cache.v, values, own.valueRows));
  let cur = attend(build, queries, cachedKeys(cache.k, layer), cachedValues(build, cache.v, layer), own.mask, {
    layer: site.index,
    ...parts,
  });
  if (valueRotation) cur = rotate(cur, valueRotation);
  const output = "output" in parts ? parts.output : "attn_output";
  return output === undefined ? cur : site.weights.linear(output, cur);
}

/** `build_attn_inp_no_cache`: a mask over the batch, and a second one where the model has windows. */
export function batchMasks(build: Build): { readonly full: Node; readonly window: Node | undefined } {
  const { tokens } = build.batch;
  const make = (): Node => g.inputTensor(build.fusedAttention ? "f16" : "f32", tokens, tokens);
  const full = make();
  return { full, window: build.hyper.layers.some(({ windowTokens }) => windowTokens > 0) ? make() : undefined };
}

/** `build_attn` without a cache. */
export function batchAttention(
  build: Build,
  site: LayerSite,
  masks: { readonly full: Node; readonly window: Node | undefined },
  { q, k, v }: Projections,
  parts: AttentionParts & { readonly output?: string | undefined } = {},
): Node {
  for (const node of [q, k, v]) build.graph.expand(node);
  const mask = site.facts.windowTokens > 0 ? (masks.window ?? masks.full) : masks.full;
  const cur = attend(build, q, k, v, mask, { layer: site.index, ...parts });
  const output = "output" in parts ? parts.output : "attn_output";
  return output === undefined ? cur : site.weights.linear(output, cur);
}

/** `llama_mul_mat_hadamard`. */
export function rotate(x: Node, matrix: Node): Node {
  const rows = g.elementCount(x) / matrix.ne0;
  const flat = isContiguous(x) ? g.reshape(x, matrix.ne0, rows) : g.cont2d(x, matrix.ne0, rows);
  return g.reshape(g.mulMat(matrix, flat), x.ne0, x.ne1, x.ne2, x.ne3);
}

/** Strides as ggml would lay the shape out anew (`ggml_is_contiguous`; extents of 1 have no stride to speak of). */
export function isContiguous(x: Node): boolean {
  let stride = x.nb0 * x.ne0;
  if (x.ne1 !== 1 && x.nb1 !== stride) return false;
  stride *= x.ne1;
  if (x.ne2 !== 1 && x.nb2 !== stride) return false;
  stride *= x.ne2;
  return x.ne3 === 1 || x.nb3 === stride;
}

function storeKeys(build: Build, cache: Node, keys: Node, rows: Node): Node {
  const width = keys.ne0 * keys.ne1;
  return g.setRows(wholeCache(build, cache, width), g.view2d(keys, width, keys.ne2, keys.nb2), rows);
}

function storeValues(build: Build, cache: Node, values: Node, rows: Node): Node {
  const width = values.ne0 * values.ne1;
  if (build.run.flashAttention)
    return g.setRows(wholeCache(build, cache, width), g.view2d(values, width, values.ne2, values.nb2), rows);
  let flat =
    g.rowSize(values, width) === values.nb2
      ? g.reshape(values, width, values.ne2)
      : g.cont2d(values, width, values.ne2);
  if (width < cache.ne0) flat = g.pad(flat, cache.ne0 - width);
  return g.setRows(g.reshape(cache, 1, g.elementCount(cache)), g.reshape(flat, 1, g.elementCount(flat)), rows);
}

/** Rows of all streams are numbered together. */
function wholeCache(build: Build, cache: Node, width: number): Node {
  return build.shape.streams > 1 ? g.reshape(cache, width, cache.ne1 * cache.ne2) : cache;
}

function cachedKeys(cache: Node, { keyDim, kvHeadCount }: LayerFacts): Node {
  return g.view4d(cache, keyDim, kvHeadCount, cache.ne1, cache.ne2, g.rowSize(cache, keyDim), cache.nb1, cache.nb2);
}

function cachedValues(build: Build, cache: Node, { valueDim, kvHeadCount }: LayerFacts): Node {
  if (build.run.flashAttention)
    return g.view4d(
      cache,
      valueDim,
      kvHeadCount,
      cache.ne1,
      cache.ne2,
      g.rowSize(cache, valueDim),
      cache.nb1,
      cache.nb2,
    );
  const cells = cache.ne1;
  return g.view4d(
    cache,
    cells,
    kvHeadCount,
    valueDim,
    cache.ne2,
    g.rowSize(cache, cells * valueDim),
    g.rowSize(cache, cells),
    cache.nb2,
  );
}
