/**
 * GGUF key-values → hyper-parameters, as llama.cpp resolves them: what the keys say, then the architecture's rule.
 * Source: llama.cpp v0.5.0 `load_hparams` (src/llama-model.cpp:1226-1420), `load_arch_hparams` of src/models/*.cpp,
 * `create_memory` (src/llama-model.cpp:2268-2680) for which layers keep a cache.
 */
import { type ArchitectureRule, architectureRules, auxiliaryArchitectures } from "./architecture-rules.ts";
import { type HeadCounts, readHeadCounts, readHeadDims, readLatent } from "./attention-heads.ts";
import { hasExperts, readExperts } from "./experts.ts";
import { indexerDims } from "./indexer.ts";
import { InputError } from "./input-error.ts";
import { MAX_LAYERS, type MetadataReader, readerOf } from "./metadata-reader.ts";
import type { Hyperparameters, LayerFacts, Metadata } from "./model.ts";
import { ngramStateElements, noState, recurrentLayers, stateElements } from "./recurrent-state.ts";
import type { TensorShape } from "./tensor.ts";
import { type TensorWidths, tensorWidths } from "./tensor-widths.ts";
import { layerWindows } from "./windows.ts";

/** Bounds of our own: the largest vocabulary is near 2^18, the longest trained context 2^24. */
const MAX_VOCABULARY = 2 ** 24;
const MAX_CONTEXT_TOKENS = 2 ** 30;

function ruleOf(architecture: string): ArchitectureRule {
  if (Object.hasOwn(architectureRules, architecture)) return architectureRules[architecture] ?? {};
  const part = Object.hasOwn(auxiliaryArchitectures, architecture) ? auxiliaryArchitectures[architecture] : undefined;
  if (part)
    throw new InputError(
      `Architecture ${architecture} is ${part}, not a language model. Name the model it belongs to instead.`,
    );
  throw new InputError(
    `Architecture ${architecture.slice(0, 60)} is unknown to llama.cpp v0.5.0. Send a model of a known architecture, or set general.architecture to the closest one (plain decoders: llama, with experts: qwen3moe).`,
  );
}

/** Architectures that `readHyperparameters` knows. */
export function knownArchitectures(): readonly string[] {
  return Object.keys(architectureRules);
}

function readArchitecture(metadata: Metadata): string {
  const architecture = metadata["general.architecture"];
  if (typeof architecture === "string" && architecture !== "") return architecture;
  throw new InputError(
    "Model key general.architecture is missing. Add it: it names the family that every other key is prefixed with, e.g. llama.",
  );
}

function vocabularyCount(metadata: Metadata, reader: MetadataReader, widths: TensorWidths | undefined): number {
  const tokens = metadata["tokenizer.ggml.tokens"];
  // what the header reader leaves of a file's token array
  const counted = metadata["tokenizer.ggml.tokens.count"];
  const count =
    widths?.vocabulary ??
    (typeof counted === "number" ? counted : undefined) ??
    reader.count("vocab_size", MAX_VOCABULARY) ??
    (Array.isArray(tokens) ? tokens.length : undefined);
  if (count !== undefined && count <= MAX_VOCABULARY) return count;
  if (count === undefined)
    throw new InputError(
      `Model key ${reader.architecture}.vocab_size is missing and no tensor shows it. Add the number of tokens in the vocabulary.`,
    );
  throw new InputError(
    `A vocabulary of ${count} tokens is not plausible. Check the shape of token_embd.weight; the limit is ${MAX_VOCABULARY}.`,
  );
}

interface LayerCount {
  /** layers that run and are counted by `-ngl` (`n_layer_all`) */
  readonly all: number;
  /** without NextN blocks (`n_layer`) */
  readonly main: number;
  /** layers the file stores */
  readonly stored: number;
}

function readLayerCount(rule: ArchitectureRule, reader: MetadataReader): LayerCount {
  const stored = reader.required("block_count", MAX_LAYERS);
  const nextn = reader.count("nextn_predict_layers", stored) ?? 0;
  const loops = rule.loops ? Math.max(1, reader.count(rule.loops, MAX_LAYERS) ?? 1) : 1;
  const all = stored * loops + (rule.routerLayer ? 1 : 0);
  if (stored === 0 || all > MAX_LAYERS)
    throw new InputError(
      `The model has ${all} layers. llama.cpp allows 1 to ${MAX_LAYERS}: check ${reader.architecture}.block_count.`,
    );
  return { all, main: rule.routerLayer ? stored : all - nextn, stored };
}

/** Per-layer counts as the file gives them; layers that run again repeat, a router layer has one head. */
function perLayer(
  rule: ArchitectureRule,
  { all, stored }: LayerCount,
  values: readonly number[],
  router: number,
): number[] {
  return Array.from({ length: all }, (_, index) =>
    rule.routerLayer && index === stored ? router : (values[index % stored] ?? 0),
  );
}

/** Head counts as the file gives them, recurrent layers included (`n_head_arr`, `n_head_kv_arr`); for rules that look at layer 0. */
export function storedHeadCounts(hyper: Hyperparameters): HeadCounts {
  const reader = readerOf(hyper.metadata, hyper.architecture);
  return readHeadCounts(reader, reader.required("block_count", MAX_LAYERS));
}

/** The first layer that keeps no cache of its own because it reads an earlier one's; all keep one when nothing says otherwise. */
function firstSharingLayer(rule: ArchitectureRule, reader: MetadataReader, layerCount: number): number {
  if (rule.sharedCache === undefined) return layerCount;
  if (rule.sharedCache === "shared_kv_layers")
    return layerCount - (reader.count("attention.shared_kv_layers", layerCount) ?? 0);
  return rule.sharedCache.firstLayers;
}

/** llama.cpp looks for the block's projection, and without it counts the layers as ordinary ones (src/models/deepseek4.cpp `mtp_probe`). */
function storesNextn(rule: ArchitectureRule, count: LayerCount, widths: TensorWidths | undefined): boolean {
  if (!rule.nextnMayBeAbsent || !widths) return true;
  return widths.hasTensor(`blk.${count.main}.nextn.eh_proj.weight`);
}

/**
 * Hyper-parameters of a model from its GGUF key-values (`qwen3.block_count` …), each a scalar or an array with one entry per layer.
 * `tensors`, when known, refine what the keys leave open: vocabulary, head widths, which layers have experts and how wide.
 * Errors (`InputError`): unknown or auxiliary architecture, missing or implausible keys, arrays of the wrong length.
 */
export function readHyperparameters(metadata: Metadata, tensors: readonly TensorShape[] | undefined): Hyperparameters {
  const architecture = readArchitecture(metadata);
  const rule = ruleOf(architecture);
  const reader = readerOf(metadata, architecture);
  const widths = tensorWidths(tensors);
  const announced = readLayerCount(rule, reader);
  const count = storesNextn(rule, announced, widths) ? announced : { ...announced, main: announced.all };

  const embedding = reader.required("embedding_length");
  const stored = readHeadCounts(reader, count.stored);
  const heads = perLayer(rule, count, stored.heads, 1);
  const kvHeads = perLayer(rule, count, stored.kvHeads, 1);
  const feedForward = perLayer(rule, count, reader.perLayer("feed_forward_length", count.stored) ?? [], 0);
  const dims = readHeadDims(reader, embedding, stored, widths);
  const latent = readLatent(reader);
  const experts = readExperts(rule, reader, count.stored, feedForward, widths);
  const hasCache = rule.cache !== "none";

  const recurrent = recurrentLayers(
    rule.recurrence,
    reader,
    count.main,
    heads.map((_, index) => ({ kvHeads: kvHeads[index] ?? 0, feedForward: feedForward[index] ?? 0 })),
  );
  const attention = heads.map(
    (headCount, index) =>
      headCount > 0 &&
      (rule.recurrence?.layers === "beside-attention" || !recurrent[index]) &&
      // Nemotron-H: a layer is attention, state or FFN
      (rule.recurrence?.layers !== "without-kv-heads-and-ffn" || index >= count.main || feedForward[index] === 0),
  );
  const windows = layerWindows(rule.window, reader, count.main, attention);
  const state = rule.recurrence
    ? stateElements(rule.recurrence.state, reader, embedding, heads[0] ?? 0, dims.key)
    : noState;
  const compression = reader.array("attention.compress_ratios") ?? [];
  const sharingFrom = firstSharingLayer(rule, reader, count.all);

  const layers = heads.map((_, index): LayerFacts => {
    const nextn = index >= count.main && !rule.routerLayer;
    const attends = attention[index] ?? false;
    const recurs = recurrent[index] ?? false;
    const { kind, tokens } = windows[index] ?? { kind: "none", tokens: 0 };
    const moe =
      experts !== undefined &&
      hasExperts(rule, reader, { index, mainLayerCount: count.main, feedForward: feedForward[index] ?? 0 }, widths);
    const cached =
      hasCache && attends && (kvHeads[index] ?? 0) > 0 && index < sharingFrom && (!nextn || rule.nextnCache === true);
    return {
      index,
      nextn,
      attention: attends,
      recurrent: recurs,
      hasCache: cached,
      headCount: attends ? (heads[index] ?? 0) : 0,
      kvHeadCount: attends ? (kvHeads[index] ?? 0) : 0,
      keyDim: attends ? (tokens > 0 ? dims.windowedKey : dims.key) : 0,
      valueDim: !attends || rule.keyOnlyCache ? 0 : tokens > 0 ? dims.windowedValue : dims.value,
      windowTokens: tokens,
      window: kind,
      feedForwardLength: moe && !rule.denseBesideExperts ? 0 : (widths?.dense(index) ?? feedForward[index] ?? 0),
      moe,
      convStateElements: recurs ? state.convolution + ngramStateElements(reader, index, embedding) : 0,
      stateElements: recurs ? state.state : 0,
      ...(cached && !nextn ? indexerDims(rule, reader, index, dims.value) : {}),
      ...(cached && rule.compressedCache ? { compressionRatio: compression[index] ?? 0 } : {}),
    };
  });

  return {
    architecture,
    layerCount: count.all,
    nextnLayerCount: rule.routerLayer ? 0 : count.all - count.main,
    embeddingLength: embedding,
    vocabularyCount: vocabularyCount(metadata, reader, widths),
    trainedContextTokens: reader.required("context_length", MAX_CONTEXT_TOKENS),
    hasCache,
    causal: rule.causal ?? reader.flag("attention.causal") ?? true,
    layers,
    experts,
    latent,
    metadata,
  };
}
