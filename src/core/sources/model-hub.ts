/** A repository of the Hub that the catalog does not know: which files it has, and what its GGUF header or config.json says. */
import { InputError } from "../facts/input-error.ts";
import { isRecipe } from "../facts/recipe.ts";
import { type Hub, type HubFile, hubOf } from "./hub.ts";
import { recipeInName } from "./installed.ts";
import { modelOfConfig } from "./model-path.ts";
import { type ResolvedModel, type ResolveOptions, recipeModels } from "./resolved-model.ts";
import type { World } from "./world.ts";

/** One model of a repository: a GGUF file, or all the shards of one. */
interface Quantization {
  readonly paths: readonly string[];
  readonly sizeBytes: number;
  readonly recipe: string | undefined;
}

const shardPattern = /-(\d{5})-of-(\d{5})\.gguf$/;

function quantizations(files: readonly HubFile[]): readonly Quantization[] {
  const groups = new Map<string, HubFile[]>();
  for (const file of files) {
    if (!file.path.endsWith(".gguf") || /mmproj|imatrix/i.test(file.path)) continue;
    const key = file.path.replace(shardPattern, "");
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups.values()].map((parts) => {
    const sorted = [...parts].sort((a, b) => (a.path < b.path ? -1 : 1));
    const first = sorted[0]?.path ?? "";
    const expected = Number(shardPattern.exec(first)?.[2] ?? 1);
    if (expected !== sorted.length)
      throw new InputError(
        `${first} is one of ${expected} shards, of which the repository has ${sorted.length}. Send another file or repository.`,
      );
    return {
      paths: sorted.map((file) => file.path),
      sizeBytes: sorted.reduce((sum, file) => sum + file.sizeBytes, 0),
      recipe: recipeInName(first),
    };
  });
}

/** What llama.cpp's `-hf` takes when no quantization is named, else the smallest file: headers are all alike but for the types. */
const usual = ["Q4_K_M", "Q4_0"];

function pick(repo: string, all: readonly Quantization[], tag: string | undefined): Quantization {
  const bySize = [...all].sort((a, b) => a.sizeBytes - b.sizeBytes);
  const found =
    tag === undefined
      ? (usual.map((recipe) => bySize.find((one) => one.recipe === recipe)).find((one) => one !== undefined) ??
        bySize[0])
      : (bySize.find((one) => one.recipe?.toLowerCase() === tag.toLowerCase()) ??
        bySize.find((one) => one.paths[0]?.toLowerCase().includes(tag.toLowerCase())));
  if (found) return found;
  const names = [...new Set(all.map((one) => one.recipe ?? one.paths[0] ?? ""))].slice(0, 12).join(", ");
  throw new InputError(
    `${repo} has no file "${tag?.slice(0, 40)}". It has ${names}: send one of these, or leave the recipe out.`,
  );
}

async function fromGguf(
  hub: Hub,
  repo: string,
  all: readonly Quantization[],
  tag: string | undefined,
  options: ResolveOptions,
): Promise<ResolvedModel> {
  const chosen = pick(repo, all, tag);
  const stored = await hub.readGguf(repo, chosen.paths);
  const shapes = stored.tensors.map(({ name, shape }) => ({ name, shape }));
  const recipe = stored.recipe ?? chosen.recipe;
  return {
    repo,
    ...(chosen.paths[0] === undefined ? {} : { file: chosen.paths[0] }),
    ...(tag !== undefined && recipe !== undefined && isRecipe(recipe) ? { recipe } : {}),
    format: "gguf",
    ...(tag === undefined ? {} : { stored }),
    hyper: stored.hyper,
    shapes,
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
  const all = quantizations(files);
  if (all.length > 0) return fromGguf(hub, repo, all, tag, options);
  const config = await hub.readConfig(repo);
  if (config === undefined)
    throw new InputError(
      `${repo} holds neither a GGUF file nor a config.json. Send another repository of the model, or a catalog id.`,
    );
  const resolved = modelOfConfig(config, repo.slice(repo.indexOf("/") + 1), `config.json of ${repo}`, options);
  if (tag === undefined) return { ...resolved, repo };
  const recipe = tag.toUpperCase();
  if (!isRecipe(recipe))
    throw new InputError(`"${tag.slice(0, 40)}" is no recipe of llama.cpp. Send one such as Q4_K_M, or leave it out.`);
  return { ...resolved, repo, recipe };
}
