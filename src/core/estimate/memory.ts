/**
 * llama.cpp's memory breakdown of a model, run and set of devices: weights + context + compute, per device and for the host.
 * What the engine does not account for stands beside it (estimate/reserve.ts).
 */
import { BoundedMap } from "../facts/bounded-map.ts";
import { type Backend, type BufferLayout, bufferLayouts } from "../facts/hardware.ts";
import type { MemoryBreakdown } from "../facts/memory.ts";
import type { Hyperparameters } from "../facts/model.ts";
import { type PlaceableDevice, placeRun } from "../facts/place.ts";
import type { Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import type { Tensor } from "../facts/tensor.ts";
import { estimateCompute } from "./compute.ts";
import { estimateContext } from "./context.ts";
import { type DeviceBytes, estimateWeights } from "./weights.ts";

export interface MemoryDevice extends PlaceableDevice {
  readonly backend: Backend;
}

/** What memory depends on: no names, no sources. */
export interface ModelShape {
  readonly hyper: Hyperparameters;
  readonly tensors: readonly Tensor[];
}

export interface MemoryEstimate extends MemoryBreakdown {
  readonly placement: Placement;
  /** `assumed` where the architecture's graph is not known and a bound stands in for it */
  readonly computeBasis: "exact" | "assumed";
}

/** What follows from where things go alone: the same for every context and cache type. */
interface Placed {
  readonly placement: Placement;
  readonly weights: DeviceBytes;
}

/** Placements kept of one model on one machine: a search comes back to the last few. */
const PLACED = 64;
const placedBefore = new WeakMap<readonly MemoryDevice[], WeakMap<readonly Tensor[], BoundedMap<Placed>>>();

function placed({ hyper, tensors }: ModelShape, run: Run, devices: readonly MemoryDevice[]): Placed {
  const machine = placedBefore.get(devices) ?? new WeakMap<readonly Tensor[], BoundedMap<Placed>>();
  placedBefore.set(devices, machine);
  const known = machine.get(tensors) ?? new BoundedMap<Placed>(PLACED);
  machine.set(tensors, known);
  const { offloadedLayers, cpuMoeLayers, cpuFfnLayers, splitMode, mainDevice, tensorSplit, cacheOffload, overrides } =
    run;
  const rules = overrides.map(({ pattern, buffer }) => `${pattern}=${buffer}`).join();
  const key = `${offloadedLayers} ${cpuMoeLayers} ${cpuFfnLayers} ${splitMode} ${mainDevice} ${tensorSplit.join()} ${cacheOffload} ${rules}`;
  return known.remember(key, () => {
    const placement = placeRun(hyper.layerCount, run, devices);
    return { placement, weights: estimateWeights(hyper, tensors, placement, layoutsOf(devices)) };
  });
}

const layoutsBefore = new WeakMap<readonly MemoryDevice[], Layouts>();

interface Layouts {
  readonly devices: readonly BufferLayout[];
  readonly host: BufferLayout;
}

function layoutsOf(devices: readonly MemoryDevice[]): Layouts {
  const known = layoutsBefore.get(devices) ?? {
    devices: devices.map(({ backend }) => bufferLayouts[backend]),
    host: bufferLayouts.cpu,
  };
  layoutsBefore.set(devices, known);
  return known;
}

/**
 * @param compute how compute buffers are had: a search passes one that remembers
 * @throws InputError for overrides to unknown buffers and split modes that are not computed
 */
export function estimateMemory(
  model: ModelShape,
  run: Run,
  devices: readonly MemoryDevice[],
  compute: typeof estimateCompute = estimateCompute,
): MemoryEstimate {
  const { hyper, tensors } = model;
  const { placement, weights } = placed(model, run, devices);
  const layouts = layoutsOf(devices);
  const context = estimateContext(hyper, run, placement, layouts);
  const buffers = compute(hyper, tensors, run, placement, layouts.devices);
  return {
    placement,
    computeBasis: buffers.basis,
    devices: devices.map((_, index) => ({
      modelBytes: weights.devices[index] ?? 0,
      contextBytes: context.devices[index] ?? 0,
      computeBytes: buffers.devices[index] ?? 0,
    })),
    host: { modelBytes: weights.host, contextBytes: context.host, computeBytes: buffers.host },
  };
}
