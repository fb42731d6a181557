/**
 * A time as a sum of parts, each a physical quantity over a data-sheet rate times fitted multipliers. The estimators add the parts up
 * and the calibration fits the multipliers on the same parts, so there is one form of the speed model and not two.
 */
import type { Constants } from "../facts/calibration.ts";
import type { Bound } from "../facts/speed.ts";
import type { Seconds } from "../units.ts";

/** `[key, power]`: the constant enters as `e^(power · ln)`. */
export type Factor = readonly [key: string, power: number];

export interface Term {
  readonly bound: Bound;
  /** before any multiplier */
  readonly seconds: Seconds;
  readonly factors: readonly (string | Factor)[];
  /** counts only where the constants hold this key */
  readonly needs?: string;
  /** physical limit that no multiplier gets under */
  readonly leastSeconds?: Seconds;
}

/** Parts that follow one another, and the least they can take together. */
export interface TermSum {
  readonly terms: readonly Term[];
  readonly leastSeconds: Seconds;
}

/** A part's time; a factor without evidence changes nothing. */
function termSeconds(term: Term, constants: Constants): Seconds {
  if (term.needs !== undefined && !constants[term.needs]) return 0;
  let ln = 0;
  for (const factor of term.factors)
    ln += typeof factor === "string" ? (constants[factor]?.ln ?? 0) : factor[1] * (constants[factor[0]]?.ln ?? 0);
  const seconds = term.seconds * Math.exp(ln);
  return term.leastSeconds !== undefined && seconds < term.leastSeconds ? term.leastSeconds : seconds;
}

export interface TermTimes {
  readonly bandwidth: Seconds;
  readonly compute: Seconds;
  readonly link: Seconds;
  readonly overhead: Seconds;
  readonly total: Seconds;
}

/** What a bound that the physics sets beyond the sum is counted to: bandwidth. */
export function sumSeconds({ terms, leastSeconds }: TermSum, constants: Constants): TermTimes {
  const times: Record<Bound, Seconds> = { bandwidth: 0, compute: 0, link: 0, overhead: 0 };
  for (const term of terms) times[term.bound] += termSeconds(term, constants);
  const sum = times.bandwidth + times.compute + times.link + times.overhead;
  const total = Math.max(sum, leastSeconds);
  return { ...times, bandwidth: times.bandwidth + (total - sum), total };
}
