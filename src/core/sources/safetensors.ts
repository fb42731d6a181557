/**
 * The header of a safetensors file: tensors with dtype, shape and bytes.
 * Layout: 8 bytes of length (little-endian), that many bytes of JSON, the data (github.com/huggingface/safetensors, README "Format").
 */
import { InputError } from "../facts/input-error.ts";
import type { Bytes } from "../units.ts";
import { type ByteSource, Cursor } from "./gguf/cursor.ts";

export interface CheckpointTensor {
  readonly name: string;
  /** as written: BF16, F8_E4M3, I32 … */
  readonly dtype: string;
  /** row-major, the outermost dimension first */
  readonly shape: readonly number[];
  readonly sizeBytes: Bytes;
}

/** The library itself refuses headers over 100 MB; published ones stay under 2 MB a shard. */
const MAX_HEADER_BYTES = 16 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;

/** Bits of one value. Source: `Dtype::bitsize`, safetensors/src/tensor.rs. */
const bitsOf: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64,
};

function isCounts(value: unknown, maxLength: number): value is number[] {
  return (
    Array.isArray(value) && value.length <= maxLength && value.every((item) => Number.isSafeInteger(item) && item >= 0)
  );
}

/** @throws InputError when it is no safetensors header, is cut off, or its offsets contradict its shapes or the file's size */
export async function readSafetensorsHeader(source: ByteSource): Promise<readonly CheckpointTensor[]> {
  const refuse = (what: string): never => {
    throw new InputError(`The header of ${source.name} is damaged: ${what}. Send an intact safetensors file.`);
  };
  if (source.sizeBytes < 10) refuse("the file is shorter than any header");
  const cursor = new Cursor(source, PIECE_BYTES);
  const length = await cursor.u64();
  if (length < 2 || length > Math.min(MAX_HEADER_BYTES, source.sizeBytes - 8))
    refuse(`it claims a header of ${length} bytes`);
  const text = await cursor.bytes(length);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    refuse("it holds no JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return refuse("it holds no object");
  const dataBytes = source.sizeBytes - 8 - length;
  return Object.entries(parsed).flatMap(([name, row]: [string, unknown]): CheckpointTensor[] => {
    if (name === "__metadata__") return [];
    const shown = name.slice(0, 64);
    if (typeof row !== "object" || row === null || !("dtype" in row) || !("shape" in row) || !("data_offsets" in row))
      return refuse(`tensor ${shown} has no dtype, shape or offsets`);
    const { dtype, shape, data_offsets: offsets } = row;
    if (typeof dtype !== "string" || !Object.hasOwn(bitsOf, dtype))
      return refuse(`tensor ${shown} has an unknown dtype`);
    if (!isCounts(shape, 8) || !isCounts(offsets, 2))
      return refuse(`tensor ${shown} has an impossible shape or offset`);
    const [from = 0, to = 0] = offsets;
    const sizeBytes = Math.ceil((shape.reduce((product, extent) => product * extent, 1) * (bitsOf[dtype] ?? 8)) / 8);
    if (to - from !== sizeBytes || to > dataBytes) return refuse(`tensor ${shown} does not fill the bytes it is given`);
    return [{ name, dtype, shape, sizeBytes }];
  });
}
