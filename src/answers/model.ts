/** A model reference becomes what decisions take: variants to choose from, abilities, and where the artefact is. */
import { publishedRecipes, type Variant, variant } from "../core/decide/variants.ts";
import { priorAbility } from "../core/estimate/quality.ts";
import { type Abilities, type Ability, domains } from "../core/facts/ability.ts";
import { BoundedMap } from "../core/facts/bounded-map.ts";
import type { ModelEntry } from "../core/facts/catalog-model.ts";
import type { CheckpointFormat } from "../core/facts/checkpoint-format.ts";
import type { Hyperparameters, Model } from "../core/facts/model.ts";
import { applyRecipe, type Recipe, recipes } from "../core/facts/recipe.ts";
import { tensorBytes, weightCount } from "../core/facts/tensor.ts";
import { qualityConstants } from "../core/sources/calibration.ts";
import type { ModelCatalog } from "../core/sources/model-catalog.ts";
import type { ResolvedModel } from "../core/sources/resolved-model.ts";
import { loadAbilities } from "./abilities.ts";
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
  /** undefined where the artefact is one file of another recipe */
  readonly variantOf: (recipe: Recipe) => Variant | undefined;
  readonly recipeIsFree: boolean;
  readonly abilities: Abilities;
  readonly installed: boolean;
  readonly ggufRepo: string | undefined;
  readonly minimumEngineVersion: string | undefined;
  /** why llama.cpp refuses its files; undefined where it loads them or nobody tried */
  readonly cannotLoad: string | undefined;
  /** how a quantized safetensors or MLX checkpoint stores its weights, where the reference names one */
  readonly checkpoint?: CheckpointFormat;
  readonly warnings: readonly string[];
}

const layouts = new WeakMap<Hyperparameters, Map<string, Model>>();
const variantLists = new WeakMap<Hyperparameters, readonly Variant[]>();

/** A catalog model as stored in `recipe`; laid out once for all models of the same dimensions. */
export function catalogModel(catalog: ModelCatalog, entry: ModelEntry, recipe: Recipe): Model {
  const hyper = catalog.hyperparametersOf(entry);
  const known = layouts.get(hyper) ?? new Map<string, Model>();
  layouts.set(hyper, known);
  const held = known.get(recipe);
  if (held) return held;
  const tensors = applyRecipe(hyper, catalog.tensorsOf(entry), recipe);
  const { evidence, basis } = catalog.architectureOf(entry);
  const model: Model = {
    name: entry.architectureId,
    recipe,
    hyper,
    tensors,
    fileBytes: tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0),
    evidence: "catalog",
    source: `catalog, evidence ${evidence}: ${basis}`,
    warnings: [],
  };
  known.set(recipe, model);
  return model;
}

export function variantsOf(
  catalog: ModelCatalog,
  entry: ModelEntry,
  wanted: readonly string[] = publishedRecipes(catalog.hyperparametersOf(entry).architecture),
): Variant[] {
  return recipes
    .filter((recipe) => wanted.includes(recipe))
    .map((recipe) => variant(recipe, () => catalogModel(catalog, entry, recipe)));
}

/** Scores of the model where it has any; else what its size and year suggest. */
export function withPriors(abilities: Abilities, parameterCount: number, released: string | undefined): Abilities {
  const year =
    released && /^\d{4}-\d{2}/.test(released)
      ? Number(released.slice(0, 4)) + (Number(released.slice(5, 7)) - 0.5) / 12
      : 2025;
  const filled: Partial<Record<(typeof domains)[number], Ability>> = { ...abilities };
  for (const domain of domains) {
    const prior = abilities[domain] ?? priorAbility(domain, parameterCount, year, qualityConstants);
    if (prior) filled[domain] = prior;
  }
  return filled;
}

/** Several files of one model, or the one that is there. */
function resolvedChoice(resolved: ResolvedModel, abilities: Abilities, catalog: ModelCatalog | undefined): ModelChoice {
  const { stored, entry } = resolved;
  // a catalog model is laid out once for all calls; anything else belongs to this one
  const modelOf = (recipe: Recipe): Model =>
    stored?.recipe === recipe && stored
      ? stored
      : catalog && entry
        ? catalogModel(catalog, entry, recipe)
        : resolved.model(recipe);
  const variantOf = (recipe: Recipe): Variant => variant(recipe, () => modelOf(recipe));
  const file: Variant | undefined = stored && variant(stored.recipe, () => stored);
  const common = recipes
    .filter((recipe) => publishedRecipes(resolved.hyper.architecture).includes(recipe))
    .map(variantOf);
  const named = resolved.recipe === undefined ? undefined : variantOf(resolved.recipe);
  const only = file ?? named;
  return {
    id: resolved.id,
    repo: resolved.repo ?? entry?.repo,
    file: resolved.file,
    name: entry?.name ?? stored?.name ?? resolved.repo ?? "model",
    variants: only ? [only] : common,
    allVariants: file && !entry ? [file] : common,
    variantOf: (recipe) => (file && !entry && stored?.recipe !== recipe ? undefined : variantOf(recipe)),
    recipeIsFree: only === undefined,
    abilities: withPriors(
      abilities,
      resolved.shapes.reduce((sum, shape) => sum + weightCount(shape), 0),
      entry?.released,
    ),
    installed: stored !== undefined && resolved.file !== undefined,
    ggufRepo:
      resolved.format === "gguf" && resolved.repo !== undefined && resolved.repo !== entry?.repo
        ? resolved.repo
        : entry?.ggufRepos?.[0],
    minimumEngineVersion: undefined,
    cannotLoad: entry && catalog ? catalog.architectureOf(entry).cannotLoad : undefined,
    ...(resolved.checkpoint === undefined ? {} : { checkpoint: resolved.checkpoint }),
    warnings: [
      ...resolved.warnings,
      ...(stored?.warnings ?? []).filter((warning) => !resolved.warnings.includes(warning)),
    ],
  };
}

/** Loaded with the first question that names a model. */
let modelSources:
  | Promise<
      [
        typeof import("../core/sources/model-reference.ts"),
        typeof import("../core/sources/model-catalog.ts"),
        Awaited<ReturnType<typeof loadAbilities>>,
      ]
    >
  | undefined;

/** @throws InputError for a name nothing answers to, with the closest ones */
export async function gatherModel(reference: string, context: AnswerContext): Promise<ModelChoice> {
  modelSources ??= Promise.all([
    import("../core/sources/model-reference.ts"),
    import("../core/sources/model-catalog.ts"),
    loadAbilities(),
  ]);
  const [{ resolveModel }, { loadModelCatalog }, abilitiesOf] = await modelSources;
  const catalog = await loadModelCatalog();
  const named = isCatalogName(catalog, reference);
  const held = named ? choices.get(reference) : undefined;
  if (held) return held;
  const resolved = await resolveModel(reference, context.world, { catalog, local: context.remote !== true });
  const laidOut =
    resolved.entry !== undefined &&
    (resolved.stored !== undefined || resolved.shapes === catalog.tensorsOf(resolved.entry));
  const choice = resolvedChoice(
    resolved,
    resolved.entry ? abilitiesOf(resolved.entry) : {},
    laidOut ? catalog : undefined,
  );
  if (named && laidOut && resolved.stored === undefined) choices.set(reference, choice);
  return choice;
}

/** Choices of catalog names, which depend on nothing but the catalog. */
const choices = new BoundedMap<ModelChoice>(64);

/** With or without a recipe behind the last colon; `ollama:` and paths are looked for on this machine each time. */
function isCatalogName(catalog: ModelCatalog, reference: string): boolean {
  if (/^(ollama:|[./~])/i.test(reference)) return false;
  return [reference, reference.slice(0, Math.max(0, reference.lastIndexOf(":")))].some(
    (name) => catalog.find(name) !== undefined,
  );
}

export function catalogChoice(
  catalog: ModelCatalog,
  entry: ModelEntry,
  recipe: Recipe | undefined,
  abilities: Abilities,
  installed: boolean,
): ModelChoice {
  const hyper = catalog.hyperparametersOf(entry);
  const allVariants = variantLists.get(hyper) ?? variantsOf(catalog, entry);
  variantLists.set(hyper, allVariants);
  const variantOf = (wanted: Recipe): Variant => variant(wanted, () => catalogModel(catalog, entry, wanted));
  return {
    id: entry.id,
    repo: entry.repo,
    file: undefined,
    name: entry.name,
    variants: recipe === undefined ? allVariants : [variantOf(recipe)],
    allVariants,
    variantOf,
    recipeIsFree: recipe === undefined,
    abilities: withPriors(abilities, catalog.architectureOf(entry).parameterCount, entry.released),
    installed,
    ggufRepo: entry.ggufRepos?.[0],
    minimumEngineVersion: undefined,
    cannotLoad: catalog.architectureOf(entry).cannotLoad,
    warnings: [],
  };
}
