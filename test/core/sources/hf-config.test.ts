import { beforeAll, describe, expect, it } from "vitest";
import { readHyperparameters } from "../../../src/core/facts/hyperparameters.ts";
import { InputError } from "../../../src/core/facts/input-error.ts";
import { layoutTensors } from "../../../src/core/facts/layout.ts";
import { parseConfig } from "../../../src/core/sources/config-reader.ts";
import { asMetadata, ggufKeys } from "../../../src/core/sources/gguf-keys.ts";
import { knownModelTypes, readHubConfig } from "../../../src/core/sources/hf-config.ts";
import { loadModelCatalog, type ModelCatalog } from "../../../src/core/sources/model-catalog.ts";

let catalog: ModelCatalog;
beforeAll(async () => {
  catalog = await loadModelCatalog();
});

const pattern = (count: number, full: (index: number) => boolean, other: string): string[] =>
  Array.from({ length: count }, (_, index) => (full(index) ? "full_attention" : other));

/** The dimensions that the published config.json of each repository states; words that size nothing are left out. */
const configs: Readonly<Record<string, object>> = {
  "Qwen/Qwen3-8B": {
    model_type: "qwen3",
    attention_bias: false,
    head_dim: 128,
    hidden_size: 4096,
    intermediate_size: 12288,
    max_position_embeddings: 40960,
    num_attention_heads: 32,
    num_hidden_layers: 36,
    num_key_value_heads: 8,
    rope_theta: 1000000,
    sliding_window: null,
    use_sliding_window: false,
    tie_word_embeddings: false,
    vocab_size: 151936,
  },
  "meta-llama/Llama-3.1-8B": {
    model_type: "llama",
    attention_bias: false,
    mlp_bias: false,
    hidden_size: 4096,
    intermediate_size: 14336,
    max_position_embeddings: 131072,
    num_attention_heads: 32,
    num_hidden_layers: 32,
    num_key_value_heads: 8,
    tie_word_embeddings: false,
    vocab_size: 128256,
    rope_scaling: {
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
      rope_type: "llama3",
    },
  },
  "openai/gpt-oss-20b": {
    model_type: "gpt_oss",
    attention_bias: true,
    experts_per_token: 4,
    head_dim: 64,
    hidden_size: 2880,
    intermediate_size: 2880,
    max_position_embeddings: 131072,
    num_attention_heads: 64,
    num_experts_per_tok: 4,
    num_hidden_layers: 24,
    num_key_value_heads: 8,
    num_local_experts: 32,
    layer_types: pattern(24, (index) => index % 2 === 1, "sliding_attention"),
    sliding_window: 128,
    tie_word_embeddings: false,
    vocab_size: 201088,
    rope_scaling: { factor: 32, original_max_position_embeddings: 4096, rope_type: "yarn" },
  },
  "deepseek-ai/DeepSeek-V3": {
    model_type: "deepseek_v3",
    first_k_dense_replace: 3,
    hidden_size: 7168,
    intermediate_size: 18432,
    kv_lora_rank: 512,
    max_position_embeddings: 163840,
    moe_intermediate_size: 2048,
    n_routed_experts: 256,
    n_shared_experts: 1,
    num_attention_heads: 128,
    num_experts_per_tok: 8,
    num_hidden_layers: 61,
    num_key_value_heads: 128,
    num_nextn_predict_layers: 1,
    q_lora_rank: 1536,
    qk_nope_head_dim: 128,
    qk_rope_head_dim: 64,
    v_head_dim: 128,
    vocab_size: 129280,
    tie_word_embeddings: false,
  },
  "Qwen/Qwen3.5-35B-A3B": {
    model_type: "qwen3_5_moe",
    tie_word_embeddings: false,
    text_config: {
      model_type: "qwen3_5_moe_text",
      full_attention_interval: 4,
      head_dim: 256,
      hidden_size: 2048,
      linear_conv_kernel_dim: 4,
      linear_key_head_dim: 128,
      linear_num_key_heads: 16,
      linear_num_value_heads: 32,
      linear_value_head_dim: 128,
      max_position_embeddings: 262144,
      moe_intermediate_size: 512,
      num_attention_heads: 16,
      num_experts: 256,
      num_experts_per_tok: 8,
      num_hidden_layers: 40,
      num_key_value_heads: 2,
      shared_expert_intermediate_size: 512,
      vocab_size: 248320,
      rope_parameters: { rope_type: "default", rope_theta: 10000000, partial_rotary_factor: 0.25 },
      layer_types: pattern(40, (index) => index % 4 === 3, "linear_attention"),
    },
  },
  "google/gemma-4-26B-A4B": {
    model_type: "gemma4",
    tie_word_embeddings: true,
    text_config: {
      model_type: "gemma4_text",
      attention_k_eq_v: true,
      enable_moe_block: true,
      global_head_dim: 512,
      head_dim: 256,
      hidden_size: 2816,
      hidden_size_per_layer_input: 0,
      intermediate_size: 2112,
      max_position_embeddings: 262144,
      moe_intermediate_size: 704,
      num_attention_heads: 16,
      num_experts: 128,
      num_global_key_value_heads: 2,
      num_hidden_layers: 30,
      num_key_value_heads: 8,
      num_kv_shared_layers: 0,
      sliding_window: 1024,
      top_k_experts: 8,
      use_double_wide_mlp: false,
      vocab_size: 262144,
      layer_types: pattern(30, (index) => index % 6 === 5, "sliding_attention"),
    },
  },
  "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": {
    model_type: "nemotron_h",
    conv_kernel: 4,
    expand: 2,
    head_dim: 128,
    hidden_size: 2688,
    intermediate_size: 1856,
    mamba_head_dim: 64,
    mamba_num_heads: 64,
    hybrid_override_pattern: "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
    max_position_embeddings: 262144,
    moe_intermediate_size: 1856,
    moe_shared_expert_intermediate_size: 3712,
    n_groups: 8,
    n_routed_experts: 128,
    n_shared_experts: 1,
    num_attention_heads: 32,
    num_experts_per_tok: 6,
    num_hidden_layers: 52,
    num_key_value_heads: 2,
    ssm_state_size: 128,
    tie_word_embeddings: false,
    vocab_size: 131072,
  },
  "zai-org/GLM-5": {
    model_type: "glm_moe_dsa",
    first_k_dense_replace: 3,
    head_dim: 64,
    hidden_size: 6144,
    index_head_dim: 128,
    index_n_heads: 32,
    index_topk: 2048,
    intermediate_size: 12288,
    kv_lora_rank: 512,
    max_position_embeddings: 202752,
    moe_intermediate_size: 2048,
    n_routed_experts: 256,
    n_shared_experts: 1,
    num_attention_heads: 64,
    num_experts_per_tok: 8,
    num_hidden_layers: 78,
    num_key_value_heads: 64,
    q_lora_rank: 2048,
    qk_nope_head_dim: 192,
    qk_rope_head_dim: 64,
    v_head_dim: 256,
    vocab_size: 154880,
    tie_word_embeddings: false,
  },
  "deepseek-ai/DeepSeek-V4-Flash": {
    model_type: "deepseek_v4",
    hc_mult: 4,
    head_dim: 512,
    hidden_size: 4096,
    index_head_dim: 128,
    index_n_heads: 64,
    index_topk: 512,
    max_position_embeddings: 1048576,
    moe_intermediate_size: 2048,
    n_routed_experts: 256,
    n_shared_experts: 1,
    num_attention_heads: 64,
    num_experts_per_tok: 6,
    num_hidden_layers: 43,
    num_hash_layers: 3,
    num_key_value_heads: 1,
    o_groups: 8,
    o_lora_rank: 1024,
    q_lora_rank: 1024,
    qk_rope_head_dim: 64,
    sliding_window: 128,
    tie_word_embeddings: false,
    vocab_size: 129280,
    compress_ratios: [0, 0, ...Array.from({ length: 41 }, (_, index) => (index % 2 === 0 ? 4 : 128)), 0],
  },
  "XiaomiMiMo/MiMo-V2-Flash": {
    model_type: "mimo_v2_flash",
    num_hidden_layers: 48,
    hidden_size: 4096,
    num_attention_heads: 64,
    num_key_value_heads: 4,
    head_dim: 192,
    v_head_dim: 128,
    intermediate_size: 16384,
    vocab_size: 152576,
    max_position_embeddings: 262144,
    partial_rotary_factor: 0.334,
    sliding_window: 128,
    swa_num_key_value_heads: 8,
    hybrid_layer_pattern: Array.from({ length: 48 }, (_, index) => (index === 0 || index % 6 === 5 ? 0 : 1)),
    moe_layer_freq: Array.from({ length: 48 }, (_, index) => (index === 0 ? 0 : 1)),
    moe_intermediate_size: 2048,
    n_routed_experts: 256,
    n_shared_experts: null,
    num_experts_per_tok: 8,
    tie_word_embeddings: false,
  },
};

const tableOf = (config: unknown): unknown => {
  const { architecture, keys, layout } = ggufKeys(readHubConfig(config));
  return layoutTensors(readHyperparameters(asMetadata(architecture, keys), undefined), layout);
};

describe("readHubConfig", () => {
  it.each(Object.keys(configs))("gives %s the tensors the catalog has for it", (repo) => {
    const found = catalog.find(repo);
    if (found === undefined) throw new Error(`${repo} is not in the catalog`);
    expect(tableOf(configs[repo])).toEqual(catalog.tensorsOf(found.entry));
  });

  it.each(Object.keys(configs))("gives %s the cache the catalog has for it", (repo) => {
    const found = catalog.find(repo);
    if (found === undefined) throw new Error(`${repo} is not in the catalog`);
    const { architecture, keys } = ggufKeys(readHubConfig(configs[repo]));
    expect(readHyperparameters(asMetadata(architecture, keys), undefined).layers).toEqual(
      catalog.hyperparametersOf(found.entry).layers,
    );
  });

  it("knows the types it says it knows", () => {
    expect(knownModelTypes.length).toBeGreaterThan(60);
    expect(new Set(knownModelTypes).size).toBe(knownModelTypes.length);
  });

  it.each([
    [null, "does not hold an object"],
    [[], "does not hold an object"],
    [{}, "names no model_type"],
    [{ model_type: "no_such_type" }, 'model_type "no_such_type"'],
    [{ model_type: "constructor" }, 'model_type "constructor"'],
    [{ model_type: "qwen3" }, "no num_hidden_layers"],
    [{ model_type: "qwen3", num_hidden_layers: 513 }, "513 layers"],
    [{ model_type: "qwen3", num_hidden_layers: 2.5 }, "num_hidden_layers is 2.5"],
    [{ model_type: "qwen3", num_hidden_layers: 2, hidden_size: 1e12 }, "hidden_size is 1000000000000"],
    [{ model_type: "deepseek_v3", num_hidden_layers: 2, hidden_size: 64, vocab_size: 100 }, "no kv_lora_rank"],
    [
      {
        model_type: "qwen3",
        num_hidden_layers: 2,
        hidden_size: 64,
        vocab_size: 100,
        layer_types: [],
        text_config: {
          model_type: "gemma3",
          layer_types: Array.from({ length: 600 }, () => "x"),
          num_hidden_layers: 2,
          hidden_size: 64,
        },
      },
      "600 values for layer_types",
    ],
  ])("refuses %j", (config, message) => {
    expect(() => readHubConfig(config)).toThrow(InputError);
    expect(() => readHubConfig(config)).toThrow(message);
  });

  it("reads what Python writes for infinity", () => {
    expect(parseConfig('{"time_step_limit": [0.0, Infinity], "x": NaN}', "it")).toEqual({
      time_step_limit: [0, null],
      x: null,
    });
    expect(() => parseConfig('{"a": Infinit}', "it")).toThrow("it is not JSON");
  });
});
