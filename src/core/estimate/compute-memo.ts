/**
 * `estimateCompute`, remembered: a search asks for the same graph many times, because how layers are quantized does not change
 * what the graph's temporaries take (checked in test/core/estimate/compute-memo.test.ts). Results are those of `estimateCompute`.
 */
import type { BufferLayout } from "../facts/hardware.ts";
import type { Hyperparameters } from "../facts/model.ts";
import type { Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import { layerOf, type Tensor } from "../facts/tensor.ts";
import { type ComputeEstimate, estimateCompute } from "./compute.ts";

/** Enough for one plan; the oldest go first. */
const CAPACITY = 512;

const memo = new WeakMap<Hyperparameters, Map<string, ComputeEstimate>>();
const outerTypes = new WeakMap<readonly Tensor[], string>();

/** Types outside the layers: the embedding's and the output's rows are copied between places as they are stored. */
function outerTypesOf(tensors: readonly Tensor[]): string {
  const known = outerTypes.get(tensors);
  if (known !== undefined) return known;
  const text = tensors.flatMap(({ name, type }) => (layerOf(name) === undefined ? [`${name}:${type}`] : [])).join();
  outerTypes.set(tensors, text);
  return text;
}

export function rememberedCompute(
  hyper: Hyperparameters,
  tensors: readonly Tensor[],
  run: Run,
  placement: Placement,
  layouts: readonly BufferLayout[],
): ComputeEstimate {
  const known = memo.get(hyper) ?? new Map<string, ComputeEstimate>();
  memo.set(hyper, known);
  const {
    contextTokens,
    sequences,
    unifiedCache,
    cacheTypeK,
    cacheTypeV,
    batchTokens,
    ubatchTokens,
    flashAttention,
    cpuMoeLayers,
    cpuFfnLayers,
    overrides,
    splitMode,
    swaFull,
    outputs,
  } = run;
  const key = [
    contextTokens,
    sequences,
    unifiedCache,
    cacheTypeK,
    cacheTypeV,
    batchTokens,
    ubatchTokens,
    flashAttention,
    cpuMoeLayers,
    cpuFfnLayers,
    splitMode,
    swaFull,
    outputs,
    overrides.map(({ pattern, buffer }) => `${pattern}=${buffer}`).join(),
    placement.layerDevices.join(""),
    placement.outputDevice,
    placement.cacheDevices === placement.layerDevices,
    layouts.map(({ alignmentBytes }) => alignmentBytes).join(),
    tensors.length,
    outerTypesOf(tensors),
  ].join("|");
  const held = known.get(key);
  if (held) return held;
  const made = estimateCompute(hyper, tensors, run, placement, layouts);
  if (known.size >= CAPACITY) {
    const [oldest] = known.keys();
    if (oldest !== undefined) known.delete(oldest);
  }
  known.set(key, made);
  return made;
}
