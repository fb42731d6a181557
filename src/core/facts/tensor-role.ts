/**
 * What a quantizer sees in a tensor: its part in the model by name, whether it is quantized at all, and how the unquantized
 * file stores it. Source: llama.cpp v0.5.0 src/llama-quant.cpp:116-158 (roles), 258-340 (what is left alone),
 * conversion/base.py:1048-1085 (what stays f32 in an F16 or BF16 file).
 */
import type { TensorShape } from "./tensor.ts";
import type { TensorType } from "./tensor-type.ts";

export type TensorRole =
  | "output"
  | "embedding"
  | "value"
  | "key"
  | "query"
  | "attention-output"
  | "down"
  | "gate"
  | "up"
  | "other";

const roleByName: readonly (readonly [needle: string, role: TensorRole])[] = [
  // fused QKV and the latent's K/V expansion count as V: the most sensitive part decides
  ["attn_qkv.weight", "value"],
  ["attn_kv_b.weight", "value"],
  ["attn_v.weight", "value"],
  ["attn_k.weight", "key"],
  ["attn_q.weight", "query"],
  ["attn_output.weight", "attention-output"],
  ["ffn_up", "up"],
  ["ffn_gate", "gate"],
  ["ffn_down", "down"],
];

export const OUTPUT_NAME = "output.weight";
const embeddingNames: readonly string[] = ["token_embd.weight", "per_layer_token_embd.weight"];

/** The first matching row wins, as in llama.cpp. */
export function tensorRole(name: string): TensorRole {
  if (name === OUTPUT_NAME) return "output";
  if (embeddingNames.includes(name)) return "embedding";
  return roleByName.find(([needle]) => name.includes(needle))?.[1] ?? "other";
}

/** Small or sensitive matrices: a name with one of these in it is never quantized. */
const untouched: readonly string[] = [
  "_norm.weight",
  // routing of experts
  "ffn_gate_inp.weight",
  "ffn_gate_tid2eid.weight",
  // Gemma-3n
  "altup",
  "laurel",
  "per_layer_model_proj",
  // convolutions of recurrent layers
  "ssm_conv1d",
  "shortconv.conv.weight",
  // MiniMax indexer
  "indexer.k_proj.weight",
  "indexer.q_proj.weight",
  // RWKV
  "time_mix_first.weight",
  "time_mix_lerp_fused.weight",
  "time_mix_decay_w1.weight",
  "time_mix_decay_w2.weight",
  "time_mix_w0.weight",
  "time_mix_w1.weight",
  "time_mix_w2.weight",
  "time_mix_v0.weight",
  "time_mix_v1.weight",
  "time_mix_v2.weight",
  "time_mix_a0.weight",
  "time_mix_a1.weight",
  "time_mix_a2.weight",
  "time_mix_g1.weight",
  "time_mix_g2.weight",
  // positions
  "attn_rel_b.weight",
  ".position_embd",
  ".rel_pos",
  // image and sound
  "sam.pos_embd",
  "sam.neck.",
  "sam.net_",
  ".patch_embd",
  ".patch_merger",
  "a.rvq.codebook",
  "mm.a.code_embd",
];
const untouchedNames: readonly string[] = ["position_embd.weight", "token_types.weight"];

/** Trailing extents of 1 do not count (`ggml_n_dims`). */
function dimensionCount(shape: readonly number[]): number {
  let count = shape.length;
  while (count > 1 && (shape[count - 1] ?? 1) === 1) count--;
  return count;
}

export function isQuantizable({ name, shape }: TensorShape): boolean {
  if (dimensionCount(shape) < 2 || !name.endsWith("weight")) return false;
  return !untouchedNames.includes(name) && !untouched.some((needle) => name.includes(needle));
}

/** Stored as f32 in an F16 or BF16 file although they are matrices. */
const singlePrecision =
  /(^|\.)(ffn_gate_inp|ffn_gate_inp_shexp|position_embd|token_types|ssm_conv1d|ssm_conv1d_[qkv]|shortconv\.conv|time_mix_(first|w1|w2|decay_w1|decay_w2|lerp_fused)|altup_correct_coef|altup_predict_coef|indexer\.proj)\.weight$/;

/** Type in the unquantized file that quantizers start from; `half` is that file's own type. */
export function unquantizedType({ name, shape }: TensorShape, half: "f16" | "bf16" | "f32"): TensorType {
  if (name.endsWith("ffn_gate_tid2eid.weight")) return "i32";
  if (shape.length <= 1 || name.endsWith("_norm.weight") || !name.endsWith(".weight")) return "f32";
  return singlePrecision.test(name) ? "f32" : half;
}
