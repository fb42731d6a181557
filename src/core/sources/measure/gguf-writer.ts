/** Writes a GGUF file whose weights are noise. Layout: GGUF version 3, ggml's docs/gguf.md: header, key-values, tensor table, aligned data. */
import { open } from "node:fs/promises";

type Value =
  | { readonly kind: "u32"; readonly value: number }
  | { readonly kind: "f32"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "f32s"; readonly value: readonly number[] }
  | { readonly kind: "i32s"; readonly value: readonly number[] };

export const u32 = (value: number): Value => ({ kind: "u32", value });
export const f32 = (value: number): Value => ({ kind: "f32", value });
export const string = (value: string): Value => ({ kind: "string", value });
export const strings = (value: readonly string[]): Value => ({ kind: "strings", value });
export const f32s = (value: readonly number[]): Value => ({ kind: "f32s", value });
export const i32s = (value: readonly number[]): Value => ({ kind: "i32s", value });

export interface NoiseTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: "f32" | "q8_0";
}

export interface NoiseModel {
  readonly metadata: Readonly<Record<string, Value>>;
  readonly tensors: readonly NoiseTensor[];
}

/** Numbers of the value types and tensor types (ggml's gguf.h and ggml.h). */
const TYPE = { u32: 4, i32: 5, f32: 6, string: 8, array: 9 } as const;
const TENSOR_TYPE = { f32: 0, q8_0: 8 } as const;
const ALIGNMENT = 32;
/** a scale of half precision and 32 weights of a byte */
const Q8_0_BLOCK = { weights: 32, bytes: 34 } as const;
/** 0.00027 in half precision: with bytes from −128 to 127 the weights spread about 0.02, as trained ones do */
const SCALE = 0x0c6c;

class Bytes {
  private readonly parts: Buffer[] = [];
  length = 0;
  add(part: Buffer): void {
    this.parts.push(part);
    this.length += part.length;
  }
  u32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    this.add(part);
  }
  i32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeInt32LE(value);
    this.add(part);
  }
  u64(value: number): void {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    this.add(part);
  }
  f32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeFloatLE(value);
    this.add(part);
  }
  string(value: string): void {
    const text = Buffer.from(value, "utf8");
    this.u64(text.length);
    this.add(text);
  }
  padTo(alignment: number): void {
    this.add(Buffer.alloc((alignment - (this.length % alignment)) % alignment));
  }
  whole(): Buffer {
    return Buffer.concat(this.parts, this.length);
  }
}

function addArray(bytes: Bytes, type: number, count: number): void {
  bytes.u32(TYPE.array);
  bytes.u32(type);
  bytes.u64(count);
}

function addValue(bytes: Bytes, value: Value): void {
  switch (value.kind) {
    case "u32":
      bytes.u32(TYPE.u32);
      bytes.u32(value.value);
      break;
    case "f32":
      bytes.u32(TYPE.f32);
      bytes.f32(value.value);
      break;
    case "string":
      bytes.u32(TYPE.string);
      bytes.string(value.value);
      break;
    case "strings":
      addArray(bytes, TYPE.string, value.value.length);
      for (const item of value.value) bytes.string(item);
      break;
    case "f32s":
      addArray(bytes, TYPE.f32, value.value.length);
      for (const item of value.value) bytes.f32(item);
      break;
    case "i32s":
      addArray(bytes, TYPE.i32, value.value.length);
      for (const item of value.value) bytes.i32(item);
      break;
  }
}

const weightCount = (tensor: NoiseTensor): number => tensor.shape.reduce((product, size) => product * size, 1);

export function noiseBytes(tensor: NoiseTensor): number {
  const count = weightCount(tensor);
  return tensor.type === "f32" ? count * 4 : (count / Q8_0_BLOCK.weights) * Q8_0_BLOCK.bytes;
}

const padded = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function noiseHeader({ metadata, tensors }: NoiseModel): Buffer {
  const bytes = new Bytes();
  bytes.add(Buffer.from("GGUF", "latin1"));
  bytes.u32(3);
  bytes.u64(tensors.length);
  bytes.u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    bytes.string(key);
    addValue(bytes, value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    bytes.string(tensor.name);
    bytes.u32(tensor.shape.length);
    for (const size of tensor.shape) bytes.u64(size);
    bytes.u32(TENSOR_TYPE[tensor.type]);
    bytes.u64(offset);
    offset += padded(noiseBytes(tensor));
  }
  bytes.padTo(ALIGNMENT);
  return bytes.whole();
}

/** Blocks of noise, about 1 MiB, repeated for every tensor: memory does not care that weights repeat. Same numbers on each call. */
function noise(): Buffer {
  const blocks = Buffer.alloc(Q8_0_BLOCK.bytes * 32_768);
  let state = 88_172_645;
  for (let at = 0; at < blocks.length; at += Q8_0_BLOCK.bytes) {
    blocks.writeUInt16LE(SCALE, at);
    for (let i = 2; i < Q8_0_BLOCK.bytes; i++) {
      // a linear congruence (Numerical Recipes, "quick and dirty"): its high byte is noise enough
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      blocks[at + i] = state >>> 24;
    }
  }
  return blocks;
}

/** Norms are ones. Throws the signal's reason when cancelled. */
export async function writeNoiseModel(path: string, model: NoiseModel, signal: AbortSignal): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.write(noiseHeader(model));
    const blocks = noise();
    for (const tensor of model.tensors) {
      const bytes = noiseBytes(tensor);
      if (tensor.type === "f32") await file.write(Buffer.from(new Float32Array(bytes / 4).fill(1).buffer));
      else {
        for (let left = bytes; left > 0; left -= blocks.length) {
          signal.throwIfAborted();
          await file.write(blocks, 0, Math.min(left, blocks.length));
        }
      }
      await file.write(Buffer.alloc(padded(bytes) - bytes));
    }
  } finally {
    await file.close();
  }
}
