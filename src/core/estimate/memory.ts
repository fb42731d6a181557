/**
 * llama.cpp's memory breakdown of a model, run and set of devices: weights + context + compute, per device and for the host.
 * What the engine does not account for stands beside it (estimate/reserve.ts).
 */
import { type Backend, bufferLayouts } from "../facts/hardware.ts";
import type { MemoryBreakdown } from "../facts/memory.ts";
import type { Hyperparameters } from "../facts/model.ts";
import { type PlaceableDevice, placeRun } from "../facts/place.ts";
import type { Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import type { Tensor } from "../facts/tensor.ts";
import { estimateCompute } from "./compute.ts";
import { estimateContext } from "./context.ts";
import { estimateWeights } from "./weights.ts";

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
  const placement = placeRun(hyper.layerCount, run, devices);
  const layouts = { devices: devices.map(({ backend }) => bufferLayouts[backend]), host: bufferLayouts.cpu };
  const weights = estimateWeights(hyper, tensors, placement, layouts);
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
