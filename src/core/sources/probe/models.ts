/** Models that runtimes have already put on this machine's disk. */
import type { World } from "../world.ts";
import type { InstalledModel } from "./result.ts";

/** GGUF files in the folders where llama.cpp and LM Studio put them, two levels deep. */
async function ggufFiles(world: World, runtime: string, root: string, depth: number): Promise<InstalledModel[]> {
  const entries = (await world.listDir(root)).slice(0, 500);
  const found = await Promise.all(
    entries.map(async (entry): Promise<InstalledModel[]> => {
      const path = `${root}/${entry.name}`;
      if (entry.kind === "directory") return depth > 0 ? ggufFiles(world, runtime, path, depth - 1) : [];
      if (!entry.name.endsWith(".gguf")) return [];
      const facts = await world.stat(path);
      return facts?.kind === "file" ? [{ name: entry.name.replace(/\.gguf$/, ""), runtime, path, fileBytes: facts.sizeBytes }] : [];
    }),
  );
  return found.flat();
}

/** Models of this user's Ollama, or of the service that the Linux installer sets up; its server need not run. */
async function ollama(world: World): Promise<readonly InstalledModel[]> {
  const configured = world.env["OLLAMA_MODELS"];
  const roots = configured !== undefined ? [configured] : [`${world.homeDir}/.ollama/models`, "/usr/share/ollama/.ollama/models"];
  for (const root of roots) {
    if ((await world.listDir(`${root}/manifests`)).length === 0) continue;
    const { ollamaModels } = await import("./ollama.ts");
    return ollamaModels(world, root);
  }
  return [];
}

export async function sightModels(world: World): Promise<readonly InstalledModel[]> {
  const cache = world.env["LLAMA_CACHE"] ?? (world.platform === "darwin" ? `${world.homeDir}/Library/Caches/llama.cpp` : `${world.homeDir}/.cache/llama.cpp`);
  const lists = await Promise.all([
    ollama(world),
    ggufFiles(world, "llama.cpp", cache, 0),
    ggufFiles(world, "lmstudio", `${world.homeDir}/.lmstudio/models`, 2),
  ]);
  return lists.flat();
}
