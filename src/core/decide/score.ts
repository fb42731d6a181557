/** Four scores of 0…100 and their weighted sum. Thresholds and weights are data; the arithmetic is here alone. */
import { slackRatio } from "./budget.ts";
import { type Candidate, felt, type RunMode, thresholds } from "./candidate.ts";
import type { ScoreWeights } from "./use-cases.ts";

export interface Scores {
  readonly quality: number;
  readonly speed: number;
  readonly fit: number;
  readonly context: number;
}

/** How much a comfortable fit is worth by where the weights are. */
const modeWorth: Readonly<Record<RunMode, number>> = {
  gpu: 1,
  "moe-offload": 0.8,
  "cpu-offload": 0.6,
  cpu: 0.5,
  "disk-offload": 0.1,
  "does-not-fit": 0,
};

/** A fit that just holds is worth half of one with the comfortable margin. */
function fitScore(candidate: Candidate): number {
  if (!candidate.fits) return 0;
  const ratio = slackRatio(candidate.memory, candidate.room, candidate.runMode !== "gpu");
  const ease = Math.min(1, Math.max(0, (ratio - 1) / (thresholds.comfortRatio - 1)));
  return 100 * (modeWorth[candidate.runMode] ?? 0) * (0.5 + 0.5 * ease);
}

/** @param maxContextTokens largest context that fits this way */
export function scoresOf(candidate: Candidate, qualityScore: number, maxContextTokens: number): Scores {
  const { row } = candidate.question;
  const rate = felt(candidate.speed, candidate.question, candidate.model.hyper.causal);
  return {
    quality: qualityScore,
    speed: 100 * Math.min(1, (rate ?? 0) / row.targetDecodeTokensPerSecond),
    fit: fitScore(candidate),
    context: 100 * Math.min(1, maxContextTokens / row.contextTokens),
  };
}

export function weightedScore(scores: Scores, weights: ScoreWeights): number {
  const total = weights.quality + weights.speed + weights.fit + weights.context;
  const sum =
    scores.quality * weights.quality +
    scores.speed * weights.speed +
    scores.fit * weights.fit +
    scores.context * weights.context;
  return total > 0 ? sum / total : 0;
}
