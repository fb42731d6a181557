/**
 * How much of a model's divergence one tensor causes when it is stored coarsely: priors by role and depth, and by storage type. Medians over
 * published measurements (catalog/quality/loss.json); a prediction from them is good to a factor of two.
 */
import { type TensorType, tensorTypes } from "./tensor-type.ts";

interface Factor {
  readonly factor: number;
  /** models it was measured on */
  readonly n: number;
}

export interface LossPriors {
  readonly uncertaintyFactor: number;
  /** divergence of a pure file over the curve of bits and size */
  readonly types: Readonly<Record<string, Factor>>;
  /** share of divergence over share of weights */
  readonly roles: Readonly<Record<"dense" | "moe", Readonly<Record<string, Factor>>>>;
  /** first and last tenth of the layers over the middle */
  readonly depth: Readonly<Record<"small" | "large", Readonly<Record<"first" | "last", Factor>>>>;
}

/** The part of a name that layers share: `blk.3.attn_q.weight` → `attn_q`. */
export function tensorStem(name: string): string {
  return name.replace(/^blk\.\d+\./, "").replace(/\.weight$/, "");
}

/** Parts that were not measured by themselves, by the measured part they do the work of. The first match wins. */
const kin: readonly (readonly [RegExp, string])[] = [
  [/^attn_(kv_b|v_b|k_b|kv)$/, "attn_v"],
  [/^attn_kv_a/, "attn_k"],
  [/^attn_q_[ab]$/, "attn_q"],
  [/^ffn_gate_up_exps$|^ffn_(up|gate|down)_chexps$/, "ffn_up_exps"],
  [/^ffn_gate_up$/, "ffn_up"],
  [/^(ssm|shortconv|time_mix|attn|indexer)/, "attn_output"],
  [/embd|embed/, "token_embd"],
];

export interface SensitivityPlace {
  /** undefined outside the layers */
  readonly layer: number | undefined;
  readonly layerCount: number;
  readonly mixture: boolean;
  readonly parameterCount: number;
  /** the embedding stands for a missing output matrix */
  readonly tied: boolean;
}

/** Below this many parameters the first layers weigh more. */
const SMALL_PARAMETERS = 10e9;

/** Divergence a weight of this tensor causes, relative to the other tensors of the model. */
export function sensitivityOf(name: string, place: SensitivityPlace, priors: LossPriors): number {
  const rows = priors.roles[place.mixture ? "moe" : "dense"];
  const own = tensorStem(name);
  const stem = own === "token_embd" && place.tied ? "output" : own;
  const role = Object.hasOwn(rows, stem) ? stem : kin.find(([pattern]) => pattern.test(stem))?.[1];
  const factor = (role === undefined ? undefined : rows[role]?.factor) ?? 1;
  if (place.layer === undefined) return factor;
  const ends = priors.depth[place.parameterCount < SMALL_PARAMETERS ? "small" : "large"];
  const tenth = place.layerCount / 10;
  if (place.layer < tenth) return factor * ends.first.factor;
  return place.layer >= place.layerCount - tenth ? factor * ends.last.factor : factor;
}

/** Average bits that a type stores a weight in, scales included. */
export function bitsOf(type: TensorType): number {
  const { blockBytes, blockWeights } = tensorTypes[type];
  return (8 * blockBytes) / blockWeights;
}

/** Factor of a type over the curve at its bits; a type nobody measured is taken as the curve has it. */
export function typeFactor(type: TensorType, priors: LossPriors): number {
  return priors.types[type]?.factor ?? 1;
}
