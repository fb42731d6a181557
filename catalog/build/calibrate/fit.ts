/**
 * Maximum a posteriori fit of ln multipliers on ln time: Gauss-Newton with a Student loss. Every constant is drawn towards its prior mean
 * (0 for a deviation from the level above), the harder the narrower its prior; that is the hierarchy's shrinkage.
 */
import type { TermSum } from "../../../src/core/estimate/terms.ts";
import type { Constants } from "../../../src/core/facts/calibration.ts";

export interface Prior {
  readonly mean: number;
  readonly deviation: number;
}

/** Exponent of the number of votes of a device that its votes are divided by: 1 = every device weighs the same, 0 = every vote. */
const CROWDING = 0.35;

export interface FitRow {
  readonly sum: TermSum;
  readonly observedSeconds: number;
  readonly device: string;
  /** share of a vote */
  readonly weight: number;
}

export interface FitOptions {
  /** undefined: the constant is not fitted (held at `fixed`, or 0) */
  readonly prior: (key: string) => Prior | undefined;
  readonly fixed: Constants;
  /** scale of the residuals, ln */
  readonly sigma: number;
  readonly freedom: number;
}

interface CompiledTerm {
  readonly seconds: number;
  readonly leastSeconds: number;
  readonly indices: readonly number[];
  readonly powers: readonly number[];
  /** positions of `indices` in the row's `active` */
  readonly slots: readonly number[];
}

interface CompiledRow {
  /** constants of any of its terms, ascending */
  readonly active: readonly number[];
  readonly terms: readonly CompiledTerm[];
  readonly leastSeconds: number;
  readonly lnObserved: number;
  readonly device: string;
  readonly weight: number;
}

type Unslotted = Omit<CompiledRow, "active" | "terms"> & { readonly terms: readonly Omit<CompiledTerm, "slots">[] };

function withSlots(row: Unslotted): CompiledRow {
  const active = [...new Set(row.terms.flatMap(({ indices }) => indices))].sort((a, b) => a - b);
  return {
    ...row,
    active,
    terms: row.terms.map((term) => ({ ...term, slots: term.indices.map((index) => active.indexOf(index)) })),
  };
}

/** Rows with their constants numbered once, so that many folds can be fitted on parts of them. */
export interface Problem {
  readonly keys: readonly string[];
  readonly priors: readonly Prior[];
  readonly rows: readonly CompiledRow[];
  readonly options: FitOptions;
}

export function compile(rows: readonly FitRow[], options: FitOptions): Problem {
  const numbers = new Map<string, number>();
  const keys: string[] = [];
  const priors: Prior[] = [];
  const compiled = rows.map(({ sum, observedSeconds, device, weight }) =>
    withSlots({
      lnObserved: Math.log(observedSeconds),
      device,
      weight,
      leastSeconds: sum.leastSeconds,
      terms: sum.terms
        .filter(({ seconds }) => seconds !== 0)
        .map((term) => {
          const indices: number[] = [];
          const powers: number[] = [];
          let ln = 0;
          for (const factor of term.factors) {
            const key = typeof factor === "string" ? factor : factor[0];
            const power = typeof factor === "string" ? 1 : factor[1];
            const prior = options.prior(key);
            if (!prior) {
              ln += power * (options.fixed[key]?.ln ?? 0);
              continue;
            }
            let index = numbers.get(key);
            if (index === undefined) {
              index = keys.length;
              numbers.set(key, index);
              keys.push(key);
              priors.push(prior);
            }
            indices.push(index);
            powers.push(power);
          }
          return { seconds: term.seconds * Math.exp(ln), leastSeconds: term.leastSeconds ?? 0, indices, powers };
        }),
    }),
  );
  return { keys, priors, rows: compiled, options };
}

/** ln of the predicted seconds; adds d ln t / d θ, in the row's own numbering, to `gradient` where it is given. */
function lnSeconds(row: CompiledRow, theta: Float64Array, gradient?: Float64Array): number {
  let total = 0;
  const parts: number[] = [];
  for (const term of row.terms) {
    let ln = 0;
    for (let position = 0; position < term.indices.length; position++)
      ln += (term.powers[position] ?? 0) * (theta[term.indices[position] ?? 0] ?? 0);
    const free = term.seconds * Math.exp(ln);
    const held = free < term.leastSeconds;
    parts.push(held ? 0 : free);
    total += held ? term.leastSeconds : free;
  }
  if (total < row.leastSeconds) return Math.log(row.leastSeconds);
  if (gradient)
    row.terms.forEach((term, number) => {
      const share = (parts[number] ?? 0) / total;
      if (share > 0)
        for (const [position, slot] of term.slots.entries())
          gradient[slot] = (gradient[slot] ?? 0) + share * (term.powers[position] ?? 0);
    });
  return Math.log(total);
}

/** In place Cholesky of a symmetric positive matrix whose lower triangle is stored by rows. */
function cholesky(matrix: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) {
    const start = i * size;
    // the matrix is sparse in front: skip what is zero
    let first = 0;
    while (first < i && matrix[start + first] === 0) first++;
    for (let j = first; j <= i; j++) {
      const other = j * size;
      let value = matrix[start + j] ?? 0;
      for (let k = first; k < j; k++) value -= (matrix[start + k] ?? 0) * (matrix[other + k] ?? 0);
      matrix[start + j] = i === j ? Math.sqrt(Math.max(value, 1e-12)) : value / (matrix[other + j] ?? 1);
    }
  }
}

function solve(lower: Float64Array, size: number, right: Float64Array): Float64Array {
  const result = Float64Array.from(right);
  for (let i = 0; i < size; i++) {
    let value = result[i] ?? 0;
    for (let k = 0; k < i; k++) value -= (lower[i * size + k] ?? 0) * (result[k] ?? 0);
    result[i] = value / (lower[i * size + i] ?? 1);
  }
  for (let i = size - 1; i >= 0; i--) {
    const value = (result[i] ?? 0) / (lower[i * size + i] ?? 1);
    result[i] = value;
    for (let k = 0; k < i; k++) result[k] = (result[k] ?? 0) - (lower[i * size + k] ?? 0) * value;
  }
  return result;
}

export interface Fit {
  readonly theta: Float64Array;
  /** lower Cholesky factor of the precision at the end */
  readonly lower: Float64Array;
}

/** @param used which rows vote; @param start a fit to begin from (folds are near the whole) */
export function fit(problem: Problem, used: readonly boolean[], iterations: number, start?: Float64Array): Fit {
  const size = problem.keys.length;
  const { sigma, freedom } = problem.options;
  const theta = start ? Float64Array.from(start) : Float64Array.from(problem.priors, ({ mean }) => mean);
  const matrix = new Float64Array(size * size);
  const right = new Float64Array(size);
  const perDevice = new Map<string, number>();
  problem.rows.forEach((row, number) => {
    if (used[number]) perDevice.set(row.device, (perDevice.get(row.device) ?? 0) + row.weight);
  });
  for (let round = 0; round < iterations; round++) {
    // from nothing, wide first: what is far off at the start is not yet an outlier
    const scale = start ? sigma : sigma * Math.max(1, 5 - round);
    matrix.fill(0);
    right.fill(0);
    problem.priors.forEach(({ mean, deviation }, index) => {
      const precision = 1 / deviation ** 2;
      matrix[index * size + index] = precision;
      right[index] = precision * (mean - (theta[index] ?? 0));
    });
    problem.rows.forEach((row, number) => {
      if (!used[number] || row.weight === 0) return;
      const gradient = new Float64Array(row.active.length);
      const residual = row.lnObserved - lnSeconds(row, theta, gradient);
      // a device with many votes counts more, but not in proportion
      const share = row.weight / (perDevice.get(row.device) ?? 1) ** CROWDING;
      const weight = (share * (freedom + 1)) / (freedom + (residual / scale) ** 2) / scale ** 2;
      // `active` ascends, so every pair falls into the lower triangle
      row.active.forEach((a, one) => {
        const scaled = weight * (gradient[one] ?? 0);
        if (scaled === 0) return;
        right[a] = (right[a] ?? 0) + scaled * residual;
        for (let two = 0; two <= one; two++) {
          const place = a * size + (row.active[two] ?? 0);
          matrix[place] = (matrix[place] ?? 0) + scaled * (gradient[two] ?? 0);
        }
      });
    });
    cholesky(matrix, size);
    const step = solve(matrix, size, right);
    for (let index = 0; index < size; index++)
      theta[index] = (theta[index] ?? 0) + Math.max(-1, Math.min(1, step[index] ?? 0));
  }
  return { theta, lower: matrix };
}

export function predictLnSeconds(problem: Problem, number: number, theta: Float64Array): number {
  const row = problem.rows[number];
  return row ? lnSeconds(row, theta) : Number.NaN;
}

/** Square root of the diagonal of the inverse precision. */
export function standardErrors(lower: Float64Array, size: number): number[] {
  return Array.from({ length: size }, (_, index) => {
    const unit = new Float64Array(size);
    unit[index] = 1;
    return Math.sqrt(Math.max(0, solve(lower, size, unit)[index] ?? 0));
  });
}
