/** What a tensor table says about a model beyond its keys: widths that llama.cpp takes from the keys but old files left out. */
import { MAX_LAYERS } from "./metadata-reader.ts";
import { layerOf, type TensorShape } from "./tensor.ts";

export interface TensorWidths {
  readonly vocabulary: number | undefined;
  /** total K (V) width of a layer, all heads together */
  readonly key: (index: number) => number | undefined;
  readonly value: (index: number) => number | undefined;
  readonly dense: (index: number) => number | undefined;
  readonly hasExperts: (index: number) => boolean;
  readonly expert: () => number | undefined;
  readonly sharedExpert: () => number | undefined;
  readonly hasTensor: (name: string) => boolean;
}

/** Undefined for an empty table. */
export function tensorWidths(tensors: readonly TensorShape[] | undefined): TensorWidths | undefined {
  if (!tensors || tensors.length === 0) return undefined;
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const extent = (name: string, axis: number) => shapes.get(name)?.[axis];
  const withExperts = new Set<number>();
  let expert: number | undefined;
  let sharedExpert: number | undefined;
  for (const { name, shape } of tensors) {
    const index = layerOf(name);
    if (index === undefined || index >= MAX_LAYERS) continue;
    if (name.endsWith(".ffn_down_exps.weight")) {
      withExperts.add(index);
      expert = Math.max(expert ?? 0, shape[0] ?? 0);
    }
    if (name.endsWith(".ffn_down_shexp.weight")) sharedExpert = Math.max(sharedExpert ?? 0, shape[0] ?? 0);
  }
  return {
    vocabulary: extent("token_embd.weight", 1),
    key: (index) => extent(`blk.${index}.attn_k.weight`, 1),
    value: (index) => extent(`blk.${index}.attn_v.weight`, 1),
    dense: (index) => extent(`blk.${index}.ffn_down.weight`, 0),
    hasExperts: (index) => withExperts.has(index),
    expert: () => expert,
    sharedExpert: () => sharedExpert,
    hasTensor: (name) => shapes.has(name),
  };
}
