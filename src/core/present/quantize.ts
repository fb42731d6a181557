/**
 * A mix of precisions as llama-quantize takes it: `--tensor-type REGEX=TYPE`, searched in the tensor's name, the first match wins
 * (llama.cpp v0.5.0 src/llama-quant.cpp:714). Rare types of a part are named by layer first, its commonest type closes the part.
 */
import type { Model } from "../facts/model.ts";
import { tensorStem } from "../facts/sensitivity.ts";
import { layerOf } from "../facts/tensor.ts";
import { isQuantizable } from "../facts/tensor-role.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import { layersPattern } from "./layer-pattern.ts";

export interface TensorTypeRule {
  readonly pattern: string;
  readonly type: TensorType;
}

const outer: Readonly<Record<string, string>> = {
  "token_embd.weight": "--token-embedding-type",
  "output.weight": "--output-tensor-type",
};

const escaped = (text: string): string => text.replaceAll(/[.\\+*?^$()[\]{}|]/g, "\\$&");

/** Rules that give every quantizable tensor of the layers its type. */
export function tensorTypeRules(model: Model): TensorTypeRule[] {
  const stems = new Map<string, Map<TensorType, number[]>>();
  const rules: TensorTypeRule[] = [];
  for (const tensor of model.tensors) {
    if (!isQuantizable(tensor) || Object.hasOwn(outer, tensor.name)) continue;
    const layer = layerOf(tensor.name);
    if (layer === undefined) {
      rules.push({ pattern: `^${escaped(tensor.name)}`, type: tensor.type });
      continue;
    }
    const stem = tensorStem(tensor.name);
    const types = stems.get(stem) ?? new Map<TensorType, number[]>();
    stems.set(stem, types);
    types.set(tensor.type, [...(types.get(tensor.type) ?? []), layer]);
  }
  for (const [stem, types] of stems) {
    const ordered = [...types].sort(([, a], [, b]) => a.length - b.length);
    ordered.forEach(([type, layers], index) => {
      const rest = index === ordered.length - 1;
      const where = rest ? "" : `blk\\.${layersPattern(layers)}`;
      rules.push({ pattern: `${where}\\.${escaped(stem)}\\.weight`, type });
    });
  }
  return rules;
}

/** `llama-quantize` from an unquantized file. The base recipe only names the file: every matrix has a rule. */
export function quantizeArgv(
  model: Model,
  source: string,
  target: string,
  options: { readonly imatrixPath?: string | undefined; readonly baseRecipe: string },
): string[] {
  const argv = ["llama-quantize"];
  if (options.imatrixPath !== undefined) argv.push("--imatrix", options.imatrixPath);
  for (const [name, flag] of Object.entries(outer)) {
    const tensor = model.tensors.find((candidate) => candidate.name === name);
    if (tensor) argv.push(flag, tensor.type.toLowerCase());
  }
  for (const { pattern, type } of tensorTypeRules(model))
    argv.push("--tensor-type", `${pattern}=${type.toLowerCase()}`);
  return [...argv, source, target, options.baseRecipe];
}
