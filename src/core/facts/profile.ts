/** A model as sums: weights by part and storage type, layers by what they keep and read. Worked out at build time from the tensor tables. */

import type { Tokens } from "../units.ts";
import type { TensorType } from "./tensor-type.ts";

/** Where weights are and how often they are read. */
export const parts = ["embedding", "output", "outputVectors", "dense", "vectors", "experts"] as const;
export type Part = (typeof parts)[number];

/** Weights of one storage type in one part. */
export type StoredPart = readonly [part: Part, type: TensorType, weights: number];

/** Layers that share a window: summed widths of K and V rows, and flops per cached position. */
export type WindowGroup = readonly [windowTokens: Tokens, keyWidth: number, valueWidth: number, flops: number];

export interface ModelShape {
  readonly architecture: string;
  readonly layerCount: number;
  readonly moeLayerCount: number;
  readonly linearLayerCount: number;
  readonly embeddingLength: number;
  readonly vocabularyCount: number;
  readonly hasCache: boolean;
  readonly causal: boolean;
  readonly latent: boolean;
  readonly expertCount: number;
  readonly usedExpertCount: number;
  /** f32 values per token alive at the peak of a layer */
  readonly liveValues: number;
  /** f32 elements of recurrent state of one sequence */
  readonly stateElements: number;
  /** read by attention */
  readonly reads: readonly WindowGroup[];
  /** kept in memory: layers that share another's cache are not among them */
  readonly kept: readonly WindowGroup[];
  readonly parameterCount: number;
  readonly activeParameterCount: number;
}
