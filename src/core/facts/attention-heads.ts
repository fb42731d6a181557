/** Heads: how many there are in every layer and how wide they are. Source: llama.cpp v0.5.0 `load_hparams`, src/llama-model.cpp:1320-1400. */
import type { MetadataReader } from "./metadata-reader.ts";
import type { LatentFacts } from "./model.ts";
import type { TensorWidths } from "./tensor-widths.ts";

export interface HeadCounts {
  readonly heads: readonly number[];
  readonly kvHeads: readonly number[];
}

/** `head_count_kv` defaults to `head_count`; a model without attention has none. */
export function readHeadCounts(reader: MetadataReader, stored: number): HeadCounts {
  const heads = reader.perLayer("attention.head_count", stored) ?? Array.from({ length: stored }, () => 0);
  return { heads, kvHeads: reader.perLayer("attention.head_count_kv", stored) ?? heads };
}

export interface HeadDims {
  readonly key: number;
  readonly value: number;
  readonly windowedKey: number;
  readonly windowedValue: number;
}

/**
 * Head widths: the key, else what the tensors show, else the hidden size over the heads of layer 0 (llama-model.cpp:1367-1400).
 * Without attention in layer 0 there are none; PLaMo 2 reads its keys all the same (src/models/plamo2.cpp:14-16).
 */
export function readHeadDims(
  reader: MetadataReader,
  embedding: number,
  { heads, kvHeads }: HeadCounts,
  widths: TensorWidths | undefined,
): HeadDims {
  const firstHeads = heads[0] ?? 0;
  if (firstHeads === 0 && reader.architecture !== "plamo2")
    return { key: 0, value: 0, windowedKey: 0, windowedValue: 0 };
  const shown = (width: (index: number) => number | undefined) => {
    const index = kvHeads.findIndex((count, layer) => count > 0 && width(layer) !== undefined);
    const total = index < 0 ? undefined : width(index);
    return total === undefined ? undefined : Math.floor(total / (kvHeads[index] ?? 1));
  };
  const hidden = firstHeads === 0 ? 0 : Math.floor(embedding / firstHeads);
  const key = reader.count("attention.key_length") ?? (widths && shown(widths.key)) ?? hidden;
  const value = reader.count("attention.value_length") ?? (widths && shown(widths.value)) ?? hidden;
  return {
    key,
    value,
    windowedKey: reader.count("attention.key_length_swa") ?? key,
    windowedValue: reader.count("attention.value_length_swa") ?? value,
  };
}

/** Latent attention is in use when both of its head widths are given (`is_mla`). */
export function readLatent(reader: MetadataReader): LatentFacts | undefined {
  const keyDim = reader.count("attention.key_length_mla") ?? 0;
  const valueDim = reader.count("attention.value_length_mla") ?? 0;
  if (keyDim === 0 || valueDim === 0) return undefined;
  const kvRank = reader.required("attention.kv_lora_rank");
  return {
    queryRank: reader.count("attention.q_lora_rank") ?? 0,
    kvRank,
    ropeDim:
      reader.count("rope.dimension_count") ?? Math.max(0, (reader.count("attention.key_length") ?? kvRank) - kvRank),
    keyDim,
    valueDim,
  };
}
