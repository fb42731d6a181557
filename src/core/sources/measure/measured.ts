/** A measured value with how much its repetitions disagree. */
import type { Fraction } from "../../units.ts";

export interface Measured<T extends number> {
  readonly value: T;
  /** 0 = every repetition gave the same */
  readonly noiseFraction: Fraction;
}

/** Values noisier than this never replace what the catalog says. */
export const MOST_NOISE: Fraction = 0.15;

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

/**
 * The best repetition: disturbances only ever slow a reader down. Its noise is how far the next two stay behind it: a best value that
 * others reach is the machine's, one that stands alone is luck.
 */
export function measuredBest<T extends number>(values: readonly T[]): Measured<T> {
  const best = [...values].sort((a, b) => b - a);
  const top = best[0];
  const third = best[Math.min(2, best.length - 1)];
  if (top === undefined || third === undefined || !(top > 0)) throw new Error("nothing was measured");
  return { value: top, noiseFraction: Math.round((1 - third / top) * 1e4) / 1e4 };
}

/** The median, for what disturbances may move either way. Its noise is half the distance of the quartiles. */
export function measuredMedian(values: readonly number[]): Measured<number> {
  const order = sorted(values);
  const at = (share: number): number => order[Math.round(share * (order.length - 1))] ?? 0;
  const middle = at(0.5);
  if (!(middle > 0)) throw new Error("nothing was measured");
  return { value: middle, noiseFraction: Math.round(((at(0.75) - at(0.25)) / 2 / middle) * 1e4) / 1e4 };
}
