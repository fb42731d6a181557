/** The same model as stored in different recipes: what a plan chooses from. */
import type { Model } from "../facts/model.ts";

export interface Variant {
  /** `Q4_K_M`; undefined where the artefact is one file of unknown recipe */
  readonly recipe: string | undefined;
  /** no weight of it is stored in less: says what cannot fit before anything is laid out */
  readonly leastBits: number;
  /** laid out on first use */
  readonly model: () => Model;
}

/** Recipes that publishers make of nearly every model, finest first: what "auto" chooses from. */
const commonRecipes: readonly string[] = [
  "BF16",
  "Q8_0",
  "Q6_K",
  "Q5_K_M",
  "Q4_K_M",
  "IQ4_XS",
  "Q3_K_M",
  "IQ3_XXS",
  "Q2_K",
  "IQ2_XXS",
];

/** Architectures published in one form only: their makers' own 4-bit floats. Requantized files of them gain nothing. */
const nativeRecipes: Readonly<Record<string, readonly string[]>> = { "gpt-oss": ["MXFP4_MOE"] };

/** What "auto" chooses from for an architecture. */
export function publishedRecipes(architecture: string): readonly string[] {
  return (Object.hasOwn(nativeRecipes, architecture) ? nativeRecipes[architecture] : undefined) ?? commonRecipes;
}

/**
 * Least bits per weight worth running, by parameters: below it a smaller model is the better use of the memory.
 * Source: break-even of quantization loss against ability per doubling of parameters (catalog/calibration/quality.json).
 */
export function floorBitsPerWeight(parameterCount: number): number {
  if (parameterCount < 8e9) return 4;
  if (parameterCount < 30e9) return 3.5;
  return parameterCount < 100e9 ? 3 : 2.3;
}

/** Bits of the coarsest type that a recipe's layers use. Source: the recipes' base types (facts/recipe-rules.ts). */
const leastBitsOf: Readonly<Record<string, number>> = {
  F32: 32,
  F16: 16,
  BF16: 16,
  Q8_0: 8.5,
  Q6_K: 6.5,
  Q5_K_M: 5.5,
  Q5_K_S: 5.5,
  Q5_0: 5.5,
  Q5_1: 6,
  Q4_K_M: 4.5,
  Q4_K_S: 4.5,
  Q4_0: 4.5,
  Q4_1: 5,
  IQ4_NL: 4.5,
  IQ4_XS: 4.25,
  Q3_K_L: 3.4,
  Q3_K_M: 3.4,
  Q3_K_S: 3.4,
  IQ3_M: 3,
  IQ3_S: 3,
  IQ3_XS: 3,
  IQ3_XXS: 3,
};

export function variant(recipe: string | undefined, model: () => Model): Variant {
  return { recipe, leastBits: leastBitsOf[recipe ?? ""] ?? 1, model };
}
