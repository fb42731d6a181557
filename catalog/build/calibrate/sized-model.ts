/**
 * The tensors of a file known by its label and size. Packagers mix types their own way ("UD", "APEX", "_L"); the label names the nearest
 * recipe of llama.cpp, and bulk tensors are raised or lowered to the next recipe's types until the size is the file's.
 */

import { roleOf } from "../../../src/core/estimate/roles.ts";
import type { Model } from "../../../src/core/facts/model.ts";
import { applyRecipe, isRecipe, type Recipe } from "../../../src/core/facts/recipe.ts";
import { type Tensor, tensorBytes } from "../../../src/core/facts/tensor.ts";
import type { ModelCatalog } from "../../../src/core/sources/model-catalog.ts";

/** From small to large; neighbours are what a mixed file lies between. */
const ladder = [
  "IQ1_S",
  "IQ2_XXS",
  "IQ2_M",
  "Q2_K",
  "IQ3_XXS",
  "Q3_K_S",
  "Q3_K_M",
  "IQ4_XS",
  "Q4_K_S",
  "Q4_K_M",
  "Q5_K_S",
  "Q5_K_M",
  "Q6_K",
  "Q8_0",
  "F16",
] as const satisfies readonly Recipe[];

/** `UD-Q4_K_XL` → Q4_K_M, `Q6_K_L` → Q6_K, `IQ3_S-3.00bpw` → IQ3_S. */
function recipeOfLabel(label: string): Recipe {
  const plain = label
    .toUpperCase()
    .replace(/^UD-|^APEX-I-/, "")
    .replace(/-\d.*BPW$/, "")
    .replace(/_R\d$/, "")
    .replace(/^FP16$/, "F16")
    .replace(/^MXFP4.*$/, "MXFP4_MOE");
  const named: Readonly<Record<string, Recipe>> = {
    QUALITY: "Q5_K_M",
    BALANCED: "Q4_K_M",
    COMPACT: "Q3_K_M",
    TQ2: "TQ2_0",
    TQ1: "TQ1_0",
    Q8: "Q8_0",
    Q6: "Q6_K",
    Q5: "Q5_K_M",
    Q4: "Q4_K_M",
    Q3_K: "Q3_K_M",
    Q4_K: "Q4_K_M",
    Q5_K: "Q5_K_M",
    Q3: "Q3_K_M",
    Q2: "Q2_K",
  };
  const wider = plain.replace(/_X?L$/, (end) =>
    plain.startsWith("Q6") || plain.startsWith("Q8") || plain.startsWith("IQ4_NL") ? "" : end,
  );
  for (const name of [
    plain,
    wider,
    wider === "Q8_K" ? "Q8_0" : wider,
    wider.replace(/_K_X?L$/, "_K_M"),
    wider.replace(/_X?L$/, ""),
  ]) {
    const recipe = named[name] ?? name;
    if (isRecipe(recipe)) return recipe;
  }
  return "Q4_K_M";
}

function sizeOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
}

function isBulk(tensor: Tensor, experts: boolean): boolean {
  const role = roleOf(tensor.name);
  return experts ? role === "experts" : role === "attention" || role === "denseFfn";
}

/** Bulk tensors of `other` in place of `own`, layer by layer in the order of a fixed shuffle, until the size is met. */
function blend(own: readonly Tensor[], other: readonly Tensor[], bytes: number, experts: boolean): Tensor[] {
  const mixed = [...own];
  let size = sizeOf(own);
  const up = bytes > size;
  // every third first: types alternate over the depth as packagers' maps do
  const order = own.map((_, index) => index).sort((a, b) => (a % 3) - (b % 3) || a - b);
  for (const index of order) {
    const tensor = own[index];
    const better = other[index];
    if (!tensor || !better || !isBulk(tensor, experts)) continue;
    const change = tensorBytes(better) - tensorBytes(tensor);
    if (change === 0 || change > 0 !== up) continue;
    if (Math.abs(size + change - bytes) > Math.abs(size - bytes)) continue;
    mixed[index] = better;
    size += change;
  }
  return mixed;
}

const made = new WeakMap<ModelCatalog, Map<string, Model>>();

/** @throws Error for an id that the catalog does not hold */
export function sizedModel(id: string, label: string, fileBytes: number | undefined, catalog: ModelCatalog): Model {
  const known = made.get(catalog) ?? new Map<string, Model>();
  made.set(catalog, known);
  const key = `${id}|${label}|${fileBytes ?? ""}`;
  const held = known.get(key);
  if (held) return held;
  const entry = catalog.find(id)?.entry;
  if (!entry) throw new Error(`no catalog model ${id}`);
  const hyper = catalog.hyperparametersOf(entry);
  const shapes = catalog.tensorsOf(entry);
  // gpt-oss is published in its own format whatever the label says; F16 labels keep what is not an expert wide
  const native = hyper.architecture === "gpt-oss";
  const recipe = native ? "MXFP4_MOE" : recipeOfLabel(label);
  let tensors: Tensor[] = applyRecipe(hyper, shapes, recipe, { imatrix: true });
  if (native && /F16/i.test(label)) {
    const wide = applyRecipe(hyper, shapes, "F16");
    tensors = tensors.map((tensor, index) => (roleOf(tensor.name) === "experts" ? tensor : (wide[index] ?? tensor)));
  }
  const experts = hyper.experts !== undefined;
  // published files hold a header, a tokenizer and sometimes a prediction layer: nearer than 2 % is the same mix
  if (fileBytes !== undefined && !native && Math.abs(fileBytes / sizeOf(tensors) - 1) > 0.02) {
    const sizes = ladder
      .map((step) => ({ step, tensors: applyRecipe(hyper, shapes, step, { imatrix: true }) }))
      .map((row) => ({ ...row, bytes: sizeOf(row.tensors) }));
    const up = fileBytes > sizeOf(tensors);
    const start = sizeOf(tensors);
    const next = up
      ? sizes.find(({ bytes }) => bytes >= fileBytes && bytes > start)
      : sizes.findLast(({ bytes }) => bytes <= fileBytes && bytes < start);
    // a size beyond the ladder's ends is a mistake of the row, not a mix
    if (next) tensors = blend(tensors, next.tensors, fileBytes, experts);
  }
  const model: Model = {
    name: id,
    recipe,
    hyper,
    tensors,
    fileBytes: sizeOf(tensors),
    evidence: "catalog",
    source: entry.source,
    warnings: [],
  };
  known.set(key, model);
  return model;
}
