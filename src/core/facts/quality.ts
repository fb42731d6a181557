/** Fitted abilities as the catalog stores them, and as the estimators take them. */
import type { Abilities, Ability, Domain } from "./ability.ts";

/** The domains that share one fit; embedding ability is fitted by itself. */
export const fittedDomains = [
  "coding",
  "reasoning",
  "general",
  "chat",
  "tool",
  "multimodal",
] as const satisfies readonly Domain[];

/** ability, standard deviation, number of scores */
export type FittedAbility = readonly [theta: number, sd: number, scoreCount: number];
export type AbilityRow = Readonly<Partial<Record<Domain, FittedAbility>>>;

export interface AbilityRows {
  readonly models: Readonly<Record<string, AbilityRow>>;
  /** models without scores: whose ability they take, and how uncertain it is at the least */
  readonly inherited: Record<string, { readonly from: string; readonly minimumSd: number }>;
}

/** A domain without a score of its own is what the others let one expect: inherited. */
function asAbility([theta, sd, scoreCount]: FittedAbility, minimumSd: number): Ability {
  const own = scoreCount > 0 && minimumSd === 0;
  return {
    theta,
    sd: Math.max(sd, minimumSd),
    basis: own ? "measured" : "inherited",
    scoreCount: own ? scoreCount : 0,
  };
}

/** Abilities of a catalog model; empty where nothing is known of it or of its kin. */
export function abilitiesOf(rows: AbilityRows, id: string): Abilities {
  const kin = Object.hasOwn(rows.models, id)
    ? { from: id, minimumSd: 0 }
    : Object.hasOwn(rows.inherited, id)
      ? rows.inherited[id]
      : undefined;
  const row = kin === undefined ? undefined : rows.models[kin.from];
  if (kin === undefined || row === undefined) return {};
  const known: Partial<Record<Domain, Ability>> = {};
  for (const domain of [...fittedDomains, "embedding" as const]) {
    const fitted = row[domain];
    if (fitted !== undefined) known[domain] = asAbility(fitted, kin.minimumSd);
  }
  return known;
}
