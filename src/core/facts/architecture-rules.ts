/**
 * What llama.cpp knows about an architecture that its GGUF keys do not say: one row each, empty where the keys say all.
 * Source: llama.cpp v0.5.0, `LLM_ARCH_NAMES` (src/llama-arch.cpp:8-160), `load_arch_hparams` of each src/models/*.cpp,
 * `create_memory` (src/llama-model.cpp:2268-2680), `llm_arch_is_recurrent` and its kin (src/llama-arch.cpp:1063-1124).
 */
import type { LayerFacts } from "./model.ts";

/** Which layers see a window only (`load_swa_pattern`, llama-model.cpp:3308; `set_swa_pattern`, llama-hparams.cpp:8). */
export interface WindowRule {
  readonly kind: Exclude<LayerFacts["window"], "none">;
  /** every `period`-th layer is full; 0 = none is; "array" = the file's own pattern is required; "attention" = every attention layer */
  readonly period: number | "array" | "attention";
  /** the full layer comes first in its period */
  readonly denseFirst?: boolean;
  /** `required`: the key; `optional`: no window without it; `{tokens}`: built in, and whether a key may change it */
  readonly tokens:
    | "required"
    | "optional"
    | { readonly builtIn: number; readonly key: "ignored" | "overrides" | "switches-off" };
  /** only models with this many layers have it */
  readonly onlyLayerCount?: number;
}

/** Which layers keep recurrent state. */
type RecurrentLayers =
  | "all"
  /** parallel hybrids: every layer has both attention and state */
  | "beside-attention"
  /** the file gives these layers no K/V heads */
  | "without-kv-heads"
  | "without-kv-heads-and-ffn"
  /** `attention.recurrent_layers`, else all but every n-th */
  | { readonly fullInterval: number };

/** How large the state is (`n_embd_r`, `n_embd_s`, llama-hparams.cpp:208-258). */
export type StateShape =
  | "mamba"
  | "grouped-mamba"
  | "rwkv"
  | "short-convolution"
  | "delta-attention"
  | "linear-attention";

export interface RecurrenceRule {
  readonly layers: RecurrentLayers;
  readonly state: StateShape;
}

/** Which layers have experts, where the tensors do not show it. Leading dense layers are excepted in any case. */
export type MoeRule = "all" | "interleaved-step" | "every-n" | "odd" | "with-ffn" | "main-layers";

export interface ArchitectureRule {
  /** encoders and diffusion models keep no cache */
  readonly cache?: "none";
  readonly causal?: false;
  readonly window?: WindowRule;
  readonly recurrence?: RecurrenceRule;
  readonly moe?: MoeRule;
  /** a dense FFN runs beside the experts */
  readonly denseBesideExperts?: true;
  /** width of one expert where no key gives it: the FFN's, or the FFN's shared among the active ones */
  readonly expertWidth?: "ffn" | "ffn-over-used";
  /** files say `expert_count` 1 and mean none */
  readonly singleExpertIsDense?: true;
  /** shared experts when `expert_shared_count` is absent */
  readonly sharedExperts?: number;
  /** `expert_shared_feed_forward_length` is that of one shared expert, not of all */
  readonly sharedWidthIsPerExpert?: true;
  /** `attention.shared_kv_layers` names the layers at the end that reuse an earlier cache; a number: only the first n keep one */
  readonly sharedCache?: "shared_kv_layers" | { readonly firstLayers: number };
  /** NextN blocks are given a cache although the main graph does not use it */
  readonly nextnCache?: true;
  /** files may announce NextN blocks and leave them out */
  readonly nextnMayBeAbsent?: true;
  /** layers with an indexer's own K cache */
  readonly indexer?:
    | "main-layers"
    | "listed-layers"
    | "listed-or-shared-layers"
    | "sparse-layers"
    | "attention-layers"
    | "finely-compressed-layers";
  /** K alone is cached although the model is no MLA */
  readonly keyOnlyCache?: true;
  /** beside its window a layer caches keys compressed over `attention.compress_ratios[i]` tokens */
  readonly compressedCache?: true;
  /** layers are run again: `{key}` times as many as are stored */
  readonly loops?: string;
  /** one single-head layer more than `block_count`, that only routes adapters */
  readonly routerLayer?: true;
}

const standard = (
  period: WindowRule["period"],
  tokens: WindowRule["tokens"] = "required",
  denseFirst = false,
): WindowRule => ({
  kind: "sliding",
  period,
  tokens,
  denseFirst,
});
const encoder = { cache: "none" } as const;
const diffusion = { cache: "none", causal: false } as const;
const hybridInterval = (fullInterval: number, state: StateShape): RecurrenceRule => ({
  layers: { fullInterval },
  state,
});
const hybridHeads = (state: StateShape): RecurrenceRule => ({ layers: "without-kv-heads", state });
const recurrent = (state: StateShape): ArchitectureRule => ({ recurrence: { layers: "all", state } });

/** Attention in every layer, all said by the keys. */
const plainArchitectures = `
  llama llama-embed deci falcon gpt2 gptneox mpt baichuan starcoder refact bloom stablelm qwen
  qwen2 qwen2vl qwen3 qwen3vl phi2 phi3 phimoe plamo codeshell orion internlm2 minicpm minicpm3
  gemma starcoder2 xverse command-r dbrx olmo olmoe openelm deepseek deepseek2 deepseek2-ocr
  mistral3 mistral4 chatglm glm4 bitnet t5 jais jais2 nemotron exaone granite granitemoe
  chameleon plm bailingmoe dots1 arcee ernie4_5 smollm3 seed_oss apertus hrm_text minimax-m2
  cogvlm pangu-embedded paddleocr maincoder talkie
`
  .trim()
  .split(/\s+/);

export const architectureRules: Readonly<Record<string, ArchitectureRule>> = {
  ...Object.fromEntries(plainArchitectures.map((name) => [name, {}])),

  // one number differs
  glm4moe: { expertWidth: "ffn-over-used" },
  bailingmoe2: { sharedWidthIsPerExpert: true },
  "hunyuan-moe": { sharedExperts: 1 },
  "hunyuan-dense": { singleExpertIsDense: true },
  hunyuan_vl: { singleExpertIsDense: true },
  nanbeige: { loops: "num_loops" },
  graniteswitch: { routerLayer: true },

  // experts
  arctic: { denseBesideExperts: true },
  grok: { denseBesideExperts: true },
  qwen2moe: { expertWidth: "ffn-over-used", sharedExperts: 1 },
  qwen3moe: { expertWidth: "ffn-over-used" },
  qwen3vlmoe: { expertWidth: "ffn-over-used" },
  grovemoe: { expertWidth: "ffn-over-used" },
  hy_v3: { expertWidth: "ffn-over-used", sharedExperts: 1 },
  "ernie4_5-moe": { moe: "interleaved-step" },

  // windows
  gemma2: { window: standard(2, { builtIn: 4096, key: "overrides" }) },
  gemma3: { window: standard(6, "optional") },
  gemma3n: { window: standard(5), sharedCache: { firstLayers: 20 } },
  gemma4: { window: standard("array"), sharedCache: "shared_kv_layers", denseBesideExperts: true },
  "gpt-oss": { window: standard(2) },
  cohere2: { window: standard(4) },
  cohere2moe: { window: standard(4, "required", true) },
  olmo2: { window: standard(4, "optional") },
  plamo3: { window: standard(8, "optional") },
  exaone4: { window: { ...standard(4, { builtIn: 4096, key: "overrides" }), onlyLayerCount: 64 } },
  "exaone-moe": { window: standard(4), moe: "main-layers" },
  "muse-glimmer": { window: standard(4) },
  mellum: { window: standard(4, "optional"), expertWidth: "ffn-over-used" },
  afmoe: { window: standard(4, "optional") },
  laguna: { window: standard(4, "optional", true), sharedExperts: 1 },
  smallthinker: { window: standard(4, { builtIn: 4096, key: "switches-off" }, true) },
  llama4: {
    window: { kind: "chunked", period: 4, tokens: { builtIn: 8192, key: "ignored" } },
    moe: "interleaved-step",
    sharedExperts: 1,
  },
  mimo2: { window: standard("array") },
  step35: { window: standard("array"), sharedExperts: 1 },
  spark2_5: { window: standard("array") },
  maple: { window: standard("array") },
  granite_swa: { window: standard("array") },

  // encoders and diffusion
  bert: encoder,
  "nomic-bert": encoder,
  "nomic-bert-moe": { ...encoder, moe: "every-n" },
  "neo-bert": encoder,
  "jina-bert-v2": encoder,
  "jina-bert-v3": encoder,
  eurobert: encoder,
  t5encoder: {},
  "modern-bert": { ...encoder, window: { kind: "symmetric", period: 3, tokens: "optional", denseFirst: true } },
  "gemma-embedding": { ...encoder, causal: false, window: { kind: "symmetric", period: 6, tokens: "required" } },
  dream: diffusion,
  llada: diffusion,
  "llada-moe": { ...diffusion, expertWidth: "ffn-over-used" },
  rnd1: { ...diffusion, expertWidth: "ffn-over-used" },

  // recurrent and hybrid
  mamba: recurrent("mamba"),
  mamba2: recurrent("grouped-mamba"),
  rwkv6: recurrent("rwkv"),
  rwkv6qwen2: recurrent("rwkv"),
  rwkv7: recurrent("rwkv"),
  arwkv7: recurrent("rwkv"),
  "falcon-h1": { recurrence: { layers: "beside-attention", state: "grouped-mamba" } },
  jamba: { recurrence: hybridHeads("mamba"), moe: "odd" },
  plamo2: { recurrence: hybridHeads("grouped-mamba") },
  granitehybrid: { recurrence: hybridHeads("grouped-mamba") },
  lfm2: { recurrence: hybridHeads("short-convolution"), window: standard("attention", "optional") },
  lfm2moe: { recurrence: hybridHeads("short-convolution") },
  nemotron_h: { recurrence: { layers: "without-kv-heads-and-ffn", state: "grouped-mamba" } },
  nemotron_h_moe: {
    recurrence: { layers: "without-kv-heads-and-ffn", state: "grouped-mamba" },
    moe: "with-ffn",
    expertWidth: "ffn-over-used",
  },
  qwen3next: { recurrence: hybridInterval(4, "grouped-mamba"), expertWidth: "ffn-over-used", sharedExperts: 1 },
  qwen35: { recurrence: hybridInterval(4, "grouped-mamba") },
  qwen35moe: { recurrence: hybridInterval(4, "grouped-mamba"), expertWidth: "ffn-over-used", sharedExperts: 1 },
  qwen4exp: {
    recurrence: hybridInterval(4, "grouped-mamba"),
    expertWidth: "ffn-over-used",
    sharedExperts: 1,
    indexer: "attention-layers",
  },
  "minimax-01": { recurrence: hybridInterval(8, "linear-attention") },
  "kimi-linear": { recurrence: hybridHeads("delta-attention") },
  "kimi-k3": { recurrence: hybridHeads("delta-attention") },
  bailingmoe3: { recurrence: hybridHeads("delta-attention"), nextnCache: true },

  // sparse attention with an indexer
  deepseek32: { indexer: "main-layers" },
  "glm-dsa": { indexer: "listed-or-shared-layers" },
  hy_v4: { indexer: "listed-layers", nextnCache: true },
  dots3note: { window: standard("array"), indexer: "listed-layers", moe: "main-layers" },
  "minimax-m3": { indexer: "sparse-layers", nextnCache: true },
  deepseek4: {
    window: standard("attention"),
    keyOnlyCache: true,
    compressedCache: true,
    indexer: "finely-compressed-layers",
    nextnCache: true,
    nextnMayBeAbsent: true,
  },
};

/** Parts of a model that llama.cpp knows by an architecture of their own, but that answer no prompt alone. */
export const auxiliaryArchitectures: Readonly<Record<string, string>> = {
  clip: "an image or audio projector",
  eagle3: "a draft head that reads another model's layers",
  dflash: "a draft model that reads another model's layers",
  "gemma4-assistant": "a draft model that shares another model's cache",
  "wavtokenizer-dec": "an audio decoder",
  qwen3tts: "a speech model",
  pockettts: "a speech model",
};
