/**
 * What a run loads beside the model: the file's own prediction layers, a draft model, a projector. Rows of their own, because the
 * engine allocates them apart and its breakdown of the model does not hold them.
 * Source: llama.cpp v0.5.0 common/common.cpp:1299-1326 (the draft context takes the target's parameters, all its layers offloaded),
 * tools/server/server-context.cpp:1064-1090 (the projector stands beside the fitted model).
 */
import { bufferLayouts } from "../facts/hardware.ts";
import type { MemoryUse } from "../facts/memory.ts";
import { totalBytes } from "../facts/memory.ts";
import type { Model } from "../facts/model.ts";
import { HOST } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import { runShape } from "../facts/run-shape.ts";
import { layerOf } from "../facts/tensor.ts";
import { rowBytes } from "../facts/tensor-type.ts";
import { type Bytes, padTo } from "../units.ts";
import { estimateMemory, type MemoryDevice, type MemoryEstimate } from "./memory.ts";
import { allocatedBytes } from "./weights.ts";

export interface Companion extends MemoryUse {
  readonly name: string;
  /** index of the device, or HOST */
  readonly device: number;
}

/** The prediction layers of the same file, and the cache of their own context; their graph is one layer of the model's. */
export function predictionLayers(
  model: Model,
  run: Run,
  { placement, devices, host }: MemoryEstimate,
  places: readonly MemoryDevice[],
): Companion[] {
  const rows = new Map<number, { modelBytes: Bytes; contextBytes: Bytes }>();
  const rowOf = (device: number) => {
    const row = rows.get(device) ?? { modelBytes: 0, contextBytes: 0 };
    rows.set(device, row);
    return row;
  };
  const layoutOf = (device: number) => bufferLayouts[places[device]?.backend ?? "cpu"];
  for (const tensor of model.tensors) {
    const layer = model.hyper.layers[layerOf(tensor.name) ?? -1];
    if (!layer?.nextn) continue;
    const device = placement.overrideOf(tensor.name) ?? placement.layerDevices[layer.index] ?? HOST;
    rowOf(device).modelBytes += allocatedBytes(tensor, layoutOf(device));
  }
  const shape = runShape(run, model.hyper.causal);
  for (const layer of model.hyper.layers) {
    if (!layer.nextn || !layer.attention) continue;
    const device = placement.cacheDevices[layer.index] ?? HOST;
    const cells = shape.cells * shape.streams;
    const key = rowBytes(run.cacheTypeK, layer.keyDim * layer.kvHeadCount) * cells;
    const value = model.hyper.latent ? 0 : rowBytes(run.cacheTypeV, layer.valueDim * layer.kvHeadCount) * cells;
    const { alignmentBytes } = layoutOf(device);
    rowOf(device).contextBytes += padTo(key, alignmentBytes) + padTo(value, alignmentBytes);
  }
  return [...rows].map(([device, row]) => ({
    name: "prediction layers",
    device,
    ...row,
    computeBytes: (device === HOST ? host : devices[device])?.computeBytes ?? 0,
  }));
}

/** A draft model in a context like the target's, all of it on the devices where there are any, its cache in f16. */
export function draftModel(draft: Model, run: Run, places: readonly MemoryDevice[]): Companion[] {
  const own: Run = {
    ...run,
    cacheTypeK: "f16",
    cacheTypeV: "f16",
    offloadedLayers: draft.hyper.layerCount + 1,
    cpuMoeLayers: 0,
    cpuFfnLayers: 0,
    overrides: [],
    tensorSplit: [],
    cacheOffload: true,
  };
  const { devices, host } = estimateMemory(draft, own, places);
  const name = `draft model ${draft.name}`;
  return [...devices.map((use, device) => ({ name, device, ...use })), { name, device: HOST, ...host }].filter(
    (row) => totalBytes(row) > 0,
  );
}

/** Bytes that companions take of each device, and of the host. */
export function companionBytes(
  rows: readonly Companion[],
  deviceCount: number,
): { readonly devices: readonly Bytes[]; readonly host: Bytes } {
  const on = (device: number): Bytes =>
    rows.reduce((sum, row) => (row.device === device ? sum + totalBytes(row) : sum), 0);
  return { devices: Array.from({ length: deviceCount }, (_, device) => on(device)), host: on(HOST) };
}
