/**
 * Units: base units inside (bytes, seconds, tokens, flops), human units only at the two edges.
 * The one file that parses and rounds quantities. Aliases document intent; suffixes carry the unit.
 */

export type Bytes = number;
export type Seconds = number;
export type Tokens = number;
export type BytesPerSecond = number;
export type FlopsPerSecond = number;
export type TokensPerSecond = number;
/** 0…1 */
export type Fraction = number;

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/** Smallest multiple of `step` that is ≥ `value`. No bit operators: bytes exceed 2^32. */
export function padTo(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** An estimate with its honest 80 % interval. */
export interface Interval {
  readonly low: number;
  readonly mid: number;
  readonly high: number;
}
