/** The same model as stored in different recipes: what a plan chooses from. */
import type { Model } from "../facts/model.ts";

export interface Variant {
  /** `Q4_K_M`; undefined where the artefact is one file of unknown recipe */
  readonly recipe: string | undefined;
  /** laid out on first use */
  readonly model: () => Model;
}

/** Recipes that publishers make of nearly every model, finest first: what "auto" chooses from. */
export const commonRecipes: readonly string[] = ["BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M", "IQ3_XXS", "Q2_K", "IQ2_XXS"];

/**
 * Least bits per weight worth running, by parameters: below it a smaller model is the better use of the memory.
 * Source: break-even of quantization loss against ability per doubling of parameters (catalog/calibration/quality.json).
 */
export function floorBitsPerWeight(parameterCount: number): number {
  if (parameterCount < 8e9) return 4;
  if (parameterCount < 30e9) return 3.5;
  return parameterCount < 100e9 ? 3 : 2.3;
}
