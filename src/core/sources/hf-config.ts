/**
 * A repository's `config.json` → the model's dimensions. One row a `model_type`: llama.cpp's architecture for it and what its config says in
 * words of its own. Source: Transformers' configuration classes as conversion/*.py of llama.cpp v0.5.0 reads them.
 */
import { InputError } from "../facts/input-error.ts";
import { MAX_LAYERS } from "../facts/metadata-reader.ts";
import type { ArchitectureFacts, LatentDimensions, LayerKind, MixtureDimensions } from "./architecture-facts.ts";
import { type Config, type ConfigReader, configReader, isConfig, textConfigOf } from "./config-reader.ts";

type Facts = Partial<ArchitectureFacts>;

interface Basis {
  readonly layerCount: number;
  readonly embeddingLength: number;
  readonly headCount: number;
  readonly feedForwardLength: number;
}

interface TypeRow {
  readonly architecture: string | ((c: ConfigReader) => string);
  readonly facts?: (c: ConfigReader, basis: Basis) => Facts;
}

const queryKeyNorm: Facts = { queryKeyNorm: true };
const queryKeyValueBias: Facts = { attentionBias: true, attentionOutputBias: false };

/** Optional fields that are there. */
function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
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
  const sharedExpertCount = c.count("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert");
  const sharedFeedForwardLength =
    c.count("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size") ?? (sharedExpertCount ? sharedExpertCount * feedForwardLength : undefined);
  return {
    mixture: {
      expertCount,
      usedExpertCount: c.required("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_k", "moe_topk", "top_k_experts"),
      feedForwardLength,
      ...given({ sharedExpertCount, sharedFeedForwardLength, leadingDenseCount: c.count("first_k_dense_replace", "num_dense_layers", "moe_layer_start_index") }),
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
  indexer: { headCount: c.required("index_n_heads"), keyLength: c.required("index_head_dim"), ...given({ topCount: c.count("index_topk") }) },
});

/** `period`: every n-th layer is full; the config's own list wins. */
function windows(c: ConfigReader, layerCount: number, tokens: number, period: number): Facts {
  const listed = c.texts("layer_types");
  const every = c.count("sliding_window_pattern", "_sliding_window_pattern") ?? period;
  return {
    windowTokens: c.count("sliding_window") ?? tokens,
    windowed: Array.from({ length: layerCount }, (_, index) => (listed ? listed[index] !== "full_attention" : every === 0 || (index + 1) % every !== 0)),
  };
}

function gatedDelta(c: ConfigReader, { layerCount }: Basis): Facts {
  const interval = c.count("full_attention_interval") ?? 4;
  const listed = c.texts("layer_types");
  return {
    queryKeyNorm: true,
    fullAttentionInterval: interval,
    layerKinds: Array.from({ length: layerCount }, (_, index): LayerKind =>
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

const encoder: Facts = { causal: false, tiedEmbeddings: true, feedForwardGate: false, feedForwardBias: true, attentionBias: true, attentionOutputBias: true, normBias: true };

const bert = (c: ConfigReader): Facts => ({ ...encoder, positionCount: c.required("max_position_embeddings"), tokenTypeCount: c.count("type_vocab_size") ?? 1 });
const dense = (architecture: string, facts: Facts = {}): TypeRow => ({ architecture, facts: () => facts });
const denseMoe = (architecture: string, facts: Facts = {}, extra: Partial<MixtureDimensions> = {}): TypeRow => ({
  architecture,
  facts: (c, { feedForwardLength }) => ({ ...facts, ...mixture(c, feedForwardLength, extra) }),
});
const mla = (architecture: string, selectionBias: boolean): TypeRow => ({
  architecture,
  facts: (c, { feedForwardLength }) => ({ ...latentOf(c), ...mixture(c, feedForwardLength, { selectionBias }) }),
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
    layerKinds: Array.from({ length: layerCount }, (_, index): LayerKind =>
      (c.texts("layer_types")?.[index] === "full_attention" || c.counts("full_attn_idxs")?.includes(index)) ? "attention" : "convolution",
    ),
    ...(architecture === "lfm2" ? { feedForwardLength: liquidFeedForward(c, embeddingLength, feedForwardLength) } : mixture(c, feedForwardLength, { selectionBias: true })),
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

const nemotronKinds: Readonly<Record<string, LayerKind>> = { M: "mamba", "*": "attention", "-": "dense", E: "experts" };

const types: Readonly<Record<string, TypeRow>> = {
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
  qwen3_vl: dense("qwen3vl", queryKeyNorm),
  qwen3_vl_text: dense("qwen3vl", queryKeyNorm),
  qwen3_moe: denseMoe("qwen3moe", queryKeyNorm),
  qwen3_vl_moe: denseMoe("qwen3vlmoe", queryKeyNorm),
  qwen3_vl_moe_text: denseMoe("qwen3vlmoe", queryKeyNorm),
  qwen3_next: { architecture: "qwen3next", facts: (c, b) => ({ ...gatedDelta(c, b), ...mixture(c, b.feedForwardLength, { sharedExpertCount: 1 }), ropeFraction: c.number("partial_rotary_factor") ?? 0.25 }) },
  qwen3_5: { architecture: "qwen35", facts: (c, b) => ({ ...gatedDelta(c, b), ropeFraction: ropeFraction(c) ?? 0.25 }) },
  qwen3_5_text: { architecture: "qwen35", facts: (c, b) => ({ ...gatedDelta(c, b), ropeFraction: ropeFraction(c) ?? 0.25 }) },
  qwen3_5_moe: { architecture: "qwen35moe", facts: (c, b) => ({ ...gatedDelta(c, b), ...mixture(c, b.feedForwardLength, { sharedExpertCount: 1 }), ropeFraction: ropeFraction(c) ?? 0.25 }) },
  qwen3_5_moe_text: { architecture: "qwen35moe", facts: (c, b) => ({ ...gatedDelta(c, b), ...mixture(c, b.feedForwardLength, { sharedExpertCount: 1 }), ropeFraction: ropeFraction(c) ?? 0.25 }) },
  gemma: dense("gemma", { tiedEmbeddings: true }),
  gemma2: { architecture: "gemma2", facts: (c, b) => ({ tiedEmbeddings: true, ...windows(c, b.layerCount, 4096, 2) }) },
  gemma3,
  gemma3_text: gemma3,
  gemma4,
  gemma4_text: gemma4,
  phi3: dense("phi3"),
  phimoe: denseMoe("phimoe", { attentionBias: true, attentionOutputBias: true, outputBias: true, normBias: true }),
  cohere: { architecture: "command-r", facts: (c) => ({ tiedEmbeddings: true, queryKeyNorm: c.flag("use_qk_norm") ?? false }) },
  cohere2: { architecture: "cohere2", facts: (c, b) => ({ tiedEmbeddings: true, ...windows(c, b.layerCount, 4096, 4) }) },
  starcoder2: dense("starcoder2", { tiedEmbeddings: true, attentionBias: true, attentionOutputBias: true, feedForwardBias: true, feedForwardGate: false, normBias: true }),
  gpt_oss: {
    architecture: "gpt-oss",
    facts: (c, b) => ({ attentionBias: true, attentionOutputBias: true, ...windows(c, b.layerCount, 128, 2), ...mixture(c, b.feedForwardLength) }),
  },
  glm4: { architecture: "glm4", facts: (c) => ({ attentionBias: c.flag("attention_bias") ?? false, attentionOutputBias: false }) },
  glm4_moe: {
    architecture: "glm4moe",
    facts: (c, b) => ({ attentionBias: c.flag("attention_bias") ?? false, attentionOutputBias: false, queryKeyNorm: c.flag("use_qk_norm") ?? false, ...mixture(c, b.feedForwardLength, { selectionBias: true }) }),
  },
  glm4_moe_lite: mla("deepseek2", true),
  deepseek_v2: mla("deepseek2", false),
  deepseek_v3: mla("deepseek2", true),
  kimi_k2: mla("deepseek2", true),
  deepseek_v32: { architecture: "deepseek32", facts: (c, b) => ({ ...latentOf(c), ...indexer(c), ...mixture(c, b.feedForwardLength, { selectionBias: true }) }) },
  glm_moe_dsa: { architecture: "glm-dsa", facts: (c, b) => ({ ...latentOf(c), ...indexer(c), ...mixture(c, b.feedForwardLength, { selectionBias: true }) }) },
  deepseek: denseMoe("deepseek"),
  dots1: denseMoe("dots1", queryKeyNorm, { selectionBias: true }),
  bailing_moe: { architecture: (c) => (c.flag("use_qk_norm") ? "bailingmoe2" : "bailingmoe"), facts: (c, b) => mixture(c, b.feedForwardLength) },
  bailing_moe_v2: denseMoe("bailingmoe2", queryKeyNorm, { selectionBias: true }),
  granite: dense("granite", { tiedEmbeddings: true }),
  granitemoe: denseMoe("granitemoe", { tiedEmbeddings: true }),
  granitemoehybrid: {
    architecture: "granitehybrid",
    facts: (c, b) => {
      const kinds = (c.texts("layer_types") ?? c.texts("layers_block_type"))?.map((name): LayerKind => (name.includes("attention") ? "attention" : "mamba"));
      const heads = c.count("mamba_n_heads") ?? 0;
      const shared = c.count("shared_intermediate_size") ?? 0;
      const experts = (c.count("num_local_experts") ?? 0) > 0;
      return {
        tiedEmbeddings: true,
        ...given({ layerKinds: kinds }),
        ...(experts ? mixture(c, b.feedForwardLength, { sharedExpertCount: 1, sharedFeedForwardLength: shared }) : { feedForwardLength: shared || b.feedForwardLength }),
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
        layerKinds: [...(c.text("hybrid_override_pattern") ?? "")].slice(0, MAX_LAYERS).map((letter) => nemotronKinds[letter] ?? "mamba"),
        stateSpace: {
          version: 2,
          innerLength: heads * c.required("mamba_head_dim"),
          stateLength: c.required("ssm_state_size"),
          convolutionLength: c.required("conv_kernel"),
          timeStepRank: heads,
          groupCount: c.required("n_groups"),
        },
        ...mixture(c, b.feedForwardLength, { selectionBias: true }),
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
  bert: { architecture: "bert", facts: bert },
  roberta: { architecture: "bert", facts: bert },
  "xlm-roberta": { architecture: "bert", facts: bert },
};

/** Vision-language wrappers whose language model is one of the above under the wrapper's name. */
const aliases: Readonly<Record<string, string>> = {
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

function ropeFraction(c: ConfigReader): number | undefined {
  return c.number("partial_rotary_factor") ?? c.inner("rope_parameters")?.number("partial_rotary_factor");
}

/** model_types this reads, for error messages and tests */
export const knownModelTypes: readonly string[] = Object.keys(types);

function rowOf(modelType: string): TypeRow {
  const name = Object.hasOwn(aliases, modelType) ? (aliases[modelType] ?? modelType) : modelType;
  const row = Object.hasOwn(types, name) ? types[name] : undefined;
  if (row) return row;
  throw new InputError(
    `config.json is of model_type "${modelType.slice(0, 40)}", which is not read here. Send a GGUF file of the model, or a repository of one of: ${knownModelTypes.slice(0, 12).join(", ")} …`,
  );
}

function ropeScaling(c: ConfigReader): ArchitectureFacts["ropeScaling"] {
  const scaling = c.inner("rope_scaling") ?? c.inner("rope_parameters");
  const type = scaling?.text("rope_type") ?? scaling?.text("type");
  if (scaling === undefined || type === undefined || type === "default" || type === "mrope") return undefined;
  return { type, ...given({ factor: scaling.number("factor"), originalContextTokens: scaling.count("original_max_position_embeddings") ?? c.count("original_max_position_embeddings") }) };
}

/**
 * Dimensions of the language model that `config` (parsed config.json) describes.
 * @throws InputError when it is no config of a model type read here, or lacks a dimension
 */
export function readHubConfig(config: unknown): ArchitectureFacts {
  if (!isConfig(config)) throw new InputError("config.json does not hold an object. Send the model's own config.json.");
  const text: Config = textConfigOf(config);
  const c = configReader(text);
  const modelType = c.text("model_type");
  if (modelType === undefined) throw new InputError("config.json names no model_type. Send the config.json of a language model.");
  const row = rowOf(modelType);
  const layerCount = c.required("num_hidden_layers", "n_layer", "n_layers", "num_layers");
  if (layerCount < 1 || layerCount > MAX_LAYERS)
    throw new InputError(`config.json says the model has ${layerCount} layers; 1 to ${MAX_LAYERS} are read. Send the model's own config.json.`);
  const embeddingLength = c.required("hidden_size", "n_embd", "d_model");
  const headCount = c.count("num_attention_heads", "n_head") ?? 0;
  const feedForwardLength = c.count("intermediate_size", "n_inner", "ffn_hidden_size") ?? 0;
  const keyLength = c.count("head_dim", "attention_head_dim") ?? (headCount > 0 ? Math.floor(embeddingLength / headCount) : 0);
  return {
    architecture: typeof row.architecture === "string" ? row.architecture : row.architecture(c),
    layerCount,
    embeddingLength,
    vocabularyCount: c.required("vocab_size"),
    contextTokens: c.count("max_position_embeddings", "n_positions", "seq_length", "max_seq_len") ?? 0,
    headCount,
    kvHeadCount: c.count("num_key_value_heads") ?? headCount,
    keyLength,
    valueLength: keyLength,
    feedForwardLength,
    attentionBias: c.flag("attention_bias") ?? false,
    attentionOutputBias: c.flag("attention_bias") ?? false,
    feedForwardBias: c.flag("mlp_bias") ?? false,
    feedForwardGate: true,
    outputBias: false,
    normBias: false,
    secondNorm: true,
    queryKeyNorm: false,
    attentionGate: "none",
    positionCount: 0,
    tokenTypeCount: 0,
    causal: true,
    ...given({ ropeTheta: c.number("rope_theta") ?? c.inner("rope_parameters")?.number("rope_theta"), ropeFraction: ropeFraction(c), ropeScaling: ropeScaling(c) }),
    ...{ tiedEmbeddings: false, ...row.facts?.(c, { layerCount, embeddingLength, headCount, feedForwardLength }) },
    ...given({ tiedEmbeddings: c.flag("tie_word_embeddings") }),
  };
}
