/** The run of a plan, loaded by a real engine: the same options through node-llama-cpp give the context and the memory that were planned. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readGgufFile } from "../../src/core/sources/gguf/read.ts";
import { plan } from "../../src/library.ts";
import { planConfigOutput } from "../../src/tools/schemas/plan-config.ts";
import { fakeWorld } from "../fake-world.ts";
import { truthFolder } from "../truth/rows.ts";
import { type EngineLlama, loadEngine } from "./engine.ts";
import { writeWholeFile } from "./whole-file.ts";

let llama: EngineLlama | undefined;
let folder = "";
const reasons: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelfit-plan-"));
  const loaded = await loadEngine();
  if ("module" in loaded)
    llama = await loaded.module.getLlama({
      gpu: false,
      build: "never",
      logLevel: "error",
      logger: () => {},
      progressLogs: false,
    });
  else reasons.push(loaded.reason);
}, 300_000);

afterAll(async () => {
  await llama?.dispose();
  await rm(folder, { recursive: true, force: true });
});

describe("a plan in a real engine", () => {
  test("loads with the planned context, batch, slots and attention", { timeout: 120_000 }, async ({ skip }) => {
    if (llama === undefined) return skip(`no engine on this machine: ${reasons.join()}`);
    const header = join(truthFolder, "gguf", "SmolLM2-135M-Q4_K_M.gguf");
    const answer = await plan(
      { model: "smollm2-135m-instruct:Q4_K_M", hardware: "cpu, ram=16GiB", run: "-np 2 -c 4096" },
      { world: fakeWorld({}) },
    );
    const run = planConfigOutput.parse(answer).plan?.run;
    if (run === undefined) throw new Error("a plan is feasible");
    const path = join(folder, "model.gguf");
    await writeWholeFile(header, path, (await readGgufFile(header)).hyper.vocabularyCount);
    const model = await llama.loadModel({ modelPath: path, useMmap: run.loadMode !== "none", gpuLayers: 0 });
    const context = await model.createContext({
      // the engine counts context per sequence
      contextSize: run.contextTokens / run.sequences,
      batchSize: run.ubatchTokens,
      sequences: run.sequences,
      flashAttention: run.flashAttention,
    });
    expect(context.contextSize).toBe(run.contextTokens / run.sequences);
    await context.dispose();
    await model.dispose();
  });
});
