/** GGUF files of random weights in any storage type that the bench asks for, with a synthetic tokenizer: nothing is downloaded. */
import { writeFile } from "node:fs/promises";
import type { Metadata, MetadataValue } from "../src/core/facts/model.ts";
import { type Tensor, tensorBytes } from "../src/core/facts/tensor.ts";
import { type TensorType, tensorTypes } from "../src/core/facts/tensor-type.ts";
import { padTo } from "../src/core/units.ts";

const ALIGNMENT = 32;
const TYPE_IDS: Readonly<Partial<Record<TensorType, number>>> = {
  f32: 0,
  f16: 1,
  q4_0: 2,
  q8_0: 8,
  q4_K: 12,
  q5_K: 13,
  q6_K: 14,
};
/** Half-precision scales inside a block: everything else in it may be any byte. */
const SCALE_OFFSETS: Readonly<Partial<Record<TensorType, readonly number[]>>> = {
  q4_0: [0],
  q8_0: [0],
  q4_K: [0, 2],
  q5_K: [0, 2],
  q6_K: [208],
};
/** 0.00027: weights spread about 0.02, as trained ones do. */
const SCALE = 0x0c6c;

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
}

function number(value: number, size: 4 | 8): Buffer {
  const bytes = Buffer.alloc(size);
  if (size === 8) bytes.writeBigUInt64LE(BigInt(value));
  else bytes.writeUInt32LE(value);
  return bytes;
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

/** Value types of GGUF: 4 u32, 6 f32, 8 string, 9 array, 7 bool; whole numbers are u32 unless the key says otherwise. */
function encoded(key: string, value: MetadataValue): Buffer {
  const real = /epsilon|scale|base|scores/.test(key);
  if (typeof value === "string") return Buffer.concat([number(8, 4), text(value)]);
  if (typeof value === "boolean") return Buffer.concat([number(7, 4), Buffer.from([value ? 1 : 0])]);
  if (typeof value === "number")
    return Buffer.concat([number(real ? 6 : 4, 4), real ? float(value) : number(value, 4)]);
  const words = typeof value[0] === "string";
  const items = value.map((item) =>
    typeof item === "string" ? text(item) : real ? float(Number(item)) : number(Number(item), 4),
  );
  return Buffer.concat([number(9, 4), number(words ? 8 : real ? 6 : 5, 4), number(value.length, 8), ...items]);
}

function tokenizer(count: number): Metadata {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const words = Array.from({ length: count - 259 }, (_, index) => `tok_${index}`);
  return {
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", ...bytes, ...words],
    "tokenizer.ggml.scores": Array.from({ length: count }, (_, index) => -index),
    "tokenizer.ggml.token_type": [2, 3, 3, ...bytes.map(() => 6), ...words.map(() => 1)],
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
  };
}

/** xorshift: the same file every time. */
function noise(size: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = seed | 1;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return Buffer.from(words.buffer, 0, size);
}

function weights(tensor: Tensor, seed: number): Buffer {
  const size = tensorBytes(tensor);
  if (tensor.type === "f32") {
    const ones = new Float32Array(size / 4).fill(tensor.name.includes("norm") ? 1 : 0.01);
    // a router of equal rows would always pick the same experts
    if (tensor.name.includes("gate_inp"))
      for (const [index, byte] of noise(size, seed).entries()) ones[index % ones.length] = (byte - 128) / 1000;
    return Buffer.from(ones.buffer);
  }
  const bytes = noise(size, seed);
  if (tensor.type === "f16")
    for (let index = 1; index < size; index += 2)
      bytes[index] = ((bytes[index] ?? 0) % 128 < 64 ? 0x20 : 0xa0) + ((bytes[index] ?? 0) % 4);
  const { blockBytes } = tensorTypes[tensor.type];
  for (const offset of SCALE_OFFSETS[tensor.type] ?? [])
    for (let start = offset; start < size; start += blockBytes) bytes.writeUInt16LE(SCALE, start);
  return bytes;
}

/** @throws Error for a type that the bench has no block layout of */
export async function writeModel(
  path: string,
  metadata: Metadata,
  tensors: readonly Tensor[],
  vocabularyCount: number,
): Promise<void> {
  const entries = Object.entries({ ...metadata, ...tokenizer(vocabularyCount) });
  const parts = [Buffer.from("GGUF"), number(3, 4), number(tensors.length, 8), number(entries.length, 8)];
  for (const [key, value] of entries) parts.push(text(key), encoded(key, value));
  let offset = 0;
  for (const tensor of tensors) {
    const id = TYPE_IDS[tensor.type];
    if (id === undefined) throw new Error(`no block layout of ${tensor.type}`);
    parts.push(
      text(tensor.name),
      number(tensor.shape.length, 4),
      ...tensor.shape.map((extent) => number(extent, 8)),
      number(id, 4),
      number(offset, 8),
    );
    offset += padTo(tensorBytes(tensor), ALIGNMENT);
  }
  const header = Buffer.concat(parts);
  const data = tensors.map((tensor, index) =>
    Buffer.concat([
      weights(tensor, 0x9e3779b9 + index),
      Buffer.alloc(padTo(tensorBytes(tensor), ALIGNMENT) - tensorBytes(tensor)),
    ]),
  );
  await writeFile(path, [header, Buffer.alloc(padTo(header.length, ALIGNMENT) - header.length), ...data]);
}
