/** The first third of every tool: arguments and sources become facts that decisions take. Every await of an answer is here. */

import { readLimits } from "../core/decide/budget.ts";
import type { Question } from "../core/decide/candidate.ts";
import type { Knowledge, ModelQuestion } from "../core/decide/choose.ts";
import { allPlaceModes } from "../core/decide/choose.ts";
import type { PlaceMode } from "../core/decide/place.ts";
import { isUseCase, type UseCase, useCases } from "../core/decide/use-cases.ts";
import { BoundedMap } from "../core/facts/bounded-map.ts";
import { engineNames } from "../core/facts/engine-names.ts";
import type { Hardware } from "../core/facts/hardware.ts";
import { InputError } from "../core/facts/input-error.ts";
import type { Hyperparameters } from "../core/facts/model.ts";
import type { Run } from "../core/facts/run.ts";
import { calibration, qualityConstants } from "../core/sources/calibration.ts";
import { type ParsedRun, parseRun, resolveRun } from "../core/sources/run-string.ts";
import type { World } from "../core/sources/world.ts";

/** null and undefined both mean "not said". */
export type Optional<T> = { readonly [Key in keyof T]?: T[Key] | null | undefined };

export interface AnswerContext {
  readonly world: World;
  readonly signal?: AbortSignal;
  readonly progress?: (done: number, total: number | undefined, message: string) => void;
  /** adds a resource (a chart) beside the structured answer */
  readonly attach?: (attachment: { readonly uri: string; readonly mimeType: string; readonly text: string }) => void;
  /** true for callers over the network: no paths outside the allowed roots, no measuring */
  readonly remote?: boolean;
}

export const knowledge: Knowledge = { calibration, quality: qualityConstants };

export type MemoryBasis = "now" | "idle";

export interface GatheredHardware {
  readonly hardware: Hardware;
  readonly memoryBasis: MemoryBasis;
  /** this machine under the other basis */
  readonly otherBasis: Hardware | undefined;
}

export function isLocal(expression: string | null | undefined): boolean {
  return (
    expression === null ||
    expression === undefined ||
    expression.trim() === "" ||
    expression.trim().toLowerCase() === "local"
  );
}

/** Loaded with the first question that names hardware. */
let hardwareSources:
  | Promise<
      [typeof import("../core/sources/hardware-expression.ts"), typeof import("../core/sources/hardware-catalog.ts")]
    >
  | undefined;

/** Machines as described before: the same words mean the same machine as long as the catalog is the same. */
const described = new WeakMap<object, BoundedMap<Hardware>>();
const MACHINES = 64;

/** The machine asked about: probed when it is this one, read from its description otherwise. */
export async function gatherHardware(
  expression: string | null | undefined,
  basis: MemoryBasis | null | undefined,
  context: AnswerContext,
): Promise<GatheredHardware> {
  if (isLocal(expression)) {
    const { localHardware } = await import("./local.ts");
    const memoryBasis = basis ?? "now";
    return { ...(await localHardware(context.world, memoryBasis, context.signal)), memoryBasis };
  }
  hardwareSources ??= Promise.all([
    import("../core/sources/hardware-expression.ts"),
    import("../core/sources/hardware-catalog.ts"),
  ]);
  const [{ parseHardware }, { loadHardwareCatalog }] = await hardwareSources;
  const catalog = await loadHardwareCatalog(context.world);
  const machines = described.get(catalog) ?? new BoundedMap<Hardware>(MACHINES);
  described.set(catalog, machines);
  const hardware = machines.remember(expression ?? "", () => {
    const parsed = parseHardware(expression ?? "", catalog);
    return { ...parsed, warnings: [...parsed.warnings, ...catalog.warnings] };
  });
  if (basis !== "now") return { hardware, memoryBasis: "idle", otherBasis: undefined };
  const warnings = [...hardware.warnings, "What is free now is known of this machine only; idle memory is used."];
  return { hardware: { ...hardware, warnings }, memoryBasis: "idle", otherBasis: undefined };
}

export interface QuestionArguments {
  readonly useCase: UseCase;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly engine: string;
  readonly engineDate: string;
  readonly marginMiB: readonly number[];
  readonly memoryBudgetMiB: readonly number[];
  readonly scoreWeights: readonly number[];
  readonly targetDecodeTokensPerSecond: number;
}

const MAX_TOKENS = 100_000_000;

function lengthOf(name: string, value: number | null | undefined, fallback: number): number {
  if (value === null || value === undefined) return fallback;
  if (!Number.isInteger(value) || value < 1 || value > MAX_TOKENS)
    throw new InputError(
      `\`${name}\` ${value} is not a number of tokens from 1 to ${MAX_TOKENS}. Send a whole number, e.g. ${fallback}.`,
    );
  return value;
}

/** `2026-03` → 2026.21: the middle of the month. */
function yearOf(month: string): number {
  const match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month);
  const year = match ? Number(match[1]) + (Number(match[2]) - 0.5) / 12 : Number.NaN;
  if (!(year >= 2023 && year < 2040))
    throw new InputError(`\`engineDate\` ${month} is not a month from 2023-01 on. Send YYYY-MM, e.g. 2026-03.`);
  return year;
}

export function questionOf(args: Optional<QuestionArguments>, world: World): Question {
  const name = args.useCase ?? "general";
  if (!isUseCase(name))
    throw new InputError(
      `\`useCase\` "${String(name)}" is not known. Send one of ${Object.keys(useCases).join(", ")}.`,
    );
  const row = useCases[name];
  const [quality, speed, fit, context] = args.scoreWeights ?? [];
  const weights =
    quality === undefined || speed === undefined || fit === undefined || context === undefined
      ? row.weights
      : { quality, speed, fit, context };
  const engine = args.engine ?? "llama.cpp";
  return {
    useCase: name,
    row: {
      ...row,
      weights,
      targetDecodeTokensPerSecond: args.targetDecodeTokensPerSecond ?? row.targetDecodeTokensPerSecond,
    },
    promptTokens: lengthOf("promptTokens", args.promptTokens, row.promptTokens),
    outputTokens: lengthOf("outputTokens", args.outputTokens, row.outputTokens),
    engine: engine === "auto" ? "llama.cpp" : engine,
    buildYear: args.engineDate
      ? yearOf(args.engineDate)
      : new Date(world.now()).getUTCFullYear() + new Date(world.now()).getUTCMonth() / 12,
    limits: readLimits(args.marginMiB, args.memoryBudgetMiB),
  };
}

export interface GatheredRun {
  readonly parsed: ParsedRun;
  /** fields that the caller set */
  readonly fixed: ReadonlySet<keyof Run>;
  /** resolved for a model: what was said over defaults */
  runFor(hyper: Hyperparameters, contextTokens: number): Run;
}

const runKeys = new Set<string>([
  "contextTokens",
  "sequences",
  "unifiedCache",
  "cacheTypeK",
  "cacheTypeV",
  "batchTokens",
  "ubatchTokens",
  "flashAttention",
  "offloadedLayers",
  "cpuMoeLayers",
  "cpuFfnLayers",
  "overrides",
  "splitMode",
  "mainDevice",
  "tensorSplit",
  "cacheOffload",
  "swaFull",
  "outputs",
  "threads",
  "loadMode",
  "promptCacheBytes",
] satisfies (keyof Run)[]);
function isRunKey(key: string): key is keyof Run {
  return runKeys.has(key);
}

export function gatherRun(text: string | null | undefined): GatheredRun {
  const parsed = parseRun(text ?? "");
  const fixed = new Set<keyof Run>(Object.keys(parsed.changes).filter(isRunKey));
  if (parsed.fullContext) fixed.add("contextTokens");
  return {
    parsed,
    fixed,
    runFor: (hyper, contextTokens) => {
      const trained = hyper.trainedContextTokens > 0 ? hyper.trainedContextTokens : contextTokens;
      return resolveRun(parsed, hyper, Math.min(contextTokens, trained));
    },
  };
}

/** `-dev` picks and orders devices; `none` leaves the CPU. */
export function withDevices(hardware: Hardware, parsed: ParsedRun): Hardware {
  const { devices } = parsed;
  if (devices === undefined) return hardware;
  const names = engineNames(hardware.devices);
  const chosen = devices.map((name) => {
    const device = hardware.devices[names.indexOf(name)];
    if (!device)
      throw new InputError(
        `-dev ${name.slice(0, 40)} is not a device of this machine. Send none or some of ${names.join(", ") || "(no devices here)"}.`,
      );
    return device;
  });
  return { ...hardware, devices: chosen };
}

export function modelQuestion(
  hardware: Hardware,
  question: Question,
  run: GatheredRun,
  runModes: readonly PlaceMode[] = allPlaceModes,
): ModelQuestion {
  return { hardware, question, asGiven: run.parsed.program !== undefined, fixed: run.fixed, runModes };
}
