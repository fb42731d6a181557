/** Weights from hyper-parameters alone: layout and recipe rebuild the whole tensor table, nothing is read from it. */

import { readHyperparameters } from "../../src/core/facts/hyperparameters.ts";
import { type LayoutOptions, layoutTensors } from "../../src/core/facts/layout.ts";
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

/**
 * Facts that a published config holds and GGUF key-values do not: is the output matrix stored, are there biases, is QKV one matrix?
 * Read from a header by the names it has; shapes, counts and types are not.
 */
const structure: Readonly<Partial<Record<keyof LayoutOptions, RegExp>>> = {
  ropeFactors: /^rope_(freqs|factors_)/,
  attentionBias: /\.attn_(q|k|v|qkv)\.bias$/,
  attentionOutputBias: /\.attn_output\.bias$/,
  feedForwardBias: /\.ffn_(up|down)\.bias$/,
  outputBias: /^output\.bias$/,
  fusedExpertGateUp: /\.ffn_gate_up_exps\.weight$/,
  queryKeyNorm: /\.attn_[qk]_norm\.weight$/,
  routerBias: /\.exp_probs_b\.bias$/,
  positionEmbedding: /^position_embd\.weight$/,
  tokenTypes: /^token_types\.weight$/,
  nextnHead: /\.nextn\.shared_head_head\.weight$/,
  nextnNorm: /\.nextn\.shared_head_norm\.weight$/,
};

export function layoutOptions(header: Model): LayoutOptions {
  const names = header.tensors.map(({ name }) => name);
  const found = Object.fromEntries(
    Object.entries(structure).map(([option, pattern]) => [option, names.some((name) => pattern.test(name))]),
  );
  return {
    ...found,
    tiedEmbeddings: !names.includes("output.weight"),
    // delta-net layers have an attn_qkv of their own beside attention layers with three matrices
    fusedQueryKeyValue: !names.some((name) => /\.attn_q(_a)?\.weight$/.test(name)),
  };
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
    const typeErrors = [...types].map(
      (type) => Math.abs((byType.get(type) ?? 0) - (row.by_type[type] ?? 0)) / row.tensor_bytes,
    );
    const errorFraction = (estimatedBytes - row.tensor_bytes) / row.tensor_bytes;
    return {
      row,
      estimatedBytes,
      errorFraction,
      worstTypeFraction: Math.max(Math.abs(errorFraction), ...typeErrors),
      failure: undefined,
    };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { row, estimatedBytes: 0, errorFraction: -1, worstTypeFraction: 1, failure };
  }
}
