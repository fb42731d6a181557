/**
 * Where the layers go: exact integer arithmetic on per-layer byte tables, checked by the memory function it is given.
 * Everything on devices if it fits; else the experts of the first N layers on the host (least N); else, for dense models, whole
 * layers (`-ngl`) against dense feed-forward parts (`--n-cpu-ffn`); else the CPU alone. Needs that grow with what is on the
 * device make "fits" monotone in N, so the least N is found by bisection. What whole layers leave free is then filled part by part (fill.ts).
 */
import { layerStateBytes } from "../estimate/context.ts";
import { roledTensors } from "../estimate/roles.ts";
import { engineNames } from "../facts/engine-names.ts";
import type { Hardware } from "../facts/hardware.ts";
import { layersPattern } from "../facts/layer-pattern.ts";
import type { Model } from "../facts/model.ts";
import type { Run, TensorOverride } from "../facts/run.ts";
import { runShape } from "../facts/run-shape.ts";
import { tensorStem } from "../facts/sensitivity.ts";
import { type Bytes, MIB } from "../units.ts";
import type { MemoryVerdict } from "./candidate.ts";
import { canDeal, dealLayers } from "./deal.ts";
import { type FillDevice, type FillItem, type Filling, fillEvenly, fillInOrder, type Movable } from "./fill.ts";

/** Asks what a run takes; the search knows nothing else of memory. */
export type MemoryOf = (run: Run) => MemoryVerdict;

interface LayerTable {
  readonly restBytes: readonly Bytes[];
  readonly expertBytes: readonly Bytes[];
  readonly denseFfnBytes: readonly Bytes[];
  /** what a rule may move: experts, or of a model without any the dense feed-forward */
  readonly movables: readonly (readonly Movable[])[];
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
  const table = { restBytes, expertBytes, denseFfnBytes, outputBytes, movables: movablesOf(model) };
  tables.set(model, table);
  return table;
}

/** The movable parts of every layer: `ffn_down_exps` with its bias counts as one. */
function movablesOf(model: Model): Movable[][] {
  const role = model.hyper.experts ? "experts" : "denseFfn";
  const layers = model.hyper.layers.map(() => new Map<string, Movable>());
  for (const tensor of roledTensors(model)) {
    if (tensor.role !== role || model.hyper.layers[tensor.layer]?.nextn) continue;
    const part = tensorStem(tensor.name).replace(/\.\w+$/, "");
    const parts = layers[tensor.layer];
    const bytes = (parts?.get(part)?.bytes ?? 0) + tensor.bytes;
    parts?.set(part, { layer: tensor.layer, part, bytes });
  }
  return layers.map((parts) => [...parts.values()]);
}

function layerTable(model: Model, run: Run): LayerTable {
  const shape = runShape(run, model.hyper.causal);
  const stateBytes = model.hyper.layers.map((layer) =>
    model.hyper.hasCache ? layerStateBytes(layer, model.hyper, run, shape).reduce((sum, bytes) => sum + bytes, 0) : 0,
  );
  return { ...weightTable(model), stateBytes };
}

/** Device bytes of the items that `offloadedLayers` covers: the last repeating layers, then the output. */
function itemBytes(table: LayerTable, run: Run, layerCount: number): Bytes[] {
  const start = Math.max(layerCount + 1 - run.offloadedLayers, 0);
  const items: Bytes[] = [];
  for (let layer = start; layer < layerCount; layer++) {
    const experts = layer < run.cpuMoeLayers ? 0 : (table.expertBytes[layer] ?? 0);
    const denseFfn = layer < run.cpuFfnLayers ? 0 : (table.denseFfnBytes[layer] ?? 0);
    items.push(
      (table.restBytes[layer] ?? 0) + experts + denseFfn + (run.cacheOffload ? (table.stateBytes[layer] ?? 0) : 0),
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

function deal({ hardware, model, table }: Search, run: Run, limits: readonly Bytes[]): number[] | undefined {
  const devices = limits.map((limitBytes, index) => ({
    limitBytes,
    bandwidthBytesPerSecond: hardware.devices[index]?.bandwidthBytesPerSecond.value ?? 1,
  }));
  return dealLayers(itemBytes(table, run, model.hyper.layerCount), devices);
}

/**
 * The run with an explicit split that fits every device, or undefined. One device needs no split.
 * @param like a verdict of a run that differs little: its compute buffers are the first guess
 */
function withSplit(search: Search, run: Run, like?: MemoryVerdict): MemoryVerdict | undefined {
  const { hardware, memoryOf } = search;
  if (hardware.devices.length <= 1 || run.splitMode === "none") {
    const verdict = memoryOf(run);
    return onDevices(verdict) ? verdict : undefined;
  }
  let limits = limitsOf(like ?? memoryOf({ ...run, tensorSplit: [] }));
  for (let round = 0; round < SPLIT_ROUNDS; round++) {
    const counts = deal(search, run, limits);
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
    canDeal(itemBytes(search.table, runAt(n), search.model.hyper.layerCount), limits),
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

const alternation = (words: readonly string[]): string =>
  words.length === 1 ? (words[0] ?? "") : `(${words.join("|")})`;

/** `ffn_(down|up)_exps` where the parts have that in common, else the parts as they are. */
function partsPattern(parts: readonly string[]): string {
  const experts = parts.map((part) => /^ffn_(\w+)_exps$/.exec(part)?.[1]).filter((word) => word !== undefined);
  if (experts.length === parts.length) return `ffn_${alternation(experts)}_exps`;
  return `${alternation(parts)}\\.`;
}

/** Rules for parts that lie elsewhere: layers of the same parts and the same place share one. */
function rulesFor(places: readonly { readonly movable: Movable; readonly buffer: string }[]): TensorOverride[] {
  const byLayer = new Map<string, { readonly layer: number; readonly buffer: string; readonly parts: string[] }>();
  for (const { movable, buffer } of places) {
    const key = `${movable.layer} ${buffer}`;
    const row = byLayer.get(key) ?? { layer: movable.layer, buffer, parts: [] };
    byLayer.set(key, row);
    row.parts.push(movable.part);
  }
  const rules = new Map<
    string,
    { readonly buffer: string; readonly parts: readonly string[]; readonly layers: number[] }
  >();
  for (const { layer, buffer, parts } of byLayer.values()) {
    const key = `${parts.sort().join("|")} ${buffer}`;
    const rule = rules.get(key) ?? { buffer, parts, layers: [] };
    rules.set(key, rule);
    rule.layers.push(layer);
  }
  return [...rules.values()].map(({ buffer, parts, layers }) => ({
    pattern: `blk\\.${layersPattern(layers)}\\.${partsPattern(parts)}`,
    buffer,
  }));
}

/** A filling as a run: the leading layers that keep nothing are counted, the others named by rules. */
function filledRun({ model, hardware, table }: Search, run: Run, filling: Filling): Run {
  const onHost = new Map<number, number>();
  for (const { layer } of filling.host) onHost.set(layer, (onHost.get(layer) ?? 0) + 1);
  const away = new Set(filling.away.map(({ movable }) => movable.layer));
  let leading = 0;
  while (
    leading < model.hyper.layerCount &&
    !away.has(leading) &&
    (onHost.get(leading) ?? 0) === (table.movables[leading]?.length ?? 0)
  )
    leading++;
  if (filling.host.every(({ layer }) => layer >= leading)) leading = 0;
  const names = engineNames(hardware.devices);
  const overrides = rulesFor([
    ...filling.host.filter(({ layer }) => layer >= leading).map((movable) => ({ movable, buffer: "CPU" })),
    ...filling.away.map(({ movable, device }) => ({ movable, buffer: names[device] ?? "CPU" })),
  ]);
  const counted = model.hyper.experts ? { cpuMoeLayers: leading } : { cpuFfnLayers: leading };
  return {
    ...run,
    cpuMoeLayers: 0,
    cpuFfnLayers: 0,
    ...counted,
    overrides,
    tensorSplit: hardware.devices.length > 1 ? filling.counts : [],
  };
}

const FILL_ROUNDS = 5;
/** Less room than this is not worth another look. */
const WORTH_BYTES = 32 * MIB;

/**
 * The run with its devices filled, exact verdicts correcting what the tables leave out: short rounds take back what is over, and the first one
 * that fits gives out what compute buffers turned out not to need.
 * @param run `-ngl` is its own; the parts that a rule may move are placed here
 */
function filled(
  search: Search,
  run: Run,
  like: MemoryVerdict,
  scheme: (items: readonly FillItem[], devices: readonly FillDevice[]) => Filling | undefined,
): MemoryVerdict | undefined {
  const { model, hardware, memoryOf, table } = search;
  const L = model.hyper.layerCount;
  const items: FillItem[] = [];
  for (let layer = Math.max(L + 1 - run.offloadedLayers, 0); layer < L; layer++) {
    const movables = table.movables[layer] ?? [];
    const weightBytes =
      (table.restBytes[layer] ?? 0) + (table.expertBytes[layer] ?? 0) + (table.denseFfnBytes[layer] ?? 0);
    const stateBytes = run.cacheOffload ? (table.stateBytes[layer] ?? 0) : 0;
    const movableBytes = movables.reduce((sum, { bytes }) => sum + bytes, 0);
    items.push({ fixedBytes: weightBytes - movableBytes + stateBytes, movables });
  }
  items.push({ fixedBytes: table.outputBytes, movables: [] });
  let limits = limitsOf(like);
  let found: MemoryVerdict | undefined;
  for (let round = 0; round < FILL_ROUNDS; round++) {
    const filling = scheme(
      items,
      limits.map((limitBytes, index) => ({
        limitBytes,
        bandwidthBytesPerSecond: hardware.devices[index]?.bandwidthBytesPerSecond.value ?? 1,
      })),
    );
    if (!filling) return found;
    const verdict = memoryOf(filledRun(search, run, filling));
    if (onDevices(verdict)) {
      const more = limitsOf(verdict);
      const grown = found === undefined && more.some((limit, index) => limit > (limits[index] ?? 0) + WORTH_BYTES);
      found = verdict;
      if (!grown) return found;
      limits = more;
    } else if (found) return found;
    else limits = limits.map((limit, index) => limit - (verdict.shortfall.devices[index] ?? 0));
  }
  return found;
}

const keepFirst: typeof fillEvenly = (items, devices) => fillEvenly(items, devices, "first");
const keepLast: typeof fillEvenly = (items, devices) => fillEvenly(items, devices, "last");

/** Experts that are not stored alike in every layer: then it matters which of them the host computes. */
function differByLayer({ model, table }: Search): boolean {
  const sizes = new Set(
    table.movables.flatMap((parts) => (parts.length > 0 ? [parts.map(({ bytes }) => bytes).join()] : [])),
  );
  return model.hyper.experts !== undefined && sizes.size > 1;
}

/**
 * What whole layers leave free of the devices, filled part by part: the verdicts that fit, of several ways to do it.
 * @param coarse a placement that `placements` found, with something on the host; or the nearest that fits no device
 */
export function refinements(
  model: Model,
  hardware: Hardware,
  coarse: MemoryVerdict,
  memoryOf: MemoryOf,
): MemoryVerdict[] {
  const { run } = coarse;
  const L = model.hyper.layerCount;
  const whole = run.offloadedLayers > L && run.cpuMoeLayers === 0 && run.cpuFfnLayers === 0;
  const search: Search = { model, hardware, memoryOf, table: layerTable(model, run) };
  const several = hardware.devices.length > 1;
  if (hardware.devices.length === 0 || run.offloadedLayers === 0 || run.splitMode === "none") return [];
  if ((whole && (coarse.fits || !several)) || !search.table.movables.some((parts) => parts.length > 0)) return [];
  // mixtures whose attention alone is too much keep all experts on the host: nothing is left to fill with
  if (model.hyper.experts && run.offloadedLayers <= L) return [];
  // the seam: one layer more, of which a part stays on the host
  const offloadedLayers = Math.min(L + 1, run.offloadedLayers + 1);
  const base: Run = { ...run, offloadedLayers, cpuMoeLayers: 0, cpuFfnLayers: 0, overrides: [], tensorSplit: [] };
  const schemes = [
    ...(several ? [fillInOrder] : []),
    ...(whole ? [] : [keepLast]),
    ...(differByLayer(search) && !whole ? [keepFirst] : []),
  ];
  return schemes
    .flatMap((scheme) => filled(search, base, coarse, scheme) ?? [])
    .filter((verdict) => verdict.fits && (!whole || !verdict.run.overrides.some(({ buffer }) => buffer === "CPU")));
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
      keep(least(search, L, (n) => ({ ...base, cpuMoeLayers: n })));
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
