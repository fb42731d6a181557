/** Figures over signed relative errors. */

/** An error this small is one of rounding, not of the model. */
export const EXACT_FRACTION = 1e-4;

export interface PartFigures {
  readonly count: number;
  readonly exactFraction: number;
  readonly medianAbsFraction: number;
  readonly p95AbsFraction: number;
  readonly worstAbsFraction: number;
  readonly worstUnderFraction: number;
}

/** Signed: positive when the estimate is above the measurement. Nothing measured and nothing estimated is no error. */
export function errorFraction({
  estimated,
  measured,
}: {
  readonly estimated: number;
  readonly measured: number;
}): number {
  if (estimated === measured) return 0;
  return measured === 0 ? Number.POSITIVE_INFINITY : (estimated - measured) / measured;
}

export function quantile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(fraction * sorted.length) - 1)] ?? 0;
}

export function figures(errors: readonly number[]): PartFigures {
  const sorted = errors.map(Math.abs).sort((a, b) => a - b);
  return {
    count: errors.length,
    exactFraction: errors.length === 0 ? 1 : sorted.filter((error) => error <= EXACT_FRACTION).length / errors.length,
    medianAbsFraction: quantile(sorted, 0.5),
    p95AbsFraction: quantile(sorted, 0.95),
    worstAbsFraction: sorted.at(-1) ?? 0,
    worstUnderFraction: errors.reduce((worst, error) => Math.max(worst, -error), 0),
  };
}
