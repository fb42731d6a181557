/**
 * A model as stored, as sums: what sorting thousands of configurations needs instead of tensor tables. Bytes are exact (a type's rows are
 * whole blocks); layers are counted, not told apart. The catalog's sums are worked out at build time (catalog/build/profiles.ts).
 */
import type { Hyperparameters, LayerFacts, Model } from "../facts/model.ts";
import type { ModelShape, Part, StoredPart, WindowGroup } from "../facts/profile.ts";
import type { Run } from "../facts/run.ts";
import { runShape, windowCells } from "../facts/run-shape.ts";
import { rowBytes, type TensorType } from "../facts/tensor-type.ts";
import type { Bytes, Tokens } from "../units.ts";
import { roledTensors } from "./roles.ts";
import type { CacheRead, Traffic } from "./traffic.ts";

export interface StoredSums {
  readonly embeddingBytes: Bytes;
  /** output layer, a tied embedding's copy included */
  readonly outputBytes: Bytes;
  /** everything in the layers that is not routed experts */
  readonly denseBytes: Bytes;
  readonly expertBytes: Bytes;
  readonly totalBytes: Bytes;
  /** average of the weights that are multiplied */
  readonly bitsPerWeight: number;
  readonly parts: readonly StoredPart[];
  readonly tied: boolean;
}

function groups(layers: readonly LayerFacts[], hyper: Hyperparameters): WindowGroup[] {
  const byWindow = new Map<Tokens, [number, number, number]>();
  for (const layer of layers) {
    const row = byWindow.get(layer.windowTokens) ?? [0, 0, 0];
    row[0] += layer.keyDim * layer.kvHeadCount + (layer.indexerKeyDim ?? 0);
    row[1] += hyper.latent ? 0 : layer.valueDim * layer.kvHeadCount + (layer.indexerValueDim ?? 0);
    row[2] +=
      2 *
      layer.headCount *
      (hyper.latent ? 2 * hyper.latent.kvRank + hyper.latent.ropeDim : layer.keyDim + layer.valueDim);
    byWindow.set(layer.windowTokens, row);
  }
  return [...byWindow].map(([window, [key, value, flops]]) => [window, key, value, flops]);
}

/** Counts of a model that do not depend on how it is stored. */
export function shapeOf(hyper: Hyperparameters, model: Model): ModelShape {
  const layers = hyper.layers.filter(({ nextn }) => !nextn);
  const { experts, embeddingLength: E } = hyper;
  const share = experts && experts.total > 0 ? experts.used / experts.total : 1;
  let parameterCount = 0;
  let activeParameterCount = 0;
  for (const tensor of roledTensors(model)) {
    parameterCount += tensor.weights;
    activeParameterCount += tensor.role === "experts" ? tensor.weights * share : tensor.weights;
  }
  const live = layers.map((layer) => {
    const query = layer.headCount * (layer.attention ? layer.keyDim : 0);
    const wide =
      layer.moe && experts
        ? 3 * experts.used * experts.feedForwardLength + (E > 2 * experts.feedForwardLength ? experts.used * E : 0)
        : 3 * layer.feedForwardLength;
    return 2 * E + query + wide;
  });
  return {
    architecture: hyper.architecture,
    layerCount: layers.length,
    moeLayerCount: layers.filter(({ moe }) => moe).length,
    linearLayerCount: layers.filter(({ recurrent, attention }) => recurrent && !attention).length,
    embeddingLength: E,
    vocabularyCount: hyper.vocabularyCount,
    hasCache: hyper.hasCache,
    causal: hyper.causal,
    latent: hyper.latent !== undefined,
    expertCount: experts?.total ?? 0,
    usedExpertCount: experts?.used ?? 0,
    liveValues: Math.max(0, ...live),
    stateElements: layers.reduce(
      (sum, layer) => sum + (layer.recurrent ? layer.stateElements + layer.convStateElements : 0),
      0,
    ),
    reads: groups(
      layers.filter(({ attention }) => attention),
      hyper,
    ),
    kept: groups(
      layers.filter(({ hasCache }) => hasCache),
      hyper,
    ),
    parameterCount,
    activeParameterCount: Math.round(activeParameterCount),
  };
}

/** Weights of a stored model by part and type. */
export function partsOf(model: Model): StoredPart[] {
  const sums = new Map<string, [Part, TensorType, number]>();
  for (const { role, layer, type, weights } of roledTensors(model)) {
    if (layer >= 0 && model.hyper.layers[layer]?.nextn) continue;
    const part: Part =
      role === "embedding"
        ? "embedding"
        : layer < 0
          ? role === "output"
            ? "output"
            : "outputVectors"
          : role === "experts"
            ? "experts"
            : role === "norm"
              ? "vectors"
              : "dense";
    const row = sums.get(`${part} ${type}`) ?? [part, type, 0];
    row[2] += weights;
    sums.set(`${part} ${type}`, row);
  }
  return [...sums.values()];
}

const sumsCache = new WeakMap<readonly StoredPart[], StoredSums>();

export function sumsOf(stored: readonly StoredPart[], nextnTied?: boolean): StoredSums {
  const known = sumsCache.get(stored);
  if (known) return known;
  const bytes: Record<Part, Bytes> = { embedding: 0, output: 0, outputVectors: 0, dense: 0, vectors: 0, experts: 0 };
  let multiplied = 0;
  let multipliedBytes = 0;
  for (const [part, type, weights] of stored) {
    const held = rowBytes(type, weights);
    bytes[part] += held;
    if (part === "embedding" || part === "vectors") continue;
    multiplied += weights;
    multipliedBytes += held;
  }
  const tied = nextnTied ?? bytes.output === 0;
  const sums = {
    embeddingBytes: bytes.embedding,
    outputBytes: bytes.output + bytes.outputVectors + (tied ? bytes.embedding : 0),
    denseBytes: bytes.dense + bytes.vectors,
    expertBytes: bytes.experts,
    totalBytes: Object.values(bytes).reduce((sum, value) => sum + value, 0),
    bitsPerWeight: multiplied > 0 ? (8 * multipliedBytes) / multiplied : 16,
    parts: stored,
    tied,
  };
  sumsCache.set(stored, sums);
  return sums;
}

/** Everything a sequence keeps. */
export function keptBytes(shape: ModelShape, run: Run): Bytes {
  if (!shape.hasCache && shape.stateElements === 0) return 0;
  const cells = runShape(run, shape.causal);
  let bytes = 4 * shape.stateElements * run.sequences;
  if (!shape.hasCache) return bytes;
  for (const [window, keyWidth, valueWidth] of shape.kept) {
    const count = (window > 0 ? windowCells(run, cells, window) : cells.cells) * cells.streams;
    bytes += count * (rowBytes(run.cacheTypeK, keyWidth) + rowBytes(run.cacheTypeV, valueWidth));
  }
  return bytes;
}

/** Live values of a micro-batch and the attention masks, or one row of output. */
export function workingBytes(shape: ModelShape, run: Run): Bytes {
  const tokens = Math.min(run.contextTokens, run.ubatchTokens);
  const windowed = shape.reads.some(([window]) => window > 0) ? 2 : 1;
  return Math.max(
    tokens * (4 * shape.liveValues + 2 * windowed * run.contextTokens + 20),
    4 * (shape.vocabularyCount + shape.embeddingLength),
  );
}

/** Share of a part that one token reads. */
function shareOf(part: Part, sums: StoredSums, expertShare: number): number {
  if (part === "embedding") return sums.tied ? 1 : 0;
  return part === "experts" ? expertShare : 1;
}

function emptyTraffic(expertFraction: number): Traffic {
  return {
    bytesByType: new Map(),
    weightsByType: new Map(),
    activeBytes: 0,
    expertBytes: 0,
    expertFraction,
    denseWeights: 0,
    expertWeights: 0,
    stateBytes: 0,
    cacheReads: [],
    layerCount: 0,
    moeLayerCount: 0,
    linearLayerCount: 0,
    guestExpertLayerCount: 0,
  };
}

export interface SummedTraffic {
  readonly whole: Traffic;
  readonly expertsOnly: Traffic;
}

/** What one token reads and computes, all of it and the routed experts alone. */
export function summedTraffic(shape: ModelShape, sums: StoredSums, run: Run): SummedTraffic {
  const expertFraction = shape.expertCount > 0 ? shape.usedExpertCount / shape.expertCount : 1;
  const whole = emptyTraffic(expertFraction);
  const expertsOnly = emptyTraffic(expertFraction);
  for (const [part, type, weights] of sums.parts) {
    const share = shareOf(part, sums, expertFraction);
    if (share === 0) continue;
    for (const traffic of part === "experts" ? [whole, expertsOnly] : [whole]) {
      const bytes = rowBytes(type, weights);
      traffic.bytesByType.set(type, (traffic.bytesByType.get(type) ?? 0) + bytes * share);
      traffic.weightsByType.set(type, (traffic.weightsByType.get(type) ?? 0) + weights * share);
      traffic.activeBytes += bytes * share;
      if (part === "experts") {
        traffic.expertBytes += bytes;
        traffic.expertWeights += weights * share;
      } else if (part === "dense") traffic.denseWeights += weights;
    }
  }
  whole.stateBytes = shape.stateElements * 4 * 2;
  whole.layerCount = shape.layerCount;
  whole.moeLayerCount = shape.moeLayerCount;
  whole.linearLayerCount = shape.linearLayerCount;
  for (const [windowTokens, keyWidth, valueWidth, flopsPerPosition] of shape.reads) {
    const read: CacheRead = {
      windowTokens,
      bytesPerPosition: rowBytes(run.cacheTypeK, keyWidth) + (shape.latent ? 0 : rowBytes(run.cacheTypeV, valueWidth)),
      flopsPerPosition,
    };
    whole.cacheReads.push(read);
  }
  return { whole, expertsOnly };
}

/** Weight bytes that one token reads. */
export function activeBytes(shape: ModelShape, sums: StoredSums): { readonly fixed: Bytes; readonly experts: Bytes } {
  const share = shape.expertCount > 0 ? shape.usedExpertCount / shape.expertCount : 1;
  return { fixed: sums.outputBytes + sums.denseBytes, experts: sums.expertBytes * share };
}
