/** Which layers stand where, counted for people. */
import type { Candidate } from "../decide/candidate.ts";
import type { Model } from "../facts/model.ts";
import { HOST } from "../facts/placement.ts";
import { layerOf } from "../facts/tensor.ts";

/** Tensors of each storage type, the most numerous first. */
export function tensorTypeCounts(model: Model): { readonly type: string; readonly count: number }[] {
  const counts = new Map<string, number>();
  for (const { type } of model.tensors) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].map(([type, count]) => ({ type, count })).sort((a, b) => b.count - a.count);
}

/** A layer is partial where some of its tensors were moved away. */
export function shapePlacement({ memory, run, hardware, model }: Candidate) {
  const { placement } = memory;
  const layers = model.hyper.layers.filter((layer) => !layer.nextn);
  const movedLayers = new Set<number>();
  if (placement.hasOverrides)
    for (const { name } of model.tensors) {
      const layer = layerOf(name);
      if (layer !== undefined && placement.overrideOf(name) !== undefined) movedLayers.add(layer);
    }
  const devices = hardware.devices.map(({ name }, device) => {
    const own = layers.filter((layer) => placement.layerDevices[layer.index] === device);
    return {
      name,
      layerCount: own.length,
      partialLayerCount: own.filter((layer) => movedLayers.has(layer.index)).length,
      ...(hardware.network
        ? { host: hardware.network.addresses[(hardware.network.hostOf[device] ?? 0) - 1] ?? "local" }
        : {}),
    };
  });
  return {
    devices,
    hostLayerCount: layers.filter((layer) => (placement.layerDevices[layer.index] ?? HOST) === HOST).length,
    diskLayerCount: 0,
    tensorSplit: run.tensorSplit,
  };
}

/** Every tensor's type, like layers in one row: `blk.0-35.attn_q.weight`. */
export function tensorTypeRows(model: Model): { readonly name: string; readonly type: string }[] {
  const rows: { readonly stem: string; readonly type: string; readonly first: number; last: number }[] = [];
  const open = new Map<string, (typeof rows)[number]>();
  const outer: { readonly name: string; readonly type: string }[] = [];
  for (const { name, type } of model.tensors) {
    const match = /^blk\.(\d+)\.(.*)$/.exec(name);
    const layer = Number(match?.[1] ?? -1);
    const stem = match?.[2] ?? name;
    if (!match) {
      outer.push({ name, type });
      continue;
    }
    const row = open.get(stem);
    if (row && row.type === type && row.last === layer - 1) row.last = layer;
    else {
      const started = { stem, type, first: layer, last: layer };
      rows.push(started);
      open.set(stem, started);
    }
  }
  return [
    ...outer,
    ...rows.map(({ stem, type, first, last }) => ({
      name: `blk.${first === last ? first : `${first}-${last}`}.${stem}`,
      type,
    })),
  ];
}
