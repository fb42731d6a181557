/** `fit_model` for engines that read checkpoints: the same answer, its numbers from that engine's own sums. */

import type { Question } from "../core/decide/candidate.ts";
import { type Candidate, type FitLevel, felt, thresholds, usabilityOf } from "../core/decide/candidate.ts";
import type { Judged } from "../core/decide/choose.ts";
import { type EngineFit, engineFit } from "../core/decide/engine-fit.ts";
import type { OtherEngine } from "../core/decide/engine-plan.ts";
import { scoresOf, weightedScore } from "../core/decide/score.ts";
import { estimateQuality, meanKlDivergenceNats } from "../core/estimate/quality.ts";
import type { Ability } from "../core/facts/ability.ts";
import { type CheckpointFormat, checkpointBytes, checkpointFormat } from "../core/facts/checkpoint-format.ts";
import type { Hardware } from "../core/facts/hardware.ts";
import { InputError } from "../core/facts/input-error.ts";
import type { Model } from "../core/facts/model.ts";
import { applyRecipe, type Recipe } from "../core/facts/recipe.ts";
import { defaultRun } from "../core/facts/run-defaults.ts";
import { weightCount } from "../core/facts/tensor.ts";
import { formatBytes, formatSpeedInterval } from "../core/units-text.ts";
import { parseEngineRun } from "./engine-run.ts";
import { knowledge } from "./gather.ts";
import type { ModelChoice } from "./model.ts";

export interface EngineJudged {
  readonly judged: Judged;
  readonly canLoad: boolean;
  /** what one device must have for the whole, the driver's share included */
  readonly needBytes: number;
  readonly notes: readonly string[];
}

export function isOtherEngine(engine: string): engine is OtherEngine {
  return engine === "vllm" || engine === "mlx" || engine === "transformers";
}

const titles: Readonly<Record<OtherEngine, string>> = { vllm: "vLLM", mlx: "MLX", transformers: "Transformers" };

/** Why the engine cannot run on this machine, or undefined. */
function missingHere(engine: OtherEngine, { devices, host }: Hardware): string | undefined {
  if (engine === "mlx")
    return devices.some(({ backend }) => backend === "metal") ? undefined : "MLX needs Apple silicon";
  if (engine === "vllm" && /^(darwin|macos|win)/i.test(host.os))
    return "vLLM runs on Linux only (on Windows inside WSL)";
  return devices.some(({ backend }) => backend === "cuda" || backend === "rocm")
    ? undefined
    : `${titles[engine]} is judged here on CUDA and ROCm devices only`;
}

/** The storage type that reads like the checkpoint: its bits decide traffic. */
function nearestRecipe(bitsPerWeight: number): Recipe {
  if (bitsPerWeight >= 12) return "BF16";
  return bitsPerWeight >= 6.5 ? "Q8_0" : "Q4_0";
}

interface Checkpoint {
  readonly like: Model;
  readonly bytes: number;
  readonly name: string;
  readonly notes: readonly string[];
  readonly isGguf: boolean;
}

/** The published checkpoint of the model: its own format where the name says one, else 16 bits. */
function checkpointOf(choice: ModelChoice, model: Model): Checkpoint {
  const isGguf = choice.checkpoint === undefined && (!choice.recipeIsFree || choice.file?.endsWith(".gguf") === true);
  const format: CheckpointFormat = choice.checkpoint ?? checkpointFormat(undefined);
  const bytes = checkpointBytes(model.tensors, format);
  const weights = model.tensors.reduce((sum, tensor) => sum + weightCount(tensor), 0);
  const recipe = nearestRecipe((8 * bytes) / Math.max(1, weights));
  const tensors = applyRecipe(model.hyper, model.tensors, recipe);
  const { klDivergenceNats: _, ...plain } = model;
  return {
    like: { ...plain, recipe: undefined, tensors, fileBytes: bytes },
    bytes,
    name: format.name,
    notes: [`Weights: ${format.name} safetensors, ${formatBytes(bytes)}.`],
    isGguf,
  };
}

/**
 * One checkpoint under one engine. @param model any stored form: its dimensions and tensor shapes are what counts
 * @throws InputError for flags out of range, or more devices than there are
 */
export function judgeEngine(
  engine: OtherEngine,
  text: string,
  choice: ModelChoice,
  hardware: Hardware,
  question: Question,
  model: Model,
  ability: Ability | undefined,
): EngineJudged {
  const flags = parseEngineRun(engine, text);
  const checkpoint = checkpointOf(choice, model);
  const wantedDevices = (flags.tensorParallel ?? 1) * (flags.pipelineParallel ?? 1);
  if (wantedDevices > Math.max(1, hardware.devices.length))
    throw new InputError(
      `${wantedDevices} devices are asked for and ${hardware.devices.length} are there. Send sizes whose product is at most that.`,
    );
  const trained = model.hyper.trainedContextTokens > 0 ? model.hyper.trainedContextTokens : question.row.contextTokens;
  const sequences = flags.sequences ?? 1;
  const run = {
    ...defaultRun(flags.contextTokens ?? Math.min(question.row.contextTokens, trained)),
    sequences,
    batchTokens: flags.batchTokens ?? 2048,
  };
  const fit = engineFit(
    {
      engine,
      like: checkpoint.like,
      checkpointBytes: checkpoint.bytes,
      run: { ...run, contextTokens: run.contextTokens * sequences },
      hardware,
      question,
      batchTokens: run.batchTokens,
      cacheBytesPerElement: flags.cacheBytesPerElement ?? 2,
      utilizationFraction: flags.utilizationFraction ?? 0.92,
      tensorParallel: flags.tensorParallel,
      pipelineParallel: flags.pipelineParallel,
    },
    knowledge.calibration,
  );
  const missing = missingHere(engine, hardware);
  const candidate = candidateOf(fit, checkpoint.like, hardware, question, run, missing === undefined);
  const quality = estimateQuality(
    ability,
    question.row.domain,
    meanKlDivergenceNats(checkpoint.like, "f16", "f16", knowledge.quality),
    knowledge.quality,
  );
  const maxContextTokens = missing === undefined ? fit.maxContextTokens : 0;
  const scores = scoresOf(candidate, quality.score, maxContextTokens);
  const { low, high } = fit.memory.totalBytes;
  const title = titles[engine];
  return {
    judged: {
      candidate,
      quality,
      maxContextTokens,
      scores,
      score: candidate.fits ? weightedScore(scores, question.row.weights) : 0,
    },
    canLoad: missing === undefined && !checkpoint.isGguf,
    needBytes: Math.ceil(
      (fit.memory.totalBytes.mid * Math.max(1, fit.tensorParallel * fit.pipelineParallel)) /
        (flags.utilizationFraction ?? 0.92),
    ),
    notes: [
      ...checkpoint.notes,
      `${title} was not measured here: a device takes ${formatBytes(low)} to ${formatBytes(high)} (${fit.memory.source}); that it fits is ${fit.certainty}.`,
      ...(engine === "vllm"
        ? [
            `vLLM claims ${Math.round((flags.utilizationFraction ?? 0.92) * 100)} % of every card it uses and keeps what is left after the weights as cache; tensor parallel ${fit.tensorParallel}, pipeline parallel ${fit.pipelineParallel}.`,
          ]
        : []),
      ...(missing === undefined ? [] : [`${missing}; the figures are what it would take.`]),
      ...(checkpoint.isGguf
        ? [`${title} does not read this GGUF artefact; these are the figures of the published weights.`]
        : []),
      ...(flags.unread.length > 0
        ? [`Not read for ${title}: ${flags.unread.slice(0, 12).join(" ").slice(0, 200)}.`]
        : []),
    ],
  };
}

function candidateOf(
  fit: EngineFit,
  model: Model,
  hardware: Hardware,
  question: Question,
  run: Candidate["run"],
  runsHere: boolean,
): Candidate {
  const fits = fit.fits && runsHere;
  const uses = hardware.devices.map((_, index) => {
    const { modelBytes = 0, contextBytes = 0, computeBytes = 0 } = fit.devices[index] ?? {};
    return { modelBytes, contextBytes, computeBytes };
  });
  const totals = uses.map((use) => use.modelBytes + use.contextBytes + use.computeBytes);
  const rooms = hardware.devices.map((device, index) => {
    const capacityBytes = device.memoryUsableBytes.value;
    const allowedBytes = fit.devices[index]?.allowedBytes ?? 0;
    return {
      name: device.name,
      capacityBytes,
      reserve: [],
      reserveBytes: fit.devices[index] ? capacityBytes - allowedBytes : 0,
      allowedBytes,
    };
  });
  const host = hardware.host.ramAvailableBytes.value;
  const speed = fits ? fit.speed : undefined;
  const usability = usabilityOf(fits, speed, felt(speed, question, model.hyper.causal) ?? 0);
  const memoryBytes = totals.reduce((sum, bytes) => sum + bytes, 0);
  const allowed = rooms.reduce((sum, { allowedBytes }) => sum + allowedBytes, 0);
  const fitLevel: FitLevel = !fits
    ? "too-tight"
    : allowed >= thresholds.comfortRatio * memoryBytes && fit.certainty === "likely"
      ? "perfect"
      : "good";
  const capacity = rooms.reduce((sum, { capacityBytes }, index) => (totals[index] ? sum + capacityBytes : sum), 0);
  const layerDevices = model.hyper.layers.map(() => 0);
  return {
    run,
    model,
    hardware,
    question,
    fits,
    runMode: fits ? "gpu" : "does-not-fit",
    fitLevel,
    usability,
    speed,
    memoryBytes,
    utilizationFraction: capacity > 0 ? memoryBytes / capacity : 0,
    memory: {
      placement: {
        deviceCount: hardware.devices.length,
        layerDevices,
        outputDevice: 0,
        cacheDevices: layerDevices,
        overrideOf: () => undefined,
        hasOverrides: false,
      },
      computeBasis: "assumed",
      devices: uses,
      host: { modelBytes: 0, contextBytes: 0, computeBytes: 0 },
    },
    room: {
      devices: rooms,
      host: { capacityBytes: host, reserveBytes: 0, allowedBytes: host },
      unified: hardware.devices.some(({ kind }) => kind === "unified"),
    },
    shortfall: {
      devices: uses.map((_, index) => (fit.devices[index] ? fit.shortfallBytes : 0)),
      host: 0,
      totalBytes: fit.shortfallBytes * Math.max(1, fit.devices.length),
    },
  };
}

export interface EngineChoice {
  readonly engine: string;
  readonly other: EngineJudged | undefined;
  readonly note: string;
}

/** `auto`: the engine whose whole decode interval lies above llama.cpp's, of those that run this artefact here; else llama.cpp. */
export function fastestEngine(
  llama: Judged,
  choice: ModelChoice,
  hardware: Hardware,
  question: Question,
  model: Model,
  ability: Ability | undefined,
): EngineChoice {
  const rate = llama.candidate.speed?.decodeTokensPerSecond;
  let best: { readonly engine: OtherEngine; readonly other: EngineJudged; readonly low: number } | undefined;
  const compared = [`llama.cpp ${rate ? formatSpeedInterval(rate) : "does not fit"}`];
  for (const engine of ["vllm", "mlx"] as const) {
    if (missingHere(engine, hardware) !== undefined) continue;
    const asked = { ...question, engine };
    const other = judgeEngine(engine, "", choice, hardware, asked, model, ability);
    const decode = other.judged.candidate.speed?.decodeTokensPerSecond;
    if (!other.canLoad) continue;
    compared.push(`${titles[engine]} ${decode ? formatSpeedInterval(decode) : "does not fit"}`);
    if (decode && decode.low > (rate?.high ?? 0) && decode.low > (best?.low ?? 0))
      best = { engine, other, low: decode.low };
  }
  const note = `Engines compared: ${compared.join(", ")}; overlapping intervals are a tie that llama.cpp takes.`;
  return best ? { engine: best.engine, other: best.other, note } : { engine: "llama.cpp", other: undefined, note };
}
