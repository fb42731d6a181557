/** A plan for LM Studio's `lms`: context, slots and a fraction of the layers is all that its command line takes (lms source, August 2026). */
import type { Candidate } from "../decide/candidate.ts";
import { type Artefact, type Command, chatRequest, plainName, step } from "./command.ts";
import { roundInterval } from "./round.ts";

const ENGINE = "lm-studio";
const PORT = 1234;

export const lmStudioEndpoint = (artefact: Artefact) => ({
  baseUrl: `http://127.0.0.1:${PORT}/v1`,
  modelName: plainName(artefact.name),
});

function lost({ run, hardware }: Candidate): string[] {
  return [
    ...(run.cpuMoeLayers > 0 || run.cpuFfnLayers > 0 || run.overrides.length > 0
      ? ["which tensors stay in RAM: lms takes a fraction of the layers only; the app's settings have experts"]
      : []),
    ...(hardware.devices.length > 1 ? ["the split over devices: LM Studio decides"] : []),
    ...(run.cacheTypeK !== "f16" || run.cacheTypeV !== "f16"
      ? [`cache ${run.cacheTypeK}/${run.cacheTypeV}: no flag of lms; set it in the model's settings`]
      : []),
    `micro-batch ${run.ubatchTokens}: set by LM Studio`,
  ];
}

/** `--gpu`: everything, nothing, or the share of layers, rounded down so that no layer more than planned is loaded. */
function gpuShare({ run, model, hardware }: Candidate): string {
  const layers = model.hyper.layerCount + 1;
  if (hardware.devices.length === 0 || run.offloadedLayers <= 0) return "off";
  return run.offloadedLayers >= layers ? "max" : String(Math.floor((100 * run.offloadedLayers) / layers) / 100);
}

export function lmStudioCommands(candidate: Candidate, artefact: Artefact): Command[] {
  const { run } = candidate;
  const name = plainName(artefact.name);
  const repoName = artefact.ggufRepo?.split("/").at(-1);
  const key = artefact.path === undefined && repoName ? plainName(repoName.replace(/-gguf$/i, "")) : name;
  const get =
    artefact.path !== undefined
      ? ["lms", "import", artefact.path, "-c", "--user-repo", `local/${name}`, "-y"]
      : artefact.ggufRepo === undefined
        ? undefined
        : [
            "lms",
            "get",
            `https://huggingface.co/${artefact.ggufRepo}@${artefact.recipe.toLowerCase()}`,
            "--gguf",
            "-y",
          ];
  if (get === undefined) return [];
  const load = ["lms", "load", key, "--gpu", gpuShare(candidate), "--context-length", String(run.contextTokens)];
  load.push("--parallel", String(run.sequences), "--identifier", name, "-y");
  const pinned = lost(candidate).length === 1;
  return [
    step(ENGINE, "get", get, artefact, {
      ...(artefact.path === undefined ? {} : { note: "-c copies the file; without it the file is moved" }),
    }),
    step(ENGINE, "create", load, artefact, {
      lost: lost(candidate),
      expected: {
        memory: candidate.memoryBytes,
        ...(pinned && candidate.speed ? { speed: roundInterval(candidate.speed.decodeTokensPerSecond) } : {}),
      },
      note: "the key is the one `lms ls` shows; add --estimate-only to see its own memory estimate first",
    }),
    step(ENGINE, "serve", ["lms", "server", "start", "-p", String(PORT)], artefact),
    step(ENGINE, "verify", chatRequest(PORT, name), artefact, {
      note: "`lms ps --json` shows the context it loaded with",
    }),
  ];
}
