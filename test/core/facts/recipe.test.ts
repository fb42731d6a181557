/** Recipes against llama-quantize: every measured row, types and bytes exact. */
import { describe, expect, test } from "vitest";
import { readHyperparameters } from "../../../src/core/facts/hyperparameters.ts";
import type { Hyperparameters, Metadata } from "../../../src/core/facts/model.ts";
import { applyRecipe, isRecipe, recipes } from "../../../src/core/facts/recipe.ts";
import { type TensorShape, tensorBytes } from "../../../src/core/facts/tensor.ts";
import { modelReader, readRows, truthFolder, type WeightsRow } from "../../truth/rows.ts";

function bytesByType(
  hyper: Hyperparameters,
  shapes: readonly TensorShape[],
  recipe: string,
  imatrix = false,
): Record<string, number> {
  if (!isRecipe(recipe)) throw new Error(`recipe ${recipe} is not known`);
  const bytes: Record<string, number> = {};
  for (const tensor of applyRecipe(hyper, shapes, recipe, { imatrix }))
    bytes[tensor.type] = (bytes[tensor.type] ?? 0) + tensorBytes(tensor);
  return bytes;
}

/** Any recipe's header of a model has its names and shapes. */
const headerRecipes: Readonly<Record<string, string>> = { "gpt-oss-20b": "MXFP4_MOE", "bge-large-en": "F16" };

describe("measured files", () => {
  const read = modelReader(truthFolder);
  const rows = readRows<WeightsRow>(truthFolder, "weights.jsonl");
  test("there are rows to compare with", () => expect(rows.length).toBeGreaterThanOrEqual(371));
  test.each(rows.map((row) => [row.model, row.quant, row] as const))("%s %s", async (model, recipe, row) => {
    const { hyper, tensors } = await read(model, headerRecipes[model] ?? "Q4_K_M");
    const fromMetadata = readHyperparameters(hyper.metadata, undefined);
    expect(bytesByType(fromMetadata, tensors, recipe)).toEqual(row.by_type);
  });
});

/** A small made-up model for the rules that no measured one exercises: key-values, and tensors once per range of layers. */
interface CraftedModel {
  readonly name: string;
  readonly metadata: Metadata;
  readonly globals: readonly (readonly [string, ...number[]])[];
  readonly layers: readonly (readonly [
    first: number,
    last: number,
    tensors: readonly (readonly [string, ...number[]])[],
  ])[];
}

/** What `llama-quantize --dry-run` says of it; `either`: an importance matrix changes nothing. */
interface RecipeRow {
  readonly model: string;
  readonly recipe: string;
  readonly imatrix: "with" | "without" | "either";
  readonly by_type: Readonly<Record<string, number>>;
}

function craftedShapes({ globals, layers }: CraftedModel): TensorShape[] {
  const shapes = globals.map(([name, ...shape]) => ({ name, shape }));
  for (const [first, last, tensors] of layers)
    for (let layer = first; layer <= last; layer++)
      for (const [name, ...shape] of tensors) shapes.push({ name: `blk.${layer}.${name}`, shape });
  return shapes;
}

describe("rare rules", () => {
  const models = new Map(readRows<CraftedModel>(truthFolder, "recipe-models.jsonl").map((row) => [row.name, row]));
  const rows = readRows<RecipeRow>(truthFolder, "recipes.jsonl");
  test("every quantized recipe is covered", () => {
    const covered = new Set(rows.map(({ recipe }) => recipe));
    expect(recipes.filter((recipe) => !covered.has(recipe))).toEqual(["F32", "BF16", "F16"]);
  });
  test.each([...models.keys()])("%s", (name) => {
    const crafted = models.get(name);
    const own = rows.filter(({ model }) => model === name);
    if (!crafted || own.length < 30) throw new Error(`${name} lacks its rows`);
    const shapes = craftedShapes(crafted);
    const hyper = readHyperparameters(crafted.metadata, shapes);
    for (const { recipe, imatrix, by_type } of own)
      for (const given of [true, false])
        if (imatrix === "either" || given === (imatrix === "with"))
          expect(bytesByType(hyper, shapes, recipe, given), `${recipe} ${imatrix}`).toEqual(by_type);
  });
});

test("the list of recipes is the type's", () => {
  expect(recipes).toHaveLength(33);
  expect(recipes.every(isRecipe)).toBe(true);
  expect(isRecipe("toString")).toBe(false);
});
