/** Sums of the catalog's models (catalog/profiles.json, ours and built): what a ranking sorts by before it looks at any tensor. */
import type { ModelEntry } from "../facts/catalog-model.ts";
import { type ModelShape, type Part, parts, type StoredPart } from "../facts/profile.ts";
import { isTensorType } from "../facts/tensor-type.ts";

export interface Profile {
  readonly shape: ModelShape;
  /** by recipe, finest first */
  readonly stored: ReadonlyMap<string, readonly StoredPart[]>;
}

/** Models of the same dimensions and vocabulary have the same sums. */
export function profileKey(entry: ModelEntry): string {
  return entry.vocabularyCount === undefined
    ? entry.architectureId
    : `${entry.architectureId} ${entry.vocabularyCount}`;
}

interface ProfileRow {
  readonly shape: ModelShape;
  readonly stored: Readonly<Record<string, readonly (string | number)[]>>;
}

/** `[part, type, weights, part, type, weights …]` */
function readParts(flat: readonly (string | number)[]): StoredPart[] {
  const list: StoredPart[] = [];
  for (let index = 0; index + 2 < flat.length; index += 3) {
    const part: Part | undefined = parts[Number(flat[index])];
    const type = String(flat[index + 1]);
    if (part !== undefined && isTensorType(type)) list.push([part, type, Number(flat[index + 2])]);
  }
  return list;
}

function isProfileRow(value: unknown): value is ProfileRow {
  return typeof value === "object" && value !== null && "shape" in value && "stored" in value;
}

export type ProfileCatalog = (entry: ModelEntry) => Profile | undefined;

let loaded: Promise<ProfileCatalog> | undefined;

/** Read once; a profile is unpacked when it is first asked for. */
export function loadProfiles(): Promise<ProfileCatalog> {
  loaded ??= import("../../../catalog/profiles.json", { with: { type: "json" } }).then(({ default: file }) => {
    const rows: Readonly<Record<string, unknown>> = file;
    const kept = new Map<string, Profile>();
    return (entry: ModelEntry) => {
      const key = profileKey(entry);
      const held = kept.get(key);
      if (held) return held;
      const row = Object.hasOwn(rows, key) ? rows[key] : undefined;
      if (!isProfileRow(row)) return undefined;
      const profile = {
        shape: row.shape,
        stored: new Map(Object.entries(row.stored).map(([recipe, flat]) => [recipe, readParts(flat)])),
      };
      kept.set(key, profile);
      return profile;
    };
  });
  return loaded;
}
