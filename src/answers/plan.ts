/** `plan_config`: the configuration to launch, and the commands that launch it. */

import { type Candidate, workedOut } from "../core/decide/candidate.ts";
import { allPlaceModes, bestPlacement, type Judged, judge, type ModelQuestion } from "../core/decide/choose.ts";
import { type EnginePlan, type OtherEngine, planEngine } from "../core/decide/engine-plan.ts";
import type { PlaceMode } from "../core/decide/place.ts";
import { type Objective, objectives, plan, sortOptions } from "../core/decide/plan.ts";
import { cutsOf } from "../core/decide/split.ts";
import { type Variant, variant } from "../core/decide/variants.ts";
import { whyNot } from "../core/decide/why-not.ts";
import { abilityIn, perplexityIncrease, sizesOf } from "../core/estimate/quality.ts";
import type { Hardware } from "../core/facts/hardware.ts";
import { InputError } from "../core/facts/input-error.ts";
import type { Model } from "../core/facts/model.ts";
import { isRecipe, recipes } from "../core/facts/recipe.ts";
import { type CacheType, cacheTypes as knownCacheTypes, type Run } from "../core/facts/run.ts";
import type { Artefact, Command } from "../core/present/command.ts";
import { fallbackSteps } from "../core/present/fallback.ts";
import { llamaCommands, llamaEndpoint, overridesOf } from "../core/present/llama-cpp.ts";
import { lmStudioCommands, lmStudioEndpoint } from "../core/present/lm-studio.ts";
import { mlxCommands, mlxEndpoint } from "../core/present/mlx.ts";
import { contextNotes, engineNotes, label, optionLine, placementNotes } from "../core/present/notes.ts";
import { ollamaCommands, ollamaEndpoint } from "../core/present/ollama.ts";
import { shapePlacement, tensorTypeCounts, tensorTypeRows } from "../core/present/placement.ts";
import { planSummary, tradeOff } from "../core/present/plan-notes.ts";
import { mixCommands, mixPath } from "../core/present/quantize.ts";
import { round3, roundInterval, roundSpeed } from "../core/present/round.ts";
import { vllmHosts } from "../core/present/rpc.ts";
import { shapeHardware, shapeMemory, shapeRun } from "../core/present/shapes.ts";
import { shellOf } from "../core/present/shell.ts";
import { transformersCommands, transformersEndpoint } from "../core/present/transformers.ts";
import { vllmCommands, vllmEndpoint } from "../core/present/vllm.ts";
import { refuseCompanions } from "./companions.ts";
import { deviceChoices, shapeModel } from "./fit.ts";
import {
  type AnswerContext,
  gatherHardware,
  gatherRun,
  knowledge,
  type MemoryBasis,
  modelQuestion,
  type Optional,
  type QuestionArguments,
  questionOf,
  withDevices,
} from "./gather.ts";
import { gatherModel, type ModelChoice } from "./model.ts";

export interface PlanArguments extends QuestionArguments {
  readonly hardware: string;
  readonly memoryBasis: MemoryBasis;
  readonly run: string;
  readonly objective: Objective;
  readonly minContextTokens: number;
  readonly maxContextTokens: number;
  readonly minDecodeTokensPerSecond: number;
  readonly recipe: string;
  readonly minRecipe: string;
  readonly cacheTypes: readonly string[];
  readonly runModes: readonly string[];
  readonly imatrixPath: string;
  readonly engines: readonly string[];
  readonly hosts: readonly string[];
  readonly linkGbps: number;
  readonly linkLatencyMs: number;
  readonly detail: "concise" | "detailed";
}

const LEAST_CONTEXT = 4096;

function readCacheTypes(names: readonly string[] | null | undefined): CacheType[] {
  if (!names || names.length === 0) return ["f16", "q8_0"];
  return names.map((name) => {
    const found = knownCacheTypes.find((type) => type === name.toLowerCase());
    if (!found)
      throw new InputError(
        `\`cacheTypes\` holds "${name.slice(0, 40)}", which is no cache type. Send some of ${knownCacheTypes.join(", ")}.`,
      );
    return found;
  });
}

function readRunModes(names: readonly string[] | null | undefined): readonly PlaceMode[] {
  if (!names || names.length === 0) return allPlaceModes;
  return names.map((name) => {
    const found = allPlaceModes.find((mode) => mode === name);
    if (!found)
      throw new InputError(
        `\`runModes\` holds "${name.slice(0, 40)}", which cannot be planned. Send some of ${allPlaceModes.join(", ")}.`,
      );
    return found;
  });
}

/** The variants that `recipe` and `minRecipe` leave, finest first. */
function allowedVariants(
  choice: ModelChoice,
  recipe: string | null | undefined,
  minRecipe: string | null | undefined,
): { readonly variants: readonly Variant[]; readonly free: boolean } {
  const wanted = recipe?.trim();
  if (wanted && wanted.toLowerCase() !== "auto") {
    const name = wanted.toUpperCase();
    if (!isRecipe(name))
      throw new InputError(
        `\`recipe\` "${wanted.slice(0, 40)}" is not known. Send auto or one of ${recipes.join(", ")}.`,
      );
    const found = choice.variantOf(name);
    if (!found)
      throw new InputError(
        `${choice.name} is one file and cannot be had as ${name}. Leave \`recipe\` out, or name a catalog model.`,
      );
    return { variants: [found], free: false };
  }
  if (!minRecipe) return { variants: choice.variants, free: choice.recipeIsFree };
  const least = minRecipe.trim().toUpperCase();
  if (!isRecipe(least))
    throw new InputError(`\`minRecipe\` "${minRecipe.slice(0, 40)}" is not known. Send one of ${recipes.join(", ")}.`);
  const floor = recipes.indexOf(least);
  const variants = choice.variants.filter(
    (variant) => variant.recipe === undefined || (isRecipe(variant.recipe) && recipes.indexOf(variant.recipe) <= floor),
  );
  return { variants: variants.length > 0 ? variants : choice.variants.slice(0, 1), free: false };
}

/** Mixes that fit, finest first; the finest recipe alone where none does, so that the answer says what is missing. */
async function mixesOf(
  model: Model,
  args: Optional<PlanArguments>,
  ask: ModelQuestion & { readonly run: Run },
): Promise<readonly Variant[] | undefined> {
  const least = args.minRecipe?.trim().toUpperCase();
  if (least && !isRecipe(least))
    throw new InputError(`\`minRecipe\` "${least.slice(0, 40)}" is not known. Send one of ${recipes.join(", ")}.`);
  const [{ mixedVariants }, { loadLossPriors }] = await Promise.all([
    import("../core/decide/mix-ladder.ts"),
    import("../core/sources/loss-priors.ts"),
  ]);
  const mixes = mixedVariants(
    {
      ...ask,
      model,
      leastBits: least ? variant(least, () => model).leastBits : undefined,
      imatrix: Boolean(args.imatrixPath),
      minDecodeTokensPerSecond: args.minDecodeTokensPerSecond ?? 0,
    },
    knowledge,
    { quality: knowledge.quality, priors: await loadLossPriors() },
  );
  return mixes.length > 0 ? mixes : undefined;
}

async function summedModel(model: Model): Promise<Model> {
  const [{ tensorDivergence }, { loadLossPriors }] = await Promise.all([
    import("../core/decide/mix.ts"),
    import("../core/sources/loss-priors.ts"),
  ]);
  const losses = { quality: knowledge.quality, priors: await loadLossPriors() };
  return { ...model, klDivergenceNats: tensorDivergence(model, losses) };
}

const MOST_HOSTS = 16;
const DEFAULT_LINK_GBPS = 1;
const DEFAULT_LATENCY_MS = 0.2;

/** `rtx-4090, ram=64GiB @ 192.168.1.20`: hardware and, behind an @, where it is reached. */
async function withHosts(local: Hardware, args: Optional<PlanArguments>): Promise<Hardware> {
  const hosts = args.hosts ?? [];
  if (hosts.length > MOST_HOSTS)
    throw new InputError(`\`hosts\` names ${hosts.length} machines. Send at most ${MOST_HOSTS}.`);
  const [{ parseHardware }, { loadHardwareCatalog }, { joinHosts }] = await Promise.all([
    import("../core/sources/hardware-expression.ts"),
    import("../core/sources/hardware-catalog.ts"),
    import("../core/decide/split.ts"),
  ]);
  const catalog = await loadHardwareCatalog();
  const remotes = hosts.map((text, index) => {
    const [expression = "", said] = text.split("@").map((part) => part.trim());
    const address = said === undefined || said === "" ? `host-${index + 1}` : said;
    if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/.test(address))
      throw new InputError(
        `\`hosts\` holds the address "${address.slice(0, 60)}". Send a host name or IPv4 address behind the @, e.g. rtx-4090 @ 192.168.1.20.`,
      );
    return { address, hardware: parseHardware(expression, catalog) };
  });
  return joinHosts(local, remotes, {
    bytesPerSecond: ((args.linkGbps ?? DEFAULT_LINK_GBPS) * 1e9) / 8,
    latencySeconds: (args.linkLatencyMs ?? DEFAULT_LATENCY_MS) / 1000,
  });
}

function boundsOf(args: Optional<PlanArguments>): { readonly least: number; readonly most: number } {
  const least = args.minContextTokens ?? LEAST_CONTEXT;
  const most = args.maxContextTokens ?? Number.MAX_SAFE_INTEGER;
  if (least > most)
    throw new InputError(
      `\`minContextTokens\` ${least} is above \`maxContextTokens\` ${most}. Send a least that is at most the most.`,
    );
  return { least, most };
}

function rival(judged: Judged, name: string, best: Judged) {
  const { candidate, quality } = judged;
  return {
    label: name,
    recipe: candidate.model.recipe ?? "unknown",
    feasible: candidate.fits,
    runMode: candidate.runMode,
    contextTokens: candidate.run.contextTokens,
    memoryBytes: candidate.memoryBytes,
    ...(candidate.speed ? { decodeTokensPerSecond: roundInterval(candidate.speed.decodeTokensPerSecond) } : {}),
    expectedPerplexityIncreaseFraction: round3(perplexityIncrease(quality.klDivergenceNats, knowledge.quality).mid),
    ...tradeOff(judged, best),
  };
}

interface Writer {
  readonly commands: (candidate: Candidate, artefact: Artefact) => Command[];
  readonly endpoint: (artefact: Artefact) => { readonly baseUrl: string; readonly modelName: string };
  /** the commands over several machines, of engines that have any */
  readonly onHosts?: (candidate: Candidate, artefact: Artefact) => Command[];
  /** why there are no commands, where there are none */
  readonly refusal?: (candidate: Candidate, artefact: Artefact) => string | undefined;
}

function otherEngine(
  engine: OtherEngine,
  write: (candidate: Candidate, artefact: Artefact, planned: EnginePlan) => Command[],
  endpoint: Writer["endpoint"],
): Writer {
  const planned = (candidate: Candidate): EnginePlan => planEngine(engine, candidate, knowledge.calibration);
  return {
    commands: (candidate, artefact) => write(candidate, artefact, planned(candidate)),
    endpoint,
    refusal: (candidate, artefact) => {
      const outcome = planned(candidate);
      if (outcome.outcome === "cannot") return `No commands for ${engine}: ${outcome.reason}.`;
      return artefact.weightsRepo === undefined
        ? `No commands for ${engine}: it needs the published weights, and no repository of them is known.`
        : undefined;
    },
  };
}

const writers: Readonly<Record<string, Writer>> = {
  "llama.cpp": { commands: llamaCommands, onHosts: llamaCommands, endpoint: llamaEndpoint },
  ollama: { commands: ollamaCommands, endpoint: ollamaEndpoint },
  "lm-studio": { commands: lmStudioCommands, endpoint: lmStudioEndpoint },
  vllm: { ...otherEngine("vllm", vllmCommands, vllmEndpoint), onHosts: vllmHosts },
  mlx: otherEngine("mlx", mlxCommands, mlxEndpoint),
  transformers: otherEngine("transformers", transformersCommands, transformersEndpoint),
};

const engineAliases: Readonly<Record<string, string>> = {
  lmstudio: "lm-studio",
  "lm studio": "lm-studio",
  lms: "lm-studio",
  llamacpp: "llama.cpp",
  "llama-cpp": "llama.cpp",
  "mlx-lm": "mlx",
};

function refusalOf(writer: Writer, candidate: Candidate, artefact: Artefact): string[] {
  if (!candidate.hardware.network) return [writer.refusal?.(candidate, artefact)].filter((text) => text !== undefined);
  return (writer.onHosts?.(candidate, artefact) ?? []).length > 0
    ? []
    : ["No commands over several machines for one of the engines asked for: llama.cpp has them, vLLM for CUDA cards."];
}

function writersFor(engines: readonly string[]): Writer[] {
  return engines.map((engine) => {
    const said = engine.trim().toLowerCase();
    const name = (Object.hasOwn(engineAliases, said) ? engineAliases[said] : undefined) ?? said;
    const writer = Object.hasOwn(writers, name) ? writers[name] : undefined;
    if (!writer)
      throw new InputError(
        `Commands for "${engine.slice(0, 40)}" are not written. Send \`engines\` with some of ${Object.keys(writers).join(", ")}.`,
      );
    return writer;
  });
}

export async function planAnswer(reference: string, args: Optional<PlanArguments>, context: AnswerContext) {
  const question = questionOf(args, context.world);
  const run = gatherRun(args.run);
  const objective = args.objective ?? "balanced";
  refuseCompanions(run.parsed);
  if ((args.linkGbps || args.linkLatencyMs) && !args.hosts?.length)
    throw new InputError(
      "`linkGbps` and `linkLatencyMs` describe links to further machines. Send `hosts` with them, or leave them out.",
    );
  if (args.imatrixPath && args.recipe?.trim().toLowerCase() !== "mixed")
    throw new InputError(
      "`imatrixPath` serves mixed-precision plans only. Send `recipe` mixed with it, or leave it out.",
    );
  if (!objectives.includes(objective))
    throw new InputError(`\`objective\` "${String(objective)}" is not known. Send one of ${objectives.join(", ")}.`);
  const { least, most } = boundsOf(args);
  const [gathered, choice] = await Promise.all([
    gatherHardware(args.hardware, args.memoryBasis, context),
    gatherModel(reference, context),
  ]);
  const own = withDevices(gathered.hardware, run.parsed);
  const hardware = args.hosts && args.hosts.length > 0 ? await withHosts(own, args) : own;
  const ask = { ...modelQuestion(hardware, question, run, readRunModes(args.runModes)), asGiven: false };
  const ability = abilityIn(choice.abilities, question.row.domain);
  const mixed = args.recipe?.trim().toLowerCase() === "mixed";
  const { variants, free } = allowedVariants(choice, mixed ? "Q8_0" : args.recipe, mixed ? undefined : args.minRecipe);
  const first = variants[0];
  if (!first) throw new Error("a model has at least one variant");
  const trained = first.model().hyper.trainedContextTokens || question.row.contextTokens;
  if (args.minContextTokens && args.minContextTokens > trained)
    throw new InputError(
      `\`minContextTokens\` ${args.minContextTokens} is above the ${trained} tokens that ${choice.name} was trained on. Send at most ${trained}.`,
    );
  const ceiling = Math.min(most, trained);
  const target = objective === "context" ? ceiling : Math.min(ceiling, Math.max(question.row.contextTokens, least));
  const mixes = mixed
    ? await mixesOf(first.model(), args, { ...ask, run: run.runFor(first.model().hyper, target) })
    : undefined;
  const outcome = plan(
    {
      ...ask,
      variants: mixes ?? variants,
      recipeIsFree: free,
      baseRun: (variant) => run.runFor(variant.model().hyper, target),
      objective,
      targetContextTokens: target,
      minContextTokens: Math.min(least, ceiling),
      minDecodeTokensPerSecond: args.minDecodeTokensPerSecond ?? 0,
      cacheTypes: readCacheTypes(args.cacheTypes),
      ability,
    },
    knowledge,
  );
  const engines = writersFor(args.engines && args.engines.length > 0 ? args.engines : [question.engine]);
  if (outcome.outcome === "infeasible") {
    const judged = judge(outcome.closest, ability, knowledge);
    const missing = whyNot(outcome.closest, choice.allVariants, ask, await deviceChoices(), knowledge);
    return {
      summary: `No plan for ${choice.name} on ${hardware.name} meets every limit: ${outcome.reason}.`,
      feasible: false,
      model: shapeModel(choice, judged),
      hardware: shapeHardware(hardware, gathered.memoryBasis, gathered.otherBasis),
      usability: outcome.closest.usability,
      memory: shapeMemory(outcome.closest),
      ...(outcome.closest.speed ? { speed: roundSpeed(outcome.closest.speed) } : {}),
      alternatives: [],
      commands: [],
      fallback: [],
      whyNot: {
        shortfallBytes: missing.shortfallBytes,
        reason: outcome.reason,
        options: missing.options.map((option) => optionLine(option)),
      },
      notes: placementNotes(outcome.closest),
    };
  }
  const found = outcome.plan.best;
  // speed over a network is not part of working memory out
  const best = hardware.network ? found : { ...found, candidate: workedOut(found.candidate, knowledge.calibration) };
  const { candidate } = best;
  const recipe = candidate.model.recipe ?? "unknown";
  const published: Artefact = {
    path: choice.file,
    ggufRepo: choice.ggufRepo,
    weightsRepo: choice.repo === choice.ggufRepo ? undefined : choice.repo,
    recipe,
    name: choice.id ?? choice.name,
    shell: shellOf(hardware.host.os),
    ...(args.imatrixPath ? { imatrixPath: args.imatrixPath } : {}),
  };
  // a mix is a file that its own steps write: every engine that reads GGUF takes it from there
  const isMix = recipe === "mixed";
  const artefact: Artefact = isMix ? { ...published, path: mixPath(published) } : published;
  const baselineVariant = choice.variantOf("Q4_K_M");
  // beside a mix the same sum over tensors judges both
  const baselineModel =
    baselineVariant && mixed ? await summedModel(baselineVariant.model()) : baselineVariant?.model();
  const baseline = baselineModel
    ? judge(
        bestPlacement(
          baselineModel,
          run.runFor(baselineModel.hyper, target),
          { ...ask, runModes: allPlaceModes },
          knowledge,
        ),
        ability,
        knowledge,
      )
    : undefined;
  const written = [
    ...(isMix ? mixCommands(candidate.model, published) : []),
    ...engines.flatMap((writer) => (hardware.network ? writer.onHosts : writer.commands)?.(candidate, artefact) ?? []),
  ];
  const shown = args.detail === "detailed" ? written : conciseCommands(written);
  const others = alternativesOf(outcome.plan.all, best);
  const loss = perplexityIncrease(best.quality.klDivergenceNats, knowledge.quality);
  return {
    summary: planSummary(choice.name, best),
    feasible: true,
    plan: {
      recipe,
      tensorTypeCounts: tensorTypeCounts(candidate.model),
      run: shapeRun(candidate.run),
      placement: { ...shapePlacement(candidate), overrides: overridesOf(candidate.run) },
    },
    runMode: candidate.runMode,
    memory: shapeMemory(candidate),
    ...(candidate.speed ? { speed: roundSpeed(candidate.speed) } : {}),
    ...(args.minDecodeTokensPerSecond && candidate.speed
      ? { reachesMinDecode: reaches(candidate.speed.decodeTokensPerSecond, args.minDecodeTokensPerSecond) }
      : {}),
    quality: {
      expectedPerplexityIncreaseFraction: { low: round3(loss.low), mid: round3(loss.mid), high: round3(loss.high) },
      basis:
        candidate.model.klDivergenceNats !== undefined
          ? `${sizesOf(candidate.model).bitsPerWeight.toFixed(2)} bits per weight, summed over tensors by role, depth and type from published divergences; good to a factor of two`
          : `${sizesOf(candidate.model).bitsPerWeight.toFixed(2)} bits per weight on the published KL-divergence curve, good to a factor of two`,
    },
    usability: candidate.usability,
    ...(baseline ? { baseline: rival(baseline, "the usual Q4_K_M", best) } : {}),
    alternatives: others.map((other) => rival(other, label(choice.name, other.candidate.model.recipe), best)),
    commands: shown,
    ...(engines[0] ? { endpoint: engines[0].endpoint(artefact) } : {}),
    ...(choice.file === undefined
      ? { downloadBytes: isMix ? 2 * sizesOf(candidate.model).parameterCount : candidate.model.fileBytes }
      : {}),
    fallback: fallbackSteps(candidate),
    notes: [
      ...placementNotes(candidate),
      ...contextNotes(candidate),
      ...networkNotes(candidate),
      ...(shown.length < written.length
        ? [`${written.length - shown.length} further ways to verify: send detail=detailed.`]
        : []),
      ...engineNotes(question.engine),
      ...engines.flatMap((writer) => refusalOf(writer, candidate, artefact)),
      ...hardware.warnings,
      ...choice.warnings,
    ],
    model: shapeModel(choice, best),
    hardware: shapeHardware(hardware, gathered.memoryBasis, gathered.otherBasis),
    ...(args.detail === "detailed"
      ? {
          tensorTypes: tensorTypeRows(candidate.model),
          steps: [{ name: "configurations judged", value: String(outcome.plan.triedCount) }],
        }
      : {}),
  };
}

/** Bytes a token over every cut, and the addresses that stand for unknown ones. */
function networkNotes(candidate: Candidate): string[] {
  const { network } = candidate.hardware;
  if (!network) return [];
  const cuts = cutsOf(candidate).map(
    ({ address, device, bytesPerToken }) =>
      `${candidate.hardware.devices[device]?.name ?? "device"} at ${address}: ${bytesPerToken} bytes a token cross the network there and back.`,
  );
  const unknown = network.addresses.filter((address) => /^host-\d+$/.test(address));
  return [
    ...(cuts.length > 0 ? cuts : ["The further machines are not needed: nothing of the model lies on them."]),
    ...(unknown.length > 0
      ? [`Put the real addresses for ${unknown.join(", ")}, or send them behind an @ in \`hosts\`.`]
      : []),
  ];
}

/** One verify step, the first: further ones and other engines' come with details. */
function conciseCommands(commands: readonly Command[]): readonly Command[] {
  const first = commands.find(({ step }) => step === "verify");
  return commands.filter((command) => command.step !== "verify" || command === first);
}

function reaches(decode: { readonly low: number; readonly mid: number }, least: number): "likely" | "possible" | "no" {
  return decode.low >= least ? "likely" : decode.mid >= least ? "possible" : "no";
}

const ALTERNATIVES = 4;

/** The best by each other objective, and each other recipe's best, without repeats. */
function alternativesOf(all: readonly (Judged & { readonly variant: Variant })[], best: Judged): Judged[] {
  const seen = new Set([keyOf(best)]);
  const chosen: Judged[] = [];
  const ordered = [
    ...(["quality", "speed", "context", "memory"] as const).flatMap((objective) =>
      sortOptions(all, objective).slice(0, 1),
    ),
    ...sortOptions(all, "balanced"),
  ];
  for (const option of ordered) {
    if (seen.has(keyOf(option)) || chosen.length >= ALTERNATIVES) continue;
    seen.add(keyOf(option));
    chosen.push(option);
  }
  return chosen;
}

function keyOf({ candidate }: Judged): string {
  return `${candidate.model.recipe} ${candidate.run.cacheTypeK} ${candidate.run.contextTokens}`;
}
