/**
 * The bundled model catalog: loaded when it is first asked for, indexed by every name a model goes by.
 * It is the compiled form of catalog/models; the files are strictly checked when they are built (catalog/build/check.ts).
 */

import type { ArchitectureEntry, ModelEntry } from "../facts/catalog-model.ts";
import { closestNames } from "../facts/closest.ts";
import { readHyperparameters } from "../facts/hyperparameters.ts";
import { layoutTensors } from "../facts/layout.ts";
import type { Hyperparameters, MetadataValue } from "../facts/model.ts";
import type { TensorShape } from "../facts/tensor.ts";
import { asMetadata } from "./gguf-keys.ts";
import { type PackedRows, unpackModels } from "./model-pack.ts";

/** How a name relates to the model it was found by. */
type NameKind = "id" | "repo" | "alias" | "gguf" | "mlx" | "quantized" | "ollama";

export interface NamedModel {
  readonly entry: ModelEntry;
  readonly kind: NameKind;
  /** the catalog's own spelling of the name */
  readonly name: string;
}

export interface ModelCatalog {
  /** month of the newest popularity figures and releases in it */
  readonly date: string;
  readonly models: readonly ModelEntry[];
  readonly architectures: ReadonlyMap<string, ArchitectureEntry>;
  /** by catalog id, Hub repository (the makers', a mirror's, GGUF, MLX or otherwise quantized) or Ollama name; case does not matter */
  find(name: string): NamedModel | undefined;
  /** ids and repositories nearest to a name that is not there */
  closest(name: string, limit: number): readonly string[];
  architectureOf(entry: ModelEntry): ArchitectureEntry;
  /** with the model's own trained context and vocabulary */
  hyperparametersOf(entry: ModelEntry): Hyperparameters;
  /** the tensor table; computed once an architecture and vocabulary */
  tensorsOf(entry: ModelEntry): readonly TensorShape[];
}

/** Earlier kinds win a name that two models claim; within a kind, the more downloaded model does. */
function namesOf(entry: ModelEntry): readonly (readonly [NameKind, string])[] {
  const of = (kind: NameKind, names: readonly string[] | undefined) =>
    (names ?? []).map((name) => [kind, name] as const);
  return [
    ["id", entry.id],
    ["repo", entry.repo],
    ...of("alias", entry.aliases),
    ...of("gguf", entry.ggufRepos),
    ...of("mlx", entry.mlxRepos),
    ...of("quantized", entry.quantizedRepos),
    ...of("ollama", entry.ollama === undefined ? undefined : [entry.ollama, entry.ollama.replace(/:latest$/, "")]),
  ];
}

const rankOfKind: Readonly<Record<NameKind, number>> = {
  id: 0,
  repo: 1,
  alias: 2,
  gguf: 3,
  mlx: 4,
  quantized: 5,
  ollama: 6,
};

function buildIndex(models: readonly ModelEntry[]): ReadonlyMap<string, NamedModel> {
  const index = new Map<string, NamedModel>();
  for (const entry of models)
    for (const [kind, name] of namesOf(entry)) {
      const key = name.toLowerCase();
      const held = index.get(key);
      if (held === undefined || isBetter({ entry, kind, name }, held)) index.set(key, { entry, kind, name });
    }
  return index;
}

function isBetter(one: NamedModel, other: NamedModel): boolean {
  if (one.kind !== other.kind) return rankOfKind[one.kind] < rankOfKind[other.kind];
  return (one.entry.popularity?.downloadCount ?? 0) > (other.entry.popularity?.downloadCount ?? 0);
}

/** All rows of these ids, in order. */
function rowsOf<Row>(ids: readonly string[], get: (id: string) => Row | undefined): readonly Row[] {
  return ids.flatMap((id) => get(id) ?? []);
}

/** A catalog over rows that are unpacked as they are needed: one model by its id costs no more than that model. */
export function makeCatalog(rows: PackedRows): ModelCatalog {
  const all = once(() => rowsOf(rows.modelIds, rows.model));
  const allArchitectures = once(
    () => new Map(rowsOf(rows.architectureIds, rows.architecture).map((entry) => [entry.id, entry] as const)),
  );
  const tables = new Map<string, readonly TensorShape[]>();
  const hypers = new Map<string, Hyperparameters>();
  const index = once(() => buildIndex(all()));

  const architectureOf = (entry: ModelEntry): ArchitectureEntry => {
    const architecture = rows.architecture(entry.architectureId);
    if (architecture === undefined)
      throw new Error(`catalog model ${entry.id} names the architecture ${entry.architectureId}, which is not there`);
    return architecture;
  };
  const hyperparametersOf = (entry: ModelEntry): Hyperparameters => {
    const key = `${entry.architectureId} ${entry.trainedContextTokens} ${entry.vocabularyCount ?? ""}`;
    const held = hypers.get(key);
    if (held) return held;
    const { architecture, keys } = architectureOf(entry);
    const own: Record<string, MetadataValue> = { ...keys, context_length: entry.trainedContextTokens };
    if (entry.vocabularyCount !== undefined) own["vocab_size"] = entry.vocabularyCount;
    const hyper = readHyperparameters(asMetadata(architecture, own), undefined);
    hypers.set(key, hyper);
    return hyper;
  };

  return {
    get date() {
      return dateOf(all());
    },
    get models() {
      return all();
    },
    get architectures() {
      return allArchitectures();
    },
    find(name) {
      const key = name.toLowerCase();
      // ids win every name, so that one needs no index
      const entry = rows.model(key);
      return entry === undefined ? index().get(key) : { entry, kind: "id", name: entry.id };
    },
    closest: (name, limit) =>
      closestNames(
        name,
        all().flatMap((entry) => (name.includes("/") ? [entry.repo, ...(entry.ggufRepos ?? [])] : [entry.id])),
        limit,
      ),
    architectureOf,
    hyperparametersOf,
    tensorsOf(entry) {
      const { layout } = architectureOf(entry);
      const hyper = hyperparametersOf(entry);
      const key = `${entry.architectureId} ${entry.vocabularyCount ?? ""}${layout.positionEmbedding || hyper.architecture === "bert" ? ` ${entry.trainedContextTokens}` : ""}`;
      const held = tables.get(key);
      if (held) return held;
      const table = layoutTensors(hyper, layout);
      tables.set(key, table);
      return table;
    },
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function dateOf(models: readonly ModelEntry[]): string {
  let latest = "";
  for (const { released = "", popularity } of models) {
    if (released.length === 7 && released > latest) latest = released;
    const month = popularity?.date.slice(0, 7) ?? "";
    if (month > latest) latest = month;
  }
  return latest;
}

let packed: Promise<PackedRows> | undefined;
let loaded: Promise<ModelCatalog> | undefined;

/** The rows that ship with this program; read once. */
export function loadPackedModels(): Promise<PackedRows> {
  packed ??= import("../../../catalog/models-compiled.json", { with: { type: "json" } }).then(({ default: text }) =>
    unpackModels(text),
  );
  return packed;
}

/** The catalog that ships with this program, without what its user adds. */
export function loadModelCatalog(): Promise<ModelCatalog> {
  loaded ??= loadPackedModels().then(makeCatalog);
  return loaded;
}
