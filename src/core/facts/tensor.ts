/** One stored tensor of a model: llama.cpp's name, ggml's shape order (row width first) and storage type. */
import type { Bytes } from "../units.ts";
import { shapeBytes, type TensorType } from "./tensor-type.ts";

export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface Tensor extends TensorShape {
  readonly type: TensorType;
}

export function tensorBytes(tensor: Tensor): Bytes {
  return shapeBytes(tensor.type, tensor.shape);
}

export function weightCount(tensor: TensorShape): number {
  return tensor.shape.reduce((product, extent) => product * extent, 1);
}

/** `blk.12.ffn_up.weight` → 12; undefined for tensors outside the repeating layers. */
export function layerOf(name: string): number | undefined {
  const match = /^blk\.(\d+)\./.exec(name);
  return match ? Number(match[1]) : undefined;
}
