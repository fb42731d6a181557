/** Errors of speed, weighted as the bars say: every configuration one vote, every device the same weight. */

export interface SpeedError {
  readonly device: string;
  /** predicted over observed, less one */
  readonly errorFraction: number;
  readonly covered: boolean;
}

export interface SpeedFigures {
  readonly n: number;
  readonly devices: number;
  readonly medianAbsFraction: number | null;
  readonly meanAbsFraction: number | null;
  readonly p90AbsFraction: number | null;
  readonly within25Fraction: number | null;
  readonly coverageFraction: number | null;
  /** the same by rows, without weights */
  readonly coverageByRowsFraction: number | null;
  readonly biasFraction: number | null;
}

type Weighted = readonly (readonly [value: number, weight: number])[];

function weightedQuantile(values: Weighted, fraction: number): number {
  const sorted = [...values].sort((a, b) => a[0] - b[0]);
  const total = sorted.reduce((sum, [, weight]) => sum + weight, 0);
  let passed = 0;
  for (const [value, weight] of sorted) {
    passed += weight;
    if (passed >= fraction * total) return value;
  }
  return sorted.at(-1)?.[0] ?? 0;
}

function share(values: Weighted): number {
  const total = values.reduce((sum, [, weight]) => sum + weight, 0);
  return values.reduce((sum, [value, weight]) => sum + value * weight, 0) / total;
}

const round = (value: number) => Math.round(value * 1e4) / 1e4;

export function speedFigures(errors: readonly SpeedError[]): SpeedFigures {
  const counts = new Map<string, number>();
  for (const { device } of errors) counts.set(device, (counts.get(device) ?? 0) + 1);
  const base = { n: errors.length, devices: counts.size };
  if (errors.length === 0)
    return {
      ...base,
      medianAbsFraction: null,
      meanAbsFraction: null,
      p90AbsFraction: null,
      within25Fraction: null,
      coverageFraction: null,
      coverageByRowsFraction: null,
      biasFraction: null,
    };
  const weighted = (value: (error: SpeedError) => number): Weighted =>
    errors.map((error) => [value(error), 1 / (counts.get(error.device) ?? 1)] as const);
  const absolute = weighted(({ errorFraction }) => Math.abs(errorFraction));
  return {
    ...base,
    medianAbsFraction: round(weightedQuantile(absolute, 0.5)),
    meanAbsFraction: round(share(absolute)),
    p90AbsFraction: round(weightedQuantile(absolute, 0.9)),
    within25Fraction: round(share(weighted(({ errorFraction }) => (Math.abs(errorFraction) <= 0.25 ? 1 : 0)))),
    coverageFraction: round(share(weighted(({ covered }) => (covered ? 1 : 0)))),
    coverageByRowsFraction: round(errors.filter(({ covered }) => covered).length / errors.length),
    biasFraction: round(
      weightedQuantile(
        weighted(({ errorFraction }) => errorFraction),
        0.5,
      ),
    ),
  };
}
