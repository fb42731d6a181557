/**
 * Curated facts → catalog/models/*.json, one file a family. Deterministic: the same facts give the same bytes.
 * Run: npx tsx catalog/build/models.ts [facts.jsonl]
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type ArchitectureEntry,
  type CatalogUseCase,
  catalogUseCases,
  type ModelEntry,
  type ModelTrait,
} from "../../src/core/facts/catalog-model.ts";
import { architectureOf, isSameStructure, type MissingArchitecture } from "./architectures.ts";
import { compileModels } from "./compile-models.ts";
import { known, type OfficialRow, officialRow, type TuneRow, tuneRow } from "./facts-row.ts";
import { familyText } from "./family-text.ts";
import { commercialUse } from "./licenses.ts";
import { cannotLoad } from "./loading.ts";
import { nativeFormats } from "./native-formats.ts";
import { baseNames, isOfTheCrowd, traitsOf } from "./tasks.ts";

const FACTS = process.argv[2] ?? join(import.meta.dirname, "../../../shared/models/facts.jsonl");
const OUT = join(import.meta.dirname, "../models");

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/^-+|-+$/g, "");
const shortName = (repo: string): string => repo.slice(repo.indexOf("/") + 1);

interface Facts {
  readonly official: readonly OfficialRow[];
  readonly tunes: readonly TuneRow[];
}

function readFacts(path: string): Facts {
  const rows = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  // the Hub's names do not mind case: a repository written in two ways is one, as its makers write it
  const seen = new Set<string>();
  const official: OfficialRow[] = [];
  const tunes: TuneRow[] = [];
  rows.forEach((line, index) => {
    const raw: unknown = JSON.parse(line);
    const { finetune, repo } = tuneRow.parse(raw);
    if (seen.has(repo.toLowerCase())) return;
    seen.add(repo.toLowerCase());
    const isTune = finetune === true;
    const parsed = isTune ? tuneRow.safeParse(raw) : officialRow.safeParse(raw);
    if (!parsed.success)
      throw new Error(
        `facts line ${index + 1}: ${parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ")}`,
      );
    if (isTune) tunes.push(tuneRow.parse(raw));
    else official.push(officialRow.parse(raw));
  });
  return { official, tunes };
}

interface Architectures {
  /** by repository of an official model */
  readonly ofRepo: ReadonlyMap<string, ArchitectureEntry>;
  readonly missing: readonly MissingArchitecture[];
}

/** One entry a structure: official rows of one `arch_id` that differ in it get an entry of their own. */
function buildArchitectures(official: readonly OfficialRow[]): Architectures {
  const ofRepo = new Map<string, ArchitectureEntry>();
  const variants = new Map<string, ArchitectureEntry[]>();
  const missing = new Map<string, { architectureId: string; repos: string[]; reason: string }>();
  for (const row of official) {
    try {
      const id = slug(row.arch_id.replace(/^auto:/, ""));
      const entry = architectureOf(row);
      const known = variants.get(id) ?? [];
      const same = known.find((other) => isSameStructure(other, entry));
      const keptId = known.length === 0 ? id : slug(shortName(row.repo));
      const reason = cannotLoad[keptId];
      const kept = same ?? { ...entry, id: keptId, ...(reason === undefined ? {} : { cannotLoad: reason }) };
      if (same === undefined) variants.set(id, [...known, kept]);
      ofRepo.set(row.repo, kept);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const key = `${row.arch_id} ${reason}`;
      const entry = missing.get(key) ?? { architectureId: row.arch_id, repos: [], reason };
      entry.repos.push(row.repo);
      missing.set(key, entry);
    }
  }
  return { ofRepo, missing: [...missing.values()] };
}

const contractUseCases: Readonly<Record<string, CatalogUseCase>> = {
  ...Object.fromEntries(catalogUseCases.map((name) => [name, name])),
  tool_use: "tool-use",
  reranker: "reranking",
};

function capabilitiesOf(row: TuneRow): ModelEntry["capabilities"] {
  return {
    ...(row.use_cases.includes("tool_use") ? { tools: true } : {}),
    ...(row.use_cases.includes("reasoning") ? { thinking: true } : {}),
    ...(row.modality === "text+image" ? { vision: true } : {}),
    ...(row.modality === "embedding" ? { embedding: true } : {}),
    ...(row.modality === "reranker" ? { reranking: true } : {}),
  };
}

const list = (names: readonly string[] | null | undefined): readonly string[] | undefined => {
  const whole = [...new Set(names ?? [])].filter((name) => /^[\w.-]+\/[\w.-]+$/.test(name)).sort();
  return whole.length > 0 ? whole : undefined;
};

interface Draft extends ModelEntry {
  readonly baseRepo: string;
}

function draftOf(
  row: TuneRow,
  id: string,
  architecture: ArchitectureEntry,
  family: string,
  traits: readonly ModelTrait[],
): Draft {
  const total = Math.max(row.params_total, row.params_text);
  const keyed = architecture.keys["vocab_size"];
  return {
    id,
    repo: row.repo,
    name: row.name,
    family,
    architectureId: architecture.id,
    baseRepo: row.base,
    useCases: [...new Set(row.use_cases.flatMap((name) => contractUseCases[name] ?? []))].sort(),
    capabilities: capabilitiesOf(row),
    trainedContextTokens: row.context_length || Number(architecture.keys["context_length"]),
    source: row.finetune ? `${row.source}; base by ${row.base_match ?? "name"} (${row.confidence})` : row.source,
    ...known({
      released: row.release?.slice(0, 7),
      license: row.license,
      commercialUse: row.license ? commercialUse[row.license] : undefined,
      traits: traits.length > 0 ? traits : undefined,
      nativeFormat: nativeFormats[row.repo],
      vocabularyCount: row.finetune && row.n_vocab && row.n_vocab !== keyed ? row.n_vocab : undefined,
      totalParameterCount: total === row.params_text ? undefined : total,
      ggufRepos: list(row.gguf_repos),
      mlxRepos: list(row.mlx_repos),
      quantizedRepos: list(row.quant_repos),
      ollama: row.ollama,
      popularity: row.popularity?.hf_downloads
        ? {
            downloadCount: row.popularity.hf_downloads,
            date: row.popularity.date,
            ...known({ likeCount: row.popularity.hf_likes }),
          }
        : undefined,
    }),
  };
}

function buildModels({ official, tunes }: Facts, { ofRepo }: Architectures): Draft[] {
  const officialRows = new Map(official.map((row) => [row.repo, row]));
  const bases = baseNames(official);
  const taken = new Set<string>();
  const idOf = (repo: string): string => {
    const id = [slug(shortName(repo)), slug(repo)].find((candidate) => !taken.has(candidate));
    if (id === undefined) throw new Error(`no free id for ${repo}`);
    taken.add(id);
    return id;
  };
  const models = official.flatMap((row) => {
    const architecture = ofRepo.get(row.repo);
    return architecture
      ? [draftOf(row, idOf(row.repo), architecture, row.family, traitsOf(row, architecture, bases))]
      : [];
  });
  // who is in use has the first choice of a short id
  const inUse = (row: TuneRow): number =>
    row.gguf_repos?.length || row.ollama || row.popularity?.hf_downloads ? 0 : 1;
  for (const row of [...tunes].sort((a, b) => inUse(a) - inUse(b))) {
    const root = officialRows.get(row.base);
    const architecture = ofRepo.get(row.base);
    if (root === undefined || architecture === undefined) continue;
    models.push(draftOf(row, idOf(row.repo), architecture, root.family, traitsOf(row, architecture, bases)));
  }
  return mergeCopies(models, officialRows);
}

/** Names that differ in case or in Meta's old prefix only. */
const sameName = (repo: string): string =>
  shortName(repo)
    .toLowerCase()
    .replace(/^meta-/, "");

const union = (
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): readonly string[] | undefined => list([...(one ?? []), ...(other ?? [])]);

/** Copies of an official model (same name and architecture: mirrors, renamed repositories) become names of it. */
function mergeCopies(models: readonly Draft[], officialRows: ReadonlyMap<string, OfficialRow>): Draft[] {
  const merged = new Map<string, Draft>();
  const downloads = (model: Draft): number => model.popularity?.downloadCount ?? 0;
  // makers first, current names before old ones, then the more downloaded
  const order = (model: Draft): number =>
    (officialRows.has(model.repo) ? 0 : 2) + (/^meta-/i.test(shortName(model.repo)) ? 1 : 0);
  for (const model of [...models].sort((a, b) => order(a) - order(b) || downloads(b) - downloads(a))) {
    const key = `${model.architectureId} ${sameName(model.repo)}`;
    const head = merged.get(key);
    if (head === undefined || !officialRows.has(head.repo)) {
      merged.set(head === undefined ? key : `${key} ${model.repo}`, model);
      continue;
    }
    merged.set(key, {
      ...head,
      ...known({
        aliases: union(head.aliases, [model.repo]),
        ggufRepos: union(head.ggufRepos, model.ggufRepos),
        mlxRepos: union(head.mlxRepos, model.mlxRepos),
        quantizedRepos: union(head.quantizedRepos, model.quantizedRepos),
        ollama: head.ollama ?? model.ollama,
        popularity: head.popularity ?? model.popularity,
      }),
    });
  }
  return [...merged.values()];
}

/** Families of one model each share a file. */
const MIN_FAMILY_MODELS = 4;

function write(drafts: readonly Draft[], architectures: Architectures): void {
  const idOfRepo = new Map(
    drafts.flatMap((draft) => [draft.repo, ...(draft.aliases ?? [])].map((repo) => [repo, draft.id] as const)),
  );
  const releases = new Map(drafts.map(({ id, released }) => [id, released]));
  const sizes = new Map<string, number>();
  for (const { family } of drafts) sizes.set(family, (sizes.get(family) ?? 0) + 1);
  const models = drafts.map(({ baseRepo, ...model }): ModelEntry => {
    const base = idOfRepo.get(baseRepo);
    const family = (sizes.get(model.family) ?? 0) >= MIN_FAMILY_MODELS ? model.family : "Other";
    const tunedFrom = base !== undefined && base !== model.id ? { base } : {};
    const rootReleased = base === undefined ? undefined : releases.get(base);
    const crowd = "base" in tunedFrom && isOfTheCrowd(model, rootReleased) ? { unranked: true as const } : {};
    return { ...model, family, ...tunedFrom, ...crowd };
  });
  mkdirSync(OUT, { recursive: true });
  for (const name of readdirSync(OUT)) if (/\.(json|ts)$/.test(name)) rmSync(join(OUT, name));
  let fileCount = 0;
  const written = new Set<string>();
  for (const family of [...new Set(models.map((model) => model.family))].sort()) {
    const members = models.filter((model) => model.family === family).sort((a, b) => (a.id < b.id ? -1 : 1));
    const used = new Set(members.map((model) => model.architectureId));
    const own = [...new Set(architectures.ofRepo.values())]
      .filter((entry) => used.has(entry.id) && !written.has(entry.id))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const entry of own) written.add(entry.id);
    const file = slug(family);
    fileCount++;
    writeFileSync(join(OUT, `${file}.json`), familyText(family, own, members));
  }
  writeFileSync(join(OUT, "known-missing.json"), `${JSON.stringify(architectures.missing, undefined, 1)}\n`);
  compileModels(join(OUT, ".."));
  const dates = models.flatMap((model) => model.popularity?.date ?? []).sort();
  process.stdout.write(
    `${models.length} models, ${written.size} architectures in ${fileCount} files; ${architectures.missing.length} reasons for missing ones; popularity to ${dates.at(-1)}\n`,
  );
}

const facts = readFacts(FACTS);
const architectures = buildArchitectures(facts.official);
write(buildModels(facts, architectures), architectures);
