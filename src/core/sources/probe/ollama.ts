/** Ollama's installed models from its manifest folder; the server need not run. */
import * as z from "zod";
import type { World } from "../world.ts";
import type { InstalledModel } from "./result.ts";

const manifest = z.object({
  layers: z.array(z.object({ mediaType: z.string(), digest: z.string().regex(/^sha256:[0-9a-f]{64}$/), size: z.number().int().nonnegative() })).max(100),
});

/** The model's weights: name as the user says it, and the blob that holds the GGUF. */
export function parseManifest(text: string, root: string, name: string): InstalledModel | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = manifest.safeParse(json);
  const layer = parsed.data?.layers.find(({ mediaType }) => mediaType === "application/vnd.ollama.image.model");
  return layer === undefined ? undefined : { name, runtime: "ollama", path: `${root}/blobs/${layer.digest.replace(":", "-")}`, fileBytes: layer.size };
}

/** `registry.ollama.ai/library/qwen3/8b` is called `qwen3:8b`; other namespaces and hosts keep theirs. */
export function modelName(path: readonly string[]): string {
  const [host = "", namespace = "", model = "", tag = ""] = path;
  const prefix = host !== "registry.ollama.ai" ? `${host}/${namespace}/` : namespace === "library" ? "" : `${namespace}/`;
  return `${prefix}${model}:${tag}`;
}

const MAX_MANIFESTS = 2000;

async function manifestPaths(world: World, folder: string, below: readonly string[]): Promise<string[][]> {
  const entries = await world.listDir([folder, ...below].join("/"));
  const deeper = entries
    .filter((entry) => (below.length < 3 ? entry.kind === "directory" : entry.kind === "file"))
    .slice(0, MAX_MANIFESTS)
    .map(async (entry) => (below.length < 3 ? manifestPaths(world, folder, [...below, entry.name]) : [[...below, entry.name]]));
  return (await Promise.all(deeper)).flat();
}

/** Every model whose manifest lies below `root`/manifests. */
export async function ollamaModels(world: World, root: string): Promise<readonly InstalledModel[]> {
  const paths = (await manifestPaths(world, `${root}/manifests`, [])).slice(0, MAX_MANIFESTS);
  const models = await Promise.all(
    paths.map(async (path) => {
      const text = await world.readFile(`${root}/manifests/${path.join("/")}`, 1_000_000);
      return text === undefined ? undefined : parseManifest(text, root, modelName(path));
    }),
  );
  return models.flatMap((model) => model ?? []);
}
