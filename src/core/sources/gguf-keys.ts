/**
 * Published dimensions → the key-values a GGUF file of the model holds, and the layout facts it does not hold.
 * Source of the keys: `LLM_KV_NAMES` (src/llama-arch.cpp) and the `set_gguf_parameters` of conversion/*.py, llama.cpp v0.5.0.
 * Prediction (NextN) layers are left out: most published files have none, and `block_count` here counts the main layers.
 */
import { architectureRules, type WindowRule } from "../facts/architecture-rules.ts";
import type { LayoutOptions } from "../facts/layout.ts";
import type { MetadataValue } from "../facts/model.ts";
import type { ArchitectureFacts, LayerKind } from "./architecture-facts.ts";

/** Keys without the architecture's prefix; `tokenizer.…` keys stand as they are. */
export type ModelKeys = Readonly<Record<string, MetadataValue>>;

export interface GgufKeys {
  /** llama.cpp's `general.architecture` */
  readonly architecture: string;
  readonly keys: ModelKeys;
  readonly layout: LayoutOptions;
}

type Draft = Record<string, MetadataValue>;

/** expert_gating_func of a sigmoid router (`LLAMA_EXPERT_GATING_FUNC_TYPE_SIGMOID`, llama-hparams.h) */
const SIGMOID_GATE = 2;
/** the only one that deepseek4 loads with (`LLAMA_EXPERT_GATING_FUNC_TYPE_SQRT_SOFTPLUS`, src/models/deepseek4.cpp:63-66) */
const SQRT_SOFTPLUS_GATE = 4;

const withAttention: ReadonlySet<LayerKind> = new Set(["attention", "parallel"]);

/** Per-layer K/V heads: 0 where the layer has no softmax attention. A scalar when all agree. */
function kvHeads(facts: ArchitectureFacts): number | readonly number[] {
  const { kvHeadCount, layerKinds, windowed, globalKvHeadCount } = facts;
  const at = (index: number): number => (typeof kvHeadCount === "number" ? kvHeadCount : (kvHeadCount[index] ?? 0));
  const counts = Array.from({ length: facts.layerCount }, (_, index) => {
    const kind = layerKinds?.[index];
    if (kind !== undefined && !withAttention.has(kind)) return 0;
    if (globalKvHeadCount !== undefined && windowed?.[index] === false) return globalKvHeadCount;
    return at(index);
  });
  // an interval says which layers are full there: the head count stays one number
  return facts.fullAttentionInterval === undefined && !isBuiltInInterval(facts)
    ? uniform(counts)
    : Math.max(0, ...counts);
}

/** Every n-th layer is full, as the engine takes it to be without a key: the converter then writes one head count (MiniMax-01, Qwen3-Next). */
function isBuiltInInterval({ architecture, layerKinds }: ArchitectureFacts): boolean {
  const layers = architectureRules[architecture]?.recurrence?.layers;
  if (typeof layers !== "object" || layerKinds === undefined) return false;
  return layerKinds.every((kind, index) => withAttention.has(kind) === ((index + 1) % layers.fullInterval === 0));
}

function uniform(values: readonly number[]): number | readonly number[] {
  const [first = 0] = values;
  return values.every((value) => value === first) ? first : values;
}

function feedForward(facts: ArchitectureFacts): number | readonly number[] {
  const { feedForwardLength: length, layerKinds, layerCount, mixture, sharedCacheLayerCount = 0 } = facts;
  const at = (index: number): number => (typeof length === "number" ? length : (length[index] ?? 0));
  if (facts.doubleWideShared && sharedCacheLayerCount > 0)
    return Array.from(
      { length: layerCount },
      (_, index) => at(index) * (index >= layerCount - sharedCacheLayerCount ? 2 : 1),
    );
  // Qwen 1 counts gate and up together; Arctic's key is the experts' width, its dense part is as wide as the hidden size
  if (facts.architecture === "qwen") return 2 * at(0);
  if (facts.architecture === "arctic" && mixture) return mixture.feedForwardLength;
  // blocks of one kind each (Nemotron-H): the width says which blocks are feed-forward
  if (layerKinds?.some((kind) => kind === "dense" || kind === "experts"))
    return layerKinds.map((kind, index) =>
      kind === "dense" ? at(index) : kind === "experts" ? (mixture?.feedForwardLength ?? 0) : 0,
    );
  return length;
}

function addAttention(keys: Draft, facts: ArchitectureFacts): void {
  const { latent, globalKeyLength } = facts;
  const keepsHeads = facts.architecture === "minicpm3";
  keys["attention.head_count"] = facts.headCount;
  if (latent === undefined) {
    keys["attention.head_count_kv"] = kvHeads(facts);
    const derived =
      typeof facts.headCount === "number" && facts.headCount > 0 ? facts.embeddingLength / facts.headCount : 0;
    if (globalKeyLength !== undefined) {
      keys["attention.key_length"] = globalKeyLength;
      keys["attention.value_length"] = globalKeyLength;
      keys["attention.key_length_swa"] = facts.keyLength;
      keys["attention.value_length_swa"] = facts.valueLength;
    } else if (facts.keyLength > 0 && (facts.keyLength !== derived || facts.valueLength !== derived)) {
      keys["attention.key_length"] = facts.keyLength;
      keys["attention.value_length"] = facts.valueLength;
    }
    return;
  }
  const { plainKeyLength, ropeKeyLength, valueLength, keyValueRank, queryRank } = latent;
  if (queryRank !== undefined) keys["attention.q_lora_rank"] = queryRank;
  keys["attention.kv_lora_rank"] = keyValueRank;
  if (keepsHeads) {
    keys["attention.head_count_kv"] = facts.kvHeadCount;
    keys["attention.key_length"] = plainKeyLength + ropeKeyLength;
    return;
  }
  const latentHeads = facts.layerKinds?.map((kind) => (withAttention.has(kind) ? 1 : 0)) ?? 1;
  keys["attention.head_count_kv"] = typeof latentHeads === "number" ? latentHeads : uniform(latentHeads);
  keys["attention.key_length"] = keyValueRank + ropeKeyLength;
  keys["attention.value_length"] = keyValueRank;
  keys["attention.key_length_mla"] = plainKeyLength + ropeKeyLength;
  keys["attention.value_length_mla"] = valueLength;
}

function addRope(keys: Draft, facts: ArchitectureFacts): void {
  const { latent, compressed, ropeFraction, ropeScaling, globalKeyLength } = facts;
  if (facts.ropeTheta !== undefined) keys["rope.freq_base"] = facts.ropeTheta;
  if (latent) keys["rope.dimension_count"] = latent.ropeKeyLength;
  else if (compressed) keys["rope.dimension_count"] = compressed.ropeKeyLength;
  else if (globalKeyLength !== undefined) {
    keys["rope.dimension_count"] = globalKeyLength;
    keys["rope.dimension_count_swa"] = facts.keyLength;
  } else if (ropeFraction !== undefined && ropeFraction < 1)
    keys["rope.dimension_count"] = Math.floor(facts.keyLength * ropeFraction);
  if (ropeScaling === undefined || ropeScaling.type === "llama3" || ropeScaling.type === "default") return;
  keys["rope.scaling.type"] = ropeScaling.type;
  if (ropeScaling.factor !== undefined) keys["rope.scaling.factor"] = ropeScaling.factor;
  if (ropeScaling.originalContextTokens !== undefined)
    keys["rope.scaling.original_context_length"] = ropeScaling.originalContextTokens;
}

/** The pattern llama.cpp assumes when the file has none. */
function builtInPattern(rule: WindowRule, layerCount: number): readonly boolean[] | undefined {
  const { period } = rule;
  if (typeof period !== "number" || period === 0) return undefined;
  return Array.from({ length: layerCount }, (_, index) =>
    rule.denseFirst ? index % period !== 0 : index % period < period - 1,
  );
}

function addWindows(keys: Draft, facts: ArchitectureFacts): void {
  const rule = architectureRules[facts.architecture]?.window;
  if (facts.chunkTokens !== undefined) keys["attention.chunk_size"] = facts.chunkTokens;
  if (rule === undefined || facts.windowTokens === undefined) return;
  keys["attention.sliding_window"] = facts.windowTokens;
  const { windowed } = facts;
  if (windowed === undefined) return;
  const builtIn = builtInPattern(rule, facts.layerCount);
  if (builtIn === undefined || builtIn.some((flag, index) => flag !== windowed[index]))
    keys["attention.sliding_window_pattern"] = windowed;
}

function addMixture(keys: Draft, facts: ArchitectureFacts): void {
  const { mixture } = facts;
  // a latent-attention model without experts is all leading dense layers (conversion/deepseek.py:333)
  if (mixture === undefined && facts.latent && facts.architecture === "deepseek2") {
    keys["leading_dense_block_count"] = facts.layerCount;
    keys["expert_feed_forward_length"] = feedForward(facts);
  }
  if (mixture === undefined) return;
  keys["expert_count"] = mixture.expertCount;
  keys["expert_used_count"] = mixture.usedExpertCount;
  keys["expert_feed_forward_length"] = mixture.feedForwardLength;
  if (mixture.sharedExpertCount) keys["expert_shared_count"] = mixture.sharedExpertCount;
  if (mixture.sharedFeedForwardLength) keys["expert_shared_feed_forward_length"] = mixture.sharedFeedForwardLength;
  if (mixture.leadingDenseCount) keys["leading_dense_block_count"] = mixture.leadingDenseCount;
  if (facts.compressed) keys["expert_gating_func"] = SQRT_SOFTPLUS_GATE;
  else if (mixture.selectionBias) keys["expert_gating_func"] = SIGMOID_GATE;
  if (mixture.latentLength !== undefined) {
    keys["expert_latent_length"] = mixture.latentLength;
    keys["moe_latent_size"] = mixture.latentLength;
  }
  const rule = architectureRules[facts.architecture]?.moe;
  if (rule === "interleaved-step") keys["interleave_moe_layer_step"] = mixture.period ?? 1;
  if (rule === "every-n") keys["moe_every_n_layers"] = mixture.period ?? 1;
}

function addState(keys: Draft, facts: ArchitectureFacts): void {
  const { stateSpace, linearAttention, rwkv } = facts;
  if (stateSpace) {
    keys["ssm.conv_kernel"] = stateSpace.convolutionLength;
    keys["ssm.inner_size"] = stateSpace.innerLength;
    keys["ssm.state_size"] = stateSpace.stateLength;
    keys["ssm.time_step_rank"] = stateSpace.timeStepRank;
    if (stateSpace.version === 2) keys["ssm.group_count"] = stateSpace.groupCount;
  }
  if (linearAttention?.kind === "gated-delta-net") {
    keys["ssm.conv_kernel"] = linearAttention.convolutionLength;
    keys["ssm.state_size"] = linearAttention.keyLength;
    keys["ssm.group_count"] = linearAttention.keyHeadCount;
    keys["ssm.time_step_rank"] = linearAttention.valueHeadCount;
    keys["ssm.inner_size"] = linearAttention.valueLength * linearAttention.valueHeadCount;
  }
  if (linearAttention?.kind === "kimi-delta") {
    keys["ssm.conv_kernel"] = linearAttention.convolutionLength;
    keys["kda.head_dim"] = linearAttention.headLength;
  }
  if (facts.fullAttentionInterval !== undefined) keys["full_attention_interval"] = facts.fullAttentionInterval;
  if (facts.convolutionLength !== undefined) keys["shortconv.l_cache"] = facts.convolutionLength;
  if (rwkv) {
    keys["wkv.head_size"] = rwkv.headLength;
    keys["attention.decay_lora_rank"] = rwkv.decayRank;
    keys["attention.iclr_lora_rank"] = rwkv.iclRank;
    keys["attention.value_residual_mix_lora_rank"] = rwkv.valueResidualRank;
    keys["attention.gate_lora_rank"] = rwkv.gateRank;
    keys["token_shift_count"] = 2;
  }
}

function addRare(keys: Draft, facts: ArchitectureFacts): void {
  const { indexer, compressed } = facts;
  if (indexer) {
    keys["attention.indexer.head_count"] = indexer.headCount;
    keys["attention.indexer.key_length"] = indexer.keyLength;
    if (indexer.topCount !== undefined) keys["attention.indexer.top_k"] = indexer.topCount;
  }
  if (compressed) {
    keys["attention.q_lora_rank"] = compressed.queryRank;
    keys["attention.output_lora_rank"] = compressed.outputRank;
    keys["attention.output_group_count"] = compressed.outputGroupCount;
    keys["attention.compress_ratios"] = compressed.ratios;
    keys["hyper_connection.count"] = compressed.connectionCount;
    keys["hash_layer_count"] = compressed.hashLayerCount;
  }
  if (facts.perLayerEmbeddingLength !== undefined)
    keys["embedding_length_per_layer_input"] = facts.perLayerEmbeddingLength;
  if (facts.residualBlockLayerCount !== undefined) keys["attn_res.block_size"] = facts.residualBlockLayerCount;
  if (facts.deepstackLayerCount !== undefined) keys["n_deepstack_layers"] = facts.deepstackLayerCount;
  if (facts.streamCount !== undefined) keys["altup.num_inputs"] = facts.streamCount;
  if (facts.sharedCacheLayerCount !== undefined) keys["attention.shared_kv_layers"] = facts.sharedCacheLayerCount;
  if (!facts.causal) keys["attention.causal"] = false;
  if (facts.tokenTypeCount > 0) keys["tokenizer.ggml.token_type_count"] = facts.tokenTypeCount;
}

/** The key-values and layout facts of a GGUF file of this model. Pure; bounds are `readHyperparameters`'. */
export function ggufKeys(published: ArchitectureFacts): GgufKeys {
  const facts = { ...published, architecture: writtenArchitecture(published) };
  const keys: Draft = {
    block_count: facts.layerCount,
    context_length: facts.contextTokens,
    embedding_length: facts.embeddingLength,
    feed_forward_length: feedForward(facts),
    vocab_size: facts.vocabularyCount,
  };
  addAttention(keys, facts);
  addRope(keys, facts);
  addWindows(keys, facts);
  addMixture(keys, facts);
  addState(keys, facts);
  addRare(keys, facts);
  return { architecture: facts.architecture, keys, layout: layoutOf(facts) };
}

function layoutOf(facts: ArchitectureFacts): LayoutOptions {
  const { mixture, ropeScaling } = facts;
  return {
    tiedEmbeddings: facts.tiedEmbeddings,
    attentionBias: facts.attentionBias,
    attentionOutputBias: facts.attentionOutputBias,
    feedForwardBias: facts.feedForwardBias,
    feedForwardGate: facts.feedForwardGate,
    outputBias: facts.outputBias,
    normBias: facts.normBias,
    secondNorm: facts.secondNorm,
    queryKeyNorm: facts.queryKeyNorm,
    attentionGate: facts.attentionGate,
    positionEmbedding: facts.positionCount > 0,
    tokenTypes: facts.tokenTypeCount > 0,
    ...(ropeScaling && (ropeScaling.type === "llama3" || ropeScaling.type === "longrope") ? { ropeFactors: true } : {}),
    ...(mixture?.selectionBias === undefined ? {} : { routerBias: mixture.selectionBias }),
    ...(mixture?.period !== undefined && mixture.period > 1
      ? { expertLayers: { period: mixture.period, offset: mixture.offset ?? mixture.period - 1 } }
      : {}),
  };
}

/** The converter writes Granite 4 models without a recurrent layer as plain Granite (conversion/granite.py:413-425). */
function writtenArchitecture(facts: ArchitectureFacts): string {
  if (facts.architecture !== "granitehybrid" || facts.stateSpace) return facts.architecture;
  return facts.mixture ? "granitemoe" : "granite";
}

/** GGUF metadata as a file has it: prefix on, architecture named. */
export function asMetadata(architecture: string, keys: ModelKeys): Record<string, MetadataValue> {
  const metadata: Record<string, MetadataValue> = { "general.architecture": architecture };
  for (const [key, value] of Object.entries(keys))
    metadata[key.startsWith("tokenizer.") ? key : `${architecture}.${key}`] = value;
  return metadata;
}
