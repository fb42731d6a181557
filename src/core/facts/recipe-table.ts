/**
 * A tensor table as a quantizer goes through it: what no recipe changes (roles, order, positions), worked out once a table.
 * Source: llama.cpp v0.5.0 `weight_name_comparer`, src/llama-model-loader.h:54; counters, src/llama-quant.cpp:895-912.
 */
import { layerOf, type TensorShape } from "./tensor.ts";
import { isQuantizable, OUTPUT_NAME, type TensorRole, tensorRole, unquantizedType } from "./tensor-role.ts";
import type { TensorType } from "./tensor-type.ts";

export interface RecipeTableRow {
  /** embeddings that stand for a missing output matrix have its role */
  readonly role: TensorRole;
  readonly layer: number | undefined;
  /** quantized tensors of this role before it, layer by layer and by name within one; what belongs to no layer comes first */
  readonly seen: number;
  readonly width: number;
  readonly threeDimensional: boolean;
  /** type that it keeps whatever the recipe, undefined when it is quantized */
  readonly kept: TensorType | undefined;
}

export interface RecipeTable {
  /** in the order given */
  readonly rows: readonly RecipeTableRow[];
  readonly valueCount: number;
}

function readTable(shapes: readonly TensorShape[]): RecipeTable {
  const tied = !shapes.some(({ name }) => name === OUTPUT_NAME);
  const rows = shapes.map((tensor, position) => {
    const role = tensorRole(tensor.name);
    return {
      position,
      name: tensor.name,
      role: role === "embedding" && tied ? ("output" as const) : role,
      layer: layerOf(tensor.name),
      width: tensor.shape[0] ?? 1,
      threeDimensional: (tensor.shape[2] ?? 1) > 1,
      kept: isQuantizable(tensor) ? undefined : unquantizedType(tensor, "f16"),
    };
  });
  const visited = [...rows].sort((a, b) => {
    const layers = (a.layer ?? -1) - (b.layer ?? -1);
    return layers !== 0 ? layers : a.name < b.name ? -1 : 1;
  });
  const counts = new Map<TensorRole, number>();
  const seen = new Map<number, number>();
  for (const { position, role, kept } of visited) {
    if (kept !== undefined) continue;
    const before = counts.get(role) ?? 0;
    seen.set(position, before);
    counts.set(role, before + 1);
  }
  return {
    rows: rows.map(({ position, name: _, ...row }) => ({ ...row, seen: seen.get(position) ?? 0 })),
    valueCount: rows.filter(({ role }) => role === "value").length,
  };
}

/** All recipes of a model are applied to one table: it is kept for as long as its shapes are. */
const tables = new WeakMap<readonly TensorShape[], RecipeTable>();

export function recipeTable(shapes: readonly TensorShape[]): RecipeTable {
  const known = tables.get(shapes);
  if (known) return known;
  const table = readTable(shapes);
  tables.set(shapes, table);
  return table;
}
