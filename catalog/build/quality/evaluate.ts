/**
 * How good the fit is on what it has not seen: single scores, whole models, whole leaderboards; and against the obvious rule, parameters only.
 * Everything is dealt by a seeded generator, so the report is the same on every machine.
 */
import { fittedDomains } from "../../../src/core/facts/quality.ts";
import { fromLogit, isElo, pointScale } from "./benchmarks.ts";
import { type Fit, type FitOptions, fit, predict } from "./fit.ts";
import type { NamedProblem } from "./problem.ts";

/** Pairs nearer than this are a draw on any test. */
const CLEAR_LOGITS = 0.15;

/** mulberry32: small, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const copy = [...list];
  for (let index = copy.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    const [a, b] = [copy[index], copy[other]];
    if (a !== undefined && b !== undefined) [copy[index], copy[other]] = [b, a];
  }
  return copy;
}

interface Guess {
  readonly index: number;
  readonly value: number;
}

export interface Accuracy {
  readonly scoreCount: number;
  /** mean absolute error in printed points of 100, Elo aside */
  readonly pointsMae: number;
  readonly eloMae: number;
  /** share of clear pairs within one item that are put in order */
  readonly pairAccuracy: number;
  readonly pairCount: number;
}

function pairs(problem: NamedProblem, guesses: readonly Guess[]): { readonly right: number; readonly all: number } {
  const byItem = new Map<number, Guess[]>();
  for (const guess of guesses) {
    const item = problem.observations[guess.index]?.item ?? -1;
    byItem.set(item, [...(byItem.get(item) ?? []), guess]);
  }
  const logit = ({ index }: Guess): number => problem.observations[index]?.logit ?? 0;
  let right = 0;
  let all = 0;
  for (const list of byItem.values())
    list.forEach((a, order) => {
      for (const b of list.slice(order + 1)) {
        const gap = logit(a) - logit(b);
        if (Math.abs(gap) < CLEAR_LOGITS) continue;
        all++;
        // a rule that cannot tell is right half the time
        right += a.value === b.value ? 0.5 : Number(a.value > b.value === gap > 0);
      }
    });
  return { right, all };
}

function accuracy(problem: NamedProblem, guesses: readonly Guess[]): Accuracy {
  let points = 0;
  let pointCount = 0;
  let elo = 0;
  let eloCount = 0;
  for (const { index, value } of guesses) {
    const row = problem.observations[index];
    const benchmark = problem.benchmarks[row?.item ?? -1] ?? "";
    const error = Math.abs(fromLogit(benchmark, value) - fromLogit(benchmark, row?.logit ?? 0));
    if (isElo(benchmark)) {
      elo += error;
      eloCount++;
    } else {
      points += error * pointScale(benchmark);
      pointCount++;
    }
  }
  const { right, all } = pairs(problem, guesses);
  return {
    scoreCount: guesses.length,
    pointsMae: points / Math.max(1, pointCount),
    eloMae: elo / Math.max(1, eloCount),
    pairAccuracy: right / Math.max(1, all),
    pairCount: all,
  };
}

const everything = (problem: NamedProblem): readonly number[] => problem.observations.map((_, index) => index);

function guessesOf(problem: NamedProblem, fitted: Fit, held: readonly number[]): Guess[] {
  return held.flatMap((index) => {
    const row = problem.observations[index];
    return row ? [{ index, value: predict(fitted, row) }] : [];
  });
}

/** One score in ten, of models with at least five. */
export function randomScores(problem: NamedProblem): Accuracy {
  const random = generator(7);
  const counts = new Map<number, number>();
  for (const { model } of problem.observations) counts.set(model, (counts.get(model) ?? 0) + 1);
  const held = new Set(
    everything(problem).filter(
      (index) => random() < 0.1 && (counts.get(problem.observations[index]?.model ?? -1) ?? 0) >= 5,
    ),
  );
  const fitted = fit(
    problem,
    everything(problem).filter((index) => !held.has(index)),
  );
  return accuracy(problem, guessesOf(problem, fitted, [...held]));
}

const FOLDS = 8;

export interface ModelsReport {
  readonly all: Accuracy;
  readonly byDomain: Readonly<Record<string, Accuracy>>;
  /** pair accuracy of parameters alone, and of this prior, on the same pairs */
  readonly againstSize: Readonly<
    Record<string, { readonly prior: number; readonly size: number; readonly pairCount: number }>
  >;
}

/** Whole models without a score, makers' own releases: features and generation alone. */
export function unscoredModels(problem: NamedProblem, options: FitOptions = {}): ModelsReport {
  const order = shuffled(
    problem.models.map((_, model) => model),
    generator(1),
  );
  const fold = new Map(order.map((model, position) => [model, position % FOLDS]));
  const guesses: Guess[] = [];
  for (let part = 0; part < FOLDS; part++) {
    const isHeld = (index: number): boolean => fold.get(problem.observations[index]?.model ?? -1) === part;
    const fitted = fit(
      problem,
      everything(problem).filter((index) => !isHeld(index)),
      { rounds: 15, ...options },
    );
    guesses.push(...guessesOf(problem, fitted, everything(problem).filter(isHeld)));
  }
  const own = guesses.filter(({ index }) => !problem.facts[problem.observations[index]?.model ?? -1]?.communityTune);
  const inDomain = (list: readonly Guess[], domain: number): Guess[] =>
    list.filter(({ index }) => problem.observations[index]?.domain === domain);
  const sized = own.filter(
    ({ index }) => problem.facts[problem.observations[index]?.model ?? -1]?.totalBillions !== undefined,
  );
  const size = sized.map(
    ({ index }): Guess => ({
      index,
      value: problem.facts[problem.observations[index]?.model ?? -1]?.totalBillions ?? 0,
    }),
  );
  return {
    all: accuracy(problem, own),
    byDomain: Object.fromEntries(fittedDomains.map((name, domain) => [name, accuracy(problem, inDomain(own, domain))])),
    againstSize: Object.fromEntries(
      fittedDomains.map((name, domain) => {
        const ours = pairs(problem, inDomain(sized, domain));
        const theirs = pairs(problem, inDomain(size, domain));
        return [
          name,
          {
            prior: ours.right / Math.max(1, ours.all),
            size: theirs.right / Math.max(1, theirs.all),
            pairCount: ours.all,
          },
        ];
      }),
    ),
  };
}

/** Leaderboards with enough of their own, by what their items have in common. */
const boards = {
  "Artificial Analysis": (item: string) => item.includes("artificial-analysis"),
  LiveBench: (item: string) => item.startsWith("livebench"),
  Arena: (item: string) => item.startsWith("lmarena"),
  BFCL: (item: string) => item.startsWith("bfcl"),
  "EvalPlus and BigCodeBench": (item: string) =>
    /^(bigcodebench|humaneval|mbpp)/.test(item) && !item.endsWith("|claim"),
  Epoch: (item: string) => item.includes("bayes-llm-saturation"),
} as const;

/** A whole leaderboard dropped: its models put in order by all the others. */
export function droppedBoards(problem: NamedProblem, items: readonly string[]): Readonly<Record<string, Accuracy>> {
  const scoresOf = new Map<number, number>();
  return Object.fromEntries(
    Object.entries(boards).map(([name, belongs]) => {
      const isHeld = (index: number): boolean => belongs(items[problem.observations[index]?.item ?? -1] ?? "");
      const kept = everything(problem).filter((index) => !isHeld(index));
      scoresOf.clear();
      for (const index of kept) {
        const model = problem.observations[index]?.model ?? -1;
        scoresOf.set(model, (scoresOf.get(model) ?? 0) + 1);
      }
      const fitted = fit(problem, kept, { rounds: 15 });
      // an unseen item has no intercept: order is all that is asked
      const held = everything(problem).filter(
        (index) => isHeld(index) && (scoresOf.get(problem.observations[index]?.model ?? -1) ?? 0) > 0,
      );
      return [name, accuracy(problem, guessesOf(problem, fitted, held))];
    }),
  );
}
