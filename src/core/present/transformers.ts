/** A plan for Transformers (5.18): `transformers serve`, quantized by bitsandbytes while it loads where it would not fit. */
import type { Candidate } from "../decide/candidate.ts";
import type { EnginePlan } from "../decide/engine-plan.ts";
import { type Artefact, type Command, chatRequest, step } from "./command.ts";
import { roundInterval } from "./round.ts";

const PORT = 8000;

export const transformersEndpoint = (artefact: Artefact) => ({
  baseUrl: `http://127.0.0.1:${PORT}/v1`,
  modelName: artefact.weightsRepo ?? artefact.name,
});

export function transformersCommands(candidate: Candidate, artefact: Artefact, planned: EnginePlan): Command[] {
  const repo = artefact.weightsRepo;
  if (repo === undefined || planned.outcome === "cannot") return [];
  const { run } = candidate;
  const { precision } = planned;
  const lost = [
    `context ${run.contextTokens}: the cache grows with the prompt, nothing bounds it`,
    artefact.recipe === "mixed"
      ? "the mix: bitsandbytes has 4 bits, 8 bits and, from Python, llm_int8_skip_modules in 16"
      : `recipe ${artefact.recipe}: ${precision.name} weights instead`,
    ...(candidate.runMode === "gpu"
      ? []
      : ["the exact placement: device_map auto deals layers, RAM ones stay in 16 bits"]),
    ...(run.cacheTypeK === "f16" ? [] : [`cache ${run.cacheTypeK}`]),
  ];
  const serve = ["transformers", "serve", repo, "--host", "localhost", "--port", String(PORT)];
  serve.push("--dtype", "auto", "--device", "auto", ...precision.flags);
  return [
    step("transformers", "get", ["hf", "download", repo], artefact, { note: "optional: serve fetches it too" }),
    step("transformers", "serve", serve, artefact, {
      expected: { memory: planned.memoryBytes, speed: roundInterval(planned.speed) },
      lost,
      note: 'needs pip install "transformers[serving]" accelerate bitsandbytes',
    }),
    step("transformers", "verify", chatRequest(PORT, repo), artefact),
  ];
}
