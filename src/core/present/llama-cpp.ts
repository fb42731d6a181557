/**
 * A plan in llama.cpp's words (v0.5.0 dialect, common/arg.cpp): every placement decision explicit and `-fit off`, so that what was
 * planned is what runs. `-ot` is a `std::regex_search`, first match wins, and its rules are cut at `,` and `=` (model-loader.cpp:1235-1259),
 * so patterns hold neither.
 */
import type { Candidate } from "../decide/candidate.ts";
import { rangePattern } from "../facts/layer-pattern.ts";
import type { Run, TensorOverride } from "../facts/run.ts";
import { MIB } from "../units.ts";
import { type Artefact, type Command, chatRequest, step } from "./command.ts";
import { roundInterval } from "./round.ts";
import { rpcFlags, rpcRun, rpcServers } from "./rpc.ts";

const LLAMA_PORT = 8080;

/** One rule that moves the experts of layers low…high to `buffer`. */
export function expertsOverride(low: number, high: number, buffer: string): TensorOverride {
  return { pattern: `blk\\.${rangePattern(low, high)}\\.ffn_(up|down|gate|gate_up)_(ch|)exps`, buffer };
}

/** The host-side overrides of a run as `-ot` rules: what `-ncmoe` and `-ncffn` stand for, for engines and tools that lack them. */
export function overridesOf(run: Run): TensorOverride[] {
  const rules = [...run.overrides];
  if (run.cpuMoeLayers > 0) rules.push(expertsOverride(0, run.cpuMoeLayers - 1, "CPU"));
  if (run.cpuFfnLayers > 0)
    rules.push({ pattern: `blk\\.${rangePattern(0, run.cpuFfnLayers - 1)}\\.ffn_(up|down|gate)\\.`, buffer: "CPU" });
  return rules;
}

/** Flags of a run, every decision spelled out. */
export function runFlags(run: Run, deviceCount: number): string[] {
  const flags = [
    "-c",
    String(run.contextTokens),
    "-np",
    String(run.sequences),
    ...(run.sequences > 1 && run.unifiedCache ? ["-kvu"] : []),
    "-b",
    String(run.batchTokens),
    "-ub",
    String(run.ubatchTokens),
    "-ctk",
    run.cacheTypeK,
    "-ctv",
    run.cacheTypeV,
    "-fa",
    run.flashAttention ? "on" : "off",
    "-ngl",
    String(deviceCount === 0 ? 0 : run.offloadedLayers),
  ];
  if (deviceCount > 1) {
    flags.push("-sm", run.splitMode);
    if (run.splitMode === "none") flags.push("-mg", String(run.mainDevice));
    else if (run.tensorSplit.length > 0) flags.push("-ts", run.tensorSplit.join(","));
  }
  const overrides = overridesOf(run);
  if (overrides.length > 0) flags.push("-ot", overrides.map(({ pattern, buffer }) => `${pattern}=${buffer}`).join(","));
  if (!run.cacheOffload) flags.push("-nkvo");
  if (run.swaFull) flags.push("--swa-full");
  if (run.threads !== undefined) flags.push("-t", String(run.threads));
  if (run.loadMode !== "auto") flags.push("-lm", run.loadMode);
  flags.push("-fit", "off");
  return flags;
}

/** RAM left for llama-server's prompt cache, in its MiB: by default it may take 8 GiB that no breakdown shows. */
export function promptCacheMiB(candidate: Candidate): number {
  const { room, memory } = candidate;
  const use = memory.host.modelBytes + memory.host.contextBytes + memory.host.computeBytes;
  const pooled = room.unified
    ? memory.devices.reduce((sum, device) => sum + device.modelBytes + device.contextBytes + device.computeBytes, 0)
    : 0;
  const spare = Math.max(0, room.host.allowedBytes - use - pooled) / 2;
  const wanted = Math.min(
    spare,
    Number.isFinite(candidate.run.promptCacheBytes) ? candidate.run.promptCacheBytes : spare,
  );
  return Math.floor(wanted / MIB);
}

function modelFlags(artefact: Artefact): string[] {
  if (artefact.path !== undefined) return ["-m", artefact.path];
  // -hf would fetch and load a projector too, which the plan does not hold
  if (artefact.ggufRepo !== undefined) return ["-hf", `${artefact.ggufRepo}:${artefact.recipe}`, "--no-mmproj"];
  return ["-m", `${artefact.name}-${artefact.recipe}.gguf`];
}

export const llamaEndpoint = (artefact: Artefact) => ({
  baseUrl: `http://127.0.0.1:${LLAMA_PORT}/v1`,
  modelName: artefact.name,
});

/**
 * The same plan for `llama-bench`, whose dialect differs (tools/llama-bench/llama-bench.cpp): `/` splits devices, `;` splits overrides, no context.
 * Undefined where it has no word for the plan.
 */
export function benchArgv(candidate: Candidate, artefact: Artefact): string[] | undefined {
  const { run, hardware, question } = candidate;
  const deviceCount = hardware.devices.length;
  if (run.cacheTypeK === "f32" || run.cacheTypeV === "f32") return undefined;
  const argv = ["llama-bench", ...modelFlags(artefact).filter((word) => word !== "--no-mmproj")];
  argv.push("-ngl", String(deviceCount === 0 ? 0 : run.offloadedLayers));
  if (deviceCount > 1) {
    argv.push("-sm", run.splitMode);
    if (run.splitMode === "none") argv.push("-mg", String(run.mainDevice));
    else if (run.tensorSplit.length > 0) argv.push("-ts", run.tensorSplit.join("/"));
  }
  const overrides = overridesOf(run);
  if (overrides.length > 0) argv.push("-ot", overrides.map(({ pattern, buffer }) => `${pattern}=${buffer}`).join(";"));
  argv.push("-b", String(run.batchTokens), "-ub", String(run.ubatchTokens));
  argv.push("-ctk", run.cacheTypeK, "-ctv", run.cacheTypeV, "-fa", run.flashAttention ? "on" : "off");
  if (!run.cacheOffload) argv.push("-nkvo", "1");
  if (run.threads !== undefined) argv.push("-t", String(run.threads));
  const depth = Math.max(0, Math.min(question.promptTokens, run.contextTokens - question.outputTokens));
  return [...argv, "-p", "512", "-n", "128", "-d", String(depth), "-r", "3", "-o", "json"];
}

export function llamaCommands(candidate: Candidate, artefact: Artefact): Command[] {
  const deviceCount = candidate.hardware.devices.length;
  const { network } = candidate.hardware;
  const run = network ? rpcRun(candidate.run, candidate, network) : candidate.run;
  const serve = [
    "llama-server",
    ...modelFlags(artefact),
    ...(network ? rpcFlags(candidate, network) : []),
    ...runFlags(run, deviceCount),
    "-cram",
    String(promptCacheMiB(candidate)),
    "--host",
    "127.0.0.1",
    "--port",
    String(LLAMA_PORT),
  ];
  const expected = {
    memory: candidate.memoryBytes,
    ...(candidate.speed ? { speed: roundInterval(candidate.speed.decodeTokensPerSecond) } : {}),
  };
  // llama-bench numbers and names remote devices its own way: a plan over machines is verified by its server
  const bench = network ? undefined : benchArgv(candidate, artefact);
  return [
    ...(artefact.path === undefined && artefact.ggufRepo !== undefined
      ? [
          step(
            "llama.cpp",
            "get",
            ["hf", "download", artefact.ggufRepo, "--include", `*${artefact.recipe}*`],
            artefact,
            {
              note: "optional: serve fetches it too",
            },
          ),
        ]
      : []),
    ...(network ? rpcServers(network) : []),
    step("llama.cpp", "serve", serve, artefact, {
      expected,
      note: "llama-cli takes the same flags but -cram, --host and --port",
    }),
    step("llama.cpp", "verify", chatRequest(LLAMA_PORT, artefact.name), artefact, {
      note: "timings.predicted_per_second in the answer is the decode speed",
    }),
    ...(bench === undefined
      ? []
      : [
          step("llama.cpp", "verify", bench, artefact, {
            note: "instead of a server: avg_ts of the n_gen row is the decode speed",
          }),
        ]),
  ];
}
