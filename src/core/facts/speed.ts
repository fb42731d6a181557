/** A speed answer: every figure an interval, and what binds. */
import type { Interval } from "../units.ts";

export type Bound = "bandwidth" | "compute" | "link" | "overhead";

/** Seconds before the first token, one after the other. */
export interface FirstTokenParts {
  readonly tokenizeSeconds: Interval;
  readonly prefillSeconds: Interval;
  readonly transitionSeconds: Interval;
  readonly firstDecodeSeconds: Interval;
  readonly samplingSeconds: Interval;
}

export interface Speed {
  readonly decodeTokensPerSecond: Interval;
  readonly prefillTokensPerSecond: Interval;
  readonly timeToFirstTokenSeconds: Interval;
  readonly warmTurnSeconds: Interval;
  readonly loadSeconds: Interval;
  readonly bound: Bound;
  readonly firstToken?: FirstTokenParts;
}
