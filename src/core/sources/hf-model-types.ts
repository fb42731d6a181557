/**
 * What each Transformers `model_type` means here: llama.cpp's architecture for it, and what its config says in words of its own.
 * Source: Transformers' configuration classes as conversion/*.py of llama.cpp v0.5.0 reads them.
 */
import { MAX_LAYERS } from "../facts/metadata-reader.ts";
import type { ArchitectureFacts, LatentDimensions, LayerKind, MixtureDimensions } from "./architecture-facts.ts";
import type { ConfigReader } from "./config-reader.ts";

type Facts = Partial<ArchitectureFacts>;

interface Basis {
  readonly layerCount: number;
  readonly embeddingLength: number;
  readonly headCount: number;
  readonly feedForwardLength: number;
}

export interface TypeRow {
  readonly architecture: string | ((c: ConfigReader) => string);
  readonly facts?: (c: ConfigReader, basis: Basis) => Facts;
}

const queryKeyNorm: Facts = { queryKeyNorm: true };
const queryKeyValueBias: Facts = { attentionBias: true, attentionOutputBias: false };

/** Optional fields that are there. */
export function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const kept: { [K in keyof T]?: NonNullable<T[K]> } = {};
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined && value !== null) kept[key] = value;
  }
  return kept;
}

function mixture(c: ConfigReader, fallbackLength: number, extra: Partial<MixtureDimensions> = {}): Facts {
  const expertCount = c.count("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts") ?? 0;
  if (expertCount === 0) return {};
  const feedForwardLength = c.count("moe_intermediate_size") ?? fallbackLength;
  const sharedExpertCount = c.count(
    "n_shared_experts",
    "num_shared_experts",
    "moe_num_shared_experts",
    "num_shared_expert",
  );
  const sharedFeedForwardLength =
    c.count("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size") ??
    (sharedExpertCount ? sharedExpertCount * feedForwardLength : undefined);
  return {
    mixture: {
      expertCount,
      usedExpertCount: c.required(
        "num_experts_per_tok",
        "num_experts_per_token",
        "experts_per_token",
        "moe_k",
        "moe_topk",
        "top_k_experts",
      ),
      feedForwardLength,
      ...given({
        sharedExpertCount,
        sharedFeedForwardLength,
        leadingDenseCount: c.count("first_k_dense_replace", "num_dense_layers", "moe_layer_start_index"),
      }),
      ...extra,
    },
  };
}

function latentOf(c: ConfigReader): { readonly latent: LatentDimensions } {
  return {
    latent: {
      keyValueRank: c.required("kv_lora_rank"),
      plainKeyLength: c.required("qk_nope_head_dim"),
      ropeKeyLength: c.required("qk_rope_head_dim"),
      valueLength: c.required("v_head_dim"),
      ...given({ queryRank: c.count("q_lora_rank") }),
    },
  };
}

const indexer = (c: ConfigReader): Facts => ({
  indexer: {
    headCount: c.required("index_n_heads"),
    keyLength: c.required("index_head_dim"),
    ...given({ topCount: c.count("index_topk") }),
  },
});

/** `period`: every n-th layer is full; the config's own list wins. */
function windows(
  c: ConfigReader,
  layerCount: number,
  tokens: number,
  period: number,
): { readonly windowTokens: number; readonly windowed: readonly boolean[] } {
  const listed = c.texts("layer_types");
  const every = c.count("sliding_window_pattern", "_sliding_window_pattern") ?? period;
  return {
    windowTokens: c.count("sliding_window") ?? tokens,
    windowed: Array.from({ length: layerCount }, (_, index) =>
      listed ? listed[index] !== "full_attention" : every === 0 || (index + 1) % every !== 0,
    ),
  };
}

function gatedDelta(c: ConfigReader, { layerCount }: Basis): Facts {
  const interval = c.count("full_attention_interval") ?? 4;
  const listed = c.texts("layer_types");
  return {
    queryKeyNorm: true,
    fullAttentionInterval: interval,
    layerKinds: Array.from(
      { length: layerCount },
      (_, index): LayerKind =>
        (listed ? listed[index] === "full_attention" : (index + 1) % interval === 0) ? "attention" : "linear",
    ),
    linearAttention: {
      kind: "gated-delta-net",
      keyHeadCount: c.required("linear_num_key_heads"),
      valueHeadCount: c.required("linear_num_value_heads"),
      keyLength: c.required("linear_key_head_dim"),
      valueLength: c.required("linear_value_head_dim"),
      convolutionLength: c.required("linear_conv_kernel_dim"),
    },
  };
}

const encoder: Facts = {
  causal: false,
  tiedEmbeddings: true,
  feedForwardGate: false,
  feedForwardBias: true,
  attentionBias: true,
  attentionOutputBias: true,
  normBias: true,
};

const bert = (c: ConfigReader): Facts => ({
  ...encoder,
  positionCount: c.required("max_position_embeddings"),
  tokenTypeCount: c.count("type_vocab_size") ?? 1,
});
const dense = (architecture: string, facts: Facts = {}): TypeRow => ({ architecture, facts: () => facts });
const denseMoe = (architecture: string, facts: Facts = {}, extra: Partial<MixtureDimensions> = {}): TypeRow => ({
  architecture,
  facts: (c, { feedForwardLength }) => ({ ...facts, ...mixture(c, feedForwardLength, extra) }),
});
const mla = (architecture: string, selectionBias: boolean): TypeRow => ({
  architecture,
  facts: (c, { feedForwardLength }) => ({ ...latentOf(c), ...mixture(c, feedForwardLength, { selectionBias }) }),
});

/** Qwen3-VL: features of several vision layers enter the first text layers (conversion/qwen3vl.py). */
const visual = (architecture: string): TypeRow => ({
  architecture,
  facts: (c, { feedForwardLength }) => ({
    ...queryKeyNorm,
    ...given({ deepstackLayerCount: c.inner("vision_config")?.counts("deepstack_visual_indexes")?.length }),
    ...mixture(c, feedForwardLength),
  }),
});

const gemma4: TypeRow = {
  architecture: "gemma4",
  facts: (c, basis) => ({
    tiedEmbeddings: true,
    queryKeyNorm: true,
    ...windows(c, basis.layerCount, 1024, 6),
    ...(c.flag("enable_moe_block") ? mixture(c, basis.feedForwardLength) : {}),
    ...given({
      perLayerEmbeddingLength: c.count("hidden_size_per_layer_input") ?? 0,
      sharedCacheLayerCount: c.count("num_kv_shared_layers") ?? 0,
      globalKeyLength: c.count("global_head_dim") ?? 512,
      globalKvHeadCount: c.count("num_global_key_value_heads") ?? c.count("num_key_value_heads"),
      doubleWideShared: c.flag("use_double_wide_mlp"),
    }),
  }),
};

const gemma3: TypeRow = {
  architecture: "gemma3",
  facts: (c, { layerCount }) => ({ tiedEmbeddings: true, queryKeyNorm: true, ...windows(c, layerCount, 1024, 6) }),
};

const lfm2 = (architecture: string): TypeRow => ({
  architecture,
  facts: (c, { layerCount, embeddingLength, feedForwardLength }) => ({
    tiedEmbeddings: c.flag("tie_embedding") ?? true,
    queryKeyNorm: true,
    convolutionLength: c.required("conv_L_cache"),
    layerKinds: Array.from(
      { length: layerCount },
      (_, index): LayerKind =>
        c.texts("layer_types")?.[index] === "full_attention" || c.counts("full_attn_idxs")?.includes(index)
          ? "attention"
          : "convolution",
    ),
    ...(architecture === "lfm2"
      ? { feedForwardLength: liquidFeedForward(c, embeddingLength, feedForwardLength) }
      : mixture(c, feedForwardLength, { selectionBias: true })),
  }),
});

/** LFM2 states a width that is then cut to two thirds and rounded up (`block_auto_adjust_ff_dim`, conversion/lfm2.py). */
function liquidFeedForward(c: ConfigReader, embedding: number, stated: number): number {
  const length = c.count("block_ff_dim", "intermediate_size") ?? stated;
  if (c.flag("block_auto_adjust_ff_dim") !== true) return length;
  const cut = Math.floor((2 * length) / 3);
  const scaled = Math.floor((c.number("block_ffn_dim_multiplier") ?? 1) * cut);
  const multiple = c.count("block_multiple_of") || 256;
  return embedding > 0 ? multiple * Math.ceil(scaled / multiple) : scaled;
}

/** letters of `hybrid_override_pattern`, words of `layers_block_type` */
const nemotronKinds: Readonly<Record<string, LayerKind>> = {
  M: "mamba",
  "*": "attention",
  "-": "dense",
  E: "experts",
  mamba: "mamba",
  attention: "attention",
  mlp: "dense",
  moe: "experts",
};

/** One flag a layer, 1 for what the key is about: the layers ahead of the first 1. */
function leadingZeros(flags: readonly number[] | undefined): number {
  const first = flags?.findIndex((flag) => flag !== 0) ?? 0;
  return first < 0 ? (flags?.length ?? 0) : first;
}

const mimo2: TypeRow = {
  architecture: "mimo2",
  facts: (c, b) => {
    const pattern = c.counts("hybrid_layer_pattern");
    return {
      valueLength: c.required("v_head_dim"),
      windowTokens: c.required("sliding_window", "sliding_window_size"),
      ...(pattern
        ? {
            windowed: pattern.map((flag) => flag === 1),
            kvHeadCount: pattern.map((flag) =>
              flag === 1 ? c.required("swa_num_key_value_heads") : c.required("num_key_value_heads"),
            ),
          }
        : {}),
      ...mixture(c, b.feedForwardLength, {
        selectionBias: true,
        leadingDenseCount: leadingZeros(c.counts("moe_layer_freq")),
      }),
    };
  },
};

/** Kimi counts layers from 1. */
const kimiLinear: TypeRow = {
  architecture: (c) => (c.count("attn_res_block_size") ? "kimi-k3" : "kimi-linear"),
  facts: (c, b) => {
    const linear = c.inner("linear_attn_config");
    const full = new Set(linear?.counts("full_attn_layers"));
    const latentLength = c.count("routed_expert_hidden_size");
    return {
      ...latentOf(c),
      layerKinds: Array.from(
        { length: b.layerCount },
        (_, index): LayerKind => (full.has(index + 1) ? "attention" : "linear"),
      ),
      linearAttention: {
        kind: "kimi-delta",
        headLength: linear?.required("head_dim") ?? 0,
        convolutionLength: linear?.required("short_conv_kernel_size") ?? 0,
      },
      ...mixture(c, b.feedForwardLength, { selectionBias: true, ...given({ latentLength }) }),
      ...given({ residualBlockLayerCount: c.count("attn_res_block_size") }),
    };
  },
};

const deepseek4: TypeRow = {
  architecture: "deepseek4",
  facts: (c, b) => ({
    ...indexer(c),
    windowTokens: c.required("sliding_window"),
    compressed: {
      queryRank: c.required("q_lora_rank"),
      outputRank: c.required("o_lora_rank"),
      outputGroupCount: c.required("o_groups"),
      connectionCount: c.required("hc_mult"),
      ratios: (c.counts("compress_ratios") ?? []).slice(0, b.layerCount),
      hashLayerCount: c.count("num_hash_layers") ?? 0,
      ropeKeyLength: c.required("qk_rope_head_dim"),
    },
    ...mixture(c, c.count("moe_intermediate_size") ?? 0, { selectionBias: true }),
  }),
};

const minimax3: TypeRow = {
  architecture: "minimax-m3",
  facts: (c, b) => {
    const sparse = c.inner("sparse_attention_config");
    return {
      queryKeyNorm: true,
      feedForwardLength: c.required("dense_intermediate_size"),
      ...mixture(c, b.feedForwardLength, {
        selectionBias: true,
        sharedFeedForwardLength: c.count("shared_intermediate_size") ?? 0,
        leadingDenseCount: c.count("first_k_dense_replace") ?? leadingZeros(c.counts("moe_layer_freq")),
      }),
      ...(sparse
        ? {
            indexer: {
              headCount: sparse.required("sparse_num_index_heads"),
              keyLength: sparse.required("sparse_index_dim"),
            },
          }
        : {}),
    };
  },
};

const step3: TypeRow = {
  architecture: "step35",
  facts: (c, b) => {
    const other = c.inner("attention_other_setting");
    const window = windows(c, b.layerCount, 512, 4);
    const heads = other?.count("num_attention_heads");
    const kvHeads = other?.count("num_attention_groups");
    const full = c.required("num_attention_heads");
    const fullKv = c.required("num_attention_groups", "num_key_value_heads");
    const shared = c.count("share_expert_dim");
    return {
      queryKeyNorm: true,
      attentionGate: "head",
      ...window,
      ...(heads ? { headCount: window.windowed.map((flag) => (flag ? heads : full)) } : {}),
      kvHeadCount: window.windowed.map((flag) => (flag ? (kvHeads ?? fullKv) : fullKv)),
      ...mixture(c, b.feedForwardLength, {
        selectionBias: true,
        sharedExpertCount: 1,
        ...given({ sharedFeedForwardLength: shared }),
      }),
    };
  },
};

/** Puzzle-pruned Llamas: every layer its own K/V heads and width, or none (conversion/deci.py). */
const deci: TypeRow = {
  architecture: "deci",
  facts: (c, b) => {
    const blocks = c.inners("block_configs") ?? [];
    const groupOf = (index: number): number => blocks[index]?.inner("attention")?.count("n_heads_in_group") ?? 0;
    return {
      headCount: blocks.map((_, index) => (groupOf(index) > 0 ? b.headCount : 0)),
      kvHeadCount: blocks.map((_, index) => (groupOf(index) > 0 ? Math.floor(b.headCount / groupOf(index)) : 0)),
      feedForwardLength: blocks.map((block) => {
        const multiple = block.inner("ffn")?.number("ffn_mult") ?? 0;
        return 256 * Math.ceil(Math.floor((2 * multiple * b.embeddingLength) / 3) / 256);
      }),
    };
  },
};

export const modelTypes: Readonly<Record<string, TypeRow>> = {
  llama: dense("llama"),
  mistral: dense("llama"),
  ministral: dense("llama"),
  mistral3: dense("mistral3"),
  ministral3: dense("mistral3"),
  mixtral: denseMoe("llama"),
  apriel: dense("llama"),
  internlm3: dense("llama"),
  arcee: dense("arcee", { feedForwardGate: false }),
  smollm3: dense("smollm3", { tiedEmbeddings: true }),
  seed_oss: dense("seed_oss", queryKeyValueBias),
  qwen2: dense("qwen2", queryKeyValueBias),
  qwen2_vl: dense("qwen2vl", queryKeyValueBias),
  qwen2_vl_text: dense("qwen2vl", queryKeyValueBias),
  qwen2_5_vl: dense("qwen2vl", queryKeyValueBias),
  qwen2_5_vl_text: dense("qwen2vl", queryKeyValueBias),
  qwen2_moe: denseMoe("qwen2moe", queryKeyValueBias, { sharedExpertCount: 1 }),
  qwen3: dense("qwen3", queryKeyNorm),
  qwen3_vl: visual("qwen3vl"),
  qwen3_vl_text: visual("qwen3vl"),
  qwen3_moe: denseMoe("qwen3moe", queryKeyNorm),
  qwen3_vl_moe: visual("qwen3vlmoe"),
  qwen3_vl_moe_text: visual("qwen3vlmoe"),
  qwen3_next: {
    architecture: "qwen3next",
    facts: (c, b) => ({
      ...gatedDelta(c, b),
      ...mixture(c, b.feedForwardLength, { sharedExpertCount: 1 }),
      ropeFraction: c.number("partial_rotary_factor") ?? 0.25,
    }),
  },
  qwen3_5: {
    architecture: "qwen35",
    facts: (c, b) => ({ ...gatedDelta(c, b), ropeFraction: ropeFraction(c) ?? 0.25 }),
  },
  qwen3_5_text: {
    architecture: "qwen35",
    facts: (c, b) => ({ ...gatedDelta(c, b), ropeFraction: ropeFraction(c) ?? 0.25 }),
  },
  qwen3_5_moe: {
    architecture: "qwen35moe",
    facts: (c, b) => ({
      ...gatedDelta(c, b),
      ...mixture(c, b.feedForwardLength, { sharedExpertCount: 1 }),
      ropeFraction: ropeFraction(c) ?? 0.25,
    }),
  },
  qwen3_5_moe_text: {
    architecture: "qwen35moe",
    facts: (c, b) => ({
      ...gatedDelta(c, b),
      ...mixture(c, b.feedForwardLength, { sharedExpertCount: 1 }),
      ropeFraction: ropeFraction(c) ?? 0.25,
    }),
  },
  gemma: dense("gemma", { tiedEmbeddings: true }),
  gemma2: { architecture: "gemma2", facts: (c, b) => ({ tiedEmbeddings: true, ...windows(c, b.layerCount, 4096, 2) }) },
  gemma3,
  gemma3_text: gemma3,
  gemma4,
  gemma4_text: gemma4,
  phi3: dense("phi3"),
  phimoe: denseMoe("phimoe", { attentionBias: true, attentionOutputBias: true, outputBias: true, normBias: true }),
  cohere: {
    architecture: "command-r",
    facts: (c) => ({ tiedEmbeddings: true, queryKeyNorm: c.flag("use_qk_norm") ?? false }),
  },
  cohere2: {
    architecture: "cohere2",
    facts: (c, b) => ({ tiedEmbeddings: true, ...windows(c, b.layerCount, 4096, 4) }),
  },
  starcoder2: dense("starcoder2", {
    tiedEmbeddings: true,
    attentionBias: true,
    attentionOutputBias: true,
    feedForwardBias: true,
    feedForwardGate: false,
    normBias: true,
  }),
  gpt_oss: {
    architecture: "gpt-oss",
    facts: (c, b) => ({
      attentionBias: true,
      attentionOutputBias: true,
      ...windows(c, b.layerCount, 128, 2),
      ...mixture(c, b.feedForwardLength),
    }),
  },
  glm4: {
    architecture: "glm4",
    facts: (c) => ({ attentionBias: c.flag("attention_bias") ?? false, attentionOutputBias: false }),
  },
  glm4_moe: {
    architecture: "glm4moe",
    facts: (c, b) => ({
      attentionBias: c.flag("attention_bias") ?? false,
      attentionOutputBias: false,
      queryKeyNorm: c.flag("use_qk_norm") ?? false,
      ...mixture(c, b.feedForwardLength, { selectionBias: true }),
    }),
  },
  glm4_moe_lite: mla("deepseek2", true),
  deepseek_v2: mla("deepseek2", false),
  deepseek_v3: mla("deepseek2", true),
  kimi_k2: mla("deepseek2", true),
  deepseek_v32: {
    architecture: "deepseek32",
    facts: (c, b) => ({ ...latentOf(c), ...indexer(c), ...mixture(c, b.feedForwardLength, { selectionBias: true }) }),
  },
  glm_moe_dsa: {
    architecture: "glm-dsa",
    facts: (c, b) => ({ ...latentOf(c), ...indexer(c), ...mixture(c, b.feedForwardLength, { selectionBias: true }) }),
  },
  deepseek: denseMoe("deepseek"),
  dots1: denseMoe("dots1", queryKeyNorm, { selectionBias: true }),
  bailing_moe: {
    architecture: (c) => (c.flag("use_qk_norm") ? "bailingmoe2" : "bailingmoe"),
    facts: (c, b) => mixture(c, b.feedForwardLength),
  },
  bailing_moe_v2: denseMoe("bailingmoe2", queryKeyNorm, { selectionBias: true }),
  granite: dense("granite", { tiedEmbeddings: true }),
  granitemoe: denseMoe("granitemoe", { tiedEmbeddings: true }),
  granitemoehybrid: {
    architecture: "granitehybrid",
    facts: (c, b) => {
      const kinds = (c.texts("layer_types") ?? c.texts("layers_block_type"))?.map(
        (name): LayerKind => (name.includes("attention") ? "attention" : "mamba"),
      );
      const heads = c.count("mamba_n_heads") ?? 0;
      const shared = c.count("shared_intermediate_size") ?? 0;
      const experts = (c.count("num_local_experts") ?? 0) > 0;
      return {
        tiedEmbeddings: true,
        ...given({ layerKinds: kinds }),
        ...(experts
          ? mixture(c, b.feedForwardLength, { sharedExpertCount: 1, sharedFeedForwardLength: shared })
          : { feedForwardLength: shared || b.feedForwardLength }),
        ...(kinds?.includes("mamba")
          ? {
              stateSpace: {
                version: 2,
                innerLength: (c.count("mamba_expand") ?? 2) * b.embeddingLength,
                stateLength: c.required("mamba_d_state"),
                convolutionLength: c.required("mamba_d_conv"),
                timeStepRank: heads,
                groupCount: c.count("mamba_n_groups") ?? 1,
              },
            }
          : {}),
      };
    },
  },
  olmo2: dense("olmo2", queryKeyNorm),
  olmo3: { architecture: "olmo2", facts: (c, b) => ({ queryKeyNorm: true, ...windows(c, b.layerCount, 4096, 4) }) },
  olmoe: denseMoe("olmoe", queryKeyNorm),
  exaone4: {
    architecture: "exaone4",
    facts: (c, b) => ({ queryKeyNorm: true, ...(c.count("sliding_window") ? windows(c, b.layerCount, 4096, 4) : {}) }),
  },
  ernie4_5: dense("ernie4_5", { tiedEmbeddings: true }),
  ernie4_5_moe: denseMoe("ernie4_5-moe", { tiedEmbeddings: true }, { selectionBias: true }),
  hunyuan_v1_dense: dense("hunyuan-dense", queryKeyNorm),
  lfm2: lfm2("lfm2"),
  lfm2_moe: lfm2("lfm2moe"),
  minimax_m2: denseMoe("minimax-m2", queryKeyNorm, { selectionBias: true }),
  llama4_text: {
    architecture: "llama4",
    facts: (c, b) => ({
      feedForwardLength: c.required("intermediate_size_mlp"),
      chunkTokens: c.count("attention_chunk_size") ?? 8192,
      ...mixture(c, b.feedForwardLength, { period: c.count("interleave_moe_layer_step") ?? 1 }),
    }),
  },
  nemotron_h: {
    architecture: (c) => ((c.count("n_routed_experts") ?? 0) > 0 ? "nemotron_h_moe" : "nemotron_h"),
    facts: (c, b) => {
      const heads = c.required("mamba_num_heads");
      return {
        feedForwardGate: false,
        layerKinds: (
          c.texts("layers_block_type") ?? [...(c.text("hybrid_override_pattern") ?? "")].slice(0, MAX_LAYERS)
        ).map((name) => nemotronKinds[name] ?? "mamba"),
        stateSpace: {
          version: 2,
          innerLength: heads * c.required("mamba_head_dim"),
          stateLength: c.required("ssm_state_size"),
          convolutionLength: c.required("conv_kernel"),
          timeStepRank: heads,
          groupCount: c.required("n_groups"),
        },
        ...mixture(c, b.feedForwardLength, {
          selectionBias: true,
          ...given({ latentLength: c.count("moe_latent_size") }),
        }),
      };
    },
  },
  falcon_h1: {
    architecture: "falcon-h1",
    facts: (c, { layerCount }) => ({
      layerKinds: Array.from({ length: layerCount }, (): LayerKind => "parallel"),
      stateSpace: {
        version: 2,
        innerLength: c.required("mamba_d_ssm"),
        stateLength: c.required("mamba_d_state"),
        convolutionLength: c.required("mamba_d_conv"),
        timeStepRank: c.required("mamba_n_heads"),
        groupCount: c.count("mamba_n_groups") ?? 1,
      },
    }),
  },
  mamba: {
    architecture: "mamba",
    facts: (c, { embeddingLength, layerCount }) => ({
      tiedEmbeddings: true,
      headCount: 0,
      kvHeadCount: 0,
      feedForwardLength: 0,
      layerKinds: Array.from({ length: layerCount }, (): LayerKind => "mamba"),
      stateSpace: {
        version: 1,
        innerLength: c.count("intermediate_size", "d_inner") ?? (c.count("expand") ?? 2) * embeddingLength,
        stateLength: c.count("state_size", "d_state") ?? 16,
        convolutionLength: c.count("conv_kernel", "d_conv") ?? 4,
        timeStepRank: c.count("time_step_rank") ?? Math.ceil(embeddingLength / 16),
        groupCount: 1,
      },
    }),
  },
  mimo: dense("qwen2", queryKeyValueBias),
  mimo_v2_flash: mimo2,
  mimo_v2: mimo2,
  kimi_linear: kimiLinear,
  deepseek_v4: deepseek4,
  minimax_m3: minimax3,
  minimax_m3_vl: minimax3,
  step3p5: step3,
  step3p7: step3,
  "nemotron-nas": deci,
  bert: { architecture: "bert", facts: bert },
  roberta: { architecture: "bert", facts: bert },
  "xlm-roberta": { architecture: "bert", facts: bert },
};

/** Vision-language wrappers whose language model is one of the above under the wrapper's name. */
export const modelTypeAliases: Readonly<Record<string, string>> = {
  llava: "llama",
  idefics3: "llama",
  smolvlm: "llama",
  mllama_text_model: "llama",
  kimi_k25: "kimi_k2",
  mistral4: "deepseek_v3",
  exaone4_5_text: "exaone4",
  solar: "llama",
  yi: "llama",
};

export function ropeFraction(c: ConfigReader): number | undefined {
  return c.number("partial_rotary_factor") ?? c.inner("rope_parameters")?.number("partial_rotary_factor");
}
