/** `fit_model`: one model, one machine, one run: does it fit, how well, how fast. */
import { type BestVariant, bestVariant } from "../core/decide/best-variant.ts";
import { type Candidate, workedOut } from "../core/decide/candidate.ts";
import { bestPlacement, decodeAt, type Judged, judge, type ModelQuestion } from "../core/decide/choose.ts";
import type { Variant } from "../core/decide/variants.ts";
import { hardwareOptions, type WhyNotOption, whyNot } from "../core/decide/why-not.ts";
import { abilityIn, perplexityIncrease, sizesOf } from "../core/estimate/quality.ts";
import { bytesByRole } from "../core/estimate/roles.ts";
import type { Ability } from "../core/facts/ability.ts";
import { BoundedMap } from "../core/facts/bounded-map.ts";
import type { Hardware } from "../core/facts/hardware.ts";
import type { Hyperparameters, Model } from "../core/facts/model.ts";
import type { Run } from "../core/facts/run.ts";
import { tensorBytes } from "../core/facts/tensor.ts";
import { runFlags } from "../core/present/llama-cpp.ts";
import {
  contextNotes,
  engineNotes,
  fitSummary,
  loadNotes,
  optionText,
  placementNotes,
  spillWarnings,
  stepsOf,
} from "../core/present/notes.ts";
import { round1, round3, roundInterval, roundSpeed } from "../core/present/round.ts";
import { evidenceRows, shapeHardware, shapeMemory, shapeRun, shapeScores } from "../core/present/shapes.ts";
import { shellCommand } from "../core/present/shell.ts";
import { besideCompanions, companionsOf, gatherCompanions, shapeCompanions } from "./companions.ts";
import { fastestEngine, isOtherEngine, judgeEngine } from "./fit-engine.ts";
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

export interface FitArguments extends QuestionArguments {
  readonly hardware: string;
  readonly memoryBasis: MemoryBasis;
  readonly run: string;
  readonly detail: "concise" | "detailed";
}

const DEPTHS = [0, 8192, 32768];

export function shapeModel(choice: ModelChoice, { candidate }: Pick<Judged, "candidate">) {
  const { model } = candidate;
  const { parameterCount, activeParameterCount } = sizesOf(model);
  return {
    ...(choice.id === undefined ? {} : { id: choice.id }),
    ...(choice.repo === undefined ? {} : { repo: choice.repo }),
    ...(choice.file === undefined ? {} : { file: choice.file }),
    architecture: model.hyper.architecture,
    ...(model.recipe === undefined ? {} : { recipe: model.recipe }),
    parameterCount,
    activeParameterCount,
    tensorBytes: storedBytes(model),
    fileBytes: model.fileBytes,
    trainedContextTokens: model.hyper.trainedContextTokens,
  };
}

function shapeOption(option: WhyNotOption) {
  const words = optionText(option);
  if (option.kind === "memory") return { kind: option.kind, ...words, extraBytes: option.extraBytes };
  if (option.kind === "device") return { kind: option.kind, ...words, hardware: option.deviceId };
  const { candidate } = option;
  return {
    kind: option.kind,
    ...words,
    run: shellCommand(runFlags(candidate.run, candidate.hardware.devices.length)),
    ...(option.kind === "recipe" ? { recipe: option.recipe } : {}),
    ...(option.kind === "context" ? { contextTokens: option.contextTokens } : {}),
    ...(candidate.speed ? { decodeTokensPerSecond: roundInterval(candidate.speed.decodeTokensPerSecond) } : {}),
  };
}

const bestBefore = new WeakMap<Hardware, WeakMap<readonly Variant[], BoundedMap<BestVariant>>>();

/** The recipe that is best on this machine for the use case, whatever run is asked about; remembered as long as the machine is. */
function bestOf(choice: ModelChoice, ask: ModelQuestion, ability: Ability | undefined): BestVariant {
  const { hardware, question } = ask;
  const machine = bestBefore.get(hardware) ?? new WeakMap<readonly Variant[], BoundedMap<BestVariant>>();
  bestBefore.set(hardware, machine);
  const known = machine.get(choice.allVariants) ?? new BoundedMap<BestVariant>(16);
  machine.set(choice.allVariants, known);
  return known.remember(JSON.stringify(question), () => {
    const plain = gatherRun("");
    const runFor = (variant: Variant): Run => plain.runFor(variant.model().hyper, question.row.contextTokens);
    const found = bestVariant(
      choice.allVariants,
      runFor,
      { ...ask, asGiven: false, fixed: plain.fixed },
      ability,
      knowledge,
    );
    if (!found) throw new Error("a model has at least one variant");
    return found;
  });
}

const answersBefore = new WeakMap<Hardware, WeakMap<readonly Variant[], BoundedMap<Judged>>>();

/** A model on a machine in one run: asked again, it is what it was. */
function judgedBefore(choice: ModelChoice, ask: ModelQuestion, key: string, make: () => Judged): Judged {
  const machine = answersBefore.get(ask.hardware) ?? new WeakMap<readonly Variant[], BoundedMap<Judged>>();
  answersBefore.set(ask.hardware, machine);
  const known = machine.get(choice.variants) ?? new BoundedMap<Judged>(32);
  machine.set(choice.variants, known);
  return known.remember(key, make);
}

/** What is asked about: the artefact named, else the best recipe; a coarser one where tables find less room than sums did. */
function judgedVariant(
  choice: ModelChoice,
  best: Variant | undefined,
  ask: ModelQuestion,
  runFor: (hyper: Hyperparameters) => Run,
  ability: Ability | undefined,
): Judged {
  const from = best && choice.recipeIsFree ? choice.variants.indexOf(best) : 0;
  const candidates = choice.variants
    .slice(Math.max(0, from))
    .map((variant) => () => bestPlacement(variant.model(), runFor(variant.model().hyper), ask, knowledge));
  let found: Candidate | undefined;
  for (const candidate of candidates) {
    found = candidate();
    if (found.fits) break;
  }
  if (!found) throw new Error("a model has at least one variant");
  return judge(workedOut(found, knowledge.calibration), ability, knowledge);
}

const tensorBytesOf = new WeakMap<Model, number>();

function storedBytes(model: Model): number {
  const known = tensorBytesOf.get(model) ?? model.tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  tensorBytesOf.set(model, known);
  return known;
}

export async function fitAnswer(reference: string, args: Optional<FitArguments>, context: AnswerContext) {
  const question = questionOf(args, context.world);
  const other = isOtherEngine(question.engine) ? question.engine : undefined;
  const run = gatherRun(other ? "" : args.run);
  const [gathered, choice, companions] = await Promise.all([
    gatherHardware(args.hardware, args.memoryBasis, context),
    gatherModel(reference, context),
    gatherCompanions(run.parsed, context),
  ]);
  const hardware = withDevices(gathered.hardware, run.parsed);
  const ask = modelQuestion(hardware, question, run);
  const ability = abilityIn(choice.abilities, question.row.domain);
  const target = (hyper: Hyperparameters): Run => run.runFor(hyper, question.row.contextTokens);
  const best = !other && choice.allVariants.length > 1 ? bestOf(choice, ask, ability) : undefined;
  const bestRecipe = best?.fits ? best.variant.recipe : undefined;
  const key = JSON.stringify([question, run.parsed]);
  const base = choice.variants[0]?.model();
  if (!base) throw new Error("a model has at least one variant");
  const elsewhere = other ? judgeEngine(other, args.run ?? "", choice, hardware, question, base, ability) : undefined;
  const alone =
    elsewhere?.judged ??
    judgedBefore(choice, ask, key, () => judgedVariant(choice, best?.variant, ask, target, ability));
  const auto = args.engine === "auto" ? fastestEngine(alone, choice, hardware, question, base, ability) : undefined;
  const chosen = elsewhere ?? auto?.other;
  const rows = chosen ? [] : companionsOf(companions, alone.candidate);
  const judged = chosen
    ? chosen.judged
    : rows.length === 0
      ? alone
      : judgedVariant(choice, best?.variant, besideCompanions(ask, rows), target, ability);
  const extras = rows.length === 0 ? [] : companionsOf(companions, judged.candidate);
  const { candidate } = judged;
  const { model } = candidate;

  const missing = candidate.fits
    ? undefined
    : chosen
      ? {
          shortfallBytes: candidate.shortfall.totalBytes,
          options: hardwareOptions(candidate, chosen.needBytes, await deviceChoices()),
        }
      : whyNot(candidate, choice.allVariants, besideCompanions(ask, rows), await deviceChoices(), knowledge);
  const loss = perplexityIncrease(judged.quality.klDivergenceNats, knowledge.quality);
  const notes = [
    ...(chosen ? chosen.notes : placementNotes(candidate)),
    ...(auto ? [auto.note] : []),
    ...contextNotes(candidate),
    ...(chosen ? [] : engineNotes(question.engine)),
    ...(chosen ? [] : loadNotes(candidate)),
    ...companions.notes,
    ...(run.parsed.model === undefined ? [] : [`The run names ${run.parsed.model}; what was judged is \`model\`.`]),
    ...(bestRecipe !== undefined && bestRecipe !== model.recipe
      ? [`Best recipe of this model here: ${bestRecipe}.`]
      : []),
    ...(model.recipe === undefined
      ? []
      : [
          `Quantization raises perplexity by about ${round1(loss.mid * 100)} % (${round1(loss.low * 100)} to ${round1(loss.high * 100)} %).`,
        ]),
  ];
  const warnings = [
    ...hardware.warnings,
    ...choice.warnings,
    ...model.warnings.filter((warning) => !choice.warnings.includes(warning)),
    ...(chosen ? [] : spillWarnings(candidate)),
    ...(chosen || choice.cannotLoad === undefined ? [] : [`llama.cpp cannot load this model: ${choice.cannotLoad}`]),
  ];
  return {
    summary: fitSummary(choice.name, judged),
    model: shapeModel(choice, judged),
    hardware: shapeHardware(hardware, gathered.memoryBasis, gathered.otherBasis),
    run: shapeRun(candidate.run),
    runMode: candidate.runMode,
    fitLevel: candidate.fitLevel,
    memory: {
      ...shapeMemory(candidate),
      ...(extras.length > 0 ? { extras: shapeCompanions(extras, hardware) } : {}),
    },
    ...(candidate.speed ? { speed: roundSpeed(candidate.speed) } : {}),
    maxContextTokens: judged.maxContextTokens,
    usability: candidate.usability,
    score: round1(judged.score),
    scores: shapeScores(judged.scores),
    ...(bestRecipe === undefined ? {} : { bestRecipe }),
    engine: {
      name: auto?.engine ?? question.engine,
      canLoad: chosen ? chosen.canLoad : choice.cannotLoad === undefined,
      ...(choice.minimumEngineVersion === undefined || chosen ? {} : { minimumVersion: choice.minimumEngineVersion }),
    },
    installed: choice.installed,
    notes,
    ...(warnings.length > 0 ? { warnings } : {}),
    evidence: evidenceRows(candidate),
    ...(missing
      ? { whyNot: { shortfallBytes: missing.shortfallBytes, options: missing.options.map(shapeOption) } }
      : {}),
    ...(args.detail === "detailed" ? detailsOf(judged, choice, besideCompanions(ask, rows), run, ability) : {}),
  };
}

function detailsOf(
  judged: Judged,
  choice: ModelChoice,
  ask: Parameters<typeof bestPlacement>[2],
  run: ReturnType<typeof gatherRun>,
  ability: Parameters<typeof judge>[1],
) {
  const { candidate } = judged;
  const recipes = choice.allVariants.map((variant) => {
    const model = variant.model();
    const row = judge(
      bestPlacement(model, run.runFor(model.hyper, ask.question.row.contextTokens), ask, knowledge),
      ability,
      knowledge,
    );
    return {
      recipe: variant.recipe ?? "unknown",
      fileBytes: model.fileBytes,
      memoryBytes: row.candidate.memoryBytes,
      runMode: row.candidate.runMode,
      maxContextTokens: row.maxContextTokens,
      ...(row.candidate.speed
        ? { decodeTokensPerSecond: roundInterval(row.candidate.speed.decodeTokensPerSecond) }
        : {}),
      expectedPerplexityIncreaseFraction: round3(
        perplexityIncrease(row.quality.klDivergenceNats, knowledge.quality).mid,
      ),
    };
  });
  const { speed, question } = candidate;
  const first = knowledge.calibration.firstToken;
  return {
    tensorGroups: bytesByRole(candidate.model),
    activeBytesPerToken: activeBytes(judged),
    recipes,
    steps: stepsOf(judged),
    ...(speed
      ? {
          decodeAtDepth: DEPTHS.map((depthTokens) => ({
            depthTokens,
            decodeTokensPerSecond: roundInterval(decodeAt(candidate, depthTokens, knowledge)),
          })),
          firstToken: {
            tokenizeSeconds: round3(first.tokenizeSecondsPerToken * question.promptTokens),
            prefillSeconds: round3(question.promptTokens / speed.prefillTokensPerSecond.mid),
            transitionSeconds: first.fixedSeconds,
            firstDecodeSeconds: round3(1 / speed.decodeTokensPerSecond.mid),
            samplingSeconds: round3(first.samplerSecondsPerToken.mid * question.promptTokens),
          },
        }
      : {}),
  };
}

/** Weights read for one token: everything but unread experts and the embedding table. */
function activeBytes({ candidate }: Judged): number {
  const groups = bytesByRole(candidate.model);
  const { experts } = candidate.model.hyper;
  const share = experts && experts.total > 0 ? experts.used / experts.total : 1;
  const tied = groups.output === 0 ? groups.embedding : 0;
  return Math.round(
    groups.attention +
      groups.denseFfn +
      groups.experts * share +
      groups.sharedExperts +
      groups.output +
      tied +
      groups.norm +
      groups.other,
  );
}

/** Catalog devices as a remedy: id and largest memory. */
export async function deviceChoices() {
  const { loadHardwareCatalog } = await import("../core/sources/hardware-catalog.ts");
  const { entries } = await loadHardwareCatalog();
  return entries.flatMap((entry) =>
    entry.kind === "gpu" && entry.backends.length > 0 && entry.memoryBytes.length > 0
      ? [{ id: entry.id, memoryBytes: entry.memoryBytes.at(-1) ?? 0 }]
      : [],
  );
}
