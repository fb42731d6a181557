/**
 * A mix of precisions as llama-quantize takes it: `--tensor-type REGEX=TYPE`, searched in the tensor's name, the first match wins
 * (llama.cpp v0.5.0 src/llama-quant.cpp:714). Rare types of a part are named by layer first, its commonest type closes the part.
 */

import { layersPattern } from "../facts/layer-pattern.ts";
import type { Model } from "../facts/model.ts";
import { tensorStem } from "../facts/sensitivity.ts";
import { layerOf } from "../facts/tensor.ts";
import { isQuantizable } from "../facts/tensor-role.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import { type Artefact, type Command, plainName, step } from "./command.ts";

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

/** File that a mix is written to. */
export function mixPath(artefact: Artefact): string {
  return `${plainName(artefact.name)}-mixed.gguf`;
}

/**
 * From the model as published (or a 16-bit GGUF that is here) to the mixed file. The importance matrix is a path handed on as it stands:
 * one word of argv, quoted in the shown line.
 */
export function mixCommands(model: Model, artefact: Artefact): Command[] {
  const stem = plainName(artefact.name);
  const source = artefact.path ?? `${stem}-BF16.gguf`;
  const options = { imatrixPath: artefact.imatrixPath, baseRecipe: "Q4_K_M" };
  const repo = artefact.weightsRepo;
  return [
    ...(artefact.path === undefined && repo !== undefined
      ? [
          step("llama.cpp", "get", ["hf", "download", repo, "--local-dir", stem], artefact),
          step(
            "llama.cpp",
            "quantize",
            ["python3", "convert_hf_to_gguf.py", stem, "--outtype", "bf16", "--outfile", source],
            artefact,
            { note: "the script is in llama.cpp's source tree; skip it where a BF16 GGUF is published" },
          ),
        ]
      : []),
    step("llama.cpp", "quantize", quantizeArgv(model, source, mixPath(artefact), options), artefact, {
      note: "add --dry-run to see the size of every tensor first",
    }),
  ];
}
