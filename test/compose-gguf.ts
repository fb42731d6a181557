/** GGUF headers made in memory, as gguf.md lays them out: for files that are too large, too odd or too broken to keep. */
import { type Tensor, tensorBytes } from "../src/core/facts/tensor.ts";
import { tensorTypes } from "../src/core/facts/tensor-type.ts";
import { padTo } from "../src/core/units.ts";

/** `strings`: an array of that many tokens, each as long as its number is */
export type GgufValue =
  | { readonly u32: number }
  | { readonly i32: number }
  | { readonly u64: bigint }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly u32s: readonly number[] }
  | { readonly bools: readonly boolean[] }
  | { readonly f32s: readonly number[] };

export interface GgufParts {
  readonly version?: number;
  readonly pairs: readonly (readonly [key: string, value: GgufValue])[];
  readonly tensors?: readonly Tensor[];
  readonly tensorCount?: bigint;
  readonly pairCount?: bigint;
}

class Writer {
  readonly parts: Buffer[] = [];
  length = 0;
  add(part: Buffer): void {
    this.parts.push(part);
    this.length += part.length;
  }
  u32(value: number): void {
    const buffer = Buffer.alloc(4);
    buffer.writeUInt32LE(value);
    this.add(buffer);
  }
  u64(value: bigint): void {
    const buffer = Buffer.alloc(8);
    buffer.writeBigUInt64LE(value);
    this.add(buffer);
  }
  f32(value: number): void {
    const buffer = Buffer.alloc(4);
    buffer.writeFloatLE(value);
    this.add(buffer);
  }
  text(value: string): void {
    const bytes = Buffer.from(value);
    this.u64(BigInt(bytes.length));
    this.add(bytes);
  }
}

function writeValue(writer: Writer, value: GgufValue): void {
  const array = (type: number, length: number): void => {
    writer.u32(9);
    writer.u32(type);
    writer.u64(BigInt(length));
  };
  if ("u32" in value) {
    writer.u32(4);
    writer.u32(value.u32);
  } else if ("i32" in value) {
    writer.u32(5);
    writer.u32(value.i32 >>> 0);
  } else if ("u64" in value) {
    writer.u32(10);
    writer.u64(value.u64);
  } else if ("f32" in value) {
    writer.u32(6);
    writer.f32(value.f32);
  } else if ("bool" in value) {
    writer.u32(7);
    writer.add(Buffer.from([value.bool ? 1 : 0]));
  } else if ("text" in value) {
    writer.u32(8);
    writer.text(value.text);
  } else if ("texts" in value) {
    array(8, value.texts.length);
    for (const text of value.texts) writer.text(text);
  } else if ("bools" in value) {
    array(7, value.bools.length);
    writer.add(Buffer.from(value.bools.map(Number)));
  } else if ("u32s" in value) {
    array(4, value.u32s.length);
    for (const number of value.u32s) writer.u32(number);
  } else {
    array(6, value.f32s.length);
    for (const number of value.f32s) writer.f32(number);
  }
}

/** The header, padded to where the data begins. */
export function composeGguf({ version = 3, pairs, tensors = [], tensorCount, pairCount }: GgufParts): Buffer {
  const writer = new Writer();
  writer.add(Buffer.from("GGUF"));
  writer.u32(version);
  writer.u64(tensorCount ?? BigInt(tensors.length));
  writer.u64(pairCount ?? BigInt(pairs.length));
  for (const [key, value] of pairs) {
    writer.text(key);
    writeValue(writer, value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    writer.text(tensor.name);
    writer.u32(tensor.shape.length);
    for (const extent of tensor.shape) writer.u64(BigInt(extent));
    writer.u32(tensorTypes[tensor.type].id);
    writer.u64(BigInt(offset));
    offset = padTo(offset + tensorBytes(tensor), 32);
  }
  writer.add(Buffer.alloc(padTo(writer.length, 32) - writer.length));
  return Buffer.concat(writer.parts);
}

/** Tensors' bytes as a file holds them. */
export const dataBytes = (tensors: readonly Tensor[]): number =>
  tensors.reduce((sum, tensor) => padTo(sum + tensorBytes(tensor), 32), 0);

/** A tokenizer of `count` tokens as Qwen's and Llama's are stored: tokens, types, merges. */
export function tokenizerPairs(count: number): [string, GgufValue][] {
  const token = (index: number): string => index.toString(36).padStart(2 + (index % 10), "Ġ");
  return [
    ["tokenizer.ggml.model", { text: "gpt2" }],
    ["tokenizer.ggml.tokens", { texts: Array.from({ length: count }, (_, index) => token(index)) }],
    ["tokenizer.ggml.token_type", { u32s: Array.from({ length: count }, () => 1) }],
    ["tokenizer.ggml.merges", { texts: Array.from({ length: count }, (_, index) => `Ġ${index % 99} ${token(index)}`) }],
    ["tokenizer.ggml.eos_token_id", { u32: count - 1 }],
    ["tokenizer.chat_template", { text: "{% for message in messages %}{{ message.content }}{% endfor %}" }],
  ];
}
