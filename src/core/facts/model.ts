/**
 * What a model is: hyper-parameters in llama.cpp's words (one object per repeating layer, so that a difference between
 * architectures is a value and not a branch) and its complete tensor table.
 */
import type { Bytes, Tokens } from "../units.ts";
import type { Evidence } from "./evidence.ts";
import type { Tensor } from "./tensor.ts";

/** GGUF key-values: `qwen3.block_count` → 36. The raw form of every hyper-parameter, for rows that need a rare one. */
export type Metadata = Readonly<Record<string, MetadataValue>>;
export type MetadataValue = string | number | boolean | readonly (string | number | boolean)[];

/** What one repeating layer computes and keeps. Counts are 0 where the layer has no such part. */
export interface LayerFacts {
  readonly index: number;
  /** NextN / multi-token-prediction block: loaded and counted, but no part of the main graph. */
  readonly nextn: boolean;
  /** softmax attention in this layer (with `hasCache` false it reads an earlier layer's cache) */
  readonly attention: boolean;
  /** recurrent state in this layer (both for parallel hybrids) */
  readonly recurrent: boolean;
  readonly hasCache: boolean;
  readonly headCount: number;
  readonly kvHeadCount: number;
  /** head width of K and V as cached (`n_embd_head_k`; MLA: kv_lora_rank + rope, and V is not cached) */
  readonly keyDim: number;
  readonly valueDim: number;
  /** sliding or chunked window in tokens; 0 = full attention */
  readonly windowTokens: Tokens;
  readonly window: "none" | "sliding" | "chunked" | "symmetric";
  /** dense FFN width; 0 where experts or nothing stand in its place */
  readonly feedForwardLength: number;
  readonly moe: boolean;
  /** f32 elements of recurrent state per sequence: `n_embd_r` (convolution) and `n_embd_s` */
  readonly convStateElements: number;
  readonly stateElements: number;
  /** width of the indexer's own one-head K cache (sparse attention); 0 or absent = none */
  readonly indexerKeyDim?: number;
  /** width of V in that cache; only where the engine caches it too (minimax-m3) */
  readonly indexerValueDim?: number;
  /** tokens that one compressed cell stands for (deepseek4); 0 = only the raw window is kept, absent = no compressed cache */
  readonly compressionRatio?: number;
}

export interface ExpertFacts {
  readonly total: number;
  readonly used: number;
  readonly shared: number;
  readonly feedForwardLength: number;
  readonly sharedFeedForwardLength: number;
}

/** Multi-head latent attention. */
export interface LatentFacts {
  readonly queryRank: number;
  readonly kvRank: number;
  readonly ropeDim: number;
  /** per-head widths before absorption (`key_length_mla`, `value_length_mla`) */
  readonly keyDim: number;
  readonly valueDim: number;
}

export interface Hyperparameters {
  /** llama.cpp's `general.architecture` */
  readonly architecture: string;
  /** repeating layers, NextN included (`n_layer_all`) */
  readonly layerCount: number;
  readonly nextnLayerCount: number;
  readonly embeddingLength: number;
  readonly vocabularyCount: number;
  readonly trainedContextTokens: Tokens;
  /** false: encoders and diffusion models, which keep no cache */
  readonly hasCache: boolean;
  readonly causal: boolean;
  readonly layers: readonly LayerFacts[];
  readonly experts: ExpertFacts | undefined;
  readonly latent: LatentFacts | undefined;
  readonly metadata: Metadata;
}

/** A concrete artefact: hyper-parameters, every tensor with its type, and where it came from. */
export interface Model {
  readonly name: string;
  /** upstream recipe name (`Q4_K_M`), when one is known */
  readonly recipe: string | undefined;
  readonly hyper: Hyperparameters;
  readonly tensors: readonly Tensor[];
  /** size of the file(s); header included where it was read */
  readonly fileBytes: Bytes;
  readonly evidence: Evidence;
  readonly source: string;
  readonly warnings: readonly string[];
  /** expected divergence from the model as published, where it is known tensor by tensor */
  readonly klDivergenceNats?: number;
}
