/** A plan for vLLM (0.25 and later): a 16-bit checkpoint, quantized while it loads where it would not fit. vLLM claims its share of each card whatever the model. */
import type { Candidate } from "../decide/candidate.ts";
import type { EnginePlan } from "../decide/engine-plan.ts";
import { type Artefact, type Command, chatRequest, plainName, step } from "./command.ts";
import { roundInterval } from "./round.ts";

const PORT = 8000;
/** vLLM's own default (vllm/config/cache.py) */
const UTILIZATION = "0.92";

export const vllmEndpoint = (artefact: Artefact) => ({
  baseUrl: `http://127.0.0.1:${PORT}/v1`,
  modelName: plainName(artefact.name),
});

export function vllmArgv(
  candidate: Candidate,
  artefact: Artefact,
  flags: readonly string[],
  tensorParallel: number,
): string[] {
  const { run } = candidate;
  const argv = ["vllm", "serve", artefact.weightsRepo ?? artefact.name, "--host", "127.0.0.1", "--port", String(PORT)];
  argv.push("--max-model-len", String(Math.ceil(run.contextTokens / run.sequences)));
  argv.push("--max-num-seqs", String(run.sequences), "--max-num-batched-tokens", String(run.batchTokens));
  argv.push("--gpu-memory-utilization", UTILIZATION, "--kv-cache-dtype", "auto");
  argv.push("--tensor-parallel-size", String(tensorParallel), ...flags);
  return [...argv, "--served-model-name", plainName(artefact.name)];
}

export function vllmCommands(candidate: Candidate, artefact: Artefact, planned: EnginePlan): Command[] {
  if (artefact.weightsRepo === undefined || planned.outcome === "cannot") return [];
  const { run, hardware } = candidate;
  const { precision, devices } = planned;
  const lost = [
    `recipe ${artefact.recipe}: vLLM reads no GGUF without a plugin; ${precision.name} weights instead`,
    ...(candidate.runMode === "gpu" ? [] : ["weights computed in RAM: vLLM only streams them"]),
    ...(run.cacheTypeK === "f16" ? [] : [`cache ${run.cacheTypeK}: vLLM's own 8-bit cache is --kv-cache-dtype fp8`]),
    ...(devices.length < hardware.devices.length ? ["devices that do not share alike stay idle"] : []),
  ];
  return [
    step("vllm", "get", ["hf", "download", artefact.weightsRepo], artefact, { note: "optional: serve fetches it too" }),
    step("vllm", "serve", vllmArgv(candidate, artefact, precision.flags, devices.length), artefact, {
      expected: { memory: planned.memoryBytes, speed: roundInterval(planned.speed) },
      lost,
      note: "the 92 % of each card that it claims must be free at its start",
    }),
    step("vllm", "verify", chatRequest(PORT, plainName(artefact.name)), artefact, {
      note: "the log's `Maximum concurrency` shows whether the context fits; time the request, it carries no timings",
    }),
  ];
}
