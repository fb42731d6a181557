/**
 * The same model under an engine that does not read GGUF: the finest precision it offers that its devices hold, with that engine's own memory
 * and speed. llama.cpp's plan says nothing about these engines but context and sequences.
 */
import {
  type EngineMemory,
  mlxMemory,
  transformersMemory,
  vllmMemory,
  vllmReservedBytes,
} from "../estimate/engine-memory.ts";
import { estimateSpeed } from "../estimate/speed.ts";
import type { Calibration } from "../facts/calibration.ts";
import type { Device } from "../facts/hardware.ts";
import type { Model } from "../facts/model.ts";
import { placeRun } from "../facts/place.ts";
import { applyRecipe, type Recipe } from "../facts/recipe.ts";
import type { Run } from "../facts/run.ts";
import { tensorBytes } from "../facts/tensor.ts";
import type { Bytes, Interval } from "../units.ts";
import type { Candidate } from "./candidate.ts";

export type OtherEngine = "vllm" | "mlx" | "transformers";

/** What an engine makes of a 16-bit checkpoint while it loads it. */
export interface Precision {
  readonly name: "16-bit" | "fp8" | "8-bit" | "4-bit";
  /** GGUF recipe of nearly the same bits, for traffic: bnb and MLX store 4.5 bits a weight, as q4_0 does */
  readonly like: Recipe;
  readonly flags: readonly string[];
}

const precisions: Readonly<Record<OtherEngine, readonly Precision[]>> = {
  vllm: [
    { name: "16-bit", like: "BF16", flags: [] },
    { name: "fp8", like: "Q8_0", flags: ["--quantization", "fp8"] },
    { name: "4-bit", like: "Q4_0", flags: ["--quantization", "bitsandbytes"] },
  ],
  mlx: [
    { name: "16-bit", like: "BF16", flags: [] },
    { name: "8-bit", like: "Q8_0", flags: ["--q-bits", "8"] },
    { name: "4-bit", like: "Q4_0", flags: ["--q-bits", "4"] },
  ],
  transformers: [
    { name: "16-bit", like: "BF16", flags: [] },
    { name: "8-bit", like: "Q8_0", flags: ["--quantization", "bnb-8bit"] },
    { name: "4-bit", like: "Q4_0", flags: ["--quantization", "bnb-4bit"] },
  ],
};

export type EnginePlan =
  | {
      readonly outcome: "planned";
      readonly engine: OtherEngine;
      readonly precision: Precision;
      /** over all devices */
      readonly memoryBytes: Bytes;
      readonly speed: Interval;
      readonly devices: readonly Device[];
      readonly memory: EngineMemory;
    }
  | { readonly outcome: "cannot"; readonly engine: OtherEngine; readonly reason: string };

/** Why the engine cannot run here at all, or undefined. */
function unsupported(engine: OtherEngine, { hardware, model }: Candidate): string | undefined {
  const { devices, host } = hardware;
  if (engine === "mlx" && !devices.some(({ backend }) => backend === "metal")) return "MLX here needs Apple silicon";
  if (engine === "vllm" && host.os !== "linux") return "vLLM runs on Linux only (on Windows inside WSL)";
  if (engine !== "mlx" && !devices.some(({ backend }) => backend === "cuda" || backend === "rocm"))
    return `${engine === "vllm" ? "vLLM" : "Transformers"} here needs a CUDA or ROCm device to be worth running`;
  return model.hyper.causal ? undefined : "the model generates no text";
}

/** Equal devices in a power of two share every layer; the rest stays idle. */
function sharing(devices: readonly Device[]): readonly Device[] {
  const [first] = devices;
  const equal = devices.filter(
    (device) => device.id === first?.id && device.memoryTotalBytes.value === first.memoryTotalBytes.value,
  );
  return equal.slice(0, 2 ** Math.floor(Math.log2(Math.max(1, equal.length))));
}

function stored(model: Model, recipe: Recipe): Model {
  const tensors = applyRecipe(model.hyper, model.tensors, recipe);
  const { klDivergenceNats: _, ...rest } = model;
  return { ...rest, recipe, tensors };
}

export function planEngine(engine: OtherEngine, candidate: Candidate, calibration: Calibration): EnginePlan {
  const { model, run, hardware, question } = candidate;
  const reason = unsupported(engine, candidate);
  if (reason !== undefined) return { outcome: "cannot", engine, reason };
  const devices = engine === "vllm" ? sharing(hardware.devices) : hardware.devices;
  const engineRun = {
    contextTokens: Math.ceil(run.contextTokens / Math.max(1, run.sequences)),
    sequences: run.sequences,
    batchTokens: run.batchTokens,
    cacheBytesPerElement: 2,
    tensorParallel: engine === "vllm" ? Math.max(1, devices.length) : 1,
  };
  const sizes = { vllm: vllmMemory, mlx: mlxMemory, transformers: transformersMemory };
  const roomBytes = devices.map((device) =>
    engine === "vllm" ? vllmReservedBytes(device.memoryUsableBytes.value) : device.memoryUsableBytes.value,
  );
  // layers are dealt over unequal devices by Transformers, cut through by vLLM
  const room = engine === "vllm" ? Math.min(...roomBytes) : roomBytes.reduce((sum, bytes) => sum + bytes, 0);
  for (const precision of precisions[engine]) {
    const like = stored(model, precision.like);
    const bytes = like.tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
    const memory = sizes[engine](model.hyper, bytes, engineRun);
    if (memory.totalBytes.mid > room) continue;
    const whole: Run = {
      ...run,
      offloadedLayers: model.hyper.layerCount + 1,
      cpuMoeLayers: 0,
      cpuFfnLayers: 0,
      overrides: [],
      tensorSplit: [],
      cacheTypeK: "f16",
      cacheTypeV: "f16",
      cacheOffload: true,
      splitMode: "layer",
    };
    const placeable = devices.map(({ name, memoryUsableBytes }) => ({ name, freeBytes: memoryUsableBytes.value }));
    const placement = placeRun(model.hyper.layerCount, whole, placeable);
    const speed = estimateSpeed(like, whole, placement, { ...hardware, devices }, { ...question, engine }, calibration);
    return {
      outcome: "planned",
      engine,
      precision,
      memory,
      memoryBytes: memory.totalBytes.mid * (engine === "vllm" ? devices.length : 1),
      speed: speed.decodeTokensPerSecond,
      devices,
    };
  }
  return { outcome: "cannot", engine, reason: `not even 4 bits a weight fit ${engine}'s share of the devices` };
}
