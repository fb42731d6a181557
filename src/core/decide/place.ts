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
import type { Run, TensorOverride } from "../facts/run.ts";
import { runShape } from "../facts/run-shape.ts";
import type { Bytes } from "../units.ts";
import type { MemoryVerdict } from "./candidate.ts";
import { canDeal, dealLayers } from "./deal.ts";

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
  const stateBytes = model.hyper.layers.map((layer) =>
    model.hyper.hasCache ? layerStateBytes(layer, model.hyper, run, shape).reduce((sum, bytes) => sum + bytes, 0) : 0,
  );
  return { ...weightTable(model), stateBytes };
}

/** Some of a layer's experts, moved to the host by an override. */
interface Moved {
  readonly layer: number;
  readonly bytes: Bytes;
  readonly override: TensorOverride;
}

/** Device bytes of the items that `offloadedLayers` covers: the last repeating layers, then the output. */
function itemBytes(table: LayerTable, run: Run, layerCount: number, moved: Moved | undefined): Bytes[] {
  const start = Math.max(layerCount + 1 - run.offloadedLayers, 0);
  const items: Bytes[] = [];
  for (let layer = start; layer < layerCount; layer++) {
    const experts = layer < run.cpuMoeLayers ? 0 : (table.expertBytes[layer] ?? 0);
    const denseFfn = layer < run.cpuFfnLayers ? 0 : (table.denseFfnBytes[layer] ?? 0);
    const partly = layer === moved?.layer ? moved.bytes : 0;
    items.push(
      (table.restBytes[layer] ?? 0) +
        experts -
        partly +
        denseFfn +
        (run.cacheOffload ? (table.stateBytes[layer] ?? 0) : 0),
    );
  }
  items.push(table.outputBytes);
  return items;
}

const SPLIT_ROUNDS = 4;

/** A placement search in one setting: what stays the same while layers move. */
interface Search {
  readonly model: Model;
  readonly hardware: Hardware;
  readonly memoryOf: MemoryOf;
  readonly table: LayerTable;
}

function onDevices(verdict: MemoryVerdict): boolean {
  return verdict.shortfall.devices.every((bytes) => bytes === 0);
}

/** What the layers may take of each device: allowed less the compute buffer, as a like verdict has it. */
function limitsOf(like: MemoryVerdict): Bytes[] {
  return like.room.devices.map((device, index) =>
    Math.max(0, device.allowedBytes - (like.memory.devices[index]?.computeBytes ?? 0)),
  );
}

function deal(
  { hardware, model, table }: Search,
  run: Run,
  limits: readonly Bytes[],
  moved?: Moved,
): number[] | undefined {
  const devices = limits.map((limitBytes, index) => ({
    limitBytes,
    bandwidthBytesPerSecond: hardware.devices[index]?.bandwidthBytesPerSecond.value ?? 1,
  }));
  return dealLayers(itemBytes(table, run, model.hyper.layerCount, moved), devices);
}

/**
 * The run with an explicit split that fits every device, or undefined. One device needs no split.
 * @param like a verdict of a run that differs little: its compute buffers are the first guess
 */
function withSplit(search: Search, run: Run, like?: MemoryVerdict, moved?: Moved): MemoryVerdict | undefined {
  const { hardware, memoryOf } = search;
  if (hardware.devices.length <= 1 || run.splitMode === "none") {
    const verdict = memoryOf(run);
    return onDevices(verdict) ? verdict : undefined;
  }
  let limits = limitsOf(like ?? memoryOf({ ...run, tensorSplit: [] }));
  for (let round = 0; round < SPLIT_ROUNDS; round++) {
    const counts = deal(search, run, limits, moved);
    if (!counts) return undefined;
    const verdict = memoryOf({ ...run, tensorSplit: counts });
    if (onDevices(verdict)) return verdict;
    limits = limits.map((limit, index) => Math.max(0, limit - (verdict.shortfall.devices[index] ?? 0)));
  }
  return undefined;
}

/**
 * Least n in 0…high whose run fits the devices; undefined when not even `high` does. The tables alone name the n to look at
 * first; from there the search gallops by exact verdicts until neighbours disagree.
 */
function least(search: Search, high: number, runAt: (n: number) => Run): MemoryVerdict | undefined {
  const top = withSplit(search, runAt(high));
  if (!top) return undefined;
  let found = top;
  let fits = high;
  let fails = -1;
  const limits = limitsOf(top);
  let guess = leastInteger(high, (n) =>
    canDeal(itemBytes(search.table, runAt(n), search.model.hyper.layerCount, undefined), limits),
  );
  let step = 1;
  while (fits - fails > 1) {
    const n = Math.max(fails + 1, Math.min(fits - 1, guess));
    const verdict = withSplit(search, runAt(n), found);
    if (verdict) {
      found = verdict;
      fits = n;
      guess = n - step;
    } else {
      fails = n;
      guess = n + step;
    }
    // after two looks around the tables' guess the rest is bisected
    step = step < 4 ? step * 2 : Math.max(1, Math.floor((fits - fails) / 2));
  }
  return found;
}

/** Least n in 0…high for which a monotone condition holds; `high` itself is taken to hold. */
function leastInteger(high: number, holds: (n: number) => boolean): number {
  let low = 0;
  let top = high;
  while (low < top) {
    const middle = Math.floor((low + top) / 2);
    if (holds(middle)) top = middle;
    else low = middle + 1;
  }
  return top;
}

/** Parts of a layer's experts to move, the fewest bytes first: what llama.cpp's own fit splits a layer by. */
const partialExperts = ["down", "(down|gate|gate_up)"] as const;

/**
 * The last layer whose experts lie on the host may keep a part of them: the rule that moves the least and still fits,
 * or the verdict as it is.
 */
function withPartialLayer(search: Search, verdict: MemoryVerdict): MemoryVerdict {
  const { run } = verdict;
  const layer = run.cpuMoeLayers - 1;
  if (layer < 0) return verdict;
  const experts = roledTensors(search.model).filter((tensor) => tensor.layer === layer && tensor.role === "experts");
  for (const part of partialExperts) {
    const pattern = `blk\\.${layer}\\.ffn_${part}_(ch|)exps`;
    const regex = new RegExp(pattern);
    const bytes = experts.reduce((sum, tensor) => (regex.test(tensor.name) ? sum + tensor.bytes : sum), 0);
    if (bytes === 0 || experts.every(({ name }) => regex.test(name))) continue;
    const moved: Moved = { layer, bytes, override: { pattern, buffer: "CPU" } };
    const tried = withSplit(search, { ...run, cpuMoeLayers: layer, overrides: [moved.override] }, verdict, moved);
    if (tried?.fits) return tried;
  }
  return verdict;
}

export type PlaceMode = "gpu" | "moe-offload" | "cpu-offload" | "cpu";

export interface Placements {
  /** the placements worth timing; each fits, host included; empty when nothing fits */
  readonly fitting: readonly MemoryVerdict[];
  /** the one that comes closest, where nothing fits */
  readonly nearest: MemoryVerdict | undefined;
}

/** @param run everything but the placement: `-ngl`, `-ts`, `-ncmoe`, `-ncffn` are solved here */
export function placements(
  model: Model,
  hardware: Hardware,
  run: Run,
  memoryOf: MemoryOf,
  allowed: readonly PlaceMode[] = ["gpu", "moe-offload", "cpu-offload", "cpu"],
): Placements {
  const L = model.hyper.layerCount;
  const experts = model.hyper.experts !== undefined;
  const base: Run = { ...run, offloadedLayers: L + 1, cpuMoeLayers: 0, cpuFfnLayers: 0, tensorSplit: [] };
  const search: Search = { model, hardware, memoryOf, table: layerTable(model, run) };
  const may = (mode: PlaceMode): boolean => allowed.includes(mode);
  const fitting: MemoryVerdict[] = [];
  const missed: MemoryVerdict[] = [];
  const keep = (verdict: MemoryVerdict | undefined): void => {
    if (verdict) (verdict.fits ? fitting : missed).push(verdict);
  };
  if (hardware.devices.length > 0) {
    if (may("gpu")) keep(withSplit(search, base));
    if (fitting.length === 0 && experts && may("moe-offload")) {
      const fewest = least(search, L, (n) => ({ ...base, cpuMoeLayers: n }));
      keep(fewest && withPartialLayer(search, fewest));
    }
    if (fitting.length === 0 && may("cpu-offload")) {
      keep(least(search, L, (n) => ({ ...base, cpuMoeLayers: experts ? L : 0, offloadedLayers: L + 1 - n })));
      if (!experts) keep(least(search, L, (n) => ({ ...base, cpuFfnLayers: n })));
    }
  }
  if (fitting.length === 0 && may("cpu")) keep(memoryOf({ ...base, offloadedLayers: 0 }));
  if (fitting.length > 0) return { fitting, nearest: undefined };
  if (missed.length === 0) missed.push(memoryOf(base));
  return {
    fitting,
    nearest: missed.reduce((best, verdict) =>
      verdict.shortfall.totalBytes < best.shortfall.totalBytes ? verdict : best,
    ),
  };
}
