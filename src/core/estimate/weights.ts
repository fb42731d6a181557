/**
 * Weights per device: every stored tensor on the device of its layer, the output on the output's, the input on the host,
 * a tied embedding twice. Source: memory.md's rules, i.e. llama.cpp v0.5.0 src/llama-model-loader.cpp:1120-1380 (placement, duplicates)
 * and ggml/src/ggml-alloc.c:1168-1236 (a buffer is the sum of its tensors, each padded to the alignment).
 */
import type { BufferLayout } from "../facts/hardware.ts";
import type { Hyperparameters } from "../facts/model.ts";
import { HOST, type Placement } from "../facts/placement.ts";
import { type Tensor, tensorBytes } from "../facts/tensor.ts";
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

/** @param layouts one per device, then the host's own */
export function estimateWeights(
  hyper: Hyperparameters,
  tensors: readonly Tensor[],
  placement: Placement,
  layouts: { readonly devices: readonly BufferLayout[]; readonly host: BufferLayout },
): DeviceBytes {
  const devices = layouts.devices.map(() => 0);
  let host = 0;
  const tied = isTied(hyper, tensors);
  for (const tensor of tensors)
    for (const device of devicesOf(tensor, hyper, placement, tied)) {
      if (device === HOST) host += allocatedBytes(tensor, layouts.host);
      else devices[device] = (devices[device] ?? 0) + allocatedBytes(tensor, layouts.devices[device] ?? layouts.host);
    }
  return { devices, host };
}
