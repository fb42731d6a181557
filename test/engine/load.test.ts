/** The second proof: a real engine loads two measured headers on this CPU and says what it allocated. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { estimateMemory } from "../../src/core/estimate/memory.ts";
import { readGgufFile } from "../../src/core/sources/gguf/read.ts";
import { parseRun, resolveRun } from "../../src/core/sources/run-string.ts";
import { MIB } from "../../src/core/units.ts";
import { truthFolder } from "../truth/rows.ts";
import { type EngineLlama, loadEngine } from "./engine.ts";
import { writeWholeFile } from "./whole-file.ts";

/** what the log prints is rounded to this */
const PRINTED_BYTES = 0.005 * MIB;

let llama: EngineLlama | undefined;
let folder = "";
/** what the engine logged since the last model; it keeps one logger a process */
let lines: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelfit-engine-"));
  const loaded = await loadEngine();
  if ("module" in loaded) {
    const logger = (_: string, message: string) => void lines.push(message);
    llama = await loaded.module.getLlama({
      gpu: false,
      build: "never",
      logLevel: "debug",
      logger,
      progressLogs: false,
    });
  } else console.warn(`engine tests skipped: ${loaded.reason}`);
}, 300_000);

afterAll(async () => {
  await llama?.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** Sums of the buffer sizes that the engine's log prints, by kind. */
function printedBytes(lines: readonly string[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const line of lines) {
    const match = /\b(model|KV|RS|compute) buffer size\s*=\s*([\d.]+)\s*MiB/.exec(line);
    if (match?.[1] !== undefined) sums[match[1]] = (sums[match[1]] ?? 0) + Number(match[2]) * MIB;
  }
  return sums;
}

describe("a real engine allocates what was estimated", () => {
  test.for(["SmolLM2-135M-Q4_K_M", "LFM2-1.2B-Q4_K_M"])("%s", { timeout: 120_000 }, async (name, { skip }) => {
    if (llama === undefined) return skip("no engine on this machine");
    const model = await readGgufFile(join(truthFolder, "gguf", `${name}.gguf`));
    const path = join(folder, `${name}.gguf`);
    await writeWholeFile(join(truthFolder, "gguf", `${name}.gguf`), path, model.hyper.vocabularyCount);

    lines = [];
    const loaded = await llama.loadModel({ modelPath: path, useMmap: false, gpuLayers: 0 });
    const context = await loaded.createContext({
      contextSize: 4096,
      batchSize: 512,
      sequences: 1,
      flashAttention: true,
    });
    // the log crosses a thread, and may come after the context
    await expect.poll(() => lines.some((line) => line.includes("compute buffer size")), { timeout: 10_000 }).toBe(true);
    const printed = printedBytes(lines);
    await context.dispose();
    await loaded.dispose();

    const run = resolveRun(parseRun("llama-fit-params -c 4096 -b 512 -ub 512 -ngl 0"), model.hyper, 4096);
    const { host } = estimateMemory(model, run, []);
    const within = (measured: number | undefined, estimated: number) =>
      expect(Math.abs((measured ?? Number.NaN) - estimated)).toBeLessThanOrEqual(4 * PRINTED_BYTES);
    within(printed["model"], host.modelBytes);
    within((printed["KV"] ?? 0) + (printed["RS"] ?? 0), host.contextBytes);
    within(printed["compute"], host.computeBytes);
  });
});
