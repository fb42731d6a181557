/** Rows of the curated facts (one JSON object a line), checked on reading, and their dimensions in our words. */

import { z } from "zod";
import type {
  ArchitectureFacts,
  LayerKind,
  LinearAttentionDimensions,
  MixtureDimensions,
} from "../../src/core/sources/architecture-facts.ts";
import { diffusionModels } from "./loading.ts";

const count = z.number().int().nonnegative();
const counts = z.union([count, z.array(count)]);
const optional = <T extends z.ZodType>(type: T) => type.nullish();

const modelFields = {
  repo: z.string().regex(/^[\w.-]+\/[\w.-]+$/),
  name: z.string().min(1),
  family: z.string().min(1),
  base: z.string().min(1),
  arch_id: optional(z.string()),
  release: optional(z.string().regex(/^\d{4}(-\d{2}){0,2}$/)),
  license: optional(z.string()),
  use_cases: z.array(z.string()),
  modality: z.string(),
  context_length: optional(count),
  n_vocab: optional(count),
  params_text: count,
  params_total: count,
  params_hf: optional(count),
  params_active: optional(count),
  source: z.string(),
  confidence: z.string(),
  finetune: optional(z.literal(true)),
  base_match: optional(z.string()),
  gguf_repos: optional(z.array(z.string())),
  mlx_repos: optional(z.array(z.string())),
  quant_repos: optional(z.array(z.string())),
  ollama: optional(z.string()),
  popularity: optional(z.object({ hf_downloads: optional(count), hf_likes: optional(count), date: z.string() })),
};

export const tuneRow = z.object(modelFields);
export type TuneRow = z.infer<typeof tuneRow>;

const mixture = z.object({
  n_expert: count,
  n_expert_used: count,
  n_ff_exp: count,
  n_shared: optional(count),
  n_ff_shexp: optional(count),
  first_dense: optional(count),
  every: optional(count),
  offset: optional(count),
  expert_bias: optional(z.boolean()),
  latent: optional(count),
});

export const officialRow = z.object({
  ...modelFields,
  arch_id: z.string(),
  arch: optional(z.string()),
  hf_model_type: z.string(),
  n_layer: count,
  n_embd: count,
  n_vocab: count,
  n_head: counts,
  n_head_kv: counts,
  head_dim: optional(counts),
  head_dim_v: optional(count),
  n_ff: optional(counts),
  context_length: optional(count),
  tie_embeddings: z.boolean(),
  rope: z.object({
    theta: optional(z.number().positive()),
    partial: optional(z.number()),
    scaling: optional(
      z.object({
        rope_type: optional(z.string()),
        type: optional(z.string()),
        factor: optional(z.number()),
        original_max_position_embeddings: optional(count),
      }),
    ),
  }),
  norm: z.object({ type: z.enum(["rms", "layer", "none"]), per_layer: count, bias: optional(z.boolean()) }),
  qk_norm: z.enum(["none", "head", "full", "per_head"]),
  mlp: z.object({ type: z.enum(["gated", "plain"]), bias: z.boolean() }),
  attn_bias: optional(z.array(z.string())),
  attn_gate: optional(z.string()),
  lm_head_bias: optional(z.boolean()),
  pos_embd: optional(count),
  type_vocab: optional(count),
  encoder_only: optional(z.boolean()),
  sliding_window: optional(count),
  swa_pattern: optional(z.string().regex(/^[SA]+$/)),
  attention_chunk_size: optional(count),
  layer_pattern: optional(z.string().regex(/^[ALMHCR*E-]+$/)),
  full_attention_interval: optional(count),
  moe: optional(mixture),
  mla: optional(
    z.object({
      q_lora_rank: optional(count),
      kv_lora_rank: count,
      qk_nope_head_dim: count,
      qk_rope_head_dim: count,
      v_head_dim: count,
    }),
  ),
  ssm: optional(
    z.object({
      type: z.enum(["mamba1", "mamba2", "rwkv7"]),
      d_inner: optional(count),
      d_state: optional(count),
      d_conv: optional(count),
      dt_rank: optional(count),
      n_heads: optional(count),
      head_dim: optional(count),
      n_groups: optional(count),
      rank_w: optional(count),
      rank_a: optional(count),
      rank_v: optional(count),
      rank_g: optional(count),
    }),
  ),
  linear_attn: optional(
    z.object({
      type: z.enum(["gdn", "kda", "lightning"]),
      n_heads: optional(count),
      head_dim: optional(count),
      conv_kernel: optional(count),
      n_k_heads: optional(count),
      n_v_heads: optional(count),
      k_head_dim: optional(count),
      v_head_dim: optional(count),
    }),
  ),
  conv: optional(z.object({ kernel: count })),
  dsa: optional(z.object({ n_heads: count, head_dim: count, topk: optional(count) })),
  dsv4: optional(
    z.object({
      q_lora_rank: count,
      o_lora_rank: count,
      o_groups: count,
      hc_mult: count,
      compress_ratios: z.array(count),
      index_n_heads: count,
      index_head_dim: count,
      index_topk: count,
      n_hash_layers: count,
    }),
  ),
  qk_rope_head_dim: optional(count),
  ple: optional(z.object({ dim: count })),
  altup: optional(z.object({ num_inputs: count })),
  pooler: optional(z.boolean()),
  n_kv_shared_layers: optional(count),
  global_head_dim: optional(count),
  n_head_kv_global: optional(count),
  double_wide_shared_mlp: optional(z.boolean()),
  params_mtp: optional(count),
  n_mtp_layers: optional(count),
  gguf_n_params_match: optional(z.string()),
  evidence: z.string(),
});
export type OfficialRow = z.infer<typeof officialRow>;

const layerKinds: Readonly<Record<string, LayerKind>> = {
  A: "attention",
  "*": "attention",
  L: "linear",
  M: "mamba",
  H: "parallel",
  C: "convolution",
  R: "rwkv",
  "-": "dense",
  E: "experts",
};

/** Present fields only: `undefined` and `null` both mean unknown. */
export function known<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const present: { [K in keyof T]?: NonNullable<T[K]> } = {};
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined && value !== null) present[key] = value;
  }
  return present;
}

function mixtureOf(moe: NonNullable<OfficialRow["moe"]>): MixtureDimensions {
  return {
    expertCount: moe.n_expert,
    usedExpertCount: moe.n_expert_used,
    feedForwardLength: moe.n_ff_exp,
    ...known({
      sharedExpertCount: moe.n_shared,
      sharedFeedForwardLength: moe.n_ff_shexp,
      leadingDenseCount: moe.first_dense,
      period: moe.every,
      offset: moe.offset,
      selectionBias: moe.expert_bias,
      latentLength: moe.latent,
    }),
  };
}

function linearOf(row: NonNullable<OfficialRow["linear_attn"]>): LinearAttentionDimensions {
  switch (row.type) {
    case "gdn":
      return {
        kind: "gated-delta-net",
        keyHeadCount: row.n_k_heads ?? 0,
        valueHeadCount: row.n_v_heads ?? 0,
        keyLength: row.k_head_dim ?? 0,
        valueLength: row.v_head_dim ?? 0,
        convolutionLength: row.conv_kernel ?? 0,
      };
    case "kda":
      return { kind: "kimi-delta", headLength: row.head_dim ?? 0, convolutionLength: row.conv_kernel ?? 0 };
    case "lightning":
      return { kind: "lightning" };
  }
}

/** `deepstack_visual_indexes` of every published Qwen3-VL config (2B to 235B) has three entries. */
const QWEN3_VL_DEEPSTACK_LAYERS = 3;

/** The multimodal Gemma 3 checkpoints pad their vocabulary by 64 rows that the converter drops (conversion/gemma.py, `Gemma3Model`). */
const GEMMA3_PADDED = 262208;
const GEMMA3_TOKENS = 262144;

/** Models that keep a state alone know no limit; the converter writes this (conversion/mamba.py, rwkv.py). */
const STATE_ONLY_CONTEXT = 1_048_576;

/** @throws when the row has no llama.cpp architecture */
export function dimensionsOf(row: OfficialRow): ArchitectureFacts {
  if (!row.arch) throw new Error("llama.cpp has no architecture for it");
  const bias = new Set(row.attn_bias ?? []);
  const firstHeads = typeof row.n_head === "number" ? row.n_head : Math.max(...row.n_head);
  const keyLength =
    typeof row.head_dim === "number" ? row.head_dim : firstHeads > 0 ? Math.floor(row.n_embd / firstHeads) : 0;
  const { ssm, mla, rope, dsv4 } = row;
  const scaling = rope.scaling?.rope_type ?? rope.scaling?.type;
  return {
    architecture: diffusionModels[row.arch_id] ?? row.arch,
    layerCount: row.n_layer,
    embeddingLength: row.n_embd,
    vocabularyCount: row.arch === "gemma3" && row.n_vocab === GEMMA3_PADDED ? GEMMA3_TOKENS : row.n_vocab,
    contextTokens: row.context_length || STATE_ONLY_CONTEXT,
    headCount: row.n_head,
    kvHeadCount: row.n_head_kv,
    keyLength,
    valueLength: row.head_dim_v ?? keyLength,
    feedForwardLength: row.n_ff ?? row.moe?.n_ff_exp ?? 0,
    tiedEmbeddings: row.tie_embeddings,
    attentionBias: bias.has("q"),
    attentionOutputBias: bias.has("o"),
    feedForwardBias: row.mlp.bias,
    feedForwardGate: row.mlp.type === "gated",
    outputBias: row.lm_head_bias ?? false,
    normBias: row.norm.bias ?? false,
    secondNorm: row.norm.per_layer >= 2,
    queryKeyNorm: row.qk_norm !== "none",
    attentionGate: row.attn_gate === "headwise" ? "head" : row.attn_gate === "elementwise_sep" ? "element" : "none",
    positionCount: row.pos_embd ?? 0,
    tokenTypeCount: row.type_vocab ?? 0,
    causal: row.encoder_only !== true,
    ...known({
      ropeTheta: rope.theta,
      ropeFraction: rope.partial,
      ropeScaling:
        scaling && rope.scaling
          ? {
              type: scaling,
              ...known({
                factor: rope.scaling.factor,
                originalContextTokens: rope.scaling.original_max_position_embeddings,
              }),
            }
          : // a published file's count may show the table where the facts name no scaling; early Llama 3 rows carry a later file's count
            row.arch !== "llama" && row.gguf_n_params_match?.includes("rope_freqs")
            ? { type: "llama3" }
            : undefined,
      windowTokens: row.sliding_window,
      windowed: row.swa_pattern ? [...row.swa_pattern].map((letter) => letter === "S") : undefined,
      chunkTokens: row.attention_chunk_size,
      layerKinds: row.layer_pattern
        ? [...row.layer_pattern].map((letter) => layerKinds[letter] ?? "attention")
        : undefined,
      fullAttentionInterval: row.full_attention_interval,
      mixture: row.moe ? mixtureOf(row.moe) : undefined,
      latent: mla
        ? {
            keyValueRank: mla.kv_lora_rank,
            plainKeyLength: mla.qk_nope_head_dim,
            ropeKeyLength: mla.qk_rope_head_dim,
            valueLength: mla.v_head_dim,
            ...known({ queryRank: mla.q_lora_rank }),
          }
        : undefined,
      stateSpace:
        ssm && ssm.type !== "rwkv7"
          ? {
              version: ssm.type === "mamba1" ? (1 as const) : (2 as const),
              innerLength: ssm.d_inner ?? 0,
              stateLength: ssm.d_state ?? 0,
              convolutionLength: ssm.d_conv ?? 0,
              timeStepRank: ssm.dt_rank ?? ssm.n_heads ?? 0,
              groupCount: ssm.n_groups ?? 1,
            }
          : undefined,
      rwkv:
        ssm?.type === "rwkv7"
          ? {
              headLength: ssm.head_dim ?? 0,
              decayRank: ssm.rank_w ?? 0,
              iclRank: ssm.rank_a ?? 0,
              valueResidualRank: ssm.rank_v ?? 0,
              gateRank: ssm.rank_g ?? 0,
            }
          : undefined,
      linearAttention: row.linear_attn ? linearOf(row.linear_attn) : undefined,
      convolutionLength: row.conv?.kernel,
      indexer: row.dsa
        ? { headCount: row.dsa.n_heads, keyLength: row.dsa.head_dim, ...known({ topCount: row.dsa.topk }) }
        : dsv4
          ? { headCount: dsv4.index_n_heads, keyLength: dsv4.index_head_dim, topCount: dsv4.index_topk }
          : undefined,
      compressed: dsv4
        ? {
            queryRank: dsv4.q_lora_rank,
            outputRank: dsv4.o_lora_rank,
            outputGroupCount: dsv4.o_groups,
            connectionCount: dsv4.hc_mult,
            ratios: dsv4.compress_ratios,
            hashLayerCount: dsv4.n_hash_layers,
            ropeKeyLength: row.qk_rope_head_dim ?? 0,
          }
        : undefined,
      perLayerEmbeddingLength: row.ple?.dim,
      streamCount: row.altup?.num_inputs,
      deepstackLayerCount: row.arch.startsWith("qwen3vl") ? QWEN3_VL_DEEPSTACK_LAYERS : undefined,
      sharedCacheLayerCount: row.n_kv_shared_layers,
      globalKeyLength: row.global_head_dim,
      globalKvHeadCount: row.n_head_kv_global,
      doubleWideShared: row.double_wide_shared_mlp,
    }),
  };
}
