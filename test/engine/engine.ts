/**
 * A real engine: llama.cpp v0.5.0 through node-llama-cpp, CPU build of this platform only (the GPU builds are 650 MB and stay out).
 * Installed here on first use, because `npm ci` in the root could only take all of its builds or none.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

const VERSION = "3.22.1";
const folder = fileURLToPath(new URL(".", import.meta.url));
const platformBuilds: Readonly<Record<string, string>> = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "darwin-arm64": "mac-arm64-metal",
  "darwin-x64": "mac-x64",
  "win32-x64": "win-x64",
};

const run = promisify(execFile);

/** The engine's module, or the reason why there is none on this machine. */
export async function loadEngine(): Promise<{ readonly module: Engine } | { readonly reason: string }> {
  const build = platformBuilds[`${process.platform}-${process.arch}`];
  if (build === undefined) return { reason: `no CPU build of llama.cpp for ${process.platform}-${process.arch}` };
  if (
    !existsSync(join(folder, "node_modules", "node-llama-cpp")) ||
    !existsSync(join(folder, "node_modules", "@node-llama-cpp", build))
  ) {
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    const packages = [`node-llama-cpp@${VERSION}`, `@node-llama-cpp/${build}@${VERSION}`];
    const flags = [
      "install",
      ...packages,
      "--omit=optional",
      "--ignore-scripts",
      "--no-save",
      "--no-package-lock",
      "--no-audit",
      "--no-fund",
    ];
    try {
      await run(npm, flags, { cwd: folder, timeout: 240_000, shell: process.platform === "win32" });
    } catch (error) {
      return {
        reason: `node-llama-cpp could not be installed: ${error instanceof Error ? error.message.slice(0, 200) : "unknown"}`,
      };
    }
  }
  const entry = createRequire(join(folder, "package.json")).resolve("node-llama-cpp");
  return { module: await import(pathToFileURL(entry).href) };
}

/** The part of node-llama-cpp that the tests use. */
export interface Engine {
  getLlama(options: {
    gpu: false;
    build: "never";
    logLevel: string;
    logger: (level: string, message: string) => void;
    progressLogs: false;
  }): Promise<EngineLlama>;
}

export interface EngineLlama {
  loadModel(options: { modelPath: string; useMmap: boolean; gpuLayers: 0 }): Promise<EngineModel>;
  dispose(): Promise<void>;
}

interface EngineModel {
  readonly size: number;
  createContext(options: {
    contextSize: number;
    batchSize: number;
    sequences: number;
    flashAttention: boolean;
  }): Promise<{ readonly contextSize: number; dispose(): Promise<void> }>;
  dispose(): Promise<void>;
}
