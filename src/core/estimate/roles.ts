/**
 * What a tensor is for, read off llama.cpp's tensor names (llama-arch.cpp, llama.cpp v0.5.0 `LLM_TENSOR_NAMES`).
 * The role decides how often a weight is read per token and what an override may move.
 */

import type { Model } from "../facts/model.ts";
import { layerOf, type Tensor, tensorBytes, weightCount } from "../facts/tensor.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import type { Bytes } from "../units.ts";

export const roles = [
  "attention",
  "denseFfn",
  "experts",
  "sharedExperts",
  "embedding",
  "output",
  "norm",
  "other",
] as const;
export type Role = (typeof roles)[number];

/** A tensor with everything the estimators ask of it, computed once a model. */
export interface RoledTensor {
  readonly name: string;
  readonly type: TensorType;
  /** -1 outside the repeating layers */
  readonly layer: number;
  readonly role: Role;
  readonly bytes: Bytes;
  readonly weights: number;
}

const patterns: readonly (readonly [RegExp, Role])[] = [
  [/^(token_embd|position_embd|token_types|per_layer_token_embd)\./, "embedding"],
  [/^output\./, "output"],
  [/ffn_(up|down|gate|gate_up)_(ch|)exps/, "experts"],
  [/_shexp/, "sharedExperts"],
  [/norm/, "norm"],
  [/\.(attn|ssm|time_mix|shortconv|indexer|wkv|channel_mix)/, "attention"],
  [/\.ffn_(up|down|gate|gate_up)\./, "denseFfn"],
];

export function roleOf(name: string): Role {
  for (const [pattern, role] of patterns) if (pattern.test(name)) return role;
  return "other";
}

function roled(tensor: Tensor): RoledTensor {
  return {
    name: tensor.name,
    type: tensor.type,
    layer: layerOf(tensor.name) ?? -1,
    role: roleOf(tensor.name),
    bytes: tensorBytes(tensor),
    weights: weightCount(tensor),
  };
}

const cache = new WeakMap<Model, readonly RoledTensor[]>();

export function roledTensors(model: Model): readonly RoledTensor[] {
  const known = cache.get(model);
  if (known) return known;
  const list = model.tensors.map(roled);
  cache.set(model, list);
  return list;
}

/** Bytes of every role, for the detailed answer. */
export function bytesByRole(model: Model): Readonly<Record<Role, Bytes>> {
  const sums: Record<Role, Bytes> = {
    attention: 0,
    denseFfn: 0,
    experts: 0,
    sharedExperts: 0,
    embedding: 0,
    output: 0,
    norm: 0,
    other: 0,
  };
  for (const tensor of roledTensors(model)) sums[tensor.role] += tensor.bytes;
  return sums;
}
