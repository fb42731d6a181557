/** The facts people look for, in a sentence each. Prose only: every number comes from the candidate. */

import type { Candidate } from "../decide/candidate.ts";
import type { Judged } from "../decide/choose.ts";
import type { WhyNotOption } from "../decide/why-not.ts";
import { HOST } from "../facts/placement.ts";
import { layerOf } from "../facts/tensor.ts";
import {
  formatBytes,
  formatFraction,
  formatSeconds,
  formatSpeedInterval,
  formatTokensPerSecond,
} from "../units-text.ts";

const modeWords = {
  gpu: "entirely on the GPU",
  "moe-offload": "with some experts in RAM",
  "cpu-offload": "partly in RAM",
  cpu: "on the CPU",
  "disk-offload": "streamed from disk",
  "does-not-fit": "not at all",
} as const;

export function modeText(candidate: Candidate): string {
  if (candidate.runMode === "gpu" && candidate.room.unified) return "in unified memory";
  if (candidate.runMode === "gpu" && candidate.hardware.devices.length > 1)
    return `over ${candidate.hardware.devices.length} GPUs`;
  return modeWords[candidate.runMode];
}

export function label(name: string, recipe: string | undefined): string {
  return recipe === undefined ? name : `${name} ${recipe}`;
}

/** The rate that is felt: `about 44 tok/s`, or what is read where nothing is generated. */
export function rateText({ speed, question, model }: Candidate): string {
  if (!speed) return "no speed";
  const reads = question.row.domain === "embedding" || !model.hyper.causal;
  return reads
    ? `reads about ${formatTokensPerSecond(speed.prefillTokensPerSecond.mid)}`
    : `about ${formatTokensPerSecond(speed.decodeTokensPerSecond.mid)}`;
}

/** One or two sentences: does it run, where, how fast. */
export function fitSummary(name: string, { candidate, maxContextTokens }: Judged): string {
  const what = label(name, candidate.model.recipe);
  const on = candidate.hardware.name;
  if (!candidate.fits || !candidate.speed)
    return `${what} does not fit on ${on} with ${candidate.run.contextTokens} tokens of context: ${formatBytes(candidate.shortfall.totalBytes)} are missing.`;
  const decode = rateText(candidate);
  return `${what} fits on ${on} ${modeText(candidate)} (${candidate.fitLevel}): ${formatBytes(candidate.memoryBytes)} with ${candidate.run.contextTokens} tokens of context, ${decode}, first token in ${formatSeconds(candidate.speed.timeToFirstTokenSeconds.mid)}. At most ${maxContextTokens} tokens fit this way.`;
}

/** Layers whose experts overrides put into RAM, wholly or in part. */
function expertLayersOnHost({ memory, model }: Candidate): number {
  const { placement } = memory;
  if (!placement.hasOverrides) return 0;
  const { countedLayers } = placement;
  if (countedLayers)
    return model.hyper.layers.filter(({ index, moe, nextn }) => moe && !nextn && index < countedLayers.experts).length;
  const moved = model.tensors.flatMap(({ name }) =>
    /_(ch|)exps/.test(name) && placement.overrideOf(name) === HOST ? [layerOf(name)] : [],
  );
  return new Set(moved).size;
}

/** Where the weights are; experts on both sides; pool; what is assumed. */
export function placementNotes(candidate: Candidate): string[] {
  const { memory, model, room, hardware } = candidate;
  const notes: string[] = [];
  const onDevices = memory.devices.reduce((sum, use) => sum + use.modelBytes, 0);
  const weights = onDevices + memory.host.modelBytes;
  if (candidate.fits && hardware.devices.length > 0)
    notes.push(
      `Weights: ${formatBytes(onDevices)} on ${room.unified ? "the GPU's share of unified memory" : "GPUs"}, ${formatBytes(memory.host.modelBytes)} in RAM (${formatFraction(onDevices / Math.max(1, weights))} on the device side).`,
    );
  const { experts } = model.hyper;
  if (experts) {
    const onHost = expertLayersOnHost(candidate);
    notes.push(
      `Experts: ${experts.used} of ${experts.total} are active per token${onHost > 0 ? `; those of ${onHost} of ${model.hyper.layerCount} layers stay in RAM` : ""}.`,
    );
  }
  if (room.unified) notes.push("Device and host share one pool of memory; both draw on it.");
  if (memory.computeBasis === "assumed")
    notes.push("The compute graph of this architecture is not known; its compute buffer is a bound.");
  return notes;
}

/** How the file comes into memory, and what of RAM the breakdown does not show. */
export function loadNotes({ run, memory, room, fits }: Candidate): string[] {
  const notes: string[] = [];
  const { modelBytes } = memory.host;
  if (modelBytes > 0 && fits) {
    const mapped = run.loadMode === "auto" || run.loadMode === "mmap";
    const locked = run.loadMode === "mlock" || run.loadMode === "mmap+mlock";
    if (locked)
      notes.push(
        `Weights in RAM are locked there (-lm ${run.loadMode}): ${formatBytes(modelBytes)} that cannot be paged out.`,
      );
    else if (mapped && modelBytes > room.host.allowedBytes / 2)
      notes.push(
        `Weights in RAM are mapped from the file: ${formatBytes(modelBytes)} that the system may page out and read again; -lm mlock keeps them.`,
      );
  }
  if (run.outputs === "server" && run.promptCacheBytes > 0) {
    const spare = Math.max(
      0,
      room.host.allowedBytes - modelBytes - memory.host.contextBytes - memory.host.computeBytes,
    );
    const most = Number.isFinite(run.promptCacheBytes) ? formatBytes(run.promptCacheBytes) : "all there is";
    if (run.promptCacheBytes > spare)
      notes.push(
        `llama-server's prompt cache may grow to ${most}, more than the RAM left (${formatBytes(spare)}); set -cram lower.`,
      );
  }
  return notes;
}

/** Windows moves what does not fit a card to shared memory without a word: slow, not out of memory. */
export function spillWarnings({ hardware, memory, room }: Candidate): string[] {
  if (!/^win/i.test(hardware.host.os)) return [];
  const tight = memory.devices.some(
    (use, index) =>
      use.modelBytes + use.contextBytes + use.computeBytes > 0.9 * (room.devices[index]?.allowedBytes ?? 0),
  );
  return tight && hardware.devices.length > 0
    ? [
        "Windows moves what exceeds a card's memory into shared RAM without an error: a run this full may turn slow instead of failing.",
      ]
    : [];
}

/** Where the context is less than the use case would have. */
export function contextNotes({ run, model, question }: Candidate): string[] {
  const trained = model.hyper.trainedContextTokens;
  const wanted = question.row.contextTokens;
  if (run.contextTokens >= wanted) return [];
  if (trained > 0 && trained < wanted)
    return [
      `Context: ${run.contextTokens} tokens; ${question.useCase} would have ${wanted}, the model was trained on ${trained}.`,
    ];
  return [`Context: ${run.contextTokens} tokens; ${question.useCase} would have ${wanted}.`];
}

/** How the numbers come about, for who wants to check them. */
export function stepsOf({
  candidate,
  scores,
  quality,
}: Judged): { readonly name: string; readonly value: string; readonly why: string }[] {
  const { memory, room, question, speed } = candidate;
  const devices = memory.devices.map((use, index) => {
    const total = use.modelBytes + use.contextBytes + use.computeBytes;
    return {
      name: `device ${index}`,
      value: `${formatBytes(total)} of ${formatBytes(room.devices[index]?.allowedBytes ?? 0)}`,
      why: `weights ${formatBytes(use.modelBytes)}, context ${formatBytes(use.contextBytes)}, compute ${formatBytes(use.computeBytes)}; allowed is capacity less the larger of margin and reserve`,
    };
  });
  const host = memory.host.modelBytes + memory.host.contextBytes + memory.host.computeBytes;
  return [
    ...devices,
    {
      name: "host",
      value: `${formatBytes(host)} of ${formatBytes(room.host.allowedBytes)}`,
      why: "RAM available less the process itself",
    },
    ...(speed
      ? [
          {
            name: "decode",
            value: formatSpeedInterval(speed.decodeTokensPerSecond),
            why: `mean from ${question.promptTokens} to ${question.promptTokens + question.outputTokens} live tokens, bound by ${speed.bound}`,
          },
        ]
      : []),
    {
      name: "quality",
      value: String(Math.round(scores.quality)),
      why: `${quality.basis}; expected divergence of the stored weights ${quality.klDivergenceNats.toPrecision(2)} nats`,
    },
    {
      name: "weights of the score",
      value: `${question.row.weights.quality} ${question.row.weights.speed} ${question.row.weights.fit} ${question.row.weights.context}`,
      why: `quality, speed, fit, context for ${question.useCase}: ${question.row.reason}`,
    },
  ];
}

/** What an answer computed for llama.cpp says of another engine. */
export function engineNotes(engine: string): string[] {
  if (engine === "llama.cpp") return [];
  if (engine === "ollama") return ["Ollama runs llama.cpp: memory is llama.cpp's, speed with Ollama's own overhead."];
  if (engine === "vllm")
    return [
      "Memory is llama.cpp's for GGUF files; vLLM claims 92 % of each card whatever the model and wants AWQ, GPTQ or FP8 checkpoints.",
    ];
  return [`Memory is llama.cpp's for GGUF files; ${engine} stores weights in its own format.`];
}

/** An option in words: what to change, and what it costs. */
export function optionText(option: WhyNotOption): { readonly change: string; readonly cost: string } {
  switch (option.kind) {
    case "placement":
      return { change: `place it ${modeText(option.candidate)}`, cost: speedCost(option.candidate) };
    case "cache":
      return {
        change: "store the cache as q8_0 (-ctk q8_0 -ctv q8_0)",
        cost: `hardly any quality; ${speedCost(option.candidate)}`,
      };
    case "context":
      return {
        change: `reduce the context to ${option.contextTokens} tokens (-c ${option.contextTokens})`,
        cost: `less context; ${speedCost(option.candidate)}`,
      };
    case "recipe":
      return { change: `use the smaller file ${option.recipe}`, cost: `quality; ${speedCost(option.candidate)}` };
    case "memory":
      return { change: `add ${formatBytes(option.extraBytes)} to ${option.place}`, cost: "hardware" };
    case "device":
      return { change: `use a ${option.deviceId} (${formatBytes(option.memoryBytes)})`, cost: "hardware" };
  }
}

export function optionLine(option: WhyNotOption): string {
  const { change, cost } = optionText(option);
  return `${change}: ${cost}`;
}

function speedCost(candidate: Candidate): string {
  return candidate.speed ? `decodes ${formatSpeedInterval(candidate.speed.decodeTokensPerSecond)}` : "no speed";
}
