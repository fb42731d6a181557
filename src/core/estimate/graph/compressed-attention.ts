/**
 * DeepSeek-V4's attention: a raw window of keys, and beside it keys compressed over 4 tokens (chosen by an indexer) or 128.
 * Keys serve as values. Every sequence has streams of its own, also where the cache is called unified.
 * Source: llama.cpp v0.5.0 src/models/deepseek4.cpp:470-1222, `build_inp_dsv4` llama-graph.cpp:3451-3476,
 * `dsv4_build_reserve_comp_plan` src/llama-kv-cache-dsv4.cpp:842-880.
 */
import { HOST } from "../../facts/placement.ts";
import { windowCells } from "../../facts/run-shape.ts";
import { rowBytes, type TensorType, tensorTypes } from "../../facts/tensor-type.ts";
import { padTo } from "../../units.ts";
import { attend, rotate } from "./attention.ts";
import type { Build, LayerSite } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";
import { maskOf } from "./sparse-attention.ts";

/** Blocks of this many tokens overlap their neighbours; so do the indexer's. */
export const FINE_RATIO = 4;
const CELL_PADDING_TOKENS = 256;

/** One compressed cache: keys of a layer, or of its indexer. */
interface Compressor {
  readonly ratio: number;
  readonly width: number;
  readonly blockCount: number;
  readonly cells: number;
  readonly stateRows: number;
  readonly statePositions: Node;
  readonly persistSources: Node;
  readonly persistTargets: Node;
  readonly readRows: Node;
  readonly writeRows: Node;
  readonly writePositions: Node;
  readonly mask: Node;
  readonly rotation: Node | undefined;
}

export interface CompressedInput {
  readonly rows: Node;
  readonly mask: Node;
  readonly rotation: Node | undefined;
  readonly fine: Compressor;
  readonly coarse: Compressor;
  readonly indexer: Compressor;
}

function overlaps(ratio: number): 1 | 2 {
  return ratio === FINE_RATIO ? 2 : 1;
}

function rotationOf(width: number, needed: boolean): Node | undefined {
  if (!needed || width % 64 !== 0) return undefined;
  let rows = 64;
  while (width % (rows * 2) === 0) rows *= 2;
  return g.inputTensor("f32", rows, rows);
}

function compressor(
  build: Build,
  ratio: number,
  width: number,
  maskType: TensorType,
  alwaysRotated: boolean,
): Compressor {
  const { batch, run, shape } = build;
  const { tokens, sequences } = batch;
  const streams = run.sequences;
  const overlap = overlaps(ratio);
  const blockCount = Math.floor(tokens / ratio) + sequences;
  const stateRows = overlap * ratio * streams;
  const persistCount = Math.min(tokens, stateRows);
  const cells = padTo(Math.max(1, Math.ceil(shape.cells / ratio)), CELL_PADDING_TOKENS);
  return {
    ratio,
    width,
    blockCount,
    cells,
    stateRows,
    statePositions: g.inputTensor("i32", tokens),
    persistSources: g.inputTensor("i32", persistCount),
    persistTargets: g.inputTensor("i32", persistCount),
    readRows: g.inputTensor("i32", overlap * ratio * blockCount),
    writeRows: g.inputTensor("i64", blockCount),
    writePositions: g.inputTensor("i32", blockCount),
    mask: g.inputTensor(maskType, cells, tokens / streams, 1, streams),
    rotation: rotationOf(width, alwaysRotated || tensorTypes[run.cacheTypeK].blockWeights > 1),
  };
}

export function compressedInput(build: Build): CompressedInput {
  const { batch, run } = build;
  const width = build.count("attention.key_length");
  const maskType = build.fusedAttention ? "f16" : "f32";
  return {
    rows: g.inputTensor("i64", batch.tokens),
    mask: g.inputTensor(maskType, windowedCells(build), batch.tokens / run.sequences, 1, run.sequences),
    rotation: rotationOf(width, tensorTypes[run.cacheTypeK].blockWeights > 1),
    fine: compressor(build, FINE_RATIO, width, maskType, false),
    coarse: compressor(build, 128, width, maskType, false),
    indexer: compressor(build, FINE_RATIO, build.count("attention.indexer.key_length"), "f16", true),
  };
}

function windowedCells(build: Build): number {
  return windowCells({ ...build.run, unifiedCache: false }, build.shape, build.count("attention.sliding_window"));
}

/** A cache of keys, [width, cells, streams], as it is written to and as attention reads it. */
function keyCache(build: Build, key: string, { index }: LayerSite, width: number, cells: number): Node {
  const device = build.placement.cacheDevices[index] ?? HOST;
  return build.stored(`${key}${index}`, () =>
    g.storedTensor(build.run.cacheTypeK, device, false, width, cells, build.run.sequences),
  );
}

function storeKeys({ graph }: Build, cache: Node, keys: Node, rows: Node): void {
  const whole = cache.ne2 > 1 ? g.reshape(cache, cache.ne0, cache.ne1 * cache.ne2) : cache;
  graph.expand(g.setRows(whole, g.view2d(keys, keys.ne0 * keys.ne1, keys.ne2, keys.nb2), rows));
}

function readKeys(cache: Node): Node {
  return g.view4d(cache, cache.ne0, 1, cache.ne1, cache.ne2, rowBytes(cache.type, cache.ne0), cache.nb1, cache.nb2);
}

/** The cells that are visible: all of them when a graph is reserved, yet one view more. */
function visibleKeys(cache: Node): Node {
  const keys = readKeys(cache);
  return g.view4d(keys, keys.ne0, keys.ne1, keys.ne2, keys.ne3, keys.nb1, keys.nb2, keys.nb3);
}

/**
 * Feeds a compressor with this batch: finished blocks go to its cache, the unfinished ones stay in its f32 state.
 * `stem`: `attn_compressor` or `indexer_compressor`.
 */
export function compress(
  build: Build,
  site: LayerSite,
  part: Compressor,
  stem: string,
  cacheKey: string,
  x: Node,
): void {
  const { graph } = build;
  const { weights } = site;
  const { width, ratio, stateRows } = part;
  const fine = overlaps(ratio) === 2;
  const keys = weights.mulMat(`${stem}_kv`, x);
  const scores = g.add(
    weights.mulMat(`${stem}_gate`, x),
    g.getRows(weights.need(`${stem}_ape.weight`), part.statePositions),
  );
  const device = build.placement.cacheDevices[site.index] ?? HOST;
  const streams = build.run.sequences;
  const state = (plane: string): Node =>
    build.stored(`${cacheKey}${plane}${site.index}`, () =>
      g.storedTensor("f32", device, false, keys.ne0, stateRows / streams, streams),
    );
  const allRows = (plane: string): Node => g.view2d(state(plane), keys.ne0, stateRows, keys.ne0 * 4);
  const joined = (plane: string, fresh: Node): Node => {
    const rows = allRows(plane);
    return g.concat(g.view2d(rows, rows.ne0, stateRows, rows.nb1), fresh, 1);
  };
  const sources = [joined("kv", keys), joined("score", scores)];
  const blocks = sources.map((source) =>
    g.cont(g.permute(fine ? overlapping(source, part) : plain(source, part), 1, 0, 2, 3)),
  );
  const [values = keys, marks = scores] = blocks;
  let mixed = g.sumRows(g.mul(values, g.softMax(marks)));
  mixed = weights.rmsNorm(`${stem}_norm`, g.cont(g.permute(mixed, 1, 0, 2, 3)));
  mixed = g.ropeExt(mixed, part.writePositions);
  const turned = part.rotation ? rotate(mixed, part.rotation) : mixed;
  storeKeys(build, keyCache(build, cacheKey, site, width, part.cells), turned, part.writeRows);
  const persisted = (plane: string, fresh: Node): Node =>
    g.setRows(allRows(plane), g.getRows(fresh, part.persistSources), part.persistTargets);
  const kept = [persisted("kv", keys), persisted("score", scores)];
  for (const node of kept) graph.expand(node);
}

function plain(source: Node, { width, ratio, blockCount, readRows }: Compressor): Node {
  return g.reshape(g.getRows(source, readRows), width, ratio, blockCount);
}

/** A block sees the one before it as well; ahead of the first stands a row of nothing. */
function overlapping(source: Node, { width, ratio, blockCount, readRows }: Compressor): Node {
  const empty = g.reshape(g.scale(g.view1d(source, source.ne0)), source.ne0, 1);
  const rows = g.getRows(g.concat(source, empty, 1), readRows);
  const half = (): Node =>
    g.reshape(g.cont(g.view2d(rows, width, ratio * blockCount, rows.nb1)), width, ratio, blockCount);
  return g.concat(half(), half(), 1);
}

/** Compressed tokens that each query attends to. */
function chosenBlocks(build: Build, site: LayerSite, part: Compressor, low: Node, x: Node, positions: Node): Node {
  const { weights } = site;
  const heads = build.count("attention.indexer.head_count");
  const { tokens } = build.batch;
  const streams = build.run.sequences;
  let q = g.ropeExt(g.reshape(weights.mulMat("indexer.attn_q_b", low), part.width, heads, tokens), positions);
  if (part.rotation) q = rotate(q, part.rotation);
  const shares = g.scale(weights.mulMat("indexer.proj", x));
  const keys = visibleKeys(keyCache(build, "i", site, part.width, part.cells));
  const queries = g.view4d(q, q.ne0, q.ne1, q.ne2 / streams, streams, q.nb1, q.nb2, q.nb3 / streams);
  const parted = g.view4d(
    shares,
    shares.ne0,
    shares.ne1 / streams,
    shares.ne2,
    streams,
    shares.nb1,
    shares.nb2 / streams,
    shares.nb3 / streams,
  );
  const scores = g.lightningIndexer(queries, keys, parted, part.mask);
  return g.cont(g.topK(scores, Math.min(scores.ne0, build.count("attention.indexer.top_k"))));
}

export interface CompressedParts {
  readonly q: Node;
  readonly kv: Node;
  /** low-rank queries, for the indexer */
  readonly low: Node;
  readonly x: Node;
  readonly positions: Node;
}

/** Attention over the window and, by the layer's compression, over compressed keys. */
export function compressedAttention(
  build: Build,
  site: LayerSite,
  input: CompressedInput,
  parts: CompressedParts,
): Node {
  const { graph } = build;
  const ratio = site.facts.compressionRatio ?? 0;
  const chosen =
    ratio === FINE_RATIO ? chosenBlocks(build, site, input.indexer, parts.low, parts.x, parts.positions) : undefined;
  const q = input.rotation ? rotate(parts.q, input.rotation) : parts.q;
  const kv = input.rotation ? rotate(parts.kv, input.rotation) : parts.kv;
  graph.expand(q);
  graph.expand(kv);
  const window = keyCache(build, "k", site, parts.kv.ne0, windowedCells(build));
  storeKeys(build, window, kv, input.rows);
  let keys = readKeys(window);
  let { mask } = input;
  if (ratio !== 0) {
    const part = chosen ? input.fine : input.coarse;
    keys = g.concat(keys, visibleKeys(keyCache(build, "c", site, part.width, part.cells)), 2);
    mask = g.concat(mask, chosen ? maskOf(part.mask, chosen, part.mask.type) : part.mask, 0);
  }
  const sinks = site.weights.find("attn_sinks.weight");
  const out = attend(build, q, keys, keys, mask, { layer: site.index, ...(sinks ? { sinks } : {}) });
  return input.rotation ? rotate(out, input.rotation) : out;
}
