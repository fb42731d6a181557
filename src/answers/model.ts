/** A model reference becomes what decisions take: variants to choose from, abilities, and where the artefact is. */
import { commonRecipes, type Variant } from "../core/decide/variants.ts";
import { priorAbility } from "../core/estimate/quality.ts";
import { type Abilities, type Ability, domains } from "../core/facts/ability.ts";
import { InputError } from "../core/facts/input-error.ts";
import type { ModelEntry } from "../core/facts/catalog-model.ts";
import type { Model } from "../core/facts/model.ts";
import { applyRecipe, isRecipe, type Recipe, recipes } from "../core/facts/recipe.ts";
import { tensorBytes } from "../core/facts/tensor.ts";
import { qualityConstants } from "../core/sources/calibration.ts";
import type { ModelCatalog } from "../core/sources/model-catalog.ts";
import type { AnswerContext } from "./gather.ts";

export interface ModelChoice {
  readonly id: string | undefined;
  readonly repo: string | undefined;
  /** a file on this machine */
  readonly file: string | undefined;
  readonly name: string;
  /** finest first; one where the reference names a file or a recipe */
  readonly variants: readonly Variant[];
  /** every recipe the model could be had in, finest first */
  readonly allVariants: readonly Variant[];
  readonly recipeIsFree: boolean;
  readonly abilities: Abilities;
  readonly installed: boolean;
  readonly ggufRepo: string | undefined;
  readonly minimumEngineVersion: string | undefined;
  readonly warnings: readonly string[];
}

const layouts = new WeakMap<ModelEntry, Map<Recipe, Model>>();

/** A catalog model as stored in `recipe`; laid out once. */
export function catalogModel(catalog: ModelCatalog, entry: ModelEntry, recipe: Recipe): Model {
  const known = layouts.get(entry) ?? new Map<Recipe, Model>();
  layouts.set(entry, known);
  const held = known.get(recipe);
  if (held) return held;
  const hyper = catalog.hyperparametersOf(entry);
  const tensors = applyRecipe(hyper, catalog.tensorsOf(entry), recipe, { imatrix: true });
  const model: Model = {
    name: entry.name,
    recipe,
    hyper,
    tensors,
    fileBytes: tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0),
    evidence: "catalog",
    source: catalog.architectureOf(entry).source,
    warnings: [],
  };
  known.set(recipe, model);
  return model;
}

export function variantsOf(catalog: ModelCatalog, entry: ModelEntry, wanted: readonly string[] = commonRecipes): Variant[] {
  return recipes.filter((recipe) => wanted.includes(recipe)).map((recipe) => ({ recipe, model: () => catalogModel(catalog, entry, recipe) }));
}

/** Scores of the model where it has any; else what its size and year suggest. */
export function withPriors(abilities: Abilities, parameterCount: number, released: string | undefined): Abilities {
  const year = released && /^\d{4}-\d{2}/.test(released) ? Number(released.slice(0, 4)) + (Number(released.slice(5, 7)) - 0.5) / 12 : 2025;
  const filled: Partial<Record<(typeof domains)[number], Ability>> = { ...abilities };
  for (const domain of domains) {
    const prior = abilities[domain] ?? priorAbility(domain, parameterCount, year, qualityConstants);
    if (prior) filled[domain] = prior;
  }
  return filled;
}

function oneFile(model: Model, path: string, abilities: Abilities): ModelChoice {
  const variant: Variant = { recipe: model.recipe, model: () => model };
  return { id: undefined, repo: undefined, file: path, name: model.name, variants: [variant], allVariants: [variant], recipeIsFree: false, abilities, installed: true, ggufRepo: undefined, minimumEngineVersion: undefined, warnings: model.warnings };
}

/** @throws InputError for a name nothing answers to, with the closest ones */
export async function gatherModel(reference: string, context: AnswerContext): Promise<ModelChoice> {
  const trimmed = reference.trim();
  if (trimmed.toLowerCase().endsWith(".gguf")) {
    const { readGgufFile } = await import("../core/sources/gguf/read.ts");
    const model = await readGgufFile(trimmed);
    const count = model.tensors.reduce((sum, tensor) => sum + tensor.shape.reduce((product, extent) => product * extent, 1), 0);
    return oneFile(model, trimmed, withPriors({}, count, undefined));
  }
  const { loadModelCatalog } = await import("../core/sources/model-catalog.ts");
  const catalog = await loadModelCatalog();
  const colon = trimmed.lastIndexOf(":");
  const tail = colon > 0 ? trimmed.slice(colon + 1).toUpperCase() : undefined;
  const recipe = tail !== undefined && isRecipe(tail) ? tail : undefined;
  const name = recipe === undefined ? trimmed : trimmed.slice(0, colon);
  const found = catalog.find(name);
  if (!found) throw new InputError(`No model is called "${name.slice(0, 80)}". Send one of: ${catalog.closest(name, 5).join(", ")}.`);
  return catalogChoice(catalog, found.entry, recipe, {});
}

export function catalogChoice(catalog: ModelCatalog, entry: ModelEntry, recipe: Recipe | undefined, abilities: Abilities): ModelChoice {
  const allVariants = variantsOf(catalog, entry);
  return {
    id: entry.id,
    repo: entry.repo,
    file: undefined,
    name: entry.name,
    variants: recipe === undefined ? allVariants : [{ recipe, model: () => catalogModel(catalog, entry, recipe) }],
    allVariants,
    recipeIsFree: recipe === undefined,
    abilities: withPriors(abilities, catalog.architectureOf(entry).parameterCount, entry.released),
    installed: false,
    ggufRepo: entry.ggufRepos?.[0],
    minimumEngineVersion: undefined,
    warnings: [],
  };
}
