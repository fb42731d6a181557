/**
 * `estimateCompute`, remembered: a search asks for the same graph many times. Three things make graphs the same (all checked in
 * test/core/estimate/compute-memo.test.ts): how layers are quantized does not change what temporaries take; placements whose kept
 * layers are of the same classes in the same order give one graph; and with everything else unchanged buffers grow along straight
 * lines with the cells of the cache, because every rounding is a divisor of the 256 cells that a context is padded to.
 */
import { BoundedMap } from "../facts/bounded-map.ts";
import type { BufferLayout } from "../facts/hardware.ts";
import type { Hyperparameters } from "../facts/model.ts";
import { HOST, type Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import { runShape } from "../facts/run-shape.ts";
import { layerOf, type Tensor } from "../facts/tensor.ts";
import { type ComputeEstimate, estimateCompute } from "./compute.ts";
import { modelClasses, neededLayers } from "./graph/layer-runs.ts";
import { layerKindOf } from "./graph/models/layer-kinds.ts";
import { weightTable } from "./graph/weight-table.ts";
import { StraightLine } from "./straight-line.ts";

/** Settings kept of one model, and placements kept of one setting; the oldest go first. */
const SETTINGS = 64;
const PLACEMENTS = 256;

type Line = StraightLine<ComputeEstimate>;

interface Setting {
  /** by the placement itself, by what it says, and by what the graph sees of it */
  readonly placed: WeakMap<Placement, Line>;
  readonly raw: BoundedMap<Line>;
  readonly seen: BoundedMap<Line>;
}

const memo = new WeakMap<Hyperparameters, BoundedMap<Setting>>();
const outerTypes = new WeakMap<readonly Tensor[], string>();

/** Types outside the layers: the embedding's and the output's rows are copied between places as they are stored. */
function outerTypesOf(tensors: readonly Tensor[]): string {
  const known = outerTypes.get(tensors);
  if (known !== undefined) return known;
  const text = `${tensors.length} ${tensors.flatMap(({ name, type }) => (layerOf(name) === undefined ? [`${name}:${type}`] : [])).join()}`;
  outerTypes.set(tensors, text);
  return text;
}

function settingKey(run: Run, tensors: readonly Tensor[], layouts: readonly BufferLayout[], batch: number): string {
  const { sequences, unifiedCache, cacheTypeK, cacheTypeV, ubatchTokens, flashAttention, splitMode, swaFull, outputs } =
    run;
  const devices = layouts
    .map(
      (layout) =>
        `${layout.alignmentBytes}/${layout.rowPaddingWeights}/${layout.offloadBatchTokens ?? ""}/${layout.widensQuantizedCache ?? ""}`,
    )
    .join();
  return `${sequences} ${unifiedCache} ${cacheTypeK} ${cacheTypeV} ${batch} ${ubatchTokens} ${flashAttention} ${splitMode} ${swaFull} ${outputs}|${devices}|${outerTypesOf(tensors)}`;
}

/** Equal neighbours counted: `0x24 1x24`. */
function runLengths(values: readonly number[]): string {
  let text = "";
  for (let start = 0; start < values.length; ) {
    let end = start + 1;
    while (end < values.length && values[end] === values[start]) end++;
    text += `${values[start]}x${end - start} `;
    start = end;
  }
  return text;
}

function placementKey(hyper: Hyperparameters, run: Run, placement: Placement): string {
  return `${runLengths(placement.layerDevices)}|${
    placement.cacheDevices === placement.layerDevices ? "" : runLengths(placement.cacheDevices)
  }|${placement.outputDevice} ${run.cpuMoeLayers} ${run.cpuFfnLayers} ${run.offloadedLayers > hyper.layerCount} ${run.cacheOffload}|${run.overrides
    .map(({ pattern, buffer }) => `${pattern}=${buffer}`)
    .join()}`;
}

/** The layers that the graph is built of: class, devices, and what is moved of each. */
function seenKey(hyper: Hyperparameters, tensors: readonly Tensor[], run: Run, placement: Placement): string {
  const table = weightTable(tensors);
  const kind = layerKindOf(hyper.architecture);
  const classes = modelClasses(hyper, table, kind);
  const cacheApart = placement.cacheDevices !== placement.layerDevices;
  const layers = neededLayers(hyper, table, run, placement, kind).map((index) => {
    const moved =
      run.overrides.length > 0
        ? Array.from(table.layers[index]?.values() ?? [], ({ name }) => placement.overrideOf(name) ?? "").join()
        : placement.hasOverrides
          ? `${index < run.cpuMoeLayers}${index < run.cpuFfnLayers}`
          : "";
    return `${classes[index]}@${placement.layerDevices[index]}${cacheApart ? `/${placement.cacheDevices[index]}` : ""}${moved}`;
  });
  const outer =
    run.overrides.length > 0 ? Array.from(table.model.keys(), (name) => placement.overrideOf(name) ?? "").join() : "";
  return `${layers.join(" ")}|${placement.outputDevice} ${placement.hasOverrides} ${run.offloadedLayers > hyper.layerCount} ${run.cacheOffload}|${outer}|${placement.layerDevices.includes(HOST)}`;
}

function components({ devices, host }: ComputeEstimate): readonly number[] {
  return [...devices, host];
}

export function rememberedCompute(
  hyper: Hyperparameters,
  tensors: readonly Tensor[],
  run: Run,
  placement: Placement,
  layouts: readonly BufferLayout[],
): ComputeEstimate {
  const settings = memo.get(hyper) ?? new BoundedMap<Setting>(SETTINGS);
  memo.set(hyper, settings);
  const shape = runShape(run, hyper.causal);
  const setting = settings.remember(settingKey(run, tensors, layouts, shape.batchTokens), () => ({
    placed: new WeakMap<Placement, Line>(),
    raw: new BoundedMap<Line>(PLACEMENTS),
    seen: new BoundedMap<Line>(PLACEMENTS),
  }));
  const line =
    setting.placed.get(placement) ??
    setting.raw.remember(placementKey(hyper, run, placement), () =>
      setting.seen.remember(seenKey(hyper, tensors, run, placement), () => new StraightLine()),
    );
  setting.placed.set(placement, line);
  const held = line.read(shape.cells);
  if (held && "value" in held) return held.value;
  // where the cache lies apart, masks and copies are large and take each other's places: only what was worked out counts
  if (held && placement.cacheDevices === placement.layerDevices)
    return {
      devices: held.components.slice(0, -1),
      host: held.components.at(-1) ?? 0,
      basis: held.like.basis,
    };
  const made = estimateCompute(hyper, tensors, run, placement, layouts);
  line.add({ at: shape.cells, components: components(made), value: made });
  return made;
}
