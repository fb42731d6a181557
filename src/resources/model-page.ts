/** One page a model: its architecture, every recipe with exact bytes, where to get it, and what it needs at three lengths. */
import { estimateMemory } from "../core/estimate/memory.ts";
import type { ModelEntry } from "../core/facts/catalog-model.ts";
import { InputError } from "../core/facts/input-error.ts";
import { totalBytes } from "../core/facts/memory.ts";
import { applyRecipe, type Recipe, recipes } from "../core/facts/recipe.ts";
import { ALL_LAYERS, defaultRun } from "../core/facts/run-defaults.ts";
import { tensorBytes } from "../core/facts/tensor.ts";
import type { ModelCatalog } from "../core/sources/model-catalog.ts";
import { plainText } from "../core/sources/untrusted-text.ts";
import type { Bytes } from "../core/units.ts";

/** One GPU that is large enough for anything: what is asked for is the need, not whether it fits. */
const DEVICES = [{ name: "CUDA0", backend: "cuda", freeBytes: 2 ** 50 } as const];
const CONTEXTS = [8192, 32_768, 131_072];
/** The recipe most people download; a model published in a narrower format is asked for in that. */
const USUAL: Recipe = "Q4_K_M";
const MAX_TEXT = 300;

interface Need {
  readonly contextTokens: number;
  readonly deviceBytes: Bytes;
  readonly hostBytes: Bytes;
  readonly computeBasis: "exact" | "assumed";
}

function needs(catalog: ModelCatalog, entry: ModelEntry, recipe: Recipe): readonly Need[] | string {
  const hyper = catalog.hyperparametersOf(entry);
  const tensors = applyRecipe(hyper, catalog.tensorsOf(entry), recipe);
  try {
    return CONTEXTS.filter((tokens) => tokens <= entry.trainedContextTokens || tokens === CONTEXTS[0]).map((tokens) => {
      const contextTokens = Math.min(tokens, entry.trainedContextTokens);
      const run = { ...defaultRun(contextTokens), offloadedLayers: ALL_LAYERS };
      const { devices, host, computeBasis } = estimateMemory({ hyper, tensors }, run, DEVICES);
      const deviceBytes = devices.reduce((sum, use) => sum + totalBytes(use), 0);
      return { contextTokens, deviceBytes, hostBytes: totalBytes(host), computeBasis };
    });
  } catch (error) {
    // a page about a model tells what it can
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

const plain = <T>(value: T): T | string => (typeof value === "string" ? plainText(value, MAX_TEXT) : value);

/** Texts of the Hub and of users' files on one line each, whatever they hold. */
function plainEntry(entry: ModelEntry): object {
  return Object.fromEntries(
    Object.entries(entry).map(([key, value]) => [key, Array.isArray(value) ? value.map(plain) : plain(value)]),
  );
}

/** The document of `modelfit://catalog/models/{id}`. */
export function modelPage(catalog: ModelCatalog, entry: ModelEntry): object {
  const { ggufRepos, mlxRepos, quantizedRepos, ollama, repo, ...about } = entry;
  const { keys, layout, ...architecture } = catalog.architectureOf(entry);
  const hyper = catalog.hyperparametersOf(entry);
  const shapes = catalog.tensorsOf(entry);
  const native = recipes.find((recipe) => recipe === entry.nativeFormat?.recipe);
  const neededRecipe = native ?? USUAL;
  return {
    ...plainEntry({ ...about, repo }),
    architecture: { ...architecture, keys, layout },
    getIt: { makers: repo, gguf: ggufRepos ?? [], mlx: mlxRepos ?? [], quantized: quantizedRepos ?? [], ollama },
    recipes: recipes.map((recipe) => ({
      recipe,
      tensorBytes: applyRecipe(hyper, shapes, recipe).reduce((sum, tensor) => sum + tensorBytes(tensor), 0),
    })),
    needs: { recipe: neededRecipe, backend: "cuda", all: "on one GPU", at: needs(catalog, entry, neededRecipe) },
    catalogDate: catalog.date,
  };
}
