/**
 * The dimensions of a model family member as its makers publish them, before llama.cpp's names are put on them.
 * Two sources speak this form: the catalog build (curated facts) and `hf-config.ts` (a repository's config.json);
 * `gguf-keys.ts` turns it into the key-values of a GGUF file.
 */

export interface MixtureDimensions {
  readonly expertCount: number;
  readonly usedExpertCount: number;
  readonly feedForwardLength: number;
  readonly sharedExpertCount?: number;
  readonly sharedFeedForwardLength?: number;
  /** leading layers without experts */
  readonly leadingDenseCount?: number;
  /** every n-th layer has experts, from `offset` on */
  readonly period?: number;
  readonly offset?: number;
  /** the router has a selection bias (`exp_probs_b`), which goes with a sigmoid gate */
  readonly selectionBias?: boolean;
  /** experts work in a space of this width */
  readonly latentLength?: number;
}

export interface LatentDimensions {
  readonly queryRank?: number;
  readonly keyValueRank: number;
  readonly plainKeyLength: number;
  readonly ropeKeyLength: number;
  readonly valueLength: number;
}

/** Selective state space layers; `version` 2 has heads and groups. */
interface StateSpaceDimensions {
  readonly version: 1 | 2;
  readonly innerLength: number;
  readonly stateLength: number;
  readonly convolutionLength: number;
  readonly timeStepRank: number;
  readonly groupCount: number;
}

export type LinearAttentionDimensions =
  | {
      readonly kind: "gated-delta-net";
      readonly keyHeadCount: number;
      readonly valueHeadCount: number;
      readonly keyLength: number;
      readonly valueLength: number;
      readonly convolutionLength: number;
    }
  | { readonly kind: "kimi-delta"; readonly headLength: number; readonly convolutionLength: number }
  | { readonly kind: "lightning" };

interface RwkvDimensions {
  readonly headLength: number;
  readonly decayRank: number;
  readonly iclRank: number;
  readonly valueResidualRank: number;
  readonly gateRank: number;
}

interface IndexerDimensions {
  readonly headCount: number;
  readonly keyLength: number;
  readonly topCount?: number;
}

/** DeepSeek-V4: compressed caches, grouped low-rank output, hyper connections. */
interface CompressedDimensions {
  readonly queryRank: number;
  readonly outputRank: number;
  readonly outputGroupCount: number;
  readonly connectionCount: number;
  readonly ratios: readonly number[];
  readonly hashLayerCount: number;
  readonly ropeKeyLength: number;
}

/** One letter a layer, as in the facts: what stands in it. */
export type LayerKind = "attention" | "linear" | "mamba" | "parallel" | "convolution" | "rwkv" | "dense" | "experts";

export interface ArchitectureFacts {
  /** llama.cpp's `general.architecture` */
  readonly architecture: string;
  readonly layerCount: number;
  readonly embeddingLength: number;
  readonly vocabularyCount: number;
  readonly contextTokens: number;
  readonly headCount: number | readonly number[];
  readonly kvHeadCount: number | readonly number[];
  readonly keyLength: number;
  readonly valueLength: number;
  readonly feedForwardLength: number | readonly number[];

  readonly tiedEmbeddings: boolean;
  readonly attentionBias: boolean;
  readonly attentionOutputBias: boolean;
  readonly feedForwardBias: boolean;
  readonly feedForwardGate: boolean;
  readonly outputBias: boolean;
  readonly normBias: boolean;
  readonly secondNorm: boolean;
  readonly queryKeyNorm: boolean;
  readonly attentionGate: "none" | "head" | "element";
  readonly positionCount: number;
  readonly tokenTypeCount: number;
  readonly causal: boolean;

  readonly ropeTheta?: number;
  readonly ropeFraction?: number;
  readonly ropeScaling?: { readonly type: string; readonly factor?: number; readonly originalContextTokens?: number };
  readonly windowTokens?: number;
  /** per layer: sees a window only */
  readonly windowed?: readonly boolean[];
  /** chunk length of chunked attention */
  readonly chunkTokens?: number;
  readonly layerKinds?: readonly LayerKind[];
  readonly fullAttentionInterval?: number;
  readonly mixture?: MixtureDimensions;
  readonly latent?: LatentDimensions;
  readonly stateSpace?: StateSpaceDimensions;
  readonly linearAttention?: LinearAttentionDimensions;
  readonly rwkv?: RwkvDimensions;
  readonly convolutionLength?: number;
  readonly indexer?: IndexerDimensions;
  readonly compressed?: CompressedDimensions;
  /** Gemma 3n and 4: width of the embedding each layer is given of its own */
  readonly perLayerEmbeddingLength?: number;
  readonly sharedCacheLayerCount?: number;
  /** layers that image features enter besides the first (Qwen3-VL) */
  readonly deepstackLayerCount?: number;
  /** Gemma 3n: parallel copies of the residual stream */
  readonly streamCount?: number;
  /** Kimi K3: after how many layers the residual state is banked for later ones */
  readonly residualBlockLayerCount?: number;
  /** Gemma 4: the full-attention layers' own heads */
  readonly globalKeyLength?: number;
  readonly globalKvHeadCount?: number;
  /** feed-forward width is doubled in the layers that share a cache */
  readonly doubleWideShared?: boolean;
}
