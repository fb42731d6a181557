/** What a row of a layout may look at: the hyper-parameters, one layer of them, and what only a file could tell. */
import { InputError } from "../input-error.ts";
import type { Hyperparameters, LayerFacts, MetadataValue } from "../model.ts";

/**
 * Facts that a file shows and its metadata does not hold. Each is optional: an architecture has its own default,
 * which is what its published files have.
 */
export interface LayoutOptions {
  /** no `output.weight`; the head reads the token embedding */
  readonly tiedEmbeddings?: boolean;
  /** `rope_freqs`, or the long and short pair where the rope scaling is longrope or the architecture has only those */
  readonly ropeFactors?: boolean;
  /** bias of the query, key and value projections */
  readonly attentionBias?: boolean;
  readonly attentionOutputBias?: boolean;
  readonly feedForwardBias?: boolean;
  /** `output.bias` */
  readonly outputBias?: boolean;
  /** bias of every norm, where the architecture leaves the choice */
  readonly normBias?: boolean;
  /** norms on queries and keys, where the architecture leaves the choice */
  readonly queryKeyNorm?: boolean;
  /** one `attn_qkv` instead of three projections */
  readonly fusedQueryKeyValue?: boolean;
  /** one `ffn_gate_up_exps` instead of gate and up */
  readonly fusedExpertGateUp?: boolean;
  /** a gate beside `ffn_up`, where the architecture leaves the choice */
  readonly feedForwardGate?: boolean;
  /** `exp_probs_b`: the router's selection bias */
  readonly routerBias?: boolean;
  /** the prediction block's own copies of embedding and head */
  readonly nextnHead?: boolean;
  /** the prediction block's own output norm */
  readonly nextnNorm?: boolean;
  /** `position_embd`, where the architecture leaves the choice */
  readonly positionEmbedding?: boolean;
  /** `token_types`; its count is `tokenizer.ggml.token_type_count` */
  readonly tokenTypes?: boolean;
  /** output gate of attention, where the architecture leaves the choice */
  readonly attentionGate?: "none" | "head" | "element";
  /** full-attention layers that use their keys as values (Gemma 4 without per-layer embeddings) */
  readonly valueFromKey?: boolean;
  /** a norm inside the Mamba block, where the architecture leaves the choice */
  readonly stateNorm?: boolean;
  /** one scale beside every matrix (BitNet) */
  readonly weightScale?: boolean;
  /** a dense feed-forward network beside the experts (Grok 2) */
  readonly denseBesideExperts?: boolean;
  /** outputs of a reranker's head, where `classifier.output_labels` does not list them */
  readonly classifierOutputs?: number;
  /** a second norm ahead of the feed-forward network, where the architecture leaves the choice */
  readonly secondNorm?: boolean;
}

export interface Scope {
  readonly hyper: Hyperparameters;
  /** the architecture's defaults with the caller's options over them */
  readonly options: LayoutOptions;
  readonly layer: LayerFacts;
}

/** The value of `{architecture}.{key}`, or of `key` itself for keys of other groups; undefined when absent. */
export function lookup({ hyper }: Scope, key: string): MetadataValue | undefined {
  return hyper.metadata[`${hyper.architecture}.${key}`] ?? hyper.metadata[key];
}

/** A number of this layer: a scalar key, or the layer's entry where the key is one value a layer. */
export function optionalNumber(scope: Scope, key: string): number | undefined {
  const value = lookup(scope, key);
  const entry = Array.isArray(value) ? value[scope.layer.index] : value;
  return typeof entry === "number" ? entry : undefined;
}

/** As `optionalNumber`, for keys that a layout cannot do without. */
export function requiredNumber(scope: Scope, key: string): number {
  const value = optionalNumber(scope, key);
  if (value !== undefined) return value;
  const name = /^(tokenizer|general)\./.test(key) ? key : `${scope.hyper.architecture}.${key}`;
  throw new InputError(
    `The metadata has no ${name}, which the tensors of this architecture follow. Send it, or pass a GGUF file.`,
  );
}
