/**
 * Predictions against a real engine on this CPU, made before it runs: `tsx bench/speed.ts [threads]`. The bandwidth is measured first, models are
 * of random weights. A report, not a test: other load on the machine shows in it, so every figure comes with its spread.
 */

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { decodeAtDepth, estimateSpeed } from "../src/core/estimate/speed.ts";
import type { Fact } from "../src/core/facts/evidence.ts";
import type { Hardware } from "../src/core/facts/hardware.ts";
import { readHyperparameters } from "../src/core/facts/hyperparameters.ts";
import { layoutTensors } from "../src/core/facts/layout.ts";
import type { Metadata, Model } from "../src/core/facts/model.ts";
import { placeRun } from "../src/core/facts/place.ts";
import { applyRecipe, type Recipe } from "../src/core/facts/recipe.ts";
import { defaultRun } from "../src/core/facts/run-defaults.ts";
import { tensorBytes, weightCount } from "../src/core/facts/tensor.ts";
import { calibration } from "../src/core/sources/calibration.ts";
import { measureMemory } from "../src/core/sources/measure/memory.ts";
import { GIB } from "../src/core/units.ts";
import { loadEngine } from "../test/engine/engine.ts";
import { writeModel } from "./speed-models.ts";

const VOCABULARY = 512;
const PROMPT_TOKENS = 256;
const DECODE_TOKENS = 16;
const ROUNDS = 3;
const threads = Number(process.argv[2] ?? 1);
const recipes: readonly Recipe[] = ["F16", "Q8_0", "Q4_0", "Q4_K_M"];

function metadataOf(
  layers: number,
  embedding: number,
  feedForward: number,
  experts?: { readonly total: number; readonly used: number },
): Metadata {
  return {
    "general.architecture": "llama",
    "llama.block_count": layers,
    "llama.context_length": 4096,
    "llama.embedding_length": embedding,
    "llama.feed_forward_length": feedForward,
    "llama.attention.head_count": embedding / 64,
    "llama.attention.head_count_kv": embedding / 256,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.dimension_count": 64,
    "llama.vocab_size": VOCABULARY,
    ...(experts ? { "llama.expert_count": experts.total, "llama.expert_used_count": experts.used } : {}),
  };
}

const shapes: readonly (readonly [name: string, metadata: Metadata])[] = [
  ["dense 0.13 B", metadataOf(8, 1024, 4096)],
  ["dense 0.5 B", metadataOf(10, 2048, 8192)],
  ["mixture 0.5 B, 2 of 8", metadataOf(8, 1024, 2560, { total: 8, used: 2 })],
];

function modelOf(name: string, metadata: Metadata, recipe: Recipe): Model {
  const hyper = readHyperparameters(metadata, undefined);
  const tensors = applyRecipe(hyper, layoutTensors(hyper, {}), recipe);
  return {
    name,
    recipe,
    hyper,
    tensors,
    fileBytes: tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0),
    evidence: "catalog",
    source: "bench",
    warnings: [],
  };
}

function host(bandwidth: Fact<number>): Hardware {
  const info = readFileSync("/proc/cpuinfo", "utf8");
  const fact = <T>(value: T): Fact<T> => ({ value, evidence: "reported", source: "/proc/cpuinfo" });
  const flags = /flags\s*:\s*(.*)/.exec(info)?.[1]?.split(" ") ?? [];
  return {
    name: "this machine",
    devices: [],
    host: {
      os: process.platform,
      arch: process.arch,
      cpuModel: /model name\s*:\s*(.*)/.exec(info)?.[1] ?? "unknown",
      physicalCoreCount: fact(threads),
      isa: flags,
      ramTotalBytes: fact(64 * GIB),
      ramAvailableBytes: fact(64 * GIB),
      ramLimitBytes: undefined,
      ramBandwidthBytesPerSecond: bandwidth,
      cpuLoadFraction: undefined,
    },
    warnings: [],
  };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** The part of node-llama-cpp that is timed. */
interface Sequence {
  evaluateWithoutGeneratingNewTokens(tokens: readonly number[]): Promise<void>;
  clearHistory(): Promise<void>;
}
interface TimedEngine {
  getLlama(options: {
    gpu: false;
    build: "never";
    logLevel: "error";
    progressLogs: false;
    maxThreads: number;
  }): Promise<{
    loadModel(options: { modelPath: string; useMmap: false; gpuLayers: 0 }): Promise<{
      createContext(options: {
        contextSize: number;
        batchSize: number;
        sequences: 1;
        flashAttention: boolean;
        threads: number;
      }): Promise<{ getSequence(): Sequence; dispose(): Promise<void> }>;
      dispose(): Promise<void>;
    }>;
    dispose(): Promise<void>;
  }>;
}

const installed = await loadEngine();
if ("reason" in installed) throw new Error(installed.reason);
const engineFolder = fileURLToPath(new URL("../test/engine/", import.meta.url));
const module: TimedEngine = await import(
  pathToFileURL(createRequire(join(engineFolder, "package.json")).resolve("node-llama-cpp")).href
);
const llama = await module.getLlama({
  gpu: false,
  build: "never",
  logLevel: "error",
  progressLogs: false,
  maxThreads: threads,
});

interface Timing {
  readonly decodeSeconds: readonly number[];
  readonly prefillSeconds: readonly number[];
}

async function time(path: string): Promise<Timing> {
  const model = await llama.loadModel({ modelPath: path, useMmap: false, gpuLayers: 0 });
  const context = await model.createContext({
    contextSize: 512,
    batchSize: 512,
    sequences: 1,
    flashAttention: true,
    threads,
  });
  const sequence = context.getSequence();
  const decodeSeconds: number[] = [];
  const prefillSeconds: number[] = [];
  const tokens = Array.from({ length: PROMPT_TOKENS }, (_, index) => 300 + (index % 200));
  for (let round = 0; round <= ROUNDS; round++) {
    await sequence.clearHistory();
    const start = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(tokens);
    const read = performance.now();
    for (let step = 0; step < DECODE_TOKENS; step++) await sequence.evaluateWithoutGeneratingNewTokens([300 + step]);
    // the first round warms caches and pages
    if (round === 0) continue;
    prefillSeconds.push((read - start) / 1000 / PROMPT_TOKENS);
    decodeSeconds.push((performance.now() - read) / 1000 / DECODE_TOKENS);
  }
  await context.dispose();
  await model.dispose();
  return { decodeSeconds, prefillSeconds };
}

const memory = await measureMemory({
  threadCount: threads,
  budgetBytes: GIB,
  signal: new AbortController().signal,
  progress: () => undefined,
});
const bandwidth: Fact<number> = {
  value: memory.allThreads.value,
  evidence: "measured",
  source: "bench",
  noiseFraction: memory.allThreads.noiseFraction,
};
const hardware = host(bandwidth);
const folder = await mkdtemp(join(tmpdir(), "speed-bench-"));
process.stdout.write(
  `${hardware.host.cpuModel}, ${threads} threads, ${(bandwidth.value / 1e9).toFixed(1)} GB/s read (noise ${(100 * memory.allThreads.noiseFraction).toFixed(0)} %)\n`,
);

/** What a call into the engine costs by itself: a model of next to nothing. */
const emptyPath = join(folder, "empty.gguf");
const empty = modelOf("empty", metadataOf(1, 256, 256), "Q8_0");
await writeModel(emptyPath, empty.hyper.metadata, empty.tensors, VOCABULARY);
const callSeconds = median((await time(emptyPath)).decodeSeconds);
process.stdout.write(`a call: ${(1e6 * callSeconds).toFixed(0)} µs, taken off every decoded token\n`);

const errors: Record<"decode" | "prefill", number[]> = { decode: [], prefill: [] };
try {
  for (const [name, metadata] of shapes)
    for (const recipe of recipes) {
      const model = modelOf(name, metadata, recipe);
      const run = { ...defaultRun(512), threads, offloadedLayers: 0 };
      const placement = placeRun(model.hyper.layerCount, run, []);
      const question = {
        promptTokens: PROMPT_TOKENS,
        outputTokens: DECODE_TOKENS,
        engine: "llama.cpp",
        buildYear: 2026.8,
      };
      const predicted = {
        decode: decodeAtDepth(model, run, placement, hardware, question, PROMPT_TOKENS, calibration).mid,
        prefill: estimateSpeed(model, run, placement, hardware, question, calibration).prefillTokensPerSecond.mid,
      };
      const path = join(folder, "model.gguf");
      await writeModel(path, metadata, model.tensors, VOCABULARY);
      const timing = await time(path);
      const seen = {
        decode: 1 / (median(timing.decodeSeconds) - callSeconds),
        prefill: 1 / median(timing.prefillSeconds),
      };
      const spread = (values: readonly number[]) =>
        `±${((50 * (Math.max(...values) - Math.min(...values))) / median(values)).toFixed(0)} %`;
      const cells = (["decode", "prefill"] as const).map((task) => {
        const error = predicted[task] / seen[task] - 1;
        errors[task].push(Math.abs(error));
        return `${task} ${seen[task].toFixed(1)} tok/s ${spread(task === "decode" ? timing.decodeSeconds : timing.prefillSeconds)}, predicted ${predicted[task].toFixed(1)} (${(100 * error).toFixed(0)} %)`;
      });
      process.stdout.write(
        `${name.padEnd(24)} ${recipe.padEnd(7)} ${(model.fileBytes / 1e6).toFixed(0).padStart(5)} MB ${(model.tensors.reduce((sum, tensor) => sum + weightCount(tensor), 0) / 1e9).toFixed(2)} B  ${cells.join("; ")}\n`,
      );
    }
  process.stdout.write(
    `median error: decode ${(100 * median(errors.decode)).toFixed(0)} %, prefill ${(100 * median(errors.prefill)).toFixed(0)} %\n`,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
  await llama.dispose();
}
