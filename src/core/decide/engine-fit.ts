/**
 * One checkpoint under an engine that reads safetensors or MLX files: memory by that engine's documented sum with its wide interval,
 * what fits by its middle, the largest context by bisection, speed from the same traffic with the engine's constants.
 */
import {
  type EngineMemory,
  type EngineRun,
  mlxMemory,
  transformersMemory,
  vllmMemory,
  vllmReservedBytes,
} from "../estimate/engine-memory.ts";
import { estimateSpeed } from "../estimate/speed.ts";
import type { Calibration } from "../facts/calibration.ts";
import type { Device, Hardware } from "../facts/hardware.ts";
import type { Model } from "../facts/model.ts";
import { placeRun } from "../facts/place.ts";
import type { Run } from "../facts/run.ts";
import type { Speed } from "../facts/speed.ts";
import { type Bytes, type Fraction, GIB, type Tokens } from "../units.ts";
import type { Question } from "./candidate.ts";
import type { OtherEngine } from "./engine-plan.ts";

export interface EngineAsk {
  readonly engine: OtherEngine;
  /** weights in the storage type that is nearest to the checkpoint's */
  readonly like: Model;
  readonly checkpointBytes: Bytes;
  readonly run: Run;
  readonly hardware: Hardware;
  readonly question: Question;
  readonly batchTokens: Tokens;
  readonly cacheBytesPerElement: number;
  /** vLLM's share of a card */
  readonly utilizationFraction: Fraction;
  /** devices that share every layer, and stages that layers are dealt over; undefined = all equal devices share */
  readonly tensorParallel: number | undefined;
  readonly pipelineParallel: number | undefined;
}

export interface EngineDevice {
  readonly device: Device;
  readonly modelBytes: Bytes;
  readonly contextBytes: Bytes;
  readonly computeBytes: Bytes;
  readonly allowedBytes: Bytes;
}

export interface EngineFit {
  readonly memory: EngineMemory;
  readonly devices: readonly EngineDevice[];
  readonly fits: boolean;
  /** by the ends of the memory interval */
  readonly certainty: "likely" | "possible" | "no";
  readonly shortfallBytes: Bytes;
  readonly maxContextTokens: Tokens;
  readonly tensorParallel: number;
  readonly pipelineParallel: number;
  /** undefined where it does not fit */
  readonly speed: Speed | undefined;
}

const sums = { vllm: vllmMemory, mlx: mlxMemory, transformers: transformersMemory };

/** Equal devices from the first on, in a power of two: what tensor parallel takes. */
function equalDevices(devices: readonly Device[]): number {
  const [first] = devices;
  const equal = devices.filter(
    ({ id, memoryTotalBytes }) => id === first?.id && memoryTotalBytes.value === first.memoryTotalBytes.value,
  ).length;
  return equal === 0 ? 1 : 2 ** Math.floor(Math.log2(equal));
}

export function engineFit(ask: EngineAsk, calibration: Calibration): EngineFit {
  const { engine, like, run, hardware } = ask;
  const pipelineParallel = ask.pipelineParallel ?? 1;
  const tensorParallel =
    engine === "vllm"
      ? (ask.tensorParallel ?? Math.max(1, Math.floor(equalDevices(hardware.devices) / pipelineParallel)))
      : 1;
  const deviceCount = engine === "vllm" ? tensorParallel * pipelineParallel : hardware.devices.length;
  const used = hardware.devices.slice(0, deviceCount);
  // Transformers deals layers over unequal devices; vLLM's stages and MLX's one pool hold equal parts
  const parts = engine === "transformers" ? Math.max(1, used.length) : pipelineParallel;
  const allowedOf = (device: Device): Bytes =>
    engine === "vllm"
      ? vllmReservedBytes(device.memoryUsableBytes.value, ask.utilizationFraction)
      : Math.max(0, device.memoryUsableBytes.value - GIB / 2);
  const room =
    used.length === 0
      ? 0
      : engine === "transformers"
        ? used.reduce((sum, device) => sum + allowedOf(device), 0)
        : Math.min(...used.map(allowedOf));
  const memoryAt = (contextTokens: Tokens): EngineMemory => {
    const engineRun: EngineRun = {
      contextTokens: Math.ceil(contextTokens / Math.max(1, run.sequences)),
      sequences: run.sequences,
      batchTokens: ask.batchTokens,
      cacheBytesPerElement: ask.cacheBytesPerElement,
      tensorParallel,
    };
    const whole = sums[engine](like.hyper, ask.checkpointBytes, engineRun);
    return engine === "vllm" ? staged(whole, pipelineParallel) : whole;
  };
  const enough = used.length === deviceCount && used.length > 0;
  const needAt = (tokens: Tokens): Bytes => memoryAt(tokens).totalBytes.mid;
  const memory = memoryAt(run.contextTokens);
  const fits = enough && memory.totalBytes.mid <= room;
  const trained = like.hyper.trainedContextTokens > 0 ? like.hyper.trainedContextTokens : run.contextTokens;
  return {
    memory,
    devices: used.map((device) => ({
      device,
      modelBytes: Math.ceil(memory.modelBytes / (engine === "transformers" ? parts : 1)),
      contextBytes: Math.ceil(memory.contextBytes / (engine === "transformers" ? parts : 1)),
      computeBytes: Math.ceil(memory.computeBytes.mid / (engine === "transformers" ? parts : 1)),
      allowedBytes: allowedOf(device),
    })),
    fits,
    certainty: !enough || memory.totalBytes.low > room ? "no" : memory.totalBytes.high <= room ? "likely" : "possible",
    shortfallBytes: Math.max(0, memory.totalBytes.mid - room),
    maxContextTokens: enough ? largest(trained * run.sequences, (tokens) => needAt(tokens) <= room) : 0,
    tensorParallel,
    pipelineParallel,
    speed: fits ? speedOf(ask, used, calibration) : undefined,
  };
}

/** A stage holds its share of the layers and of their cache; every stage works on whole passes. */
function staged(memory: EngineMemory, stages: number): EngineMemory {
  const modelBytes = Math.ceil(memory.modelBytes / stages);
  const contextBytes = Math.ceil(memory.contextBytes / stages);
  const fixed = modelBytes + contextBytes;
  const { low, mid, high } = memory.computeBytes;
  return {
    ...memory,
    modelBytes,
    contextBytes,
    totalBytes: { low: fixed + low, mid: fixed + mid, high: fixed + high },
  };
}

const STEP = 256;

/** Largest multiple of 256 up to the ceiling for which a monotone condition holds; 0 where none does. */
function largest(ceiling: Tokens, holds: (tokens: Tokens) => boolean): Tokens {
  if (holds(ceiling)) return ceiling;
  let low = 0;
  let high = Math.ceil(ceiling / STEP);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle * STEP)) low = middle;
    else high = middle;
  }
  return low * STEP;
}

function speedOf(
  { engine, like, run, hardware, question }: EngineAsk,
  devices: readonly Device[],
  calibration: Calibration,
): Speed {
  const whole: Run = {
    ...run,
    offloadedLayers: like.hyper.layerCount + 1,
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
  const placement = placeRun(like.hyper.layerCount, whole, placeable);
  return estimateSpeed(like, whole, placement, { ...hardware, devices }, { ...question, engine }, calibration);
}
