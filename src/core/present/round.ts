/** Numbers as an answer shows them: what would pretend is cut. */

import type { Speed } from "../facts/speed.ts";
import type { Interval } from "../units.ts";
import { roundSignificant } from "../units-text.ts";

export const round3 = (value: number): number => roundSignificant(value, 3);
export const round1 = (value: number): number => Math.round(value * 10) / 10;

export function roundInterval({ low, mid, high }: Interval): Interval {
  return { low: round3(low), mid: round3(mid), high: round3(high) };
}

export function roundSpeed(speed: Speed): Speed {
  return {
    decodeTokensPerSecond: roundInterval(speed.decodeTokensPerSecond),
    prefillTokensPerSecond: roundInterval(speed.prefillTokensPerSecond),
    timeToFirstTokenSeconds: roundInterval(speed.timeToFirstTokenSeconds),
    warmTurnSeconds: roundInterval(speed.warmTurnSeconds),
    loadSeconds: roundInterval(speed.loadSeconds),
    bound: speed.bound,
  };
}
