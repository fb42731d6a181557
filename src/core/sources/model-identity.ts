/** Which catalog model a file or repository is: by its name, and where its header is known only if the dimensions agree. */
import { basename } from "node:path";
import type { ModelEntry } from "../facts/catalog-model.ts";
import type { Hyperparameters } from "../facts/model.ts";
import { recipes } from "../facts/recipe.ts";
import type { InstalledModel } from "./installed.ts";
import type { ModelCatalog, NamedModel } from "./model-catalog.ts";

/** What publishers add to a model's name for another format of it. */
const formatSuffix =
  /[-_.](i1-gguf|gguf|mlx|awq|gptq|fp8|nvfp4|mxfp4(_moe)?|bnb|unsloth|dwq|exl2|exl3|int4|int8|w4a16|w8a8|4bit|5bit|6bit|8bit|bf16|fp16|ud|dynamic|imatrix|hf|\d\.\d+bpw|q\d_k_(xl|l|m|s)|\d{5}-of-\d{5})$/i;

/** `-Q4_K_M` and its like at the end of a file's name, the longest recipe first. */
const recipeSuffix = new RegExp(`[-_.](${[...recipes].sort((a, b) => b.length - a.length).join("|")})$`, "i");

function withoutSuffixes(text: string): string {
  const cut = text.replace(formatSuffix, "").replace(recipeSuffix, "");
  return cut === text || cut === "" ? text : withoutSuffixes(cut);
}

/** The catalog model a name speaks of: `bartowski/Qwen_Qwen3-8B-GGUF`, `Qwen3-8B-Q4_K_M.gguf` → qwen3-8b. */
export function guessByName(catalog: ModelCatalog, text: string): NamedModel | undefined {
  const name = withoutSuffixes(basename(text).replace(/\.gguf$/i, ""));
  const underscore = name.indexOf("_");
  const candidates = [
    name,
    name.replace(/\s+/g, "-"),
    ...(underscore > 0 ? [name.slice(underscore + 1), name.replace("_", "/")] : []),
  ];
  return candidates.map((candidate) => catalog.find(candidate)).find((found) => found !== undefined);
}

/** Of one architecture, depth and width. */
export function isLike(one: Hyperparameters, other: Hyperparameters): boolean {
  const main = ({ layerCount, nextnLayerCount }: Hyperparameters): number => layerCount - nextnLayerCount;
  return (
    one.architecture === other.architecture &&
    main(one) === main(other) &&
    one.embeddingLength === other.embeddingLength
  );
}

/** The catalog model that a header with one of these names belongs to; undefined unless the dimensions agree. */
export function identify(
  catalog: ModelCatalog,
  names: readonly string[],
  hyper: Hyperparameters,
): ModelEntry | undefined {
  for (const name of names) {
    const found = guessByName(catalog, name);
    if (found !== undefined && isLike(catalog.hyperparametersOf(found.entry), hyper)) return found.entry;
  }
  return undefined;
}

/** The catalog model an installed one is, by its repository, its Ollama name or its file's name. */
export function entryOfInstalled(
  catalog: ModelCatalog,
  { name, repo }: Pick<InstalledModel, "name" | "repo">,
): ModelEntry | undefined {
  const byRepo = repo === undefined ? undefined : (catalog.find(repo) ?? guessByName(catalog, repo));
  return (byRepo ?? catalog.find(name) ?? guessByName(catalog, name))?.entry;
}
