/** A model's tensors by name and by layer, prepared once per tensor list: an estimate looks up a hundred of a thousand. */
import { layerOf, type Tensor } from "../../facts/tensor.ts";

export interface WeightTable {
  /** tensors outside the layers, by name */
  readonly model: ReadonlyMap<string, Tensor>;
  /** tensors of each layer, by what follows `blk.N.` */
  readonly layers: readonly ReadonlyMap<string, Tensor>[];
  /** equal strings for layers with tensors of the same names and shapes */
  readonly layerSignatures: readonly string[];
}

const tables = new WeakMap<readonly Tensor[], WeightTable>();

export function weightTable(tensors: readonly Tensor[]): WeightTable {
  const known = tables.get(tensors);
  if (known) return known;
  const model = new Map<string, Tensor>();
  const layers: Map<string, Tensor>[] = [];
  const signatures: string[] = [];
  for (const tensor of tensors) {
    const index = layerOf(tensor.name);
    if (index === undefined) {
      model.set(tensor.name, tensor);
      continue;
    }
    const suffix = tensor.name.slice(tensor.name.indexOf(".", 4) + 1);
    const layer = layers[index] ?? new Map<string, Tensor>();
    layer.set(suffix, tensor);
    layers[index] = layer;
    signatures[index] = `${signatures[index] ?? ""}${suffix}:${tensor.shape.join("x")};`;
  }
  const table = {
    model,
    layers: Array.from(layers, (layer) => layer ?? new Map<string, Tensor>()),
    layerSignatures: Array.from(signatures, (signature) => signature ?? ""),
  };
  tables.set(tensors, table);
  return table;
}
