/**
 * Where the layers go: exact integer arithmetic on per-layer byte tables, checked by the memory function it is given.
 * Everything on devices if it fits; else the experts of the first N layers on the host (least N); else, for dense models, whole
 * layers (`-ngl`) against dense feed-forward parts (`--n-cpu-ffn`); else the CPU alone. Needs that grow with what is on the
 * device make "fits" monotone in N, so the least N is found by bisection.
 */
import { layerStateBytes } from "../estimate/context.ts";
import { roledTensors } from "../estimate/roles.ts";
import type { Hardware } from "../facts/hardware.ts";
import type { Model } from "../facts/model.ts";
import type { Run } from "../facts/run.ts";
import { runShape } from "../facts/run-shape.ts";
import type { Bytes } from "../units.ts";
import type { MemoryVerdict } from "./candidate.ts";
import { dealLayers } from "./deal.ts";

/** Asks what a run takes; the search knows nothing else of memory. */
export type MemoryOf = (run: Run) => MemoryVerdict;

interface LayerTable {
  readonly restBytes: readonly Bytes[];
  readonly expertBytes: readonly Bytes[];
  readonly denseFfnBytes: readonly Bytes[];
  readonly stateBytes: readonly Bytes[];
  readonly outputBytes: Bytes;
}

const tables = new WeakMap<Model, Omit<LayerTable, "stateBytes">>();

function weightTable(model: Model): Omit<LayerTable, "stateBytes"> {
  const known = tables.get(model);
  if (known) return known;
  const count = model.hyper.layerCount;
  const zeros = (): Bytes[] => new Array<Bytes>(count).fill(0);
  const restBytes = zeros();
  const expertBytes = zeros();
  const denseFfnBytes = zeros();
  let outputBytes = 0;
  const tensors = roledTensors(model);
  const tied = !tensors.some(({ name }) => name === "output.weight");
  for (const { role, layer, bytes, name } of tensors) {
    if (layer < 0) {
      if (role !== "embedding" || (tied && name === "token_embd.weight")) outputBytes += bytes;
    } else if (!model.hyper.layers[layer]?.nextn) {
      const table = role === "experts" ? expertBytes : role === "denseFfn" ? denseFfnBytes : restBytes;
      table[layer] = (table[layer] ?? 0) + bytes;
    }
  }
  const table = { restBytes, expertBytes, denseFfnBytes, outputBytes };
  tables.set(model, table);
  return table;
}

function layerTable(model: Model, run: Run): LayerTable {
  const shape = runShape(run, model.hyper.causal);
  const stateBytes = model.hyper.layers.map((layer) => (model.hyper.hasCache ? layerStateBytes(layer, model.hyper, run, shape).reduce((sum, bytes) => sum + bytes, 0) : 0));
  return { ...weightTable(model), stateBytes };
}

/** Device bytes of the items that `offloadedLayers` covers: the last repeating layers, then the output. */
function itemBytes(table: LayerTable, run: Run, layerCount: number): Bytes[] {
  const start = Math.max(layerCount + 1 - run.offloadedLayers, 0);
  const items: Bytes[] = [];
  for (let layer = start; layer < layerCount; layer++) {
    const experts = layer < run.cpuMoeLayers ? 0 : (table.expertBytes[layer] ?? 0);
    const denseFfn = layer < run.cpuFfnLayers ? 0 : (table.denseFfnBytes[layer] ?? 0);
    items.push((table.restBytes[layer] ?? 0) + experts + denseFfn + (run.cacheOffload ? (table.stateBytes[layer] ?? 0) : 0));
  }
  items.push(table.outputBytes);
  return items;
}

const SPLIT_ROUNDS = 4;

/** The run with an explicit split that fits every device, or undefined. One device needs no split. */
function withSplit(model: Model, hardware: Hardware, run: Run, memoryOf: MemoryOf): MemoryVerdict | undefined {
  const onDevices = (verdict: MemoryVerdict): boolean => verdict.shortfall.devices.every((bytes) => bytes === 0);
  if (hardware.devices.length <= 1 || run.splitMode === "none") {
    const verdict = memoryOf(run);
    return onDevices(verdict) ? verdict : undefined;
  }
  const items = itemBytes(layerTable(model, run), run, model.hyper.layerCount);
  const probe = memoryOf({ ...run, tensorSplit: [] });
  let limits = probe.room.devices.map((device, index) => device.allowedBytes - (probe.memory.devices[index]?.computeBytes ?? 0));
  for (let round = 0; round < SPLIT_ROUNDS; round++) {
    const counts = dealLayers(items, limits.map((limitBytes, index) => ({ limitBytes: Math.max(0, limitBytes), bandwidthBytesPerSecond: hardware.devices[index]?.bandwidthBytesPerSecond.value ?? 1 })));
    if (!counts) return undefined;
    const verdict = memoryOf({ ...run, tensorSplit: counts });
    if (onDevices(verdict)) return verdict;
    limits = limits.map((limit, index) => limit - (verdict.shortfall.devices[index] ?? 0));
  }
  return undefined;
}

/** Least n in 0…high whose run fits the devices; undefined when not even `high` does. */
function least(high: number, tryAt: (n: number) => MemoryVerdict | undefined): MemoryVerdict | undefined {
  let found = tryAt(high);
  if (!found) return undefined;
  let low = 0;
  let top = high;
  while (low < top) {
    const middle = Math.floor((low + top) / 2);
    const verdict = tryAt(middle);
    if (verdict) {
      found = verdict;
      top = middle;
    } else low = middle + 1;
  }
  return found;
}

export type PlaceMode = "gpu" | "moe-offload" | "cpu-offload" | "cpu";

/**
 * The placements worth timing, best first by how much is on the devices; each fits, host included. Empty when nothing fits.
 * @param run everything but the placement: `-ngl`, `-ts`, `-ncmoe`, `-ncffn` are solved here
 */
export function placements(model: Model, hardware: Hardware, run: Run, memoryOf: MemoryOf, allowed: readonly PlaceMode[] = ["gpu", "moe-offload", "cpu-offload", "cpu"]): MemoryVerdict[] {
  const L = model.hyper.layerCount;
  const base: Run = { ...run, offloadedLayers: L + 1, cpuMoeLayers: 0, cpuFfnLayers: 0, tensorSplit: [] };
  const found: MemoryVerdict[] = [];
  const keep = (verdict: MemoryVerdict | undefined): void => {
    if (verdict?.fits) found.push(verdict);
  };
  const may = (mode: PlaceMode): boolean => allowed.includes(mode);
  if (hardware.devices.length > 0) {
    const whole = withSplit(model, hardware, base, memoryOf);
    if (whole && may("gpu")) keep(whole);
    if (found.length > 0) return found;
    if (!whole || !may("gpu")) {
      if (model.hyper.experts && may("moe-offload")) {
        const fewest = least(L, (n) => withSplit(model, hardware, { ...base, cpuMoeLayers: n }, memoryOf));
        keep(fewest);
      }
      if (may("cpu-offload") && found.length === 0) {
        const experts = model.hyper.experts ? L : 0;
        keep(least(L, (n) => withSplit(model, hardware, { ...base, cpuMoeLayers: experts, offloadedLayers: L + 1 - n }, memoryOf)));
        if (!model.hyper.experts) keep(least(L, (n) => withSplit(model, hardware, { ...base, cpuFfnLayers: n }, memoryOf)));
      }
    }
  }
  if (may("cpu") && found.length === 0) keep(memoryOf({ ...base, offloadedLayers: 0 }));
  return found;
}

/** As much on the devices as they take, whatever the host says: what a shortfall is measured against. */
export function closestPlacement(model: Model, hardware: Hardware, run: Run, memoryOf: MemoryOf): MemoryVerdict {
  const L = model.hyper.layerCount;
  const base: Run = { ...run, offloadedLayers: L + 1, cpuMoeLayers: 0, cpuFfnLayers: 0, tensorSplit: [] };
  const options = [
    hardware.devices.length > 0 ? base : undefined,
    hardware.devices.length > 0 && model.hyper.experts ? { ...base, cpuMoeLayers: L } : undefined,
    { ...base, offloadedLayers: 0 },
  ].flatMap((option) => (option ? [memoryOf(option)] : []));
  const partial = hardware.devices.length > 0 ? least(L, (n) => withSplit(model, hardware, { ...base, cpuMoeLayers: model.hyper.experts ? L : 0, offloadedLayers: L + 1 - n }, memoryOf)) : undefined;
  if (partial) options.push(partial);
  return options.reduce((best, option) => (option.shortfall.totalBytes < best.shortfall.totalBytes ? option : best));
}
