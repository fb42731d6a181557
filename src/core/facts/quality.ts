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
  /** scores in all, of leaderboards, month of the newest */
  readonly backing: Readonly<Record<string, readonly [scoreCount: number, leaderboardCount: number, newest: string]>>;
  /** models without scores: whose ability they take, and how uncertain it is at the least */
  readonly inherited: Readonly<Record<string, { readonly from: string; readonly minimumSd: number }>>;
  /** models without scored kin: what size, date and traits let one expect, in the order of `fittedDomains`, then the deviation */
  readonly expected: Readonly<Record<string, readonly number[]>>;
}

function expectedAbilities(means: readonly number[]): Abilities {
  const sd = means.at(-1) ?? 0;
  const known: Partial<Record<Domain, Ability>> = {};
  fittedDomains.forEach((domain, index) => {
    known[domain] = { theta: means[index] ?? 0, sd, basis: "inherited", scoreCount: 0, backing: "traits" };
  });
  return known;
}

/** Abilities of a catalog model; empty where nothing is known of it or of its kin. */
export function abilitiesOf(rows: AbilityRows, id: string): Abilities {
  const own = Object.hasOwn(rows.models, id);
  const kin = own ? { from: id, minimumSd: 0 } : Object.hasOwn(rows.inherited, id) ? rows.inherited[id] : undefined;
  const row = kin === undefined ? undefined : rows.models[kin.from];
  if (kin === undefined || row === undefined)
    return Object.hasOwn(rows.expected, id) ? expectedAbilities(rows.expected[id] ?? []) : {};
  const [, leaderboardCount, newest] = rows.backing[kin.from] ?? [0, 0, ""];
  const known: Partial<Record<Domain, Ability>> = {};
  for (const domain of [...fittedDomains, "embedding" as const]) {
    const fitted = row[domain];
    if (fitted === undefined) continue;
    const [theta, sd, scoreCount] = fitted;
    // a domain without a score of its own is what the others let one expect: inherited
    const measured = own && scoreCount > 0;
    const vouched = leaderboardCount > 0 || domain === "embedding";
    known[domain] = {
      theta,
      sd: Math.max(sd, kin.minimumSd),
      basis: measured ? "measured" : "inherited",
      scoreCount: measured ? scoreCount : 0,
      backing: vouched ? (measured ? "leaderboard" : "kin") : "claims",
      ...(newest === "" ? {} : { newest }),
    };
  }
  return known;
}
