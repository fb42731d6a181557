/** A plan for Ollama: what its Modelfile can say, and what it cannot (it schedules llama-server itself). */
import type { Candidate } from "../decide/candidate.ts";
import { type Artefact, type Command, plainName, step } from "./command.ts";
import { roundInterval } from "./round.ts";
import { withEnvironment } from "./shell.ts";

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

export const ollamaEndpoint = (artefact: Artefact) => ({
  baseUrl: `http://127.0.0.1:${OLLAMA_PORT}/v1`,
  modelName: plainName(artefact.name),
});

/** Everything of the run that a Modelfile has a parameter for. */
function modelfile(candidate: Candidate, from: string, pinned: boolean): string {
  const { run, hardware } = candidate;
  const devices = hardware.devices.length;
  return [
    `FROM ${from}`,
    `PARAMETER num_ctx ${Math.ceil(run.contextTokens / run.sequences)}`,
    `PARAMETER num_batch ${run.ubatchTokens}`,
    ...(pinned ? [`PARAMETER num_gpu ${devices === 0 ? 0 : run.offloadedLayers}`] : []),
    ...(run.splitMode === "none" && devices > 1 ? [`PARAMETER main_gpu ${run.mainDevice}`] : []),
    ...(run.threads === undefined ? [] : [`PARAMETER num_thread ${run.threads}`]),
    ...(run.loadMode === "none" ? ["PARAMETER use_mmap false"] : []),
    "",
  ].join("\n");
}

export function ollamaCommands(candidate: Candidate, artefact: Artefact): Command[] {
  const { run } = candidate;
  const name = plainName(artefact.name);
  const from =
    artefact.path ?? (artefact.ggufRepo === undefined ? undefined : `hf.co/${artefact.ggufRepo}:${artefact.recipe}`);
  if (from === undefined) return [];
  const pinned = run.cpuMoeLayers === 0 && run.cpuFfnLayers === 0 && run.overrides.length === 0;
  const path = `${name}.Modelfile`;
  const variables: (readonly [string, string])[] = [
    ...(run.cacheTypeK === "f16"
      ? []
      : [["OLLAMA_KV_CACHE_TYPE", run.cacheTypeK] as const, ["OLLAMA_FLASH_ATTENTION", "1"] as const]),
    ...(run.sequences > 1 ? [["OLLAMA_NUM_PARALLEL", String(run.sequences)] as const] : []),
  ];
  const request = JSON.stringify({ model: name, prompt: "Say ready.", stream: false });
  const serve = withEnvironment(variables, ["ollama", "serve"], artefact.shell);
  return [
    ...(artefact.path === undefined ? [step("ollama", "get", ["ollama", "pull", from], artefact)] : []),
    step("ollama", "create", ["ollama", "create", name, "-f", path], artefact, {
      files: [{ path, text: modelfile(candidate, from, pinned) }],
      ...(artefact.path === undefined ? {} : { note: "copies the file: twice its size on disk" }),
    }),
    step("ollama", "serve", serve, artefact, {
      lost: lost(candidate),
      expected: {
        memory: candidate.memoryBytes,
        ...(pinned && candidate.speed ? { speed: roundInterval(candidate.speed.decodeTokensPerSecond) } : {}),
      },
      note:
        variables.length > 0 ? "these settings hold for every model of this server" : "skip if the service is running",
    }),
    step("ollama", "verify", ["curl", "-s", `http://127.0.0.1:${OLLAMA_PORT}/api/generate`, "-d", request], artefact, {
      note: "eval_count ÷ eval_duration (ns) is the decode speed; `ollama ps` shows the share on the GPU",
    }),
  ];
}
