/** Models on disk: a GGUF file or any shard of one, a folder with one, a config.json. */
import { basename, join, resolve } from "node:path";
import { checkpointFormat } from "../facts/checkpoint-format.ts";
import { readHyperparameters } from "../facts/hyperparameters.ts";
import { InputError } from "../facts/input-error.ts";
import { layoutTensors } from "../facts/layout.ts";
import { kindOf } from "../facts/model-kind.ts";
import { isRecipe } from "../facts/recipe.ts";
import { isConfig, parseConfig } from "./config-reader.ts";
import { asMetadata, ggufKeys } from "./gguf-keys.ts";
import { readHubConfig } from "./hf-config.ts";
import { type ResolvedModel, type ResolveOptions, recipeModels } from "./resolved-model.ts";
import type { World } from "./world.ts";

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** `models/x.gguf`, `./x`, `~/x`, `C:\x`, `models/qwen3/`, `config.json`; a repository `owner/name` is none of these. */
export function looksLikePath(reference: string): boolean {
  return /(\.gguf|config\.json|[\\/])$/i.test(reference) || /^(\.{1,2}[\\/]|[~/\\]|[a-zA-Z]:[\\/])/.test(reference);
}

function absolute(path: string, world: World): string {
  return /^~[\\/]/.test(path) ? join(world.homeDir, path.slice(2)) : resolve(path);
}

/** A checkpoint described by its parsed config.json. */
export function modelOfConfig(config: unknown, name: string, source: string, options: ResolveOptions): ResolvedModel {
  const { architecture, keys, layout } = ggufKeys(readHubConfig(config));
  const hyper = readHyperparameters(asMetadata(architecture, keys), undefined);
  const shapes = layoutTensors(hyper, layout);
  const stored = isConfig(config) ? (config["quantization_config"] ?? config["quantization"]) : undefined;
  const isMlx = isConfig(config) && config["quantization_config"] === undefined && config["quantization"] !== undefined;
  return {
    format: isMlx ? "mlx" : "safetensors",
    ...(stored === undefined || stored === null ? {} : { checkpoint: checkpointFormat(stored) }),
    hyper,
    shapes,
    warnings: [],
    model: recipeModels({ name, source, evidence: "reported" }, { hyper, shapes }, options.imatrix ?? false),
  };
}

async function resolveConfig(path: string, world: World, options: ResolveOptions): Promise<ResolvedModel> {
  const text = await world.readFile(path, MAX_CONFIG_BYTES);
  if (text === undefined)
    throw new InputError(`There is no readable file ${path}. Send the path of a config.json or of a GGUF file.`);
  const config = parseConfig(text, path);
  return {
    ...modelOfConfig(config, basename(resolve(path, "..")), `config.json of ${basename(resolve(path, ".."))}`, options),
    file: path,
  };
}

async function resolveGguf(path: string, options: ResolveOptions): Promise<ResolvedModel> {
  const { readGgufFile } = await import("./gguf/read.ts");
  const stored = await readGgufFile(path);
  const shapes = stored.tensors.map(({ name, shape }) => ({ name, shape }));
  return {
    file: path,
    format: "gguf",
    stored,
    kind: kindOf(stored.hyper, stored.tensors),
    ...(stored.recipe !== undefined && isRecipe(stored.recipe) ? { recipe: stored.recipe } : {}),
    hyper: stored.hyper,
    shapes,
    warnings: stored.warnings,
    model: recipeModels(
      { name: stored.name, source: `${stored.source}, requantized`, evidence: "reported" },
      { hyper: stored.hyper, shapes },
      options.imatrix ?? false,
      stored,
    ),
  };
}

/** The one model of a folder: its GGUF file, else its config.json. */
async function resolveFolder(path: string, world: World, options: ResolveOptions): Promise<ResolvedModel> {
  const names = (await world.listDir(path))
    .filter((entry) => entry.kind === "file" || entry.kind === "link")
    .map((entry) => entry.name);
  const files = names.filter(
    (name) => name.endsWith(".gguf") && !/mmproj/i.test(name) && !/-(?!00001)\d{5}-of-\d{5}\.gguf$/.test(name),
  );
  const [first, second] = files;
  if (first !== undefined && second === undefined) return resolveGguf(join(path, first), options);
  if (first !== undefined)
    throw new InputError(
      `The folder ${path} holds ${files.length} models: ${files.slice(0, 6).join(", ")}${files.length > 6 ? " …" : ""}. Send the path of one of them.`,
    );
  if (names.includes("config.json")) return resolveConfig(join(path, "config.json"), world, options);
  throw new InputError(
    `The folder ${path} holds neither a GGUF file nor a config.json. Send the path of a model file, or a catalog id.`,
  );
}

/** @throws InputError when nothing is there, it is no model, or the caller may not name paths */
export async function resolvePath(reference: string, world: World, options: ResolveOptions): Promise<ResolvedModel> {
  if (options.local === false)
    throw new InputError(
      "Paths of this machine cannot be named from another one. Send a catalog id or a Hub repository.",
    );
  const path = absolute(reference, world);
  const facts = await world.stat(path);
  if (facts === undefined)
    throw new InputError(
      `There is no file or folder ${reference}. Send the path of a GGUF file, a folder with a model, or a catalog id.`,
    );
  if (facts.kind === "directory") return resolveFolder(path, world, options);
  return path.endsWith(".json") ? resolveConfig(path, world, options) : resolveGguf(path, options);
}
