/**
 * Block-sparse attention (MiniMax-M3): an indexer with one head per K/V head scores cached tokens, scores are pooled to blocks,
 * and each group of heads attends to its best blocks only. Source: llama.cpp v0.5.0 src/models/minimax-m3.cpp:176-500 (batches;
 * single tokens gather their blocks instead), src/llama-kv-cache-msa.cpp:262-274.
 */
import { HOST } from "../../facts/placement.ts";
import { type AttentionInput, type Projections, rotate } from "./attention.ts";
import type { Build, LayerSite } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";

/** Positions are padded to this many; an empty cache has none, and that is what graphs are reserved for. */
const RESERVED_POSITIONS = 256;

export interface BlockInput {
  readonly attention: AttentionInput;
  /** rows of the indexer's cache */
  readonly rows: Node;
  readonly blockBias: Node;
  readonly positionMask: Node;
  readonly positionCells: Node;
  readonly cellBlocks: Node;
  /** the cache's mask in f32 */
  readonly mask: Node;
  readonly positionCount: number;
  readonly blockCount: number;
}

/** undefined where the engine falls back to dense attention: without fused attention, or with slots that share one cache. */
export function blockInput(build: Build, attention: AttentionInput): BlockInput | undefined {
  const { run, batch, shape } = build;
  const mask = attention.full?.mask;
  if (!build.fusedAttention || (run.sequences > 1 && run.unifiedCache) || mask === undefined) return undefined;
  const block = build.count("attention.indexer.block_size");
  const positionCount = Math.ceil(RESERVED_POSITIONS / block) * block;
  const blockCount = positionCount / block;
  return {
    attention,
    rows: g.inputTensor("i64", batch.tokens),
    blockBias: g.inputTensor("f32", blockCount, batch.tokens),
    positionMask: g.inputTensor("f32", positionCount, batch.tokens),
    positionCells: g.inputTensor("i32", positionCount, shape.streams),
    cellBlocks: g.inputTensor("i32", shape.cells, shape.streams),
    mask: g.cast(mask, "f32"),
    positionCount,
    blockCount,
  };
}

/** One layer's attention, its last matrix included. `x`: the layer's normed input. */
export function blockAttention(
  build: Build,
  site: LayerSite,
  input: BlockInput,
  x: Node,
  parts: Projections,
  positions: Node,
): Node {
  const { graph, batch, shape } = build;
  const { weights, facts } = site;
  const heads = build.count("attention.indexer.head_count");
  const width = build.count("attention.indexer.key_length");
  const indexed = (name: string, count: number): Node => {
    const projected = g.reshape(weights.mulMat(`indexer.${name}_proj`, x), width, count, batch.tokens);
    return g.ropeExt(weights.rmsNorm(`indexer.${name}_norm`, projected), positions);
  };
  const queries = indexed("q", heads);
  const keys = indexed("k", 1);
  const device = build.placement.cacheDevices[site.index] ?? HOST;
  const indexCache = build.stored(`i${site.index}`, () =>
    g.storedTensor(build.run.cacheTypeK, device, false, width, shape.cells, shape.streams),
  );
  store(build, indexCache, keys, input.rows);

  const own = input.attention.full;
  if (own === undefined) throw new RangeError("a layer's cache has no input");
  const q = own.keyRotation ? rotate(parts.q, own.keyRotation) : parts.q;
  const k = own.keyRotation ? rotate(parts.k, own.keyRotation) : parts.k;
  const v = own.valueRotation ? rotate(parts.v, own.valueRotation) : parts.v;
  for (const node of [q, k, v]) graph.expand(node);
  const cache = build.cache(facts);
  store(build, cache.k, k, own.keyRows);
  store(build, cache.v, v, own.valueRows);
  const headsOf = (stored: Node, size: number, count: number): Node =>
    g.view4d(stored, size, count, stored.ne1, stored.ne2, g.rowSize(stored, size), stored.nb1, stored.nb2);
  const cached = {
    index: headsOf(indexCache, width, 1),
    k: headsOf(cache.k, facts.keyDim, facts.kvHeadCount),
    v: headsOf(cache.v, facts.valueDim, facts.kvHeadCount),
  };
  let cur: Node | undefined;
  for (let stream = 0; stream < shape.streams; stream++) {
    const part = streamAttention(build, site, input, q, queries, cached, heads);
    cur = cur === undefined ? part : g.concat(cur, part, 1);
  }
  if (cur === undefined) throw new RangeError("a cache has no stream");
  if (own.valueRotation) cur = rotate(cur, own.valueRotation);
  return weights.mulMat("attn_output", cur);
}

function store({ graph, shape }: Build, cache: Node, x: Node, rows: Node): void {
  const width = x.ne0 * x.ne1;
  const whole = shape.streams > 1 ? g.reshape(cache, width, cache.ne1 * cache.ne2) : cache;
  graph.expand(g.setRows(whole, g.view2d(x, width, x.ne2, x.nb2), rows));
}

interface CachedHeads {
  readonly index: Node;
  readonly k: Node;
  readonly v: Node;
}

/** Tokens of one stream: block scores, the mask they make, and fused attention with a channel per K/V head. */
function streamAttention(
  build: Build,
  site: LayerSite,
  input: BlockInput,
  q: Node,
  indexQueries: Node,
  cached: CachedHeads,
  heads: number,
): Node {
  const { keyDim, headCount, kvHeadCount, valueDim } = site.facts;
  const { positionCount, blockCount } = input;
  const cells = build.shape.cells;
  const tokens = build.batch.tokens / build.shape.streams;
  const width = indexQueries.ne0;
  const ownQueries = g.view3d(indexQueries, width, heads, tokens, indexQueries.nb1, indexQueries.nb2);
  const ownKeys = g.view2d(cached.index, width, cells, cached.index.nb2);
  const placed = g.getRows(ownKeys, g.view1d(input.positionCells, positionCount));
  const flat = g.reshape(g.mulMat(placed, g.reshape(ownQueries, width, heads * tokens)), positionCount, heads, tokens);
  const { positionMask, blockBias } = input;
  const scores = g.addInplace(
    flat,
    g.view3d(positionMask, positionCount, 1, tokens, positionMask.nb1, positionMask.nb1),
  );
  const pooled = g.custom("pool_2d", "f32", [blockCount, heads, tokens], [scores]);
  const bias = g.view3d(blockBias, blockCount, 1, tokens, blockBias.nb1, blockBias.nb1);
  const chosenCount = Math.min(build.count("attention.indexer.top_k"), blockCount);
  const chosen = g.topK(g.add(pooled, bias), chosenCount);
  const hidden = g.repeat4d(g.cast(g.scale(bias), "f16"), blockCount, heads, tokens, 1);
  const zeros = g.scale(g.cast(chosen, "f32"));
  const shown = g.setRows(
    g.reshape(hidden, 1, blockCount, heads * tokens),
    g.reshape(zeros, 1, chosenCount, heads * tokens),
    g.reshape(chosen, chosenCount, heads * tokens),
  );
  const byHead = g.cont(g.permute(g.reshape(shown, blockCount, heads, tokens), 0, 2, 1, 3));
  const blocks = g.cont(g.transpose(g.reshape(byHead, blockCount, tokens * heads)));
  const spread = g.getRows(blocks, g.view1d(input.cellBlocks, cells));
  const perCell = g.reshape(g.cont(g.transpose(spread)), cells, tokens, heads);
  const { mask } = input;
  const both = g.addInplace(perCell, g.view3d(mask, cells, tokens, 1, mask.nb1, mask.nb3));
  const masks = g.cast(g.reshape(both, cells, tokens, 1, heads), "f16");

  const own = (x: Node, size: number): Node => g.view4d(x, size, kvHeadCount, cells, 1, x.nb1, x.nb2, x.nb3);
  const keys = g.permute(own(cached.k, keyDim), 0, 3, 1, 2);
  const values = g.permute(own(cached.v, valueDim), 0, 3, 1, 2);
  const queries = g.view3d(q, keyDim, headCount, tokens, q.nb1, q.nb2);
  const grouped = g.permute(g.reshape(queries, keyDim, headCount / kvHeadCount, kvHeadCount, tokens), 0, 2, 3, 1);
  const attended = g.permute(g.flashAttnExt(grouped, keys, values, masks), 0, 1, 3, 2);
  return g.reshape(g.cont(attended), keyDim * headCount, tokens);
}
