/** The best candidate of one model as stored: placement solved unless the caller fixed it, everything then judged together. */

import { estimateQuality, meanKlDivergenceNats, type Quality } from "../estimate/quality.ts";
import { decodeAtDepth } from "../estimate/speed.ts";
import type { Ability, QualityConstants } from "../facts/ability.ts";
import type { Calibration } from "../facts/calibration.ts";
import type { Hardware } from "../facts/hardware.ts";
import type { Model } from "../facts/model.ts";
import type { Run } from "../facts/run.ts";
import type { Tokens } from "../units.ts";
import {
  assessVerdict,
  boundMemory,
  type Candidate,
  judgeMemory,
  type MemoryVerdict,
  type Question,
} from "./candidate.ts";
import { contextCeiling, maxContext } from "./max-context.ts";
import { type PlaceMode, placements, refinements } from "./place.ts";
import { type Scores, scoresOf, weightedScore } from "./score.ts";
import { overNetwork } from "./split.ts";

/** Everything that is known and the same for every question. */
export interface Knowledge {
  readonly calibration: Calibration;
  readonly quality: QualityConstants;
}

/** Flags of a run that settle where things go; any of them leaves the placement to the caller. */
const placementFlags: readonly (keyof Run)[] = [
  "offloadedLayers",
  "cpuMoeLayers",
  "cpuFfnLayers",
  "tensorSplit",
  "overrides",
  "cacheOffload",
];

export function placementIsFixed(fixed: ReadonlySet<keyof Run>): boolean {
  return placementFlags.some((flag) => fixed.has(flag));
}

/** A candidate with what a ranking compares. */
export interface Judged {
  readonly candidate: Candidate;
  readonly quality: Quality;
  readonly maxContextTokens: Tokens;
  readonly scores: Scores;
  readonly score: number;
}

export interface ModelQuestion {
  readonly hardware: Hardware;
  readonly question: Question;
  /** a program's defaults hold as they are: nothing is solved */
  readonly asGiven: boolean;
  readonly fixed: ReadonlySet<keyof Run>;
  readonly runModes: readonly PlaceMode[];
}

export const allPlaceModes: readonly PlaceMode[] = ["gpu", "moe-offload", "cpu-offload", "cpu"];

/**
 * The fastest placement that fits, or the one that comes closest.
 * @param detail "whole" stops at whole layers: enough to compare recipes and contexts by, several times sooner
 */
export function bestPlacement(
  model: Model,
  run: Run,
  ask: ModelQuestion,
  knowledge: Knowledge,
  detail: "whole" | "filled" = "filled",
): Candidate {
  const { hardware, question } = ask;
  const memoryOf = (tried: Run): MemoryVerdict => judgeMemory(model, hardware, tried, question.limits);
  const complete = (verdict: MemoryVerdict): Candidate =>
    overNetwork(assessVerdict(verdict, model, hardware, question, knowledge.calibration));
  if (ask.asGiven || placementIsFixed(ask.fixed)) return complete(memoryOf(run));
  const { fitting, nearest } = placements(model, hardware, run, memoryOf, ask.runModes);
  const coarse = fastest(fitting.map(complete)) ?? complete(nearest ?? memoryOf(run));
  return detail === "whole" ? coarse : refine(coarse, ask, knowledge);
}

/** The candidate with what whole layers leave free of the devices filled part by part, where that is faster. */
export function refine(coarse: Candidate, ask: ModelQuestion, knowledge: Knowledge): Candidate {
  const { model, hardware, question } = coarse;
  if (ask.asGiven || placementIsFixed(ask.fixed) || coarse.runMode === "gpu" || coarse.runMode === "cpu") return coarse;
  const memoryOf = (tried: Run): MemoryVerdict => judgeMemory(model, hardware, tried, question.limits);
  const tried = refinements(model, hardware, coarse, memoryOf).map((verdict) =>
    overNetwork(assessVerdict(verdict, model, hardware, question, knowledge.calibration)),
  );
  return fastest([coarse, ...tried].filter(({ fits }) => fits)) ?? coarse;
}

/** Sooner with the whole answer than this counts more than a faster decode. */
const SOONER = 0.95;

/** The fastest decode, unless another is clearly sooner with the whole answer. */
function fastest(candidates: readonly Candidate[]): Candidate | undefined {
  const decode = ({ speed }: Candidate): number => speed?.decodeTokensPerSecond.mid ?? 0;
  const [first, ...others] = candidates;
  if (!first) return undefined;
  const soonest = others.reduce((best, other) => (taskSeconds(other) < taskSeconds(best) ? other : best), first);
  return candidates
    .filter((candidate) => SOONER * taskSeconds(candidate) <= taskSeconds(soonest))
    .reduce((best, other) => (decode(other) > decode(best) ? other : best), soonest);
}

/** Seconds of one whole answer: first token and all the rest. */
export function taskSeconds(candidate: Candidate): number {
  const { speed, question } = candidate;
  if (!speed) return Number.POSITIVE_INFINITY;
  return speed.timeToFirstTokenSeconds.mid + question.outputTokens / speed.decodeTokensPerSecond.mid;
}

/** @param context "searched": the largest that fits is found; "run": the run's own stands for it, where only that much is asked */
export function judge(
  candidate: Candidate,
  ability: Ability | undefined,
  knowledge: Knowledge,
  context: "searched" | "run" = "searched",
): Judged {
  const { model, run, question, hardware } = candidate;
  const klDivergence = meanKlDivergenceNats(model, run.cacheTypeK, run.cacheTypeV, knowledge.quality);
  const quality = estimateQuality(ability, question.row.domain, klDivergence, knowledge.quality);
  const memoryOf = (tried: Run): MemoryVerdict => judgeMemory(model, hardware, tried, question.limits);
  const maxContextTokens =
    context === "run" && candidate.fits
      ? run.contextTokens
      : model.hyper.hasCache
        ? maxContext(candidate, contextCeiling(model, run), memoryOf, (tried, like) =>
            boundMemory(model, hardware, tried, question.limits, like),
          )
        : candidate.fits
          ? model.hyper.trainedContextTokens
          : 0;
  const scores = scoresOf(candidate, quality.score, maxContextTokens);
  return {
    candidate,
    quality,
    maxContextTokens,
    scores,
    score: candidate.fits ? weightedScore(scores, question.row.weights) : 0,
  };
}

/** Decode speed of a candidate at other depths. */
export function decodeAt(candidate: Candidate, depthTokens: Tokens, knowledge: Knowledge) {
  const { model, run, memory, hardware, question } = candidate;
  return decodeAtDepth(model, run, memory.placement, hardware, question, depthTokens, knowledge.calibration);
}
