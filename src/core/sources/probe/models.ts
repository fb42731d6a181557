/** Models that runtimes have already put on this machine's disk, as the probe shows them. */
import { installedModels } from "../installed.ts";
import type { World } from "../world.ts";
import type { InstalledModel } from "./result.ts";

/** Which program reads a store; the Hugging Face cache is llama.cpp's too. */
const READERS: Readonly<Record<string, string>> = {
  ollama: "ollama",
  "hugging-face": "llama.cpp",
  "llama.cpp": "llama.cpp",
  "lm-studio": "lmstudio",
};

export async function sightModels(world: World): Promise<readonly InstalledModel[]> {
  const models = await installedModels(world);
  return models.map(({ name, store, path, sizeBytes }) => ({
    name: name.replace(/\.gguf$/, ""),
    runtime: READERS[store] ?? store,
    path,
    fileBytes: sizeBytes,
  }));
}
