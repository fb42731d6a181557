/** What a reference resolves to: tensors and facts of one model, in any recipe. */

import type { ModelEntry } from "../facts/catalog-model.ts";
import type { CheckpointFormat } from "../facts/checkpoint-format.ts";
import type { Hyperparameters, Model } from "../facts/model.ts";
import type { ModelKind } from "../facts/model-kind.ts";
import { applyRecipe, type Recipe } from "../facts/recipe.ts";
import { type TensorShape, tensorBytes } from "../facts/tensor.ts";
import { type Bytes, padTo } from "../units.ts";
import type { ModelCatalog } from "./model-catalog.ts";

/** A model file of a repository, as its list of files has it. */
export interface PublishedFile {
  /** recipe, or the publisher's own name for its mix: `UD-Q4_K_XL` */
  readonly name: string;
  /** absent for a mix that llama.cpp has no name for */
  readonly recipe?: Recipe;
  /** all shards together */
  readonly sizeBytes: Bytes;
  /** paths inside the repository, shards in order */
  readonly files: readonly string[];
}

export interface ResolvedModel {
  /** catalog id */
  readonly id?: string;
  readonly entry?: ModelEntry;
  /** the repository named, or the one the files come from */
  readonly repo?: string;
  /** local path, or the path inside `repo` */
  readonly file?: string;
  /** named in the reference, or what the file is made with; absent: the caller chooses */
  readonly recipe?: Recipe;
  readonly format: "gguf" | "safetensors" | "mlx";
  /** a GGUF file as it is stored; `model(recipe)` gives what other recipes of it would be */
  readonly stored?: Model;
  /** what the file says of itself; a catalog entry says more */
  readonly kind?: ModelKind;
  /** how a checkpoint's linear layers are stored, where its config says */
  readonly checkpoint?: CheckpointFormat;
  /** what the repository's list of files offers, the smallest first; only where it was asked */
  readonly published?: readonly PublishedFile[];
  /** of a checkpoint's files, where the repository was asked */
  readonly checkpointBytes?: Bytes;
  readonly hyper: Hyperparameters;
  readonly shapes: readonly TensorShape[];
  readonly warnings: readonly string[];
  /** the model in a recipe; the stored file itself where it has that recipe */
  model(recipe: Recipe): Model;
}

export interface ResolveOptions {
  readonly catalog?: ModelCatalog;
  /** false: no network even where there is one; default true */
  readonly online?: boolean;
  /** false: the caller is not on this machine, so paths and installed models are refused; default true */
  readonly local?: boolean;
  /** published files are made with an importance matrix more often than not; a few recipes then choose other types. Default false. */
  readonly imatrix?: boolean;
}

/** GGUF aligns tensors to this many bytes (`general.alignment`, gguf.md). */
const ALIGNMENT_BYTES = 32;
/** Whose tensors they are, and how they are known. */
export type ModelOrigin = Pick<Model, "name" | "source" | "evidence">;

export interface TensorTable {
  readonly hyper: Hyperparameters;
  readonly shapes: readonly TensorShape[];
}

/** Every recipe of a tensor table, made when asked for and kept. */
export function recipeModels(
  origin: ModelOrigin,
  { hyper, shapes }: TensorTable,
  imatrix: boolean,
  stored?: Model,
): (recipe: Recipe) => Model {
  const made = new Map<Recipe, Model>();
  return (recipe) => {
    if (stored !== undefined && stored.recipe === recipe) return stored;
    const held = made.get(recipe);
    if (held) return held;
    const tensors = applyRecipe(hyper, shapes, recipe, { imatrix });
    const model: Model = {
      ...origin,
      recipe,
      hyper,
      tensors,
      fileBytes: tensors.reduce((sum, tensor) => sum + padTo(tensorBytes(tensor), ALIGNMENT_BYTES), 0),
      warnings: [],
    };
    made.set(recipe, model);
    return model;
  };
}
