/**
 * `catalog refresh`: what the Hub knows and the catalog does not yet: popularity, new repositories of quantized files, new models of makers
 * that the catalog has. The result is an overlay in the user's data folder; the package is never written to. Each author is one step; steps
 * done are kept, so a run that was interrupted goes on where it stopped.
 */
import { join } from "node:path";
import * as z from "zod";
import type { ArchitectureEntry, ModelEntry } from "../facts/catalog-model.ts";
import { readHyperparameters } from "../facts/hyperparameters.ts";
import { InputError } from "../facts/input-error.ts";
import { layoutTensors } from "../facts/layout.ts";
import { weightCount } from "../facts/tensor.ts";
import { asMetadata, ggufKeys } from "./gguf-keys.ts";
import { readHubConfig } from "./hf-config.ts";
import { type FoundRepo, type Hub, hubOf } from "./hub.ts";
import { loadModelCatalog, type ModelCatalog } from "./model-catalog.ts";
import { guessByName } from "./model-identity.ts";
import { userDataFolder } from "./user-folder.ts";
import { type Overlay, overlayPath, overlaySchema } from "./user-models.ts";
import type { World } from "./world.ts";

/** Authors whose repositories hold most of the quantized files people download. */
const quantizers = ["bartowski", "unsloth", "ggml-org", "lmstudio-community", "mradermacher", "MaziyarPanahi"];
const REPOS_AN_AUTHOR = 1000;
/** A new model is listed when people run it. */
const MIN_DOWNLOADS = 10_000;
const MAX_NEW_MODELS = 100;
/** A step done this long ago is done again. */
const STEP_KEPT_MS = 24 * 3600 * 1000;
const MAX_STATE_BYTES = 16 * 1024 * 1024;
/** Tasks that the program knows what to do with. */
const tasks = new Set([
  "text-generation",
  "image-text-to-text",
  "feature-extraction",
  "sentence-similarity",
  "text-ranking",
]);

export interface RefreshProgress {
  readonly doneCount: number;
  readonly totalCount: number;
  /** the author being read */
  readonly step: string;
}

export interface RefreshOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: RefreshProgress) => void) | undefined;
  /** only these authors; default: every maker in the catalog, and who quantizes for them */
  readonly authors?: readonly string[] | undefined;
}

export interface RefreshReport {
  readonly path: string;
  readonly date: string;
  readonly popularityCount: number;
  readonly ggufRepoCount: number;
  readonly newModels: readonly string[];
  /** new models that were left out, and why */
  readonly leftOut: readonly { readonly repo: string; readonly reason: string }[];
  /** steps that were taken over from an interrupted run */
  readonly resumedCount: number;
}

const stepSchema = z.strictObject({
  doneMs: z.number(),
  popularity: overlaySchema.shape.popularity,
  ggufRepos: overlaySchema.shape.ggufRepos,
  architectures: overlaySchema.shape.architectures,
  models: overlaySchema.shape.models,
  leftOut: z.array(z.strictObject({ repo: z.string(), reason: z.string() })),
});
type Step = z.output<typeof stepSchema>;
const stateSchema = z.record(z.string(), stepSchema);

async function readState(world: World, path: string): Promise<Record<string, Step>> {
  const text = await world.readFile(path, MAX_STATE_BYTES).catch(() => undefined);
  if (text === undefined) return {};
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}

const slug = (repo: string): string =>
  repo
    .slice(repo.indexOf("/") + 1)
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/^-+|-+$/g, "");

interface NewModel {
  readonly architecture: ArchitectureEntry;
  readonly model: ModelEntry;
}

/** A repository's config.json as rows of the catalog. @throws InputError when it cannot be laid out */
async function newModel(hub: Hub, found: FoundRepo, date: string): Promise<NewModel> {
  const config = await hub.readConfig(found.repo);
  if (config === undefined) throw new InputError("it has no config.json");
  const facts = readHubConfig(config);
  const { architecture, keys, layout } = ggufKeys(facts);
  const shapes = layoutTensors(readHyperparameters(asMetadata(architecture, keys), undefined), layout);
  const id = slug(found.repo);
  const source = `config.json of ${found.repo}, ${date}`;
  const isEmbedding = found.task === "feature-extraction" || found.task === "sentence-similarity";
  return {
    architecture: {
      id,
      architecture,
      keys,
      layout,
      parameterCount: shapes.reduce((sum, tensor) => sum + weightCount(tensor), 0),
      evidence: "B",
      basis: "laid out from its published config.json",
      source,
    },
    model: {
      id,
      repo: found.repo,
      name: found.repo.slice(found.repo.indexOf("/") + 1),
      family: found.repo.slice(0, found.repo.indexOf("/")),
      architectureId: id,
      useCases: isEmbedding ? ["embedding"] : found.task === "text-ranking" ? ["reranking"] : ["general", "chat"],
      capabilities: {
        ...(isEmbedding ? { embedding: true as const } : {}),
        ...(found.task === "text-ranking" ? { reranking: true as const } : {}),
        ...(found.task === "image-text-to-text" ? { vision: true as const } : {}),
      },
      trainedContextTokens: facts.contextTokens,
      popularity: { downloadCount: found.downloadCount, likeCount: found.likeCount, date },
      source,
    },
  };
}

/** Names of other formats of a model: none of them is a model of its own. */
const otherFormat = /gguf|awq|gptq|mlx|fp8|nvfp4|mxfp4|int4|int8|bnb|4bit|8bit|onnx|quantized|w4a16|w8a8|eagle|draft/i;

async function refreshAuthor(hub: Hub, catalog: ModelCatalog, author: string, world: World): Promise<Step> {
  const date = new Date(world.now()).toISOString().slice(0, 10);
  const step: Step = { doneMs: world.now(), popularity: {}, ggufRepos: {}, architectures: [], models: [], leftOut: [] };
  for (const found of await hub.search({ author, limit: REPOS_AN_AUTHOR })) {
    const known = catalog.find(found.repo);
    if (known?.entry.repo.toLowerCase() === found.repo.toLowerCase())
      step.popularity[known.entry.repo] = { downloadCount: found.downloadCount, likeCount: found.likeCount };
    if (known !== undefined) continue;
    if (/gguf/i.test(found.repo)) {
      const entry = guessByName(catalog, found.repo)?.entry;
      if (entry !== undefined)
        step.ggufRepos[entry.id] = [...(step.ggufRepos[entry.id] ?? []), found.repo].slice(0, 100);
      continue;
    }
    const isMaker = catalog.models.some(({ repo }) => repo.startsWith(`${author}/`));
    if (!isMaker || otherFormat.test(found.repo) || !tasks.has(found.task ?? "") || found.downloadCount < MIN_DOWNLOADS)
      continue;
    if (step.models.length >= MAX_NEW_MODELS || catalog.find(slug(found.repo))) continue;
    try {
      const { architecture, model } = await newModel(hub, found, date);
      // what the overlay's reader would refuse must not get into it
      step.architectures.push(overlaySchema.shape.architectures.element.parse(architecture));
      step.models.push(overlaySchema.shape.models.element.parse(model));
    } catch (error) {
      if (!(error instanceof InputError || error instanceof z.ZodError)) throw error;
      step.leftOut.push({ repo: found.repo, reason: error.message.slice(0, 200) });
    }
  }
  return step;
}

/** The makers that the catalog names, the most downloaded first, and those who quantize for them. */
function authorsOf(catalog: ModelCatalog): readonly string[] {
  const downloads = new Map<string, number>();
  for (const { repo, popularity } of catalog.models) {
    const author = repo.slice(0, repo.indexOf("/"));
    downloads.set(author, (downloads.get(author) ?? 0) + (popularity?.downloadCount ?? 0));
  }
  const makers = [...downloads].sort(([, a], [, b]) => b - a).map(([author]) => author);
  return [...new Set([...makers, ...quantizers])];
}

/**
 * Reads the Hub author by author and writes the overlay. A step that fails ends the run with its reason; what was done stays and is taken
 * over by the next run within a day.
 * @throws InputError when the Hub cannot be asked
 */
export async function refreshCatalog(world: World, options: RefreshOptions = {}): Promise<RefreshReport> {
  const catalog = await loadModelCatalog();
  const hub = hubOf(world);
  const statePath = join(userDataFolder(world), "catalog-refresh.json");
  const state = await readState(world, statePath);
  const authors = options.authors ?? authorsOf(catalog);
  let resumedCount = 0;
  for (const [index, author] of authors.entries()) {
    options.signal?.throwIfAborted();
    options.onProgress?.({ doneCount: index, totalCount: authors.length, step: author });
    const done = state[author];
    if (done !== undefined && world.now() - done.doneMs < STEP_KEPT_MS) {
      resumedCount++;
      continue;
    }
    state[author] = await refreshAuthor(hub, catalog, author, world);
    await world.writeFile(statePath, JSON.stringify(state));
  }
  const steps = authors.flatMap((author) => state[author] ?? []);
  const ggufRepos: Record<string, string[]> = {};
  for (const step of steps)
    for (const [id, repos] of Object.entries(step.ggufRepos)) ggufRepos[id] = [...(ggufRepos[id] ?? []), ...repos];
  const overlay: Overlay = {
    date: new Date(world.now()).toISOString().slice(0, 10),
    popularity: Object.assign({}, ...steps.map((step) => step.popularity)),
    ggufRepos,
    architectures: steps.flatMap((step) => step.architectures),
    models: steps.flatMap((step) => step.models),
  };
  const path = overlayPath(world);
  await world.writeFile(path, `${JSON.stringify(overlay)}\n`);
  await world.removeFile(statePath);
  options.onProgress?.({ doneCount: authors.length, totalCount: authors.length, step: "" });
  return {
    path,
    date: overlay.date,
    popularityCount: Object.keys(overlay.popularity).length,
    ggufRepoCount: Object.values(ggufRepos).reduce((sum, repos) => sum + repos.length, 0),
    newModels: overlay.models.map(({ id }) => id),
    leftOut: steps.flatMap((step) => step.leftOut),
    resumedCount,
  };
}
