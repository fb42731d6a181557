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
}

interface CompiledRow {
  readonly terms: readonly CompiledTerm[];
  readonly leastSeconds: number;
  readonly lnObserved: number;
  readonly device: string;
  readonly weight: number;
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
  const compiled = rows.map(({ sum, observedSeconds, device, weight }) => ({
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
  }));
  return { keys, priors, rows: compiled, options };
}

/** ln of the predicted seconds; adds d ln t / d θ to `gradient` where it is given. */
function lnSeconds(row: CompiledRow, theta: Float64Array, gradient?: Float64Array): number {
  let total = 0;
  const parts: number[] = [];
  for (const term of row.terms) {
    let ln = 0;
    for (let position = 0; position < term.indices.length; position++) ln += (term.powers[position] ?? 0) * (theta[term.indices[position] ?? 0] ?? 0);
    const free = term.seconds * Math.exp(ln);
    const held = free < term.leastSeconds;
    parts.push(held ? 0 : free);
    total += held ? term.leastSeconds : free;
  }
  if (total < row.leastSeconds) return Math.log(row.leastSeconds);
  if (gradient)
    row.terms.forEach((term, number) => {
      const share = (parts[number] ?? 0) / total;
      if (share > 0) term.indices.forEach((index, position) => (gradient[index] = (gradient[index] ?? 0) + share * (term.powers[position] ?? 0)));
    });
  return Math.log(total);
}

/** In place Cholesky of a symmetric positive matrix stored by rows; the lower triangle becomes L. */
function cholesky(matrix: Float64Array, size: number): void {
  for (let j = 0; j < size; j++) {
    for (let k = 0; k < j; k++) {
      const factor = matrix[j * size + k] ?? 0;
      if (factor === 0) continue;
      for (let i = j; i < size; i++) matrix[i * size + j] = (matrix[i * size + j] ?? 0) - (matrix[i * size + k] ?? 0) * factor;
    }
    const diagonal = Math.sqrt(Math.max(matrix[j * size + j] ?? 0, 1e-12));
    for (let i = j; i < size; i++) matrix[i * size + j] = (matrix[i * size + j] ?? 0) / diagonal;
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
    let value = result[i] ?? 0;
    for (let k = i + 1; k < size; k++) value -= (lower[k * size + i] ?? 0) * (result[k] ?? 0);
    result[i] = value / (lower[i * size + i] ?? 1);
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
  const gradient = new Float64Array(size);
  for (let round = 0; round < iterations; round++) {
    matrix.fill(0);
    right.fill(0);
    problem.priors.forEach(({ mean, deviation }, index) => {
      const precision = 1 / deviation ** 2;
      matrix[index * size + index] = precision;
      right[index] = precision * (mean - (theta[index] ?? 0));
    });
    problem.rows.forEach((row, number) => {
      if (!used[number]) return;
      gradient.fill(0);
      const residual = row.lnObserved - lnSeconds(row, theta, gradient);
      // a device with many votes counts more, but not in proportion
      const share = row.weight / Math.sqrt(perDevice.get(row.device) ?? 1);
      const weight = (share * (freedom + 1)) / (freedom + (residual / sigma) ** 2) / sigma ** 2;
      const active: number[] = [];
      for (let index = 0; index < size; index++) if (gradient[index] !== 0) active.push(index);
      for (const a of active) {
        const scaled = weight * (gradient[a] ?? 0);
        right[a] = (right[a] ?? 0) + scaled * residual;
        for (const b of active) matrix[a * size + b] = (matrix[a * size + b] ?? 0) + scaled * (gradient[b] ?? 0);
      }
    });
    cholesky(matrix, size);
    const step = solve(matrix, size, right);
    for (let index = 0; index < size; index++) theta[index] = (theta[index] ?? 0) + Math.max(-1, Math.min(1, step[index] ?? 0));
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
