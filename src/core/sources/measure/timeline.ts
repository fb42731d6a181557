/**
 * From the times at which threads finished equal pieces of work to the fastest moment that they had together. A busy machine takes
 * a thread off its processor for some milliseconds now and again: short windows find the moments between, which long ones average away.
 */
import type { BytesPerSecond, Fraction, Seconds } from "../../units.ts";

/** When a thread began, and when it finished each piece; ascending. */
export type Stamps = readonly number[] | Float64Array;

export interface BestWindow {
  readonly bytesPerSecond: BytesPerSecond;
  /** share of the window in which threads stood still: pieces that took several times as long as usual */
  readonly stalledFraction: Fraction;
}

/** A piece that takes this much longer than the thread's median was interrupted. */
const STALL = 3;
/** Windows begin this many times a window. */
const STARTS = 8;

/** Index of the last stamp at or before `time`. */
function before(stamps: Stamps, time: Seconds): number {
  let [low, high] = [0, stamps.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((stamps[middle] ?? 0) <= time) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Pieces done at `time`, the one under way in part. */
function done(stamps: Stamps, time: Seconds): number {
  const index = before(stamps, time);
  const [from, to] = [stamps[index] ?? 0, stamps[index + 1]];
  return to === undefined ? index : index + Math.max(0, (time - from) / (to - from));
}

function medianPiece(stamps: Stamps): Seconds {
  const pieces: number[] = [];
  for (let i = 1; i < stamps.length; i++) pieces.push((stamps[i] ?? 0) - (stamps[i - 1] ?? 0));
  return pieces.sort((a, b) => a - b)[Math.floor(pieces.length / 2)] ?? 0;
}

function stalled(stamps: Stamps, usual: Seconds, from: Seconds, to: Seconds): Seconds {
  let sum = 0;
  for (let i = before(stamps, from); i + 1 < stamps.length && (stamps[i] ?? 0) < to; i++) {
    const [begin, end] = [stamps[i] ?? 0, stamps[i + 1] ?? 0];
    if (end - begin > STALL * usual) sum += Math.min(end, to) - Math.max(begin, from);
  }
  return sum;
}

/** The window of `windowSeconds` in which the threads together did most; undefined when they never ran side by side for so long. */
export function bestWindow(
  threads: readonly Stamps[],
  pieceBytes: number,
  windowSeconds: Seconds,
): BestWindow | undefined {
  const begin = Math.max(...threads.map((stamps) => stamps[0] ?? Number.POSITIVE_INFINITY));
  const end = Math.min(...threads.map((stamps) => stamps[stamps.length - 1] ?? 0));
  let best = 0;
  let at = begin;
  for (let from = begin; from + windowSeconds <= end; from += windowSeconds / STARTS) {
    const pieces = threads.reduce((sum, stamps) => sum + done(stamps, from + windowSeconds) - done(stamps, from), 0);
    if (pieces > best) [best, at] = [pieces, from];
  }
  if (best === 0) return undefined;
  const still = threads.reduce((sum, stamps) => sum + stalled(stamps, medianPiece(stamps), at, at + windowSeconds), 0);
  return {
    bytesPerSecond: (best * pieceBytes) / windowSeconds,
    stalledFraction: still / (windowSeconds * threads.length),
  };
}
