/** Weights from hyper-parameters alone: layout and recipe rebuild the whole tensor table, nothing is read from it. */
import { type LayoutOptions, layoutTensors } from "../../src/core/facts/layout.ts";
import { readHyperparameters } from "../../src/core/facts/hyperparameters.ts";
import type { Model } from "../../src/core/facts/model.ts";
import { applyRecipe, isRecipe } from "../../src/core/facts/recipe.ts";
import { tensorBytes } from "../../src/core/facts/tensor.ts";
import type { WeightsRow } from "./rows.ts";

export interface WeightsComparison {
  readonly row: WeightsRow;
  readonly estimatedBytes: number;
  /** signed, of tensor_bytes */
  readonly errorFraction: number;
  /** worst of tensor_bytes and each type's bytes, as a share of tensor_bytes */
  readonly worstTypeFraction: number;
  /** set when nothing could be estimated: a failed row, not a skipped one */
  readonly failure: string | undefined;
}

/** What a header says beside its key-values, and a catalog row says too: is the output matrix stored? */
function layoutOptions(header: Model): LayoutOptions {
  const names = new Set(header.tensors.map(({ name }) => name));
  return { tiedEmbeddings: !names.has("output.weight"), ropeFactors: names.has("rope_freqs.weight") };
}

export function compareWeights(row: WeightsRow, header: Model): WeightsComparison {
  try {
    if (!isRecipe(row.quant)) throw new Error(`recipe ${row.quant} is not known`);
    const hyper = readHyperparameters(header.hyper.metadata, undefined);
    const tensors = applyRecipe(hyper, layoutTensors(hyper, layoutOptions(header)), row.quant);
    const byType = new Map<string, number>();
    for (const tensor of tensors) byType.set(tensor.type, (byType.get(tensor.type) ?? 0) + tensorBytes(tensor));
    const estimatedBytes = [...byType.values()].reduce((sum, bytes) => sum + bytes, 0);
    const types = new Set([...byType.keys(), ...Object.keys(row.by_type)]);
    const typeErrors = [...types].map((type) => Math.abs((byType.get(type) ?? 0) - (row.by_type[type] ?? 0)) / row.tensor_bytes);
    const errorFraction = (estimatedBytes - row.tensor_bytes) / row.tensor_bytes;
    return { row, estimatedBytes, errorFraction, worstTypeFraction: Math.max(Math.abs(errorFraction), ...typeErrors), failure: undefined };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { row, estimatedBytes: 0, errorFraction: -1, worstTypeFraction: 1, failure };
  }
}
