/**
 * A remote GGUF file's tensor table from its first 256 kB, its name and its size: hyper-parameters lay the tensors out, the name says the
 * recipe, and the file's size confirms both. What does not match is not believed: then the table itself is read.
 */
import { readHyperparameters } from "../../facts/hyperparameters.ts";
import { InputError } from "../../facts/input-error.ts";
import { type LayoutOptions, layoutTensors } from "../../facts/layout.ts";
import type { Hyperparameters, Metadata } from "../../facts/model.ts";
import { applyRecipe, isRecipe } from "../../facts/recipe.ts";
import { type Tensor, type TensorShape, tensorBytes } from "../../facts/tensor.ts";
import { type Bytes, padTo } from "../../units.ts";
import type { GgufHead } from "../gguf/header.ts";
import { recipeInName } from "../recipe-name.ts";

const MAX_SIZE_ERROR = 0.001;
const ALIGNMENT_BYTES = 32;
/** chat template and what llama-quantize adds */
const OTHER_BYTES = 8192;

/**
 * Bytes a token takes in a header (text, type or score, merges), by `tokenizer.ggml.pre`, else by `tokenizer.ggml.model`.
 * Measured on the vocabulary files of llama.cpp's source (models/ggml-vocab-*.gguf, v0.5.0): the file's size ÷ its tokens.
 */
const tokenBytes: Readonly<Record<string, number>> = {
  qwen2: 39,
  qwen35: 39,
  "llama-bpe": 61,
  "command-r": 42.5,
  "deepseek-llm": 38.8,
  "deepseek-coder": 35.8,
  falcon: 35.2,
  "gpt-2": 35.2,
  mpt: 35.1,
  refact: 35,
  starcoder: 35,
  gpt2: 42,
  llama: 22.6,
  bert: 20.6,
  t5: 27.3,
  gemma4: 60.2,
};

const textOf = (metadata: Metadata, key: string): string => {
  const value = metadata[key];
  return typeof value === "string" ? value : "";
};

function bytesOfToken(metadata: Metadata): number {
  const [pre, model] = [textOf(metadata, "tokenizer.ggml.pre"), textOf(metadata, "tokenizer.ggml.model")];
  return tokenBytes[pre] ?? tokenBytes[model] ?? 42;
}

/** What is left to read of the header after its first tokens: generous enough for most vocabularies at once. */
export function restOfHeaderBytes({ metadata, tokenCount, tensorCount }: GgufHead): Bytes {
  return Math.ceil(tokenCount * bytesOfToken(metadata) * 1.15) + 96 * tensorCount + 65_536;
}

const rowBytes = ({ name, shape }: TensorShape): Bytes => 8 + name.length + 4 + 8 * shape.length + 4 + 8;

const options: readonly LayoutOptions[] = [undefined, true, false].flatMap((tiedEmbeddings) =>
  [undefined, true, false].map((ropeFactors) => ({
    ...(tiedEmbeddings === undefined ? {} : { tiedEmbeddings }),
    ...(ropeFactors === undefined ? {} : { ropeFactors }),
  })),
);

/** Layouts of as many tensors as the file has. */
function layouts(
  hyper: Hyperparameters,
  known: readonly LayoutOptions[],
  tensorCount: number,
): (readonly TensorShape[])[] {
  const found: (readonly TensorShape[])[] = [];
  for (const base of [...known, {}])
    for (const option of options) {
      const shapes = layoutTensors(hyper, { ...base, ...option });
      if (shapes.length === tensorCount) found.push(shapes);
    }
  return found;
}

export interface Derived {
  readonly hyper: Hyperparameters;
  readonly tensors: readonly Tensor[];
  readonly recipe: string;
  /** of the size, derived against real */
  readonly errorFraction: number;
}

/**
 * undefined when the architecture cannot be laid out, the name tells no recipe, or the size is off by more than 0.1 %.
 * `layoutsOf` adds what is known of models with these dimensions (the catalog's rows).
 */
export function deriveTable(
  head: GgufHead,
  path: string,
  sizeBytes: Bytes,
  layoutsOf: (hyper: Hyperparameters) => readonly LayoutOptions[] = () => [],
): Derived | undefined {
  const recipe = recipeInName(path);
  if (recipe === undefined || !isRecipe(recipe) || head.tokenCount === 0) return undefined;
  try {
    const hyper = readHyperparameters(head.metadata, undefined);
    const tokenizer = head.tokenCount * bytesOfToken(head.metadata);
    let best: Derived | undefined;
    for (const shapes of layouts(hyper, layoutsOf(hyper), head.tensorCount))
      for (const imatrix of [false, true]) {
        const tensors = applyRecipe(hyper, shapes, recipe, { imatrix });
        const rows = shapes.reduce((sum, shape) => sum + rowBytes(shape), 0);
        const data = tensors.reduce((sum, tensor) => sum + padTo(tensorBytes(tensor), ALIGNMENT_BYTES), 0);
        const errorFraction = Math.abs((head.endBytes + tokenizer + OTHER_BYTES + rows + data) / sizeBytes - 1);
        if (errorFraction < (best?.errorFraction ?? MAX_SIZE_ERROR)) best = { hyper, tensors, recipe, errorFraction };
      }
    return best;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
