/**
 * A model's name as people write it (contract: "Naming a model") → what is known of it: catalog entry, file, or repository.
 * Names are text from outside: they are matched against patterns, never run, and never joined to a path they could climb out of.
 */
import { closestNames } from "../facts/closest.ts";
import { InputError } from "../facts/input-error.ts";
import { type Recipe, recipes } from "../facts/recipe.ts";
import { checkpointOfName } from "./checkpoint-name.ts";
import { repoPattern } from "./hub.ts";
import { findOllamaModel } from "./installed.ts";
import type { ModelCatalog, NamedModel } from "./model-catalog.ts";
import { resolveHubRepo } from "./model-hub.ts";
import { guessByName, identify } from "./model-identity.ts";
import { looksLikePath, resolvePath } from "./model-path.ts";
import { quantizationInName } from "./recipe-name.ts";
import { type ResolvedModel, type ResolveOptions, recipeModels } from "./resolved-model.ts";
import { userCatalog } from "./user-models.ts";
import type { World } from "./world.ts";

export type { ResolvedModel, ResolveOptions } from "./resolved-model.ts";

const MAX_REFERENCE_LENGTH = 1024;

/** `Q4_K_M` however it is written; undefined when it is no recipe of llama.cpp. */
function asRecipe(tag: string): Recipe | undefined {
  const wanted = tag.toLowerCase();
  return recipes.find((recipe) => recipe.toLowerCase() === wanted);
}

interface NamedRecipe {
  readonly name: string;
  /** what follows the last colon */
  readonly tag: string | undefined;
}

/** `name:TAG`; a colon inside a path's drive or a host's port is none. */
function splitTag(reference: string): NamedRecipe {
  const colon = reference.lastIndexOf(":");
  return colon > 0 && colon > reference.lastIndexOf("/")
    ? { name: reference.slice(0, colon), tag: reference.slice(colon + 1) }
    : { name: reference, tag: undefined };
}

function requireRecipe(tag: string): Recipe {
  const recipe = asRecipe(tag);
  if (recipe) return recipe;
  throw new InputError(
    `"${tag.slice(0, 40)}" is no recipe of llama.cpp. Send one of ${closestOr(tag, recipes, ["Q4_K_M", "Q5_K_M", "Q8_0"]).join(", ")}, or leave the recipe out.`,
  );
}

const closestOr = (name: string, candidates: readonly string[], fallback: readonly string[]): readonly string[] => {
  const near = closestNames(name, candidates, 4);
  return near.length > 0 ? near : fallback;
};

function fromCatalog(
  catalog: ModelCatalog,
  { entry, kind, name }: NamedModel,
  recipe: Recipe | undefined,
  options: ResolveOptions,
  warnings: readonly string[],
): ResolvedModel {
  const hyper = catalog.hyperparametersOf(entry);
  const shapes = catalog.tensorsOf(entry);
  const { evidence, basis } = catalog.architectureOf(entry);
  const checkpoint = kind === "mlx" || kind === "quantized" ? checkpointOfName(name) : undefined;
  return {
    id: entry.id,
    entry,
    repo: kind === "id" || kind === "ollama" ? entry.repo : name,
    ...(recipe === undefined ? {} : { recipe }),
    format: kind === "mlx" ? "mlx" : kind === "quantized" ? "safetensors" : "gguf",
    ...(checkpoint === undefined ? {} : { checkpoint }),
    hyper,
    shapes,
    warnings:
      evidence === "C"
        ? [
            ...warnings,
            `The dimensions of ${entry.id} are recalled from its published config; no file or checkpoint confirms them.`,
          ]
        : warnings,
    model: recipeModels(
      {
        name: entry.name,
        source: `catalog, evidence ${evidence}: ${basis}`,
        evidence: evidence === "C" ? "assumed" : "catalog",
      },
      { hyper, shapes },
      options.imatrix ?? false,
    ),
  };
}

/** A file under the catalog's name for it, where its own name and its dimensions say which model it is. */
async function resolveFile(
  reference: string,
  world: World,
  catalog: ModelCatalog,
  options: ResolveOptions,
): Promise<ResolvedModel> {
  const resolved = await resolvePath(reference, world, options);
  const { stored, file, hyper } = resolved;
  const entry = identify(
    catalog,
    [file ?? "", stored?.name ?? ""].filter((name) => name !== ""),
    hyper,
  );
  return entry === undefined ? resolved : { ...resolved, id: entry.id, entry };
}

function unknownModel(catalog: ModelCatalog, reference: string): InputError {
  const near = catalog.closest(reference, 5);
  const shown = near.length > 0 ? ` The closest names are ${near.join(", ")}.` : "";
  return new InputError(
    `There is no model "${reference.slice(0, 100)}".${shown} Send a catalog id (qwen3-8b), a Hub repository (owner/name), a path of a GGUF file or folder, or ollama:NAME; a recipe may follow a colon (qwen3-8b:Q4_K_M).`,
  );
}

async function resolveOllama(
  name: string,
  world: World,
  catalog: ModelCatalog,
  options: ResolveOptions,
): Promise<ResolvedModel> {
  const installed = options.local === false ? undefined : await findOllamaModel(world, name);
  const known = catalog.find(name) ?? catalog.find(name.replace(/:latest$/, ""));
  if (installed === undefined) {
    if (known === undefined)
      throw new InputError(
        `Ollama has no model "${name.slice(0, 80)}" here. Run \`ollama list\` for the names, or send a catalog id${nearOllama(catalog, name)}.`,
      );
    return fromCatalog(catalog, known, undefined, options, [
      `${name} is not installed in Ollama here; these are the figures of ${known.entry.id}.`,
    ]);
  }
  const resolved = await resolvePath(installed.path, world, options);
  return { ...resolved, ...(known ? { id: known.entry.id, entry: known.entry } : {}), file: installed.path };
}

function nearOllama(catalog: ModelCatalog, name: string): string {
  const near = closestNames(
    name,
    catalog.models.flatMap((entry) => entry.ollama ?? []),
    3,
  );
  return near.length > 0 ? `; Ollama names nearest to it: ${near.join(", ")}` : "";
}

/** `UD-Q4_K_XL` and its like: which tensor got which type only the publisher's file tells. */
const isPublishersMix = (tag: string): boolean => quantizationInName(`-${tag}.`) !== undefined;

/** A publisher's own mix of a catalog model, from the repository that was named or the first of the model's that has it. */
async function resolveMix(
  { entry, kind, name }: NamedModel,
  tag: string,
  world: World,
  catalog: ModelCatalog,
  options: ResolveOptions,
): Promise<ResolvedModel> {
  const { ggufRepos = [] } = entry;
  // mixes called UD are unsloth's
  const preferred = [...ggufRepos].sort((a, b) => Number(b.startsWith("unsloth/")) - Number(a.startsWith("unsloth/")));
  const repo = kind === "gguf" ? name : preferred[0];
  if (options.online === false || repo === undefined)
    throw new InputError(
      `"${tag.slice(0, 40)}" is a publisher's own mix, whose tensors only its file tells${repo === undefined ? `, and no repository with files of ${entry.id} is known` : ""}. Send a recipe of llama.cpp such as ${entry.id}:Q4_K_M, or a local GGUF file.`,
    );
  return { ...(await resolveHubRepo(repo, tag, world, { ...options, catalog })), id: entry.id, entry };
}

/** Repositories are read from the Hub when the catalog does not know them; their name is the last resort. */
async function resolveRepo(
  repo: string,
  tag: string | undefined,
  world: World,
  catalog: ModelCatalog,
  options: ResolveOptions,
): Promise<ResolvedModel> {
  const guess = guessByName(catalog, repo);
  const byName = (): ResolvedModel | undefined =>
    guess &&
    fromCatalog(
      catalog,
      { ...guess, kind: "gguf", name: repo },
      tag === undefined ? undefined : requireRecipe(tag),
      options,
      [`${repo} was not read: by its name it is taken for ${guess.entry.id}.`],
    );
  if (options.online === false) {
    const guessed = byName();
    if (guessed) return guessed;
    throw unknownModel(catalog, repo);
  }
  try {
    return await resolveHubRepo(repo, tag, world, { ...options, catalog });
  } catch (error) {
    const guessed = error instanceof InputError ? byName() : undefined;
    if (guessed) return guessed;
    if (error instanceof InputError) {
      const near = /^There is no repository|does not exist/.test(error.message) ? catalog.closest(repo, 3) : [];
      throw new InputError(
        near.length > 0
          ? `${error.message} The closest repositories in the catalog are ${near.join(", ")}.`
          : error.message,
      );
    }
    throw error;
  }
}

/**
 * Resolves a reference. Catalog names never touch the network; a repository outside the catalog does, with 5 s a request.
 * @throws InputError for a name nobody knows (with the closest ones), a recipe that is none, or a file that cannot be read
 */
export async function resolveModel(
  reference: string,
  world: World,
  options: ResolveOptions = {},
): Promise<ResolvedModel> {
  const trimmed = reference.trim().replace(/^(hf:|https?:\/\/huggingface\.co\/|hf\.co\/|huggingface\.co\/)/i, "");
  const hasControl = [...trimmed].some((letter) => letter < " " || letter === "\u007f");
  if (trimmed === "" || trimmed.length > MAX_REFERENCE_LENGTH || hasControl)
    throw new InputError(
      "The model's name is empty, too long or holds control characters. Send a catalog id, a Hub repository, a path or ollama:NAME.",
    );
  const catalog = options.catalog ?? (await userCatalog(world)).catalog;
  if (/^ollama:/i.test(trimmed)) return resolveOllama(trimmed.slice("ollama:".length), world, catalog, options);
  if (looksLikePath(trimmed)) return resolveFile(trimmed, world, catalog, options);

  const whole = catalog.find(trimmed);
  if (whole) return fromCatalog(catalog, whole, undefined, options, []);
  const { name, tag } = splitTag(trimmed);
  const named = tag === undefined ? undefined : catalog.find(name);
  if (named && tag !== undefined)
    return asRecipe(tag) === undefined && isPublishersMix(tag)
      ? resolveMix(named, tag, world, catalog, options)
      : fromCatalog(catalog, named, requireRecipe(tag), options, []);

  if (options.local !== false && (await world.stat(trimmed)) !== undefined)
    return resolveFile(trimmed, world, catalog, options);
  if (repoPattern.test(name)) return resolveRepo(name, tag, world, catalog, options);
  throw unknownModel(catalog, name);
}
