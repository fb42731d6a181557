/** The abilities that ship with this program: which catalog model is how good at what, and how that is known. */
import type { Abilities } from "../facts/ability.ts";
import { type AbilityRow, type AbilityRows, abilitiesOf, type FittedAbility } from "../facts/quality.ts";

export interface QualityCatalog {
  /** newest score in the fit */
  readonly date: string;
  readonly source: string;
  /** abilities by domain of a catalog id; empty where nothing is known of it or of its kin */
  abilitiesOf(id: string): Abilities;
  /** the scored model an unscored one takes its ability from */
  inheritsFrom(id: string): string | undefined;
}

function isFitted(value: unknown): value is FittedAbility {
  return Array.isArray(value) && value.length === 3 && value.every((item) => typeof item === "number");
}

function isRow(value: unknown): value is AbilityRow {
  return typeof value === "object" && value !== null && Object.values(value).every(isFitted);
}

/** Rows of our own file; one that lost its shape is left out rather than believed. */
function readRows(models: Readonly<Record<string, unknown>>): Record<string, AbilityRow> {
  const rows: Record<string, AbilityRow> = {};
  for (const [id, row] of Object.entries(models)) if (isRow(row)) rows[id] = row;
  return rows;
}

function readBacking(rows: Readonly<Record<string, readonly (string | number)[]>>): AbilityRows["backing"] {
  return Object.fromEntries(
    Object.entries(rows).map(([id, [scoreCount, leaderboardCount, newest]]) => [
      id,
      [Number(scoreCount), Number(leaderboardCount), String(newest)] as const,
    ]),
  );
}

let loaded: Promise<QualityCatalog> | undefined;

/** Read once, when it is first asked for. */
export function loadQualityCatalog(): Promise<QualityCatalog> {
  loaded ??= import("../../../catalog/quality/abilities.json", { with: { type: "json" } }).then(({ default: file }) => {
    const inherited: AbilityRows["inherited"] = file.inherited;
    const rows: AbilityRows = {
      models: readRows(file.models),
      backing: readBacking(file.backing),
      inherited,
      expected: file.expected,
    };
    const kept = new Map<string, Abilities>();
    return {
      date: file.date,
      source: file.source,
      abilitiesOf(id) {
        const held = kept.get(id) ?? abilitiesOf(rows, id);
        kept.set(id, held);
        return held;
      },
      inheritsFrom: (id) => (Object.hasOwn(inherited, id) ? inherited[id]?.from : undefined),
    };
  });
  return loaded;
}
