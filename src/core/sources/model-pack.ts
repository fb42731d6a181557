/**
 * The compiled form of the model catalog: rows as tuples, words that return in a table, and repositories written by what they add to the
 * model's own name. Loading is paid on every start; the families' files are 1.5 times as long and take twice as long to read.
 * A test holds the text against the files, and they are held against their strict schema by `npm run catalog:check`.
 */
import type { ArchitectureEntry, ModelEntry } from "../facts/catalog-model.ts";

export interface CatalogRows {
  readonly architectures: readonly ArchitectureEntry[];
  readonly models: readonly ModelEntry[];
}

/** How a field is written: as it is; by its place in the table of words; as JSON in that table; as names beside the model's own. */
type Form = "plain" | "word" | "json" | "names";

/** Order is the format. A field that is missing is written as 0, which none of them can be. */
const modelFields: readonly (readonly [keyof ModelEntry, Form])[] = [
  ["id", "plain"],
  ["repo", "plain"],
  ["name", "names"],
  ["family", "word"],
  ["architectureId", "word"],
  ["trainedContextTokens", "plain"],
  ["source", "word"],
  ["useCases", "json"],
  ["capabilities", "json"],
  ["released", "word"],
  ["license", "word"],
  ["commercialUse", "word"],
  ["base", "word"],
  ["ggufRepos", "names"],
  ["popularity", "plain"],
  ["quantizedRepos", "names"],
  ["aliases", "names"],
  ["totalParameterCount", "plain"],
  ["mlxRepos", "names"],
  ["ollama", "plain"],
  ["traits", "json"],
  ["vocabularyCount", "plain"],
  ["unranked", "plain"],
  ["nativeFormat", "json"],
];
const architectureFields: readonly (readonly [keyof ArchitectureEntry, Form])[] = [
  ["id", "plain"],
  ["architecture", "word"],
  ["keys", "plain"],
  ["parameterCount", "plain"],
  ["evidence", "word"],
  ["basis", "word"],
  ["source", "word"],
  ["layout", "json"],
  ["activeParameterCount", "plain"],
  ["nextnParameterCount", "plain"],
  ["cannotLoad", "plain"],
];

const OWN_NAME = "~";
const shortName = (repo: string): string => repo.slice(repo.indexOf("/") + 1);

class Words {
  readonly list: string[] = [];
  readonly #places = new Map<string, number>();
  /** from 1: 0 stands for nothing */
  place(word: string): number {
    const held = this.#places.get(word);
    if (held !== undefined) return held;
    this.list.push(word);
    this.#places.set(word, this.list.length);
    return this.list.length;
  }
}

function packRow<Row extends object>(
  row: Row,
  fields: readonly (readonly [keyof Row, Form])[],
  words: Words,
  ownName: string,
): unknown[] {
  const short = (name: unknown): string => String(name).replaceAll(ownName, OWN_NAME);
  const packed = fields.map(([field, form]): unknown => {
    const value: unknown = row[field];
    if (value === undefined) return 0;
    if (form === "word") return words.place(String(value));
    if (form === "json") return words.place(JSON.stringify(value));
    if (form === "names") return Array.isArray(value) ? [value.map(short).join(" ")] : short(value);
    return value;
  });
  while (packed.at(-1) === 0) packed.pop();
  return packed;
}

/** Key-values of one architecture mostly have the names of another's: the names by their place, then the values. */
function packKeys({ keys }: ArchitectureEntry, words: Words): unknown[] {
  return [words.place(Object.keys(keys).join(" ")), ...Object.values(keys)];
}

export function packModels({ architectures, models }: CatalogRows): string {
  const words = new Words();
  const packed = {
    architectures: architectures.map((row) => {
      const [id, architecture, , ...rest] = packRow(row, architectureFields, words, "\n");
      return [id, architecture, packKeys(row, words), ...rest];
    }),
    models: models.map((row) => packRow(row, modelFields, words, shortName(row.repo))),
    words: words.list,
  };
  return JSON.stringify(packed);
}

type Rows = readonly (readonly unknown[])[];

const isRows = (value: unknown): value is Rows => Array.isArray(value) && value.every((row) => Array.isArray(row));

function damaged(): never {
  throw new Error("the compiled model catalog is damaged: rebuild it with catalog/build/compile-models.ts");
}

/** The one place that believes the compiled text; what tells rows apart is glanced at. */
function isModel(value: object): value is ModelEntry {
  return (
    "id" in value && "repo" in value && "architectureId" in value && "useCases" in value && "capabilities" in value
  );
}
function isArchitecture(value: object): value is ArchitectureEntry {
  return "id" in value && "architecture" in value && "keys" in value && "layout" in value && "evidence" in value;
}

function unpackRow<Row>(
  packed: readonly unknown[],
  fields: readonly (readonly [keyof Row & string, Form])[],
  words: readonly unknown[],
  parsed: Map<number, unknown>,
  ownName: string,
): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (let index = 0; index < packed.length; index++) {
    const value = packed[index];
    const field = fields[index];
    if (value === 0 || field === undefined) continue;
    const [name, form] = field;
    if (form === "plain") row[name] = value;
    else if (form === "names")
      row[name] = Array.isArray(value)
        ? String(value[0]).replaceAll(OWN_NAME, ownName).split(" ")
        : String(value).replaceAll(OWN_NAME, ownName);
    else if (typeof value !== "number") damaged();
    else if (form === "word") row[name] = words[value - 1];
    else {
      // rows that say the same share the value: nothing changes it
      if (!parsed.has(value)) parsed.set(value, JSON.parse(String(words[value - 1])));
      row[name] = parsed.get(value);
    }
  }
  return row;
}

function unpackKeys(packed: unknown, words: readonly unknown[], names: Map<number, readonly string[]>): object {
  if (!Array.isArray(packed)) return damaged();
  const [place, ...values] = packed;
  const held = names.get(place) ?? String(words[place - 1]).split(" ");
  names.set(place, held);
  return Object.fromEntries(held.map((name, index) => [name, values[index]]));
}

/** Rows that are unpacked when they are asked for, each once. */
export interface PackedRows {
  readonly modelIds: readonly string[];
  readonly architectureIds: readonly string[];
  /** undefined: no such id */
  model(id: string): ModelEntry | undefined;
  architecture(id: string): ArchitectureEntry | undefined;
}

/** Rows by the id they begin with, made once each. */
function lazily<Row>(rows: Rows, make: (packed: readonly unknown[]) => Row) {
  const places = new Map<string, number>();
  const made: Row[] = [];
  for (let place = 0; place < rows.length; place++) places.set(String(rows[place]?.[0]), place);
  return {
    ids: [...places.keys()],
    get: (id: string): Row | undefined => {
      const place = places.get(id);
      const packed = place === undefined ? undefined : rows[place];
      if (place === undefined || packed === undefined) return undefined;
      const held = made[place] ?? make(packed);
      made[place] = held;
      return held;
    },
  };
}

/** @throws Error when the text is not what `packModels` wrote */
export function unpackModels(text: string): PackedRows {
  const packed: unknown = JSON.parse(text);
  if (typeof packed !== "object" || packed === null) damaged();
  const part = (name: string): unknown => Object.entries(packed).find(([key]) => key === name)?.[1];
  const [models, architectures, words] = [part("models"), part("architectures"), part("words")];
  if (!isRows(models) || !isRows(architectures) || !Array.isArray(words)) return damaged();
  const parsed = new Map<number, unknown>();
  const names = new Map<number, readonly string[]>();
  const modelRows = lazily(models, (packedRow): ModelEntry => {
    const row = unpackRow<ModelEntry>(packedRow, modelFields, words, parsed, shortName(String(packedRow[1])));
    return isModel(row) ? row : damaged();
  });
  const architectureRows = lazily(architectures, (packedRow): ArchitectureEntry => {
    const row = unpackRow<ArchitectureEntry>(packedRow, architectureFields, words, parsed, "\n");
    row["keys"] = unpackKeys(packedRow[2], words, names);
    return isArchitecture(row) ? row : damaged();
  });
  return {
    modelIds: modelRows.ids,
    architectureIds: architectureRows.ids,
    model: modelRows.get,
    architecture: architectureRows.get,
  };
}

/** Rows that are already checked, as they are. */
export function rowsAsGiven({ architectures, models }: CatalogRows): PackedRows {
  const byId = <Row extends { readonly id: string }>(rows: readonly Row[]) => new Map(rows.map((row) => [row.id, row]));
  const [modelRows, architectureRows] = [byId(models), byId(architectures)];
  return {
    modelIds: [...modelRows.keys()],
    architectureIds: [...architectureRows.keys()],
    model: (id) => modelRows.get(id),
    architecture: (id) => architectureRows.get(id),
  };
}
