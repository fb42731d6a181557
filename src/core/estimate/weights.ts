/**
 * Weights per device: every stored tensor on the device of its layer, the output on the output's, the input on the host,
 * a tied embedding twice. Source: memory.md's rules, i.e. llama.cpp v0.5.0 src/llama-model-loader.cpp:1120-1380 (placement, duplicates)
 * and ggml/src/ggml-alloc.c:1168-1236 (a buffer is the sum of its tensors, each padded to the alignment).
 */
import type { BufferLayout } from "../facts/hardware.ts";
import type { Hyperparameters } from "../facts/model.ts";
import { countableOf } from "../facts/place.ts";
import { HOST, type Placement } from "../facts/placement.ts";
import { layerOf, type Tensor, tensorBytes } from "../facts/tensor.ts";
import { duplicatesOnSameDevice, hasOutputHead, tensorHome } from "../facts/tensor-home.ts";
import { rowBytes, tensorTypes } from "../facts/tensor-type.ts";
import { type Bytes, padTo } from "../units.ts";

export interface DeviceBytes {
  readonly devices: readonly Bytes[];
  readonly host: Bytes;
}

/** Bytes that a tensor takes in a buffer: its blocks, one padded row where the backend's kernels want it, the alignment. */
export function allocatedBytes(tensor: Tensor, layout: BufferLayout): Bytes {
  const width = tensor.shape[0] ?? 1;
  const quantized = tensorTypes[tensor.type].blockWeights > 1;
  const excess = layout.rowPaddingWeights > 0 ? width % layout.rowPaddingWeights : 0;
  const rowPadding = quantized && excess !== 0 ? rowBytes(tensor.type, layout.rowPaddingWeights - excess) : 0;
  return padTo(tensorBytes(tensor) + rowPadding, layout.alignmentBytes);
}

/** Devices (or HOST) that hold a copy of the tensor. NextN blocks are not loaded for plain decoding (`load_mtp` is off by default). */
export function devicesOf(
  tensor: Tensor,
  hyper: Hyperparameters,
  placement: Placement,
  tied: boolean,
): readonly number[] {
  const home = tensorHome(hyper.architecture, tensor.name);
  if (home.part === "layer" && hyper.layers[home.layer]?.nextn) return [];
  const moved = placement.overrideOf(tensor.name);
  if (moved !== undefined) return [moved];
  if (home.part === "input") {
    const loadedTwice = placement.outputDevice !== HOST || duplicatesOnSameDevice(hyper.architecture);
    return tied && tensor.name === "token_embd.weight" && loadedTwice ? [HOST, placement.outputDevice] : [HOST];
  }
  if (home.part === "output") return [placement.outputDevice];
  if (home.part === "layer") return [placement.layerDevices[home.layer] ?? HOST];
  const using = home.fullAttentionOnly
    ? placement.layerDevices.filter((_, index) => hyper.layers[index]?.windowTokens === 0)
    : placement.layerDevices;
  return [...new Set(using)];
}

export function isTied(hyper: Hyperparameters, tensors: readonly Tensor[]): boolean {
  return hasOutputHead(hyper.architecture) && !tensors.some(({ name }) => name === "output.weight");
}

/** A layer in one kind of buffer: what the counting flags may move, and the rest. */
interface LayerWeights {
  readonly restBytes: Float64Array;
  readonly expertBytes: Float64Array;
  readonly denseFfnBytes: Float64Array;
  /** what is in no layer of its own, looked at one by one */
  readonly others: readonly Tensor[];
}

const layerTables = new WeakMap<readonly Tensor[], Map<string, LayerWeights>>();

/** Bytes of a model's layers as `layout` stores them, summed once. */
function layerWeights(hyper: Hyperparameters, tensors: readonly Tensor[], layout: BufferLayout): LayerWeights {
  const known = layerTables.get(tensors) ?? new Map<string, LayerWeights>();
  layerTables.set(tensors, known);
  const key = `${layout.alignmentBytes}/${layout.rowPaddingWeights}`;
  const held = known.get(key);
  if (held) return held;
  const zeros = () => new Float64Array(hyper.layerCount);
  const table = { restBytes: zeros(), expertBytes: zeros(), denseFfnBytes: zeros() };
  const others: Tensor[] = [];
  for (const tensor of tensors) {
    const home = tensorHome(hyper.architecture, tensor.name);
    const layer = home.part === "layer" ? hyper.layers[home.layer] : undefined;
    // a looped layer has facts beyond the stored ones; a tensor of layer 0 by rule has no layer in its name
    if (!layer || layerOf(tensor.name) === undefined) {
      others.push(tensor);
      continue;
    }
    if (layer.nextn) continue;
    const part = { cpuMoeLayers: table.expertBytes, cpuFfnLayers: table.denseFfnBytes };
    const flag = countableOf(tensor.name)?.flag;
    add(flag ? part[flag] : table.restBytes, layer.index, allocatedBytes(tensor, layout));
  }
  const made = { ...table, others };
  known.set(key, made);
  return made;
}

function add(bytes: Float64Array, index: number, more: Bytes): void {
  bytes[index] = (bytes[index] ?? 0) + more;
}

/** @param layouts one per device, then the host's own */
export function estimateWeights(
  hyper: Hyperparameters,
  tensors: readonly Tensor[],
  placement: Placement,
  layouts: { readonly devices: readonly BufferLayout[]; readonly host: BufferLayout },
): DeviceBytes {
  const devices = layouts.devices.map(() => 0);
  let host = 0;
  const put = (device: number, bytes: Bytes): void => {
    if (device === HOST) host += bytes;
    else devices[device] = (devices[device] ?? 0) + bytes;
  };
  const layoutOf = (device: number): BufferLayout =>
    device === HOST ? layouts.host : (layouts.devices[device] ?? layouts.host);
  const putEach = (list: readonly Tensor[]): void => {
    const tied = isTied(hyper, list);
    for (const tensor of list)
      for (const device of devicesOf(tensor, hyper, placement, tied))
        put(device, allocatedBytes(tensor, layoutOf(device)));
  };
  const counted = placement.countedLayers;
  if (!counted) {
    putEach(tensors);
    return { devices, host };
  }
  const onHost = layerWeights(hyper, tensors, layouts.host);
  const tables = layouts.devices.map((layout) => layerWeights(hyper, tensors, layout));
  for (let layer = 0; layer < hyper.layerCount; layer++) {
    const device = placement.layerDevices[layer] ?? HOST;
    const here = device === HOST ? onHost : (tables[device] ?? onHost);
    put(device, here.restBytes[layer] ?? 0);
    if (layer < counted.experts) host += onHost.expertBytes[layer] ?? 0;
    else put(device, here.expertBytes[layer] ?? 0);
    if (layer < counted.denseFfn) host += onHost.denseFfnBytes[layer] ?? 0;
    else put(device, here.denseFfnBytes[layer] ?? 0);
  }
  putEach(onHost.others);
  return { devices, host };
}
