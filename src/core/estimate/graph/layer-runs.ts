/**
 * Which layers a graph needs so that its buffers are those of the whole model. Equal layers follow each other in long runs
 * (or in repeated patterns, like five windows and one full layer); after a few repeats the allocator is back where it was, so
 * the rest adds nothing. Tested: shortened and whole graphs agree to the byte on every measured model.
 */
import type { Hyperparameters, LayerFacts } from "../../facts/model.ts";
import { HOST, type Placement } from "../../facts/placement.ts";
import type { Run } from "../../facts/run.ts";
import type { WeightTable } from "./weight-table.ts";

/** What a row makes of a layer's index beyond its facts and weights: layers of different kinds are never taken for equal. */
export type LayerKind = (hyper: Hyperparameters, index: number) => number;

/** Longest pattern that is looked for. */
const MAX_PERIOD = 12;

/**
 * Repeats that are kept of a long run, and the cycle its length keeps step with: the hidden state of some models takes turns in
 * two places, of some in three. Over 4,872 runs of 198 models 4 repeats fall short in one, 5 in none; one more for good measure.
 */
const KEPT_REPEATS = 6;
const CYCLE = 6;

const classesOfModels = new WeakMap<
  Hyperparameters,
  { readonly table: WeightTable; readonly classes: readonly number[] }
>();

/** Every layer of the main graph. */
export function mainLayers(hyper: Hyperparameters): number[] {
  const indices: number[] = [];
  for (const { nextn, index } of hyper.layers) if (!nextn) indices.push(index);
  return indices;
}

/** Main layers to emit, by index in the model. */
export function neededLayers(
  hyper: Hyperparameters,
  table: WeightTable,
  run: Run,
  placement: Placement,
  kind: LayerKind | undefined,
): number[] {
  return shortened(hyper, table, run, placement, kind, keptRepeats);
}

/** Fewer still where only the device of each operator is asked for: that depends on its neighbours alone. */
export function boundaryLayers(
  hyper: Hyperparameters,
  table: WeightTable,
  run: Run,
  placement: Placement,
  kind: LayerKind | undefined,
): number[] {
  return shortened(hyper, table, run, placement, kind, (repeats) => Math.min(repeats, BOUNDARY_REPEATS));
}

const BOUNDARY_REPEATS = 3;

/** Numbers equal where layers have the same facts and tensors. */
export function modelClasses(
  hyper: Hyperparameters,
  table: WeightTable,
  kind: LayerKind | undefined,
): readonly number[] {
  const known = classesOfModels.get(hyper);
  if (known?.table === table) return known.classes;
  const numbers = new Map<string, number>();
  const classes = hyper.layers.map((layer) => {
    const signature = `${factsSignature(layer)}|${kind?.(hyper, layer.index) ?? 0}|${table.layerSignatures[layer.index] ?? ""}`;
    return numberOf(numbers, signature);
  });
  classesOfModels.set(hyper, { table, classes });
  return classes;
}

function factsSignature(layer: LayerFacts): string {
  return Object.entries(layer)
    .map(([name, value]) => (name === "index" ? "" : String(value)))
    .join();
}

function placedClasses(
  base: readonly number[],
  indices: readonly number[],
  table: WeightTable,
  run: Run,
  placement: Placement,
): number[] {
  const numbers = new Map<string, number>();
  const cacheApart = placement.cacheDevices !== placement.layerDevices;
  return indices.map((index) => {
    const device = placement.layerDevices[index] ?? HOST;
    const cache = cacheApart ? (placement.cacheDevices[index] ?? HOST) : device;
    const moved = placement.hasOverrides ? overrideSignature(index, table, run, placement) : "";
    return numberOf(numbers, `${base[index] ?? 0} ${device} ${cache} ${moved}`);
  });
}

/** The two counting flags need no look at the names; patterns do. */
function overrideSignature(index: number, table: WeightTable, run: Run, placement: Placement): string {
  if (run.overrides.length === 0) return `${index < run.cpuMoeLayers} ${index < run.cpuFfnLayers}`;
  return Array.from(table.layers[index]?.values() ?? [], ({ name }) => placement.overrideOf(name) ?? "").join();
}

function numberOf(numbers: Map<string, number>, signature: string): number {
  const known = numbers.get(signature);
  if (known !== undefined) return known;
  numbers.set(signature, numbers.size);
  return numbers.size - 1;
}

function shortened(
  hyper: Hyperparameters,
  table: WeightTable,
  run: Run,
  placement: Placement,
  kind: LayerKind | undefined,
  keptOf: (repeats: number) => number,
): number[] {
  const indices = mainLayers(hyper);
  const classes = placedClasses(modelClasses(hyper, table, kind), indices, table, run, placement);
  const kept: number[] = [];
  let position = 0;
  while (position < indices.length) {
    const { period, repeats } = longestRun(classes, position, keptOf);
    const keep = keptOf(repeats);
    for (let repeat = 0; repeat < keep; repeat++) {
      // the first ones, and the last in place of the one before those left out
      const from = position + (repeat === keep - 1 ? repeats - 1 : repeat) * period;
      for (let step = 0; step < period; step++) kept.push(indices[from + step] ?? 0);
    }
    position += repeats * period;
  }
  return kept;
}

function keptRepeats(repeats: number): number {
  return repeats <= KEPT_REPEATS ? repeats : KEPT_REPEATS + ((repeats - KEPT_REPEATS) % CYCLE);
}

/** The pattern at `start` whose repeats save most; one layer once where nothing repeats. */
function longestRun(
  classes: readonly number[],
  start: number,
  keptOf: (repeats: number) => number,
): { readonly period: number; readonly repeats: number } {
  let best = { period: 1, repeats: 1 };
  let bestSaved = 0;
  for (let period = 1; period <= MAX_PERIOD && start + period < classes.length; period++) {
    let repeats = 1;
    while (repeatsAt(classes, start, start + repeats * period, period)) repeats += 1;
    const saved = (repeats - keptOf(repeats)) * period;
    if (saved > bestSaved) {
      best = { period, repeats };
      bestSaved = saved;
    }
  }
  return best;
}

function repeatsAt(classes: readonly number[], first: number, second: number, period: number): boolean {
  if (second + period > classes.length) return false;
  for (let step = 0; step < period; step++) if (classes[first + step] !== classes[second + step]) return false;
  return true;
}
