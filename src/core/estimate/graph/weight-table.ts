/** A model's tensors by name and by layer, prepared once per tensor list: an estimate looks up a hundred of a thousand. */
import { layerOf, type Tensor } from "../../facts/tensor.ts";

export interface WeightTable {
  readonly byName: ReadonlyMap<string, Tensor>;
  /** what each layer holds: equal strings for layers with tensors of the same names and shapes */
  readonly layerSignatures: readonly string[];
  readonly layerTensorNames: readonly (readonly string[])[];
}

const tables = new WeakMap<readonly Tensor[], WeightTable>();

export function weightTable(tensors: readonly Tensor[]): WeightTable {
  const known = tables.get(tensors);
  if (known) return known;
  const byName = new Map<string, Tensor>();
  const signatures: string[] = [];
  const names: string[][] = [];
  for (const tensor of tensors) {
    byName.set(tensor.name, tensor);
    const layer = layerOf(tensor.name);
    if (layer === undefined) continue;
    const suffix = tensor.name.slice(tensor.name.indexOf(".", 4) + 1);
    signatures[layer] = `${signatures[layer] ?? ""}${suffix}:${tensor.shape.join("x")};`;
    const list = names[layer];
    if (list) list.push(tensor.name);
    else names[layer] = [tensor.name];
  }
  const table = { byName, layerSignatures: Array.from(signatures, (text) => text ?? ""), layerTensorNames: Array.from(names, (list) => list ?? []) };
  tables.set(tensors, table);
  return table;
}
