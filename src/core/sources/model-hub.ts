/** A repository of the Hub that the catalog does not know: which files it has, and what its GGUF header or config.json says. */
import { InputError } from "../facts/input-error.ts";
import type { LayoutOptions } from "../facts/layout.ts";
import type { Hyperparameters } from "../facts/model.ts";
import { kindOf } from "../facts/model-kind.ts";
import { isRecipe } from "../facts/recipe.ts";
import { pickQuantization, type Quantization, quantizationsOf } from "./hub/quantizations.ts";
import { type Hub, hubOf } from "./hub.ts";
import type { ModelCatalog } from "./model-catalog.ts";
import { isLike } from "./model-identity.ts";
import { modelOfConfig } from "./model-path.ts";
import { type ResolvedModel, type ResolveOptions, recipeModels } from "./resolved-model.ts";
import type { World } from "./world.ts";

/** A fine-tune is laid out as the models are whose dimensions it has. */
function layoutsOf(catalog: ModelCatalog, hyper: Hyperparameters): readonly LayoutOptions[] {
  const found = new Map<string, LayoutOptions>();
  for (const entry of catalog.models) {
    const { architecture, layout } = catalog.architectureOf(entry);
    if (architecture !== hyper.architecture || !isLike(catalog.hyperparametersOf(entry), hyper)) continue;
    found.set(JSON.stringify(layout), layout);
  }
  return [...found.values()].slice(0, 4);
}

async function fromGguf(
  hub: Hub,
  repo: string,
  all: readonly Quantization[],
  tag: string | undefined,
  options: ResolveOptions,
): Promise<ResolvedModel> {
  const chosen = pickQuantization(repo, all, tag);
  const { catalog } = options;
  const stored = await hub.readGguf(repo, chosen.paths, {
    ...(catalog === undefined ? {} : { layoutsOf: (hyper: Hyperparameters) => layoutsOf(catalog, hyper) }),
  });
  const shapes = stored.tensors.map(({ name, shape }) => ({ name, shape }));
  const recipe = stored.recipe ?? chosen.recipe;
  return {
    repo,
    ...(chosen.paths[0] === undefined ? {} : { file: chosen.paths[0] }),
    ...(tag !== undefined && recipe !== undefined && isRecipe(recipe) ? { recipe } : {}),
    format: "gguf",
    ...(tag === undefined ? {} : { stored }),
    kind: kindOf(stored.hyper, stored.tensors),
    hyper: stored.hyper,
    shapes,
    published: all.map(({ name, recipe: stated, sizeBytes, paths }) => ({
      name,
      sizeBytes,
      files: paths,
      ...(stated !== undefined && isRecipe(stated) ? { recipe: stated } : {}),
    })),
    warnings: [],
    model: recipeModels(
      { name: stored.name, source: stored.source, evidence: stored.evidence },
      { hyper: stored.hyper, shapes },
      options.imatrix ?? false,
      stored,
    ),
  };
}

/** @throws InputError when the repository cannot be read or holds no model */
export async function resolveHubRepo(
  repo: string,
  tag: string | undefined,
  world: World,
  options: ResolveOptions,
): Promise<ResolvedModel> {
  const hub = hubOf(world);
  const files = await hub.listFiles(repo);
  if (files === undefined)
    throw new InputError(
      `There is no repository ${repo} on the Hugging Face Hub. Check its spelling, or send a catalog id.`,
    );
  const all = quantizationsOf(files);
  if (all.length > 0) return fromGguf(hub, repo, all, tag, options);
  const config = await hub.readConfig(repo);
  if (config === undefined)
    throw new InputError(
      `${repo} holds neither a GGUF file nor a config.json. Send another repository of the model, or a catalog id.`,
    );
  const resolved = modelOfConfig(config, repo.slice(repo.indexOf("/") + 1), `config.json of ${repo}`, options);
  const stored = files.filter(({ path }) => /^[^/]+\.safetensors$/.test(path));
  const checkpointBytes = stored.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const found = { ...resolved, repo, ...(checkpointBytes > 0 ? { checkpointBytes } : {}) };
  if (tag === undefined) return found;
  const recipe = tag.toUpperCase();
  if (!isRecipe(recipe))
    throw new InputError(`"${tag.slice(0, 40)}" is no recipe of llama.cpp. Send one such as Q4_K_M, or leave it out.`);
  return { ...found, recipe };
}
