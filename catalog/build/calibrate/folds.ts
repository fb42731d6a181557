/** Predictions of rows by constants that those rows had no part in. */
import { fit, type Problem, predictLnSeconds } from "./fit.ts";

const FULL_ROUNDS = 14;
const FOLD_ROUNDS = 4;

function residual(problem: Problem, number: number, theta: Float64Array): number {
  // of the rate: the reverse of the time's
  return predictLnSeconds(problem, number, theta) - (problem.rows[number]?.lnObserved ?? 0);
}

export function wholeFit(problem: Problem, usable: (number: number) => boolean = () => true): Float64Array {
  return fit(
    problem,
    problem.rows.map((_, number) => usable(number)),
    FULL_ROUNDS,
  ).theta;
}

export function inSample(problem: Problem, theta: Float64Array): number[] {
  return problem.rows.map((_, number) => residual(problem, number, theta));
}

/** Leaves every group out once. */
export function leaveOut(problem: Problem, groupOf: (number: number) => string, whole: Float64Array): number[] {
  const residuals = new Array<number>(problem.rows.length).fill(Number.NaN);
  for (const group of new Set(problem.rows.map((_, number) => groupOf(number)))) {
    const used = problem.rows.map((_, number) => groupOf(number) !== group);
    if (used.every((flag) => !flag)) continue;
    const { theta } = fit(problem, used, FOLD_ROUNDS, whole);
    used.forEach((flag, number) => {
      if (!flag) residuals[number] = residual(problem, number, theta);
    });
  }
  return residuals;
}
