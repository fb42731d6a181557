/**
 * DeepSeek-V4's caches: a raw window of keys, one compressed cell for every 4 or 128 tokens, the same for the indexer, and the
 * f32 state of each compressor (a kv and a score plane). Keys only, and a stream of its own for every sequence, unified or not.
 * Source: llama.cpp v0.5.0 src/llama-kv-cache-dsv4.cpp:18-30 (ratios, sizes), :960-965 (state), :1225-1330 (caches).
 */
import type { LayerFacts } from "../facts/model.ts";
import type { Run } from "../facts/run.ts";
import { type RunShape, windowCells } from "../facts/run-shape.ts";
import { rowBytes } from "../facts/tensor-type.ts";
import { type Bytes, padTo, type Tokens } from "../units.ts";

const F32_BYTES = 4;
const CELL_PADDING_TOKENS = 256;
/** A compressor that overlaps its neighbours keeps two blocks, and twice the width, until both are complete. */
const OVERLAPPING_RATIO = 4;

function compressedCells(cells: Tokens, ratio: number): Tokens {
  return padTo(Math.max(1, Math.ceil(cells / ratio)), CELL_PADDING_TOKENS);
}

/** kv and score planes of one compressor, per sequence */
function compressorStateBytes(width: number, ratio: number): Bytes[] {
  const overlap = ratio === OVERLAPPING_RATIO ? 2 : 1;
  const plane = overlap * width * overlap * ratio * F32_BYTES;
  return [plane, plane];
}

export function compressedCacheBytes(layer: LayerFacts, ratio: number, run: Run, shape: RunShape): Bytes[] {
  if (!layer.hasCache) return [];
  const width = layer.keyDim * layer.kvHeadCount;
  const keys = (keyWidth: number, cells: Tokens) => rowBytes(run.cacheTypeK, keyWidth) * cells * run.sequences;
  const parts = [keys(width, windowCells({ ...run, unifiedCache: false }, shape, layer.windowTokens))];
  if (ratio === 0) return parts;
  const cells = compressedCells(shape.cells, ratio);
  parts.push(keys(width, cells), ...compressorStateBytes(layer.keyDim, ratio).map((bytes) => bytes * run.sequences));
  if (ratio === OVERLAPPING_RATIO && layer.indexerKeyDim)
    parts.push(
      keys(layer.indexerKeyDim, cells),
      ...compressorStateBytes(layer.indexerKeyDim, ratio).map((bytes) => bytes * run.sequences),
    );
  return parts;
}
