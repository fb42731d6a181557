/** Names in published timings → models of the catalog: by name, by name without what tunes and packagers add, by llama.cpp's own label and size. */
import type { ModelEntry } from "../../../src/core/facts/catalog-model.ts";
import type { ModelCatalog } from "../../../src/core/sources/model-catalog.ts";
import type { PublishedRow } from "./published.ts";

/** Additions that leave the architecture as it is. */
const additions = /[-_. ](it|instruct|chat|base|hf|gguf|qat|bf16|thinking|reasoning|\d{4}|v\d+(\.\d+)*)$/i;

function plain(name: string): string {
  return (name.split("/").at(-1) ?? name).toLowerCase().replace(/[^a-z0-9]+/g, "");
}

function stems(name: string): string[] {
  const list: string[] = [];
  let rest = (name.split("/").at(-1) ?? name).replace(/^nvidia-/i, "").replace(/[:]/g, "-");
  for (;;) {
    list.push(plain(rest));
    const shorter = rest.replace(additions, "");
    if (shorter === rest) return list;
    rest = shorter;
  }
}

interface Names {
  readonly byStem: ReadonlyMap<string, readonly ModelEntry[]>;
}

const known = new WeakMap<ModelCatalog, Names>();

function namesOf(catalog: ModelCatalog): Names {
  const held = known.get(catalog);
  if (held) return held;
  const byStem = new Map<string, ModelEntry[]>();
  for (const entry of catalog.models)
    for (const name of [entry.id, entry.repo, entry.name, ...(entry.aliases ?? []), ...(entry.ggufRepos ?? [])])
      for (const stem of stems(name)) byStem.set(stem, [...(byStem.get(stem) ?? []), entry]);
  const names = { byStem };
  known.set(catalog, names);
  return names;
}

/** A count within 6 % of what the row says, or no word on it. */
function agrees(entry: ModelEntry, row: PublishedRow, catalog: ModelCatalog): boolean {
  if (!row.params) return true;
  const { parameterCount } = catalog.architectureOf(entry);
  return (
    Math.abs(parameterCount / row.params - 1) < 0.06 ||
    Math.abs((entry.totalParameterCount ?? parameterCount) / row.params - 1) < 0.06
  );
}

/** `qwen35 27B Q8_0`: llama-bench prints the architecture and the size. */
function byLabel(row: PublishedRow, catalog: ModelCatalog): ModelEntry | undefined {
  const label = (row.model_label ?? "").toLowerCase().split(/\s+/)[0] ?? "";
  if (!row.params || !/^[a-z]+[a-z0-9-]*$/.test(label)) return undefined;
  const distance = (entry: ModelEntry) =>
    Math.abs(Math.log(catalog.architectureOf(entry).parameterCount / (row.params ?? 1)));
  const same = catalog.models.filter(
    (entry) => catalog.architectureOf(entry).architecture === label && distance(entry) < 0.03,
  );
  return same.sort((a, b) => distance(a) - distance(b))[0];
}

/** A tune whose base is not named is laid out as the most used model of its size and kind. */
function bySize(row: PublishedRow, catalog: ModelCatalog): ModelEntry | undefined {
  const size = /[-_ :](\d+(?:\.\d+)?)b\b/i.exec(row.model)?.[1];
  const params = row.params ?? (size === undefined ? undefined : Number(size) * 1e9);
  if (!params) return undefined;
  const month = (row.date ?? "9999").slice(0, 7);
  const candidates = catalog.models.filter((entry) => {
    const { parameterCount, activeParameterCount } = catalog.architectureOf(entry);
    const moe = activeParameterCount !== undefined && activeParameterCount < 0.9 * parameterCount;
    return (
      Math.abs(parameterCount / params - 1) < 0.08 &&
      moe === row.is_moe &&
      (entry.released ?? "0000") <= month &&
      !entry.useCases.includes("embedding")
    );
  });
  const downloads = (entry: ModelEntry) => entry.popularity?.downloadCount ?? 0;
  return candidates.sort((a, b) => downloads(b) - downloads(a))[0];
}

export function resolveModel(row: PublishedRow, catalog: ModelCatalog): ModelEntry | undefined {
  const direct = catalog.find(row.model)?.entry;
  if (direct) return direct;
  const { byStem } = namesOf(catalog);
  for (const stem of stems(row.model)) {
    const entry = (byStem.get(stem) ?? []).find((candidate) => agrees(candidate, row, catalog));
    if (entry) return entry;
  }
  return byLabel(row, catalog) ?? bySize(row, catalog);
}
