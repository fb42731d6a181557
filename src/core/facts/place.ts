/**
 * From a run to a placement: which device holds each layer, the output and each override.
 * Source: llama.cpp v0.5.0 src/llama-model.cpp:1488-1546 (layers are dealt from the last backwards, the output layer first),
 * src/llama-model-loader.cpp:1235-1260 (overrides: search, first match wins), common/common.h:1131-1150 (patterns of --n-cpu-moe, --n-cpu-ffn).
 */
import type { Bytes } from "../units.ts";
import { InputError } from "./input-error.ts";
import { HOST, type Placement } from "./placement.ts";
import type { Run } from "./run.ts";

export interface PlaceableDevice {
  readonly name: string;
  /** free memory: the default split is proportional to it */
  readonly freeBytes: Bytes;
}

/** Index of the first cumulative share above `position` (`std::upper_bound` over float shares). */
function deviceAt(cumulativeShares: Float32Array, position: number): number {
  const wanted = Math.fround(position);
  const index = cumulativeShares.findIndex((share) => share > wanted);
  return index < 0 ? cumulativeShares.length - 1 : index;
}

function cumulativeShares(weights: readonly number[]): Float32Array {
  const shares = new Float32Array(weights.length);
  let sum = 0;
  weights.forEach((weight, index) => {
    sum = Math.fround(sum + Math.fround(weight));
    shares[index] = sum;
  });
  return shares.map((share) => Math.fround(share / sum));
}

/** What the two counting flags can move. Names repeat over models, so few are ever parsed. */
interface Countable {
  readonly layer: number;
  readonly flag: "cpuMoeLayers" | "cpuFfnLayers";
}

const MAX_NAMES = 65_536;
const countables = new Map<string, Countable | undefined>();
const expertsOnHost = /^blk\.(\d+)\.ffn_(?:up|down|gate|gate_up)_(?:ch|)exps/;
const denseOnHost = /^blk\.(\d+)\.ffn_(?:up|down|gate)\./;

/** The layer and flag of a tensor that `--n-cpu-moe` or `--n-cpu-ffn` may move. */
export function countableOf(name: string): Countable | undefined {
  const held = countables.get(name);
  if (held !== undefined || countables.has(name)) return held;
  const experts = expertsOnHost.exec(name);
  const dense = experts === null ? denseOnHost.exec(name) : null;
  const found: Countable | undefined = experts
    ? { layer: Number(experts[1]), flag: "cpuMoeLayers" }
    : dense
      ? { layer: Number(dense[1]), flag: "cpuFfnLayers" }
      : undefined;
  if (countables.size >= MAX_NAMES) countables.clear();
  countables.set(name, found);
  return found;
}

function overrideLookup(run: Run, devices: readonly PlaceableDevice[]): (tensorName: string) => number | undefined {
  const rules = run.overrides.map(({ pattern, buffer }) => {
    const device = buffer === "CPU" ? HOST : devices.findIndex(({ name }) => name === buffer);
    if (device < HOST || (device === HOST && buffer !== "CPU"))
      throw new InputError(
        `The override "${pattern}=${buffer}" names no buffer of this machine. Send CPU or one of: ${devices.map(({ name }) => name).join(", ")}.`,
      );
    return { regex: new RegExp(pattern), device };
  });
  const counted = (tensorName: string): number | undefined => {
    const countable = countableOf(tensorName);
    return countable && countable.layer < run[countable.flag] ? HOST : undefined;
  };
  if (rules.length === 0) return counted;
  // the same few hundred names are asked for by weights, speed and notes
  const known = new Map<string, number | undefined>();
  return (tensorName) => {
    if (known.has(tensorName)) return known.get(tensorName);
    const rule = rules.find(({ regex }) => regex.test(tensorName));
    const device = rule ? rule.device : counted(tensorName);
    known.set(tensorName, device);
    return device;
  };
}

/**
 * @param layerCount repeating layers, NextN included
 * @throws InputError for a split mode that is not computed, or an override to an unknown buffer
 */
export function placeRun(layerCount: number, run: Run, devices: readonly PlaceableDevice[]): Placement {
  if (devices.length > 1 && (run.splitMode === "row" || run.splitMode === "tensor"))
    throw new InputError(
      `Split mode "${run.splitMode}" over several devices is not computed here. Send -sm layer (llama.cpp's default) or -sm none.`,
    );
  const only = run.splitMode === "none" ? Math.min(run.mainDevice, devices.length - 1) : undefined;
  const weights = devices.map((device, index) => {
    if (only !== undefined) return index === only ? 1 : 0;
    return run.tensorSplit.length > 0 ? (run.tensorSplit[index] ?? 0) : device.freeBytes;
  });
  const shares = cumulativeShares(weights);
  const start = Math.max(layerCount + 1 - run.offloadedLayers, 0);
  const offloaded = devices.length === 0 ? 0 : Math.min(run.offloadedLayers, layerCount + 1);
  const deviceOf = (index: number) =>
    index < start || index - start >= offloaded ? HOST : deviceAt(shares, (index - start) / offloaded);
  const layerDevices = Array.from({ length: layerCount }, (_, index) => deviceOf(index));
  return {
    deviceCount: devices.length,
    layerDevices,
    outputDevice: deviceOf(layerCount),
    cacheDevices: run.cacheOffload ? layerDevices : layerDevices.map(() => HOST),
    overrideOf: overrideLookup(run, devices),
    hasOverrides: run.overrides.length > 0 || run.cpuMoeLayers > 0 || run.cpuFfnLayers > 0,
    ...(run.overrides.length > 0 ? {} : { countedLayers: { experts: run.cpuMoeLayers, denseFfn: run.cpuFfnLayers } }),
  };
}
