/** What to change, in order, if the engine runs out of memory after all: the cheapest first. */
import type { Candidate } from "../decide/candidate.ts";

export interface Fallback {
  readonly change: string;
  readonly flags?: string;
}

const SMALL_UBATCH = 256;
/** layers moved to the host a step */
const STEP_LAYERS = 2;

export function fallbackSteps({ run, model, hardware }: Candidate): Fallback[] {
  const steps: Fallback[] = [];
  if (run.ubatchTokens > SMALL_UBATCH)
    steps.push({
      change: "smaller micro-batch: a smaller compute buffer, slower prompts",
      flags: `-ub ${SMALL_UBATCH}`,
    });
  if (run.cacheTypeK === "f16" && run.flashAttention && model.hyper.hasCache)
    steps.push({ change: "8-bit cache: half the context memory", flags: "-ctk q8_0 -ctv q8_0" });
  if (hardware.devices.length > 0 && model.hyper.experts)
    steps.push({
      change: "experts of more layers in RAM",
      flags: `-ncmoe ${Math.min(model.hyper.layerCount, run.cpuMoeLayers + STEP_LAYERS)}`,
    });
  else if (hardware.devices.length > 0)
    steps.push({
      change: "fewer layers on the device",
      flags: `-ngl ${Math.max(0, run.offloadedLayers - STEP_LAYERS)}`,
    });
  if (run.contextTokens > 2048)
    steps.push({
      change: "half the context",
      flags: `-c ${Math.max(2048, Math.floor(run.contextTokens / 2 / 256) * 256)}`,
    });
  steps.push({ change: "a smaller recipe" });
  steps.push({
    change: "let llama.cpp fit by itself: drop -ngl, -ts and -ot",
    flags: `-fit on -fitt 2048 -c ${run.contextTokens}`,
  });
  return steps;
}
