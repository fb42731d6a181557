/** A plan for mlx-lm (0.32): converted once, served without a limit of context. */
import type { Candidate } from "../decide/candidate.ts";
import type { EnginePlan } from "../decide/engine-plan.ts";
import { type Artefact, type Command, chatRequest, plainName, step } from "./command.ts";
import { roundInterval } from "./round.ts";

const PORT = 8080;

export const mlxEndpoint = (artefact: Artefact) => ({
  baseUrl: `http://127.0.0.1:${PORT}/v1`,
  modelName: artefact.weightsRepo ?? artefact.name,
});

export function mlxCommands(candidate: Candidate, artefact: Artefact, planned: EnginePlan): Command[] {
  const repo = artefact.weightsRepo;
  if (repo === undefined || planned.outcome === "cannot") return [];
  const { run } = candidate;
  const { precision } = planned;
  const folder = `${plainName(artefact.name)}-mlx-${precision.name}`;
  const converted = precision.name === "16-bit" ? repo : folder;
  const lost = [
    `context ${run.contextTokens}: mlx_lm.server has no limit, its cache grows until memory ends`,
    ...(run.cacheTypeK === "f16" ? [] : [`cache ${run.cacheTypeK}: the server has no quantized cache`]),
    artefact.recipe === "mixed"
      ? "the mix: MLX has one width, or --quant-predicate mixed_4_6 and its kin"
      : `recipe ${artefact.recipe}: ${precision.name} in groups of 64 instead`,
  ];
  const serve = ["mlx_lm.server", "--model", converted, "--host", "127.0.0.1", "--port", String(PORT)];
  serve.push("--decode-concurrency", String(run.sequences), "--prompt-concurrency", "1");
  serve.push("--prefill-step-size", String(run.batchTokens));
  return [
    precision.name === "16-bit"
      ? step("mlx", "get", ["hf", "download", repo], artefact, { note: "optional: serve fetches it too" })
      : step(
          "mlx",
          "quantize",
          ["mlx_lm.convert", "--hf-path", repo, "--mlx-path", folder, "-q", ...precision.flags, "--q-group-size", "64"],
          artefact,
        ),
    step("mlx", "serve", serve, artefact, {
      expected: { memory: planned.memoryBytes, speed: roundInterval(planned.speed) },
      lost,
      note: "llama-server uses the same port by default",
    }),
    step("mlx", "verify", chatRequest(PORT, converted), artefact, {
      note: "mlx_lm.generate prints tokens per second and peak memory",
    }),
  ];
}
