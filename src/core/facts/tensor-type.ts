/**
 * ggml's storage types: a row of `ne0` weights is cut in blocks of `blockWeights`, each `blockBytes` long.
 * Source: the `type_traits` table of ggml/src/ggml.c and the block structs of ggml/src/ggml-common.h, llama.cpp v0.5.0;
 * the numbers are GGUF's type ids (ggml.h `enum ggml_type`). Checked against every type of the measured files in test/truth.
 */
import type { Bytes } from "../units.ts";

export interface TensorTypeRow {
  readonly id: number;
  readonly blockWeights: number;
  readonly blockBytes: Bytes;
}

/** ggml's own spelling (`ggml_type_name`). */
export const tensorTypes = {
  f32: { id: 0, blockWeights: 1, blockBytes: 4 },
  f16: { id: 1, blockWeights: 1, blockBytes: 2 },
  q4_0: { id: 2, blockWeights: 32, blockBytes: 18 },
  q4_1: { id: 3, blockWeights: 32, blockBytes: 20 },
  q5_0: { id: 6, blockWeights: 32, blockBytes: 22 },
  q5_1: { id: 7, blockWeights: 32, blockBytes: 24 },
  q8_0: { id: 8, blockWeights: 32, blockBytes: 34 },
  q8_1: { id: 9, blockWeights: 32, blockBytes: 36 },
  q2_K: { id: 10, blockWeights: 256, blockBytes: 84 },
  q3_K: { id: 11, blockWeights: 256, blockBytes: 110 },
  q4_K: { id: 12, blockWeights: 256, blockBytes: 144 },
  q5_K: { id: 13, blockWeights: 256, blockBytes: 176 },
  q6_K: { id: 14, blockWeights: 256, blockBytes: 210 },
  q8_K: { id: 15, blockWeights: 256, blockBytes: 292 },
  iq2_xxs: { id: 16, blockWeights: 256, blockBytes: 66 },
  iq2_xs: { id: 17, blockWeights: 256, blockBytes: 74 },
  iq3_xxs: { id: 18, blockWeights: 256, blockBytes: 98 },
  iq1_s: { id: 19, blockWeights: 256, blockBytes: 50 },
  iq4_nl: { id: 20, blockWeights: 32, blockBytes: 18 },
  iq3_s: { id: 21, blockWeights: 256, blockBytes: 110 },
  iq2_s: { id: 22, blockWeights: 256, blockBytes: 82 },
  iq4_xs: { id: 23, blockWeights: 256, blockBytes: 136 },
  i8: { id: 24, blockWeights: 1, blockBytes: 1 },
  i16: { id: 25, blockWeights: 1, blockBytes: 2 },
  i32: { id: 26, blockWeights: 1, blockBytes: 4 },
  i64: { id: 27, blockWeights: 1, blockBytes: 8 },
  f64: { id: 28, blockWeights: 1, blockBytes: 8 },
  iq1_m: { id: 29, blockWeights: 256, blockBytes: 56 },
  bf16: { id: 30, blockWeights: 1, blockBytes: 2 },
  tq1_0: { id: 34, blockWeights: 256, blockBytes: 54 },
  tq2_0: { id: 35, blockWeights: 256, blockBytes: 66 },
  mxfp4: { id: 39, blockWeights: 32, blockBytes: 17 },
  nvfp4: { id: 40, blockWeights: 64, blockBytes: 36 },
  q1_0: { id: 41, blockWeights: 128, blockBytes: 18 },
  q2_0: { id: 42, blockWeights: 64, blockBytes: 18 },
} as const satisfies Record<string, TensorTypeRow>;

export type TensorType = keyof typeof tensorTypes;

const byId = new Map<number, TensorType>();
for (const [name, row] of Object.entries(tensorTypes)) if (isTensorType(name)) byId.set(row.id, name);

export function isTensorType(name: string): name is TensorType {
  return Object.hasOwn(tensorTypes, name);
}

/** The type with GGUF id `id`, or undefined when this table has no such type. */
export function tensorTypeOfId(id: number): TensorType | undefined {
  return byId.get(id);
}

/** Bytes of one row of `width` weights (`ggml_row_size`). */
export function rowBytes(type: TensorType, width: number): Bytes {
  const { blockWeights, blockBytes } = tensorTypes[type];
  return (width / blockWeights) * blockBytes;
}

/** Bytes of a contiguous tensor (`ggml_nbytes`), `shape` in ggml's order: row width first. */
export function shapeBytes(type: TensorType, shape: readonly number[]): Bytes {
  let rows = 1;
  for (let axis = 1; axis < shape.length; axis++) rows *= shape[axis] ?? 1;
  return rowBytes(type, shape[0] ?? 1) * rows;
}
