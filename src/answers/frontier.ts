/** `pareto_frontier`: the configurations of one model, or the models of the catalog, of which none is worse than another in every goal. */

import { bestPlacement, type Judged, judge } from "../core/decide/choose.ts";
import { frontier, knee } from "../core/decide/frontier.ts";
import { abilityIn } from "../core/estimate/quality.ts";
import { InputError } from "../core/facts/input-error.ts";
import type { CacheType } from "../core/facts/run.ts";
import { frontierChart } from "../core/present/chart.ts";
import { frontierSummary } from "../core/present/frontier-notes.ts";
import { runFlags } from "../core/present/llama-cpp.ts";
import { round1, roundInterval } from "../core/present/round.ts";
import { shapeHardware, shapeRun } from "../core/present/shapes.ts";
import { shellCommand } from "../core/present/shell.ts";
import { GIB } from "../core/units.ts";
import { refuseCompanions } from "./companions.ts";
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
import { gatherModel } from "./model.ts";
import { rankOptions } from "./rank-catalog.ts";
import { exactly, type RankedOption } from "./rank-rows.ts";

export const goals = ["quality", "decode", "prefill", "memory", "context"] as const;
export type Goal = (typeof goals)[number];

export interface FrontierArguments extends QuestionArguments {
  readonly model: string;
  readonly hardware: string;
  readonly memoryBasis: MemoryBasis;
  readonly run: string;
  readonly objectives: readonly Goal[];
  readonly minDecodeTokensPerSecond: number;
  readonly minContextTokens: number;
  readonly maxMemoryGiB: number;
  readonly maxPoints: number;
  readonly chart: boolean;
  readonly detail: "concise" | "detailed";
}

interface Point {
  readonly name: string;
  readonly judged: Judged;
  readonly values: readonly number[];
}

/** Larger is better in each; memory is negated. */
const goalValue: Readonly<Record<Goal, (judged: Judged) => number>> = {
  quality: ({ quality }) => quality.score,
  decode: ({ candidate }) => candidate.speed?.decodeTokensPerSecond.mid ?? 0,
  prefill: ({ candidate }) => candidate.speed?.prefillTokensPerSecond.mid ?? 0,
  memory: ({ candidate }) => -candidate.memoryBytes,
  context: ({ maxContextTokens }) => maxContextTokens,
};

const quickValue: Readonly<Record<Goal, (option: RankedOption) => number>> = {
  quality: ({ ranked }) => ranked.quality.score,
  decode: ({ ranked }) => ranked.speed?.decodeTokensPerSecond.mid ?? 0,
  prefill: ({ ranked }) => ranked.speed?.prefillTokensPerSecond.mid ?? 0,
  memory: ({ ranked }) => -ranked.memoryBytes,
  context: ({ ranked }) => ranked.maxContextTokens,
};

const CACHE_TYPES: readonly CacheType[] = ["f16", "q8_0"];
const UBATCHES = [512, 2048];

function isGoal(name: string): name is Goal {
  return goals.some((goal) => goal === name);
}

function readGoals(given: readonly string[] | null | undefined): readonly Goal[] {
  const list: readonly string[] = given && given.length > 0 ? given : ["quality", "decode"];
  const read = list.filter(isGoal);
  if (read.length !== list.length || new Set(read).size !== read.length || read.length < 2 || read.length > 3)
    throw new InputError(
      `\`objectives\` must be 2 or 3 different ones of ${goals.join(", ")}. Send e.g. ["quality", "decode"].`,
    );
  return read;
}

export async function frontierAnswer(args: Optional<FrontierArguments>, context: AnswerContext) {
  const question = questionOf(args, context.world);
  const objectives = readGoals(args.objectives);
  const run = gatherRun(args.run);
  refuseCompanions(run.parsed);
  const gathered = await gatherHardware(args.hardware, args.memoryBasis, context);
  const hardware = withDevices(gathered.hardware, run.parsed);
  const ask = { ...modelQuestion(hardware, question, run), asGiven: false };
  let dominatedByOthers = 0;
  const found: { readonly name: string; readonly judged: Judged }[] = [];
  if (args.model) {
    const choice = await gatherModel(args.model, context);
    const ability = abilityIn(choice.abilities, question.row.domain);
    for (const variant of choice.variants) {
      const model = variant.model();
      const base = run.runFor(model.hyper, question.row.contextTokens);
      const cacheTypes =
        run.fixed.has("cacheTypeK") || run.fixed.has("cacheTypeV") || !model.hyper.hasCache
          ? [base.cacheTypeK]
          : CACHE_TYPES;
      const ubatches =
        objectives.includes("prefill") && !run.fixed.has("ubatchTokens") ? UBATCHES : [base.ubatchTokens];
      for (const type of cacheTypes)
        for (const ubatchTokens of ubatches) {
          const pair = cacheTypes.length > 1 ? { cacheTypeK: type, cacheTypeV: type } : {};
          const judged = judge(
            bestPlacement(model, { ...base, ...pair, ubatchTokens }, ask, knowledge),
            ability,
            knowledge,
          );
          found.push({ name: choice.id ?? choice.name, judged });
        }
    }
  } else {
    const options: readonly RankedOption[] = await rankOptions(question, hardware, run, {}, context);
    // sums find the frontier of the catalog, tables judge what is on it
    const rough = options.map((option) => ({ option, values: objectives.map((goal) => quickValue[goal](option)) }));
    dominatedByOthers = rough.length;
    const kept = frontier(rough);
    dominatedByOthers -= kept.length;
    found.push(...kept.map(({ option }) => ({ name: option.id, judged: exactly(option) })));
  }
  const points: Point[] = found
    .filter(({ judged }) => judged.candidate.fits && allowed(judged, args))
    .map(({ name, judged }) => ({ name, judged, values: objectives.map((goal) => goalValue[goal](judged)) }));
  const best = frontier(points);
  const bend = knee(best);
  const maxPoints = args.maxPoints ?? 20;
  const shown = best.length > maxPoints ? thin(best, maxPoints, bend) : best;
  const shaped = shown.map((point, index) => shapePoint(point, index, point === bend, args.detail === "detailed"));
  const chart = args.chart
    ? frontierChart(
        shown.map((point, index) => ({
          x: point.values[1] ?? 0,
          y: point.values[0] ?? 0,
          label: shaped[index]?.label ?? "",
          knee: point === bend,
        })),
        objectives[1] ?? "",
        objectives[0] ?? "",
      )
    : undefined;
  const { attach } = context;
  if (chart && attach) attach({ uri: CHART_URI, mimeType: "image/svg+xml", text: chart });
  return {
    summary: frontierSummary(shaped, found.length + dominatedByOthers, hardware.name, objectives),
    points: shaped,
    dominatedCount: dominatedByOthers + points.length - best.length,
    objectives,
    qualityBasis: "expected share of points on a benchmark of middle difficulty, after quantization, 0 to 100",
    ...(shown.length < best.length ? { omittedCount: best.length - shown.length } : {}),
    ...(chart && attach ? { chart: { uri: CHART_URI, mimeType: "image/svg+xml" } } : {}),
    hardware: shapeHardware(hardware, gathered.memoryBasis, gathered.otherBasis),
    ...(found.length > points.length
      ? { notes: [`${found.length - points.length} configurations do not fit or miss a limit.`] }
      : {}),
  };
}

const CHART_URI = "modelfit://chart/frontier.svg";

function allowed(judged: Judged, args: Optional<FrontierArguments>): boolean {
  const { candidate, maxContextTokens } = judged;
  if ((candidate.speed?.decodeTokensPerSecond.mid ?? 0) < (args.minDecodeTokensPerSecond ?? 0)) return false;
  if (maxContextTokens < Math.min(args.minContextTokens ?? 0, candidate.model.hyper.trainedContextTokens)) return false;
  return candidate.memoryBytes <= (args.maxMemoryGiB ?? Number.POSITIVE_INFINITY) * GIB;
}

/** Evenly over the frontier, ends and knee kept. */
function thin(points: readonly Point[], count: number, bend: Point | undefined): Point[] {
  const kept = new Set<Point>();
  for (let index = 0; index < count; index++) {
    const point = points[Math.round((index * (points.length - 1)) / Math.max(1, count - 1))];
    if (point) kept.add(point);
  }
  if (bend && !kept.has(bend)) {
    const middle = [...kept][Math.floor(kept.size / 2)];
    if (middle) kept.delete(middle);
    kept.add(bend);
  }
  return points.filter((point) => kept.has(point));
}

function shapePoint({ name, judged }: Point, index: number, isKnee: boolean, detailed: boolean) {
  const { candidate, quality, maxContextTokens } = judged;
  const recipe = candidate.model.recipe ?? "unknown";
  const { run } = candidate;
  const decode = candidate.speed?.decodeTokensPerSecond ?? { low: 0, mid: 0, high: 0 };
  const prefill = candidate.speed?.prefillTokensPerSecond ?? { low: 0, mid: 0, high: 0 };
  return {
    id: `p${index + 1}`,
    model: name,
    recipe,
    ...(detailed ? { run: shapeRun(run), prefillTokensPerSecond: roundInterval(prefill) } : {}),
    runFlags: shellCommand(runFlags(run, candidate.hardware.devices.length)),
    runMode: candidate.runMode,
    memoryBytes: candidate.memoryBytes,
    decodeTokensPerSecond: roundInterval(decode),
    quality: round1(quality.score),
    contextTokens: maxContextTokens,
    knee: isKnee,
    label: `${name} ${recipe} ${run.cacheTypeK}`,
  };
}
