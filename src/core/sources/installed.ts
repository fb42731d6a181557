/**
 * Models that are on this machine already: Ollama's store, the Hugging Face cache that llama.cpp shares, llama.cpp's own download cache.
 * Source of the layouts: Ollama `manifest` package (manifests/<host>/<namespace>/<model>/<tag>, blobs/sha256-<hex>); llama.cpp v0.5.0
 * common/hf-cache.cpp:31-64; huggingface_hub's cache (models--owner--name/snapshots/<commit>/file).
 */
import { join } from "node:path";
import type { Bytes } from "../units.ts";
import { recipeInName } from "./recipe-name.ts";
import type { World } from "./world.ts";

export interface InstalledModel {
  readonly store: "ollama" | "hugging-face" | "llama.cpp" | "lm-studio";
  /** what the engine calls it: `qwen3:8b`, or the file's name */
  readonly name: string;
  /** the GGUF file, the first shard of a split one */
  readonly path: string;
  /** all shards together */
  readonly sizeBytes: Bytes;
  readonly repo?: string;
  readonly recipe?: string;
  /** the projector that goes with it */
  readonly projectorPath?: string;
}

/** Nobody has more; a folder that does is not a model store. */
const MAX_ENTRIES = 2000;
const MAX_MANIFEST_BYTES = 256 * 1024;

const plainName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Path of a folder or file inside `root`; undefined for a name that is none or would leave it. */
function inside(root: string, ...names: readonly string[]): string | undefined {
  return names.every((name) => plainName.test(name) && !name.includes("..")) ? join(root, ...names) : undefined;
}

function ollamaRoots(world: World): readonly string[] {
  const own = world.env["OLLAMA_MODELS"];
  return [...(own ? [own] : []), join(world.homeDir, ".ollama", "models"), "/usr/share/ollama/.ollama/models"];
}

interface OllamaName {
  readonly host: string;
  readonly namespace: string;
  readonly model: string;
  readonly tag: string;
}

const LIBRARY_HOST = "registry.ollama.ai";

/** `qwen3:8b`, `user/model:tag`, `hf.co/user/repo:Q4_K_M`; undefined when it is no name of a model. */
export function parseOllamaName(text: string): OllamaName | undefined {
  const colon = text.lastIndexOf(":");
  const tag = colon > text.lastIndexOf("/") ? text.slice(colon + 1) : "latest";
  const parts = (colon > text.lastIndexOf("/") ? text.slice(0, colon) : text).split("/");
  const model = parts.pop() ?? "";
  const namespace = parts.pop() ?? "library";
  const host = parts.pop() ?? LIBRARY_HOST;
  return parts.length === 0 && [host, namespace, model, tag].every((part) => plainName.test(part))
    ? { host, namespace, model, tag }
    : undefined;
}

function shownOllamaName({ host, namespace, model, tag }: OllamaName): string {
  const path =
    host === LIBRARY_HOST
      ? namespace === "library"
        ? model
        : `${namespace}/${model}`
      : `${host}/${namespace}/${model}`;
  return `${path}:${tag}`;
}

interface Layer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function layersOf(manifest: string): readonly Layer[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(manifest);
  } catch {
    return [];
  }
  if (typeof parsed !== "object" || parsed === null || !("layers" in parsed) || !Array.isArray(parsed.layers))
    return [];
  return parsed.layers.slice(0, 64).flatMap((layer: unknown) => {
    if (
      typeof layer !== "object" ||
      layer === null ||
      !("mediaType" in layer) ||
      !("digest" in layer) ||
      !("size" in layer)
    )
      return [];
    const { mediaType, digest, size } = layer;
    if (typeof mediaType !== "string" || typeof digest !== "string" || typeof size !== "number") return [];
    return /^sha256:[0-9a-f]{64}$/.test(digest) ? [{ mediaType, digest, size }] : [];
  });
}

async function readOllamaManifest(world: World, root: string, name: OllamaName): Promise<InstalledModel | undefined> {
  const path = inside(join(root, "manifests"), name.host, name.namespace, name.model, name.tag);
  const text = path === undefined ? undefined : await world.readFile(path, MAX_MANIFEST_BYTES).catch(() => undefined);
  if (text === undefined) return undefined;
  const layers = layersOf(text);
  const blobOf = (kind: string) => layers.find((layer) => layer.mediaType === `application/vnd.ollama.image.${kind}`);
  const model = blobOf("model");
  if (model === undefined) return undefined;
  const pathOf = (layer: Layer): string => join(root, "blobs", layer.digest.replace(":", "-"));
  const projector = blobOf("projector");
  return {
    store: "ollama",
    name: shownOllamaName(name),
    path: pathOf(model),
    sizeBytes: model.size,
    ...(projector ? { projectorPath: pathOf(projector) } : {}),
    ...(name.host === "hf.co" || name.host === "huggingface.co" ? { repo: `${name.namespace}/${name.model}` } : {}),
  };
}

/** The model Ollama has under this name; undefined when it has none. */
export async function findOllamaModel(world: World, text: string): Promise<InstalledModel | undefined> {
  const name = parseOllamaName(text);
  if (name === undefined) return undefined;
  for (const root of ollamaRoots(world)) {
    const found = await readOllamaManifest(world, root, name);
    if (found) return found;
  }
  return undefined;
}

/** Names of the folders (or files) in `path` that can be part of a model's name. */
async function namesIn(world: World, path: string, kind: "directory" | "file"): Promise<readonly string[]> {
  const entries = await world.listDir(path);
  return entries
    .filter((entry) => (entry.kind === kind || entry.kind === "link") && plainName.test(entry.name))
    .slice(0, MAX_ENTRIES)
    .map((entry) => entry.name);
}

async function listOllama(world: World): Promise<InstalledModel[]> {
  const found: InstalledModel[] = [];
  for (const root of ollamaRoots(world)) {
    const base = join(root, "manifests");
    for (const host of await namesIn(world, base, "directory"))
      for (const namespace of await namesIn(world, join(base, host), "directory"))
        for (const model of await namesIn(world, join(base, host, namespace), "directory"))
          for (const tag of await namesIn(world, join(base, host, namespace, model), "file")) {
            const installed = await readOllamaManifest(world, root, { host, namespace, model, tag });
            if (installed && found.length < MAX_ENTRIES) found.push(installed);
          }
  }
  return found;
}

/** Where the Hugging Face cache is: the first of these that is set wins, as in llama.cpp. */
function hubCacheRoot(world: World): string {
  const { env, homeDir } = world;
  const direct = env["LLAMA_CACHE"] ?? env["HF_HUB_CACHE"] ?? env["HUGGINGFACE_HUB_CACHE"];
  if (direct) return direct;
  if (env["HF_HOME"]) return join(env["HF_HOME"], "hub");
  return join(env["XDG_CACHE_HOME"] ?? join(homeDir, ".cache"), "huggingface", "hub");
}

function llamaCacheRoot(world: World): string {
  const { env, homeDir, platform } = world;
  if (env["LLAMA_CACHE"]) return env["LLAMA_CACHE"];
  if (platform === "darwin") return join(homeDir, "Library", "Caches", "llama.cpp");
  if (platform === "win32") return join(env["LOCALAPPDATA"] ?? homeDir, "llama.cpp");
  return join(env["XDG_CACHE_HOME"] ?? join(homeDir, ".cache"), "llama.cpp");
}

const shardName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** GGUF models among the files of one folder: split files once, projectors beside their model. */
async function modelsIn(
  world: World,
  folder: string,
  store: InstalledModel["store"],
  repo: string | undefined,
): Promise<InstalledModel[]> {
  const files = (await namesIn(world, folder, "file")).filter((name) => name.endsWith(".gguf"));
  const projector = files.find((name) => /mmproj/i.test(name));
  const sizeOf = async (name: string): Promise<Bytes> => (await world.stat(join(folder, name)))?.sizeBytes ?? 0;
  const found: InstalledModel[] = [];
  for (const name of files) {
    const shard = shardName.exec(name);
    if (/mmproj/i.test(name) || (shard !== null && shard[2] !== "00001")) continue;
    const parts =
      shard === null
        ? [name]
        : files.filter((other) => other.startsWith(`${shard[1]}-`) && other.endsWith(`-of-${shard[3]}.gguf`));
    let sizeBytes = 0;
    for (const part of parts) sizeBytes += await sizeOf(part);
    const recipe = recipeInName(name);
    found.push({
      store,
      name,
      path: join(folder, name),
      sizeBytes,
      ...(repo === undefined ? {} : { repo }),
      ...(recipe === undefined ? {} : { recipe }),
      ...(projector === undefined ? {} : { projectorPath: join(folder, projector) }),
    });
  }
  return found;
}

async function listHubCache(world: World): Promise<InstalledModel[]> {
  const root = hubCacheRoot(world);
  const found: InstalledModel[] = [];
  for (const folder of await namesIn(world, root, "directory")) {
    const match = /^models--([A-Za-z0-9._-]+?)--([A-Za-z0-9._-]+)$/.exec(folder);
    if (match === null) continue;
    const repo = `${match[1]}/${match[2]}`;
    const snapshots = join(root, folder, "snapshots");
    for (const commit of await namesIn(world, snapshots, "directory")) {
      found.push(...(await modelsIn(world, join(snapshots, commit), "hugging-face", repo)));
      // big quantizations lie in a folder each
      for (const inner of await namesIn(world, join(snapshots, commit), "directory"))
        found.push(...(await modelsIn(world, join(snapshots, commit, inner), "hugging-face", repo)));
    }
  }
  return found;
}

/** LM Studio keeps `publisher/repo/file.gguf`, in its own folder since 0.3 and in a cache folder before. */
async function listLmStudio(world: World): Promise<InstalledModel[]> {
  const found: InstalledModel[] = [];
  for (const root of [join(world.homeDir, ".lmstudio", "models"), join(world.homeDir, ".cache", "lm-studio", "models")])
    for (const publisher of await namesIn(world, root, "directory"))
      for (const repo of await namesIn(world, join(root, publisher), "directory"))
        found.push(...(await modelsIn(world, join(root, publisher, repo), "lm-studio", `${publisher}/${repo}`)));
  return found;
}

/** Every model found, each path once. Reads names and manifests only; never a model's data. */
export async function installedModels(world: World): Promise<readonly InstalledModel[]> {
  const [ollama, hub, llama, studio] = await Promise.all([
    listOllama(world),
    listHubCache(world),
    modelsIn(world, llamaCacheRoot(world), "llama.cpp", undefined),
    listLmStudio(world),
  ]);
  const seen = new Set<string>();
  return [...ollama, ...hub, ...llama, ...studio].filter(({ path, name }) => {
    const key = `${path} ${name}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
