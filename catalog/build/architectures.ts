/** Curated rows → architecture entries, each proven by laying out its tensors and counting the weights. */
import type { ArchitectureEntry } from "../../src/core/facts/catalog-model.ts";
import { readHyperparameters } from "../../src/core/facts/hyperparameters.ts";
import { type LayoutOptions, layoutTensors } from "../../src/core/facts/layout.ts";
import { weightCount } from "../../src/core/facts/tensor.ts";
import { asMetadata, ggufKeys, type ModelKeys } from "../../src/core/sources/gguf-keys.ts";
import { dimensionsOf, type OfficialRow } from "./facts-row.ts";

/** A layout may differ from the published count by this much: padded vocabularies, dropped position rows, small tables. */
const COUNT_TOLERANCE = 0.005;

export interface MissingArchitecture {
  readonly architectureId: string;
  readonly repos: readonly string[];
  readonly reason: string;
}

/** Weights of the tensors an entry lays out. */
export function countWeights(architecture: string, keys: ModelKeys, layout: LayoutOptions): number {
  const hyper = readHyperparameters(asMetadata(architecture, keys), undefined);
  return layoutTensors(hyper, layout).reduce((sum, tensor) => sum + weightCount(tensor), 0);
}

const tableOf = (architecture: string, keys: ModelKeys, layout: LayoutOptions): string =>
  JSON.stringify(layoutTensors(readHyperparameters(asMetadata(architecture, keys), undefined), layout));

/** Only the options that change the tensor table: the rest is the architecture's own default. */
function necessaryOptions(architecture: string, keys: ModelKeys, layout: LayoutOptions): LayoutOptions {
  const whole = tableOf(architecture, keys, layout);
  return Object.keys(layout).reduce<LayoutOptions>((kept, option) => {
    const without: LayoutOptions = Object.fromEntries(Object.entries(kept).filter(([name]) => name !== option));
    return tableOf(architecture, keys, without) === whole ? without : kept;
  }, layout);
}

/** Keys in which models of one architecture may differ without another tensor or cache: they belong to the model, or to no size. */
const perModelKeys = new Set([
  "context_length",
  "rope.freq_base",
  "rope.scaling.type",
  "rope.scaling.factor",
  "rope.scaling.original_context_length",
]);

/** Two rows of one structure; only one of them may say what its prediction layers hold. */
export function isSameStructure(one: ArchitectureEntry, other: ArchitectureEntry): boolean {
  const [head, otherHead] = [one.layout.nextnHead, other.layout.nextnHead];
  return (
    structureOf(one) === structureOf(other) && (head === undefined || otherHead === undefined || head === otherHead)
  );
}

function structureOf(entry: ArchitectureEntry): string {
  const { nextnHead: _, ...layout } = entry.layout;
  return JSON.stringify([
    entry.architecture,
    Object.entries(entry.keys).filter(([key]) => !perModelKeys.has(key)),
    layout,
  ]);
}

/**
 * Whether files that hold the prediction layers hold a second embedding and head with them: told by the published count of those layers.
 * Undefined where the architecture leaves no choice, or neither count comes near.
 */
function nextnHeadOf(
  row: OfficialRow,
  architecture: string,
  keys: ModelKeys,
  layout: LayoutOptions,
): boolean | undefined {
  const { params_mtp: published, n_mtp_layers: layers = 1 } = row;
  if (!published || !layers) return undefined;
  const longer = { ...keys, block_count: Number(keys["block_count"]) + layers, nextn_predict_layers: layers };
  const main = countWeights(architecture, keys, layout);
  const off = (nextnHead: boolean): number => {
    try {
      return Math.abs((countWeights(architecture, longer, { ...layout, nextnHead }) - main) / published - 1);
    } catch {
      return 1;
    }
  };
  const [withHead, without] = [off(true), off(false)];
  return withHead === without || Math.min(withHead, without) > 0.02 ? undefined : withHead < without;
}

/** The converter drops BERT's pooler (conversion/bert.py): a square matrix and its bias. */
const poolerCount = (row: OfficialRow): number => (row.pooler ? row.n_embd * row.n_embd + row.n_embd : 0);

function evidenceOf(row: OfficialRow): ArchitectureEntry["evidence"] {
  const letter = row.evidence.slice(0, 1);
  if (letter === "A" || letter === "B" || letter === "C") return letter;
  throw new Error(`its evidence is not graded (${row.evidence})`);
}

/** @throws with the reason when the row has no llama.cpp form or its count cannot be reproduced */
export function architectureOf(row: OfficialRow): ArchitectureEntry {
  const letter = evidenceOf(row);
  const { architecture, keys, layout } = ggufKeys(dimensionsOf(row));
  const parameterCount = countWeights(architecture, keys, layout);
  const expected = row.params_text - poolerCount(row);
  const error = parameterCount / expected - 1;
  if (Math.abs(error) > COUNT_TOLERANCE)
    throw new Error(
      `the tensors of ${architecture} hold ${parameterCount} weights, ${(100 * error).toFixed(2)} % off the published ${expected}`,
    );
  const nextnHead = nextnHeadOf(row, architecture, keys, layout);
  return {
    id: row.arch_id,
    architecture,
    keys,
    layout: {
      ...necessaryOptions(architecture, keys, layout),
      ...(nextnHead === undefined ? {} : { nextnHead }),
    },
    parameterCount,
    ...(row.params_active ? { activeParameterCount: row.params_active } : {}),
    ...(row.params_mtp ? { nextnParameterCount: row.params_mtp } : {}),
    evidence: letter,
    basis: row.evidence.slice(2).trim(),
    source: row.source,
  };
}
