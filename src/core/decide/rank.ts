/**
 * Models at their best on a machine, by sums. Everything but speed is worked out for every configuration; speed only for those that could
 * still be shown: a configuration's score is bounded by what its machine could read, so the search stops where no bound reaches the list.
 */
import { type StoredSums, sumsOf } from "../estimate/profile.ts";
import { abilityLoss, type Quality } from "../estimate/quality.ts";
import type { Domain } from "../facts/ability.ts";
import type { Model } from "../facts/model.ts";
import type { ModelShape, StoredPart } from "../facts/profile.ts";
import type { Run } from "../facts/run.ts";
import type { Speed } from "../facts/speed.ts";
import type { Bytes, Tokens } from "../units.ts";
import { felt, type Question, type RunMode, thresholds } from "./candidate.ts";
import type { Knowledge } from "./choose.ts";
import { divergenceOf, type Machine, type Screened, speedOfScreened } from "./quick.ts";
import { paceWorth, type Scores, scoresFor, weightedScore } from "./score.ts";
import { floorBitsPerWeight } from "./variants.ts";

/** One recipe of a model, whatever the machine. */
export interface Stored {
  readonly recipe: string;
  readonly sums: StoredSums;
  readonly klDivergenceNats: number;
}

/** The same on a machine. */
export interface Option extends Stored {
  readonly screened: Screened;
}

export interface Ranked {
  readonly recipe: string;
  readonly runMode: RunMode;
  readonly fits: boolean;
  readonly memoryBytes: Bytes;
  readonly deviceBytes: Bytes;
  /** what all models loaded at once may take: of the devices, or of RAM where there are none */
  readonly budgetBytes: Bytes;
  readonly shortfallBytes: Bytes;
  readonly speed: Speed | undefined;
  readonly quality: Quality;
  readonly scores: Scores;
  readonly score: number;
  readonly maxContextTokens: Tokens;
  readonly parameterCount: number;
}

/** Ability (logits) that a finer file must save to be worth its memory: a fifth of what separates two models at all. */
const NOTICEABLE_LOSS = 0.02;
/** Least bits a weight of a file that nothing finer is offered beside: below it predictions of loss are too coarse to say "nothing is lost". */
const SAFE_BITS = 4.5;

/** Sums and loss of every recipe. */
export function storedAs(
  shape: ModelShape,
  stored: ReadonlyMap<string, readonly StoredPart[]>,
  knowledge: Knowledge,
): Stored[] {
  return [...stored].map(([recipe, parts]) => {
    const sums = sumsOf(parts);
    return { recipe, sums, klDivergenceNats: divergenceOf(shape, sums, knowledge) };
  });
}

/**
 * Recipes worth comparing, by what they lose and not by what fits here: nothing finer than the coarsest that loses nothing to speak of,
 * nothing coarser than the floor below which a smaller model is the better use of the memory.
 * @param all finest first
 */
export function worthwhile(shape: ModelShape, all: readonly Stored[], domain: Domain, knowledge: Knowledge): Stored[] {
  const finest = all.findLastIndex(
    ({ sums, klDivergenceNats }) =>
      sums.bitsPerWeight >= SAFE_BITS && abilityLoss(klDivergenceNats, domain, knowledge.quality) <= NOTICEABLE_LOSS,
  );
  const floor = floorBitsPerWeight(shape.parameterCount);
  return all.slice(Math.max(0, finest)).filter(({ sums }, index) => index === 0 || sums.bitsPerWeight >= floor);
}

export interface RankAsk<Subject> {
  readonly subject: Subject;
  readonly options: readonly Option[];
  /** of each option, in their order */
  readonly qualities: readonly Quality[];
  readonly run: Run;
  /** dimensions and file size; asked for only where speed is */
  readonly model: () => Model;
}

export interface RankedSubject<Subject> {
  readonly subject: Subject;
  readonly ranked: Ranked;
}

const budgetOf = (machine: Machine): Bytes => (machine.deviceBytes > 0 ? machine.deviceBytes : machine.hostBytes);

interface BoundedOption {
  readonly option: Option;
  readonly quality: Quality;
  readonly bound: number;
}

interface Bounded<Subject> {
  readonly ask: RankAsk<Subject>;
  readonly options: BoundedOption[];
  readonly bound: number;
}

/** The score with the fastest pace that the machine could give. */
function boundOf(screened: Screened, quality: Quality, question: Question, reads: boolean): number {
  const scores = scoresFor(
    {
      speed: undefined,
      rate: 0,
      fits: true,
      usedFraction: screened.usedFraction,
      maxContextTokens: screened.maxContextTokens,
    },
    quality.score,
    question,
  );
  const pace = reads ? 100 : paceWorth(screened.mostTokensPerSecond, question.row.targetDecodeTokensPerSecond);
  // where nobody could wait for it, whatever else is well does not count
  if (!reads && screened.mostTokensPerSecond < thresholds.slowTokensPerSecond)
    return weightedScore({ quality: quality.score, speed: 0, fit: 0, context: 0 }, question.row.weights);
  return weightedScore({ ...scores, speed: pace }, question.row.weights);
}

function unfit(option: Option, quality: Quality, machine: Machine): Ranked {
  const { split, shortfallBytes, memoryBytes, shape } = option.screened;
  return {
    recipe: option.recipe,
    runMode: "does-not-fit",
    fits: false,
    memoryBytes,
    deviceBytes: split.deviceBytes,
    budgetBytes: budgetOf(machine),
    shortfallBytes,
    speed: undefined,
    quality,
    scores: { quality: quality.score, speed: 0, fit: 0, context: 0 },
    score: 0,
    maxContextTokens: 0,
    parameterCount: shape.parameterCount,
  };
}

function judged(
  option: Option,
  quality: Quality,
  ask: RankAsk<unknown>,
  machine: Machine,
  question: Question,
  knowledge: Knowledge,
): Ranked {
  const { screened } = option;
  const model = ask.model();
  const speed = speedOfScreened(
    screened,
    { ...model, fileBytes: screened.sums.totalBytes },
    ask.run,
    machine,
    question,
    knowledge,
  );
  const rate = felt(speed, question, screened.shape.causal) ?? 0;
  const { usedFraction, maxContextTokens } = screened;
  const scores = scoresFor({ speed, rate, fits: true, usedFraction, maxContextTokens }, quality.score, question);
  return {
    recipe: option.recipe,
    runMode: screened.split.runMode,
    fits: true,
    memoryBytes: screened.memoryBytes,
    deviceBytes: screened.split.deviceBytes,
    budgetBytes: budgetOf(machine),
    shortfallBytes: 0,
    speed,
    quality,
    scores,
    score: weightedScore(scores, question.row.weights),
    maxContextTokens,
    parameterCount: screened.shape.parameterCount,
  };
}

export interface RankedList<Subject> {
  /** best first; complete down to the length asked for, what follows is what was judged on the way */
  readonly fitting: readonly RankedSubject<Subject>[];
  readonly unfit: readonly RankedSubject<Subject>[];
  /** judged and not accepted */
  readonly refused: readonly RankedSubject<Subject>[];
  /** models that fit and were not refused, judged or not */
  readonly fittingCount: number;
}

/**
 * @param length how many of the best must be certain; infinite judges everything
 * @param accept a condition on speed; with one the length must be infinite for the counts to be exact
 */
export function rankModels<Subject>(
  asks: readonly RankAsk<Subject>[],
  length: number,
  machine: Machine,
  question: Question,
  knowledge: Knowledge,
  accept: (ranked: Ranked) => boolean = () => true,
): RankedList<Subject> {
  const unfitting: RankedSubject<Subject>[] = [];
  const bounded: Bounded<Subject>[] = [];
  for (const ask of asks) {
    const options: BoundedOption[] = [];
    let most = 0;
    ask.options.forEach((option, index) => {
      const quality = ask.qualities[index];
      if (!option.screened.fits || quality === undefined) return;
      const reads = question.row.domain === "embedding" || !option.screened.shape.causal;
      const bound = boundOf(option.screened, quality, question, reads);
      if (bound > most) most = bound;
      options.push({ option, quality, bound });
    });
    const smallest = ask.options.at(-1);
    const quality = ask.qualities.at(-1);
    if (options.length > 0) bounded.push({ ask, options, bound: most });
    else if (smallest && quality) unfitting.push({ subject: ask.subject, ranked: unfit(smallest, quality, machine) });
  }
  bounded.sort((a, b) => b.bound - a.bound);
  const fitting: RankedSubject<Subject>[] = [];
  const refused: RankedSubject<Subject>[] = [];
  const best: number[] = [];
  for (const { ask, options, bound } of bounded) {
    if (best.length >= length && bound <= (best[length - 1] ?? 0)) break;
    let winner: Ranked | undefined;
    let accepted = false;
    for (const { option, quality, bound: most } of options.sort((a, b) => b.bound - a.bound)) {
      if (winner && accepted && most <= winner.score) break;
      const tried = judged(option, quality, ask, machine, question, knowledge);
      const passes = accept(tried);
      if (!winner || (passes && !accepted) || (passes === accepted && tried.score > winner.score)) {
        winner = tried;
        accepted = passes;
      }
    }
    if (!winner) continue;
    if (!accepted) {
      refused.push({ subject: ask.subject, ranked: winner });
      continue;
    }
    fitting.push({ subject: ask.subject, ranked: winner });
    best.push(winner.score);
    best.sort((a, b) => b - a);
    if (best.length > length) best.length = length;
  }
  return { fitting, unfit: unfitting, refused, fittingCount: bounded.length - refused.length };
}
