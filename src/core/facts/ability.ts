/** How able a model is, on a logit scale per domain (0 = half the points of a benchmark of middle difficulty), and how that is known. */
export const domains = ["coding", "reasoning", "general", "chat", "tool", "multimodal", "embedding"] as const;
export type Domain = (typeof domains)[number];

export interface Ability {
  readonly theta: number;
  readonly sd: number;
  /** inherited: from the parent, the family or the size, not from scores of this model */
  readonly basis: "measured" | "inherited";
  readonly scoreCount: number;
  readonly backing: Backing;
  /** month of the newest score behind it */
  readonly newest?: string;
}

/** What vouches for an ability: a leaderboard, claims of makers and third parties alone, scored kin, or nothing but size, date and traits. */
export type Backing = "leaderboard" | "claims" | "kin" | "traits";

export type Abilities = Readonly<Partial<Record<Domain, Ability>>>;

/** Constants of the quality model (catalog/calibration/quality.json). */
export interface QualityConstants {
  readonly klDivergence: {
    readonly intercept: number;
    readonly bits: number;
    readonly bitsSquared: number;
    readonly activeBillionsLog10: number;
    readonly totalBillionsLog10: number;
    readonly mixFactor: number;
    readonly uncertaintyFactor: number;
  };
  readonly cacheKlDivergence: Readonly<Record<string, number | string>>;
  readonly abilityPerNat: {
    readonly value: number;
    readonly ceilingNats: number;
    readonly knowledge: number;
    readonly precise: number;
  };
  readonly logPerplexityPerNat: { readonly value: number };
  /** standard deviations held back: where a leaderboard or kin vouches for the ability, and where neither does */
  readonly caution: { readonly deviations: number; readonly unvouchedDeviations: number };
  /** abilities (logits) that earn 0 and 100 */
  readonly scale: { readonly least: number; readonly most: number };
  readonly prior: Readonly<
    Record<
      string,
      { readonly intercept: number; readonly size: number; readonly year: number; readonly sd: number } | string
    >
  >;
}
