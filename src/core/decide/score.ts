/** Four scores of 0…100 and their weighted sum. Curves and weights are data; the arithmetic is here alone. */
import type { Speed } from "../facts/speed.ts";
import type { Fraction, Tokens, TokensPerSecond } from "../units.ts";
import { type Candidate, felt, type Question, thresholds } from "./candidate.ts";
import type { ScoreWeights } from "./use-cases.ts";

export interface Scores {
  readonly quality: number;
  readonly speed: number;
  readonly fit: number;
  readonly context: number;
}

/**
 * What speed is worth between nothing and the target: pace is felt by ratios, so it grows with the logarithm, from a twentieth of the
 * target (2 tok/s where 40 are wanted: nobody waits for that) to the target, beyond which more is not noticed.
 */
const leastShareOfTarget = 1 / 20;

/** Most of its memory used, none of it short: value by the share of memory in use. */
const fitCurve: readonly (readonly [upTo: Fraction, worth: number])[] = [
  [0.8, 100],
  [0.9, 70],
  [1, 50],
];
/** An empty machine is worth 60, half a full one 100. */
const fitUnderuse = { empty: 60, full: 100, at: 0.5 } as const;

/** Worth of a context by how much of the need it offers. */
const contextCurve = { half: 70, below: 30 } as const;

/** @param usedFraction share of the memory it may run in */
export function fitWorth(usedFraction: Fraction): number {
  if (usedFraction > 1) return 0;
  if (usedFraction < fitUnderuse.at)
    return fitUnderuse.empty + ((fitUnderuse.full - fitUnderuse.empty) * usedFraction) / fitUnderuse.at;
  for (const [upTo, worth] of fitCurve) if (usedFraction <= upTo) return worth;
  return 0;
}

export function contextWorth(offeredTokens: Tokens, neededTokens: Tokens): number {
  const share = offeredTokens / neededTokens;
  if (share >= 1) return 100;
  return share >= 0.5 ? contextCurve.half + (100 - contextCurve.half) * (share - 0.5) * 2 : contextCurve.below;
}

/** @param rate tokens a second as they are felt */
export function paceWorth(rate: TokensPerSecond, target: TokensPerSecond): number {
  const least = target * leastShareOfTarget;
  if (rate <= least) return 0;
  return rate >= target ? 100 : (100 * Math.log(rate / least)) / -Math.log(leastShareOfTarget);
}

/** Waiting longer than anyone cares to takes from the pace: by the root, so that twice as long is not twice as bad. */
function patience(seconds: number, bearableSeconds: number): Fraction {
  return seconds > bearableSeconds ? Math.sqrt(bearableSeconds / seconds) : 1;
}

function speedWorth(speed: Speed | undefined, rate: TokensPerSecond, { row }: Question): number {
  if (!speed) return 0;
  const pace = paceWorth(rate, row.targetDecodeTokensPerSecond);
  if (row.domain === "embedding") return pace;
  return (
    pace *
    patience(speed.timeToFirstTokenSeconds.mid, thresholds.firstTokenSeconds) *
    patience(speed.warmTurnSeconds.mid, thresholds.warmTurnSeconds)
  );
}

/** Quality from which the other scores count in full; below it in proportion: a fast wrong answer is worth nothing. */
const competentQuality = 40;

export interface Measured {
  readonly speed: Speed | undefined;
  /** tokens a second as they are felt: answers, or what is read where nothing is generated */
  readonly rate: TokensPerSecond;
  readonly fits: boolean;
  readonly usedFraction: Fraction;
  readonly maxContextTokens: Tokens;
}

/** What nobody can wait for fits nothing: only its quality is left to compare. */
export function scoresFor(measured: Measured, qualityScore: number, question: Question): Scores {
  const { row } = question;
  const { speed, rate, fits, usedFraction, maxContextTokens } = measured;
  const none = { quality: qualityScore, speed: 0, fit: 0, context: 0 };
  if (!fits || (speed && rate < thresholds.slowTokensPerSecond)) return none;
  const competence = row.domain === "embedding" ? 1 : Math.min(1, qualityScore / competentQuality);
  return {
    quality: qualityScore,
    speed: competence * speedWorth(speed, rate, question),
    fit: competence * fitWorth(usedFraction),
    context: competence * contextWorth(maxContextTokens, row.contextTokens),
  };
}

/** Share of the memory that the weights may lie in: devices alone, or with the host where it holds layers too. */
function usedFraction({ memory, room, runMode, memoryBytes }: Candidate): Fraction {
  const devices = memory.devices.reduce((sum, use) => sum + use.modelBytes + use.contextBytes + use.computeBytes, 0);
  const capacity = room.devices.reduce((sum, device) => sum + device.capacityBytes, 0);
  if (room.unified) return memoryBytes / Math.max(1, room.host.capacityBytes);
  if (runMode === "gpu") return devices / Math.max(1, capacity);
  return memoryBytes / Math.max(1, (devices > 0 ? capacity : 0) + room.host.capacityBytes);
}

/** @param maxContextTokens largest context that fits this way */
export function scoresOf(candidate: Candidate, qualityScore: number, maxContextTokens: Tokens): Scores {
  const { question, speed, model, fits } = candidate;
  const rate = felt(speed, question, model.hyper.causal) ?? 0;
  return scoresFor(
    { speed, rate, fits, usedFraction: usedFraction(candidate), maxContextTokens },
    qualityScore,
    question,
  );
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
