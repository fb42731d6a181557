/**
 * What every sequence keeps: K and V of the attention layers, state of the recurrent ones, on the device of the layer.
 * Source: llama.cpp v0.5.0 src/llama-kv-cache.cpp:190-237, src/llama-kv-cache-iswa.cpp:69-83, src/llama-memory-recurrent.cpp:75-108.
 */
import type { BufferLayout } from "../facts/hardware.ts";
import type { Hyperparameters, LayerFacts } from "../facts/model.ts";
import { HOST, type Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import { type RunShape, runShape, windowCells } from "../facts/run-shape.ts";
import { rowBytes } from "../facts/tensor-type.ts";
import { type Bytes, padTo } from "../units.ts";
import { compressedCacheBytes } from "./compressed-cache.ts";
import type { DeviceBytes } from "./weights.ts";

const F32_BYTES = 4;

/** Without flash attention V is stored transposed, every layer as wide as the widest (`n_embd_v_gqa_max`). */
function valueWidth(layer: LayerFacts, hyper: Hyperparameters, flashAttention: boolean): number {
  if (hyper.latent) return 0;
  if (flashAttention) return layer.valueDim * layer.kvHeadCount;
  return hyper.layers.reduce((widest, { valueDim, kvHeadCount }) => Math.max(widest, valueDim * kvHeadCount), 0);
}

/** Bytes of each tensor that a layer keeps, before alignment. */
export function layerStateBytes(layer: LayerFacts, hyper: Hyperparameters, run: Run, shape: RunShape): Bytes[] {
  if (layer.compressionRatio !== undefined) return compressedCacheBytes(layer, layer.compressionRatio, run, shape);
  const parts: Bytes[] = [];
  if (layer.hasCache) {
    const cells = (layer.windowTokens > 0 ? windowCells(run, shape, layer.windowTokens) : shape.cells) * shape.streams;
    parts.push(rowBytes(run.cacheTypeK, layer.keyDim * layer.kvHeadCount) * cells);
    parts.push(rowBytes(run.cacheTypeV, valueWidth(layer, hyper, run.flashAttention)) * cells);
    if (layer.indexerKeyDim) parts.push(rowBytes(run.cacheTypeK, layer.indexerKeyDim) * cells);
    if (layer.indexerValueDim) parts.push(rowBytes(run.cacheTypeV, layer.indexerValueDim) * cells);
  }
  if (layer.recurrent) {
    parts.push(layer.convStateElements * F32_BYTES * run.sequences);
    parts.push(layer.stateElements * F32_BYTES * run.sequences);
  }
  return parts;
}

const layerKinds = new WeakMap<Hyperparameters, readonly number[]>();

/** By layer: the first layer that keeps the same. A model has a few kinds of layers, and a search asks thousands of times. */
function kindsOf(hyper: Hyperparameters): readonly number[] {
  const known = layerKinds.get(hyper);
  if (known) return known;
  const first = new Map<string, number>();
  const kinds = hyper.layers.map((layer, index) => {
    const key = JSON.stringify({ ...layer, index: 0 });
    const kind = first.get(key) ?? index;
    first.set(key, kind);
    return kind;
  });
  layerKinds.set(hyper, kinds);
  return kinds;
}

export function estimateContext(
  hyper: Hyperparameters,
  run: Run,
  placement: Placement,
  layouts: { readonly devices: readonly BufferLayout[]; readonly host: BufferLayout },
): DeviceBytes {
  const devices = layouts.devices.map(() => 0);
  let host = 0;
  if (!hyper.hasCache) return { devices, host };
  const shape = runShape(run, hyper.causal);
  const kinds = kindsOf(hyper);
  const parts: Bytes[][] = [];
  hyper.layers.forEach((layer, index) => {
    const kind = kinds[index] ?? index;
    const kept = parts[kind] ?? layerStateBytes(layer, hyper, run, shape);
    parts[kind] = kept;
    const device = placement.cacheDevices[layer.index] ?? HOST;
    const { alignmentBytes } = layouts.devices[device] ?? layouts.host;
    for (const bytes of kept) {
      if (device === HOST) host += padTo(bytes, alignmentBytes);
      else devices[device] = (devices[device] ?? 0) + padTo(bytes, alignmentBytes);
    }
  });
  return { devices, host };
}
