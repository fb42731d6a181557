/** A plan for Ollama: what its Modelfile can say, and what it cannot (it schedules llama-server itself). */
import type { Candidate } from "../decide/candidate.ts";
import type { Artefact, Command } from "./command.ts";
import { shellCommand } from "./shell.ts";

const OLLAMA_PORT = 11434;

function lost(candidate: Candidate): string[] {
  const { run, hardware } = candidate;
  const list: string[] = [];
  if (run.cpuMoeLayers > 0 || run.cpuFfnLayers > 0 || run.overrides.length > 0)
    list.push("which tensors stay in RAM: Ollama's own fit decides");
  if (hardware.devices.length > 1 && run.tensorSplit.length > 0)
    list.push("the split over devices: Ollama's own fit decides");
  if (run.cacheTypeK !== run.cacheTypeV) list.push("different types for K and V");
  if (run.ubatchTokens !== run.batchTokens)
    list.push(`micro-batch ${run.ubatchTokens}: num_batch sets both batch sizes`);
  return list;
}

function modelName(artefact: Artefact): string {
  return artefact.name.toLowerCase().replace(/[^a-z0-9._-]+/g, "-");
}

export const ollamaEndpoint = (artefact: Artefact) => ({
  baseUrl: `http://127.0.0.1:${OLLAMA_PORT}/v1`,
  modelName: modelName(artefact),
});

export function ollamaCommands(candidate: Candidate, artefact: Artefact): Command[] {
  const { run } = candidate;
  const name = modelName(artefact);
  const from =
    artefact.path ?? (artefact.ggufRepo === undefined ? undefined : `hf.co/${artefact.ggufRepo}:${artefact.recipe}`);
  if (from === undefined) return [];
  const pinned = run.cpuMoeLayers === 0 && run.cpuFfnLayers === 0 && run.overrides.length === 0;
  const modelfile = [
    `FROM ${from}`,
    `PARAMETER num_ctx ${run.contextTokens}`,
    `PARAMETER num_batch ${run.ubatchTokens}`,
    ...(pinned ? [`PARAMETER num_gpu ${candidate.hardware.devices.length === 0 ? 0 : run.offloadedLayers}`] : []),
    "",
  ].join("\n");
  const path = `${name}.Modelfile`;
  const step = (name_: Command["step"], argv: readonly string[]): Command => ({
    engine: "ollama",
    host: "local",
    step: name_,
    argv,
    command: shellCommand(argv),
  });
  const environment = run.cacheTypeK === "f16" ? [] : [`OLLAMA_KV_CACHE_TYPE=${run.cacheTypeK}`];
  const serve = [
    ...(environment.length > 0 ? ["env", ...environment, "OLLAMA_FLASH_ATTENTION=1"] : []),
    "ollama",
    "serve",
  ];
  const create = ["ollama", "create", name, "-f", path];
  return [
    ...(artefact.path === undefined ? [step("get", ["ollama", "pull", from])] : []),
    { ...step("create", create), files: [{ path, text: modelfile }] },
    {
      ...step("serve", serve),
      lost: lost(candidate),
      note:
        environment.length > 0
          ? "the cache type holds for every model of this server"
          : "skip if the service is running",
    },
    step("verify", [
      "curl",
      "-s",
      `http://127.0.0.1:${OLLAMA_PORT}/api/generate`,
      "-d",
      JSON.stringify({ model: name, prompt: "Say ready.", stream: false }),
    ]),
  ];
}
