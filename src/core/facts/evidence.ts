import type { Fraction } from "../units.ts";

/** How a value came to be known; every value that a decision rests on says so. */
export type Evidence = "measured" | "reported" | "catalog" | "assumed";

/** A value with where it came from, e.g. `{ value: 24e9, evidence: "reported", source: "nvidia-smi memory.total" }`. */
export interface Fact<T> {
  readonly value: T;
  readonly evidence: Evidence;
  readonly source: string;
  /** measured values: how much repetitions disagree */
  readonly noiseFraction?: Fraction | undefined;
}
