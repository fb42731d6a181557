/** A speed answer: every figure an interval, and what binds. */
import type { Interval } from "../units.ts";

export type Bound = "bandwidth" | "compute" | "link" | "overhead";

export interface Speed {
  readonly decodeTokensPerSecond: Interval;
  readonly prefillTokensPerSecond: Interval;
  readonly timeToFirstTokenSeconds: Interval;
  readonly warmTurnSeconds: Interval;
  readonly loadSeconds: Interval;
  readonly bound: Bound;
}
