/** Sums of the catalog's models (catalog/profiles.json, ours and built): what a ranking sorts by before it looks at any tensor. */
import type { ModelEntry } from "../facts/catalog-model.ts";
import { type ModelShape, type Part, parts, type StoredPart, type WindowGroup } from "../facts/profile.ts";
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

/** Counts of a shape, in the order they are packed. */
const counts = [
  "layerCount",
  "moeLayerCount",
  "linearLayerCount",
  "embeddingLength",
  "vocabularyCount",
  "expertCount",
  "usedExpertCount",
  "liveValues",
  "stateElements",
  "parameterCount",
  "activeParameterCount",
] as const satisfies readonly (keyof ModelShape)[];
const flags = ["hasCache", "causal", "latent"] as const satisfies readonly (keyof ModelShape)[];
/** Base of the packed integers: shorter, and exact up to 2^53. */
const BASE = 36;

const packNumbers = (values: readonly number[]): string => values.map((value) => value.toString(BASE)).join(" ");
const packGroups = (groups: readonly WindowGroup[]): string => groups.map(packNumbers).join(",");

/**
 * One string a profile: a string costs a program that loads it next to nothing until it is asked for, an object does.
 * `architecture;counts;flags;reads;kept` then, after a `#` each, `recipe;part type weights,part type weights…`.
 */
export function packProfile(
  shape: ModelShape,
  stored: readonly { readonly recipe: string; readonly parts: readonly StoredPart[] }[],
): string {
  const head = [
    shape.architecture,
    packNumbers(counts.map((name) => shape[name])),
    flags.map((name) => Number(shape[name])).join(""),
    packGroups(shape.reads),
    packGroups(shape.kept),
  ].join(";");
  const recipes = stored.map(
    (row) =>
      `${row.recipe};${row.parts.map(([part, type, weights]) => `${parts.indexOf(part)} ${type} ${weights.toString(BASE)}`).join(",")}`,
  );
  return [head, ...recipes].join("#");
}

const unpackNumbers = (text: string): number[] => text.split(" ").map((word) => Number.parseInt(word, BASE));
const unpackGroups = (text: string): WindowGroup[] =>
  text === ""
    ? []
    : text.split(",").map((row) => {
        const [window = 0, key = 0, value = 0, flops = 0] = unpackNumbers(row);
        return [window, key, value, flops];
      });

function unpackPart(text: string): readonly StoredPart[] {
  const [index = "", type = "", weights = ""] = text.split(" ");
  const part: Part | undefined = parts[Number(index)];
  return part !== undefined && isTensorType(type) ? [[part, type, Number.parseInt(weights, BASE)]] : [];
}

export function unpackProfile(packed: string): Profile {
  const [head = "", ...recipes] = packed.split("#");
  const [architecture = "", numbers = "", marks = "", reads = "", kept = ""] = head.split(";");
  const [
    layerCount = 0,
    moeLayerCount = 0,
    linearLayerCount = 0,
    embeddingLength = 0,
    vocabularyCount = 0,
    expertCount = 0,
    usedExpertCount = 0,
    liveValues = 0,
    stateElements = 0,
    parameterCount = 0,
    activeParameterCount = 0,
  ] = unpackNumbers(numbers);
  return {
    shape: {
      architecture,
      layerCount,
      moeLayerCount,
      linearLayerCount,
      embeddingLength,
      vocabularyCount,
      expertCount,
      usedExpertCount,
      liveValues,
      stateElements,
      parameterCount,
      activeParameterCount,
      hasCache: marks[0] === "1",
      causal: marks[1] === "1",
      latent: marks[2] === "1",
      reads: unpackGroups(reads),
      kept: unpackGroups(kept),
    },
    stored: new Map(
      recipes.map((row) => {
        const [recipe = "", list = ""] = row.split(";");
        return [recipe, list.split(",").flatMap(unpackPart)];
      }),
    ),
  };
}

export type ProfileCatalog = (entry: ModelEntry) => Profile | undefined;

let loaded: Promise<ProfileCatalog> | undefined;

/** Read once; a profile is unpacked when it is first asked for. */
export function loadProfiles(): Promise<ProfileCatalog> {
  loaded ??= import("../../../catalog/profiles.json", { with: { type: "json" } }).then(({ default: file }) => {
    const rows: Readonly<Record<string, string>> = file;
    const kept = new Map<string, Profile>();
    return (entry: ModelEntry) => {
      const key = profileKey(entry);
      const held = kept.get(key);
      if (held) return held;
      const packed = Object.hasOwn(rows, key) ? rows[key] : undefined;
      if (packed === undefined) return undefined;
      const profile = unpackProfile(packed);
      kept.set(key, profile);
      return profile;
    };
  });
  return loaded;
}
