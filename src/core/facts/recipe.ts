/**
 * A recipe (`Q4_K_M`) applied to a tensor table: the type that llama-quantize gives each tensor.
 * Source: llama.cpp v0.5.0 src/llama-quant.cpp:360-780.
 */
import { storedHeadCounts } from "./hyperparameters.ts";
import type { Hyperparameters } from "./model.ts";
import {
  type Choice,
  falconRows,
  largeShapes,
  type Place,
  type RecipeRow,
  recipeRows,
  threeDimensionalLatents,
} from "./recipe-rules.ts";
import { type RecipeTable, type RecipeTableRow, recipeTable } from "./recipe-table.ts";
import type { Tensor, TensorShape } from "./tensor.ts";
import { type TensorRole, unquantizedType } from "./tensor-role.ts";
import { type TensorType, tensorTypes } from "./tensor-type.ts";

const unquantized = { F32: "f32", BF16: "bf16", F16: "f16" } as const;

type QuantizedRecipe = keyof typeof recipeRows;
export type Recipe = keyof typeof unquantized | QuantizedRecipe;

function isQuantizedRecipe(name: string): name is QuantizedRecipe {
  return Object.hasOwn(recipeRows, name);
}

export function isRecipe(name: string): name is Recipe {
  return Object.hasOwn(unquantized, name) || isQuantizedRecipe(name);
}

/** Every recipe, from the largest to the smallest. */
export const recipes: readonly Recipe[] = [...Object.keys(unquantized), ...Object.keys(recipeRows)].filter(isRecipe);

/** What a type becomes when a row's width is no multiple of its block. Source: llama-quant.cpp:365-425. */
const narrower: Readonly<Partial<Record<TensorType, TensorType>>> = {
  iq1_s: "iq4_nl",
  iq1_m: "iq4_nl",
  iq2_xxs: "iq4_nl",
  iq2_xs: "iq4_nl",
  iq2_s: "iq4_nl",
  iq3_xxs: "iq4_nl",
  iq3_s: "iq4_nl",
  iq4_xs: "iq4_nl",
  q2_K: "q4_0",
  q3_K: "q4_0",
  tq1_0: "q4_0",
  tq2_0: "q4_0",
  q4_K: "q5_0",
  q5_K: "q5_1",
  q6_K: "q8_0",
};

function fits(type: TensorType, width: number): boolean {
  return width % tensorTypes[type].blockWeights === 0;
}

function fitting(type: TensorType, width: number): TensorType {
  if (fits(type, width)) return type;
  const fallback = narrower[type] ?? type;
  return fits(fallback, width) ? fallback : "f16";
}

function isLarge(hyper: Hyperparameters, groupSize: number, expertCount: number): boolean {
  const large = Object.hasOwn(largeShapes, hyper.architecture) ? largeShapes[hyper.architecture] : undefined;
  if (large?.layerCount !== hyper.layerCount - hyper.nextnLayerCount) return false;
  return !(large.groupedHeadsOnly && groupSize === 1) && large.notWithExperts !== expertCount;
}

function rowOf(recipe: QuantizedRecipe, architecture: string): RecipeRow {
  const row: RecipeRow = recipeRows[recipe];
  return architecture === "falcon" ? { ...row, output: "q8_0", ...falconRows[recipe] } : row;
}

function choose(choice: Choice | undefined, place: Place): TensorType | undefined {
  return typeof choice === "function" ? choice(place) : choice;
}

const raised: readonly TensorType[] = ["q3_K", "q4_K"];

/** Type by role, before the width is looked at. */
function typeByRole(row: RecipeRow, role: TensorRole, place: Place, large: boolean): TensorType {
  const eight = place.expertCount === 8 ? row.eightExperts : {};
  switch (role) {
    case "output":
      return row.output;
    case "embedding":
      return row.embedding ?? row.base;
    case "value": {
      const type = choose(row.value, place) ?? row.base;
      return eight.value ?? (large && row.raisesLargeValue && raised.includes(type) ? "q5_K" : type);
    }
    case "key":
      return eight.key ?? choose(row.key, place) ?? row.base;
    case "query":
      return choose(row.query, place) ?? row.base;
    case "attention-output":
      return eight.attentionOutput ?? choose(row.attentionOutput, place) ?? row.base;
    case "down":
      return choose(row.down, place) ?? row.base;
    case "gate":
    case "up":
      return choose(row.gateUp, place) ?? row.base;
    case "other":
      return row.base;
  }
}

function isExpertMatrix(architecture: string, { role, threeDimensional }: RecipeTableRow): boolean {
  if (!threeDimensional) return false;
  return !threeDimensionalLatents.includes(architecture) || role === "up" || role === "gate" || role === "down";
}

function quantizedTypes(
  hyper: Hyperparameters,
  { rows, valueCount }: RecipeTable,
  recipe: QuantizedRecipe,
  imatrix: boolean,
): TensorType[] {
  const recipeRow = rowOf(recipe, hyper.architecture);
  const { heads, kvHeads } = storedHeadCounts(hyper);
  const groupSize = kvHeads[0] ? Math.floor((heads[0] ?? 0) / kvHeads[0]) : 0;
  const expertCount = hyper.experts?.total ?? 0;
  const large = isLarge(hyper, groupSize, expertCount);

  return rows.map((row) => {
    const { role, seen, layer, width, kept } = row;
    if (kept !== undefined) return kept;
    if (role === "output") return fitting(fits(recipeRow.base, width) ? recipeRow.output : "q8_0", width);
    if (recipeRow.experts && isExpertMatrix(hyper.architecture, row)) return fitting(recipeRow.experts, width);
    // experts of a layer share its place; without experts the n-th tensor of a role stands for layer n
    const index = role === "value" || expertCount <= 1 ? seen : (layer ?? seen);
    const count = role === "value" ? valueCount : hyper.layerCount;
    return fitting(typeByRole(recipeRow, role, { index, count, seen, groupSize, expertCount, imatrix }, large), width);
  });
}

/**
 * The tensors of a model as llama-quantize stores them with `recipe`, in the order given. Unquantized recipes give what the
 * converter writes. `imatrix`: made with an importance matrix (most published files are); a few recipes then choose differently.
 * Tensors that are never quantized count as f16 where their source may be bf16: the bytes are the same.
 */
export function applyRecipe(
  hyper: Hyperparameters,
  shapes: readonly TensorShape[],
  recipe: Recipe,
  options: { readonly imatrix?: boolean } = {},
): Tensor[] {
  if (!isQuantizedRecipe(recipe)) {
    const half = unquantized[recipe];
    return shapes.map(({ name, shape }) => ({ name, shape, type: unquantizedType({ name, shape }, half) }));
  }
  const types = quantizedTypes(hyper, recipeTable(shapes), recipe, options.imatrix ?? false);
  return shapes.map(({ name, shape }, position) => ({ name, shape, type: types[position] ?? "f32" }));
}
