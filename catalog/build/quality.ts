/**
 * Fitted abilities (latent.jsonl, latent-embedding.jsonl) → catalog/quality/abilities.json, joined to catalog ids. Deterministic.
 * A model without scores takes the ability of the model it was tuned from, or of a sibling of the same architecture.
 * Run: npx tsx catalog/build/quality.ts [folder with the two files]
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ModelEntry } from "../../src/core/facts/catalog-model.ts";
import { type AbilityRow, type AbilityRows, fittedDomains } from "../../src/core/facts/quality.ts";
import { loadModelCatalog } from "../../src/core/sources/model-catalog.ts";

const FOLDER = process.argv[2] ?? join(import.meta.dirname, "../../../shared/quality");
const OUT = join(import.meta.dirname, "../quality");

/** Community tunes differ from their parent by .31 (n = 684); siblings by what features and family leave open. */
const TUNE_DEVIATION = 0.35;
const SIBLING_DEVIATION = 0.4;

const fitted = z.object({ theta: z.number(), sd: z.number().positive(), n: z.number().int().nonnegative() });
const latentRow = z.object({
  model: z.string(),
  coding: fitted,
  reasoning: fitted,
  general: fitted,
  chat: fitted,
  tool: fitted,
  multimodal: fitted,
});
const embeddingRow = fitted.extend({ model: z.string() });

const readRows = <T>(file: string, schema: z.ZodType<T>): T[] =>
  readFileSync(join(FOLDER, file), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => schema.parse(JSON.parse(line)));

const round = (value: number): number => Math.round(value * 1000) / 1000;

interface Scored {
  readonly entry: ModelEntry;
  readonly row: AbilityRow;
}

async function build(): Promise<void> {
  const { models, find } = await loadModelCatalog();
  const own = new Map<string, AbilityRow>();
  const unjoined: string[] = [];
  const joinTo = (repo: string, row: AbilityRow): void => {
    const found = find(repo);
    if (found === undefined || !["repo", "alias"].includes(found.kind)) {
      unjoined.push(repo);
      return;
    }
    const held = own.get(found.entry.id);
    // two repositories of one model: the one with more scores
    if (held === undefined || scoreCount(row) > scoreCount(held)) own.set(found.entry.id, row);
  };
  for (const { model, ...domains } of readRows("latent.jsonl", latentRow))
    joinTo(
      model,
      Object.fromEntries(
        fittedDomains.map(
          (domain) => [domain, [round(domains[domain].theta), round(domains[domain].sd), domains[domain].n]] as const,
        ),
      ),
    );
  for (const { model, theta, sd, n } of readRows("latent-embedding.jsonl", embeddingRow))
    joinTo(model, { embedding: [round(theta), round(sd), n] });

  const byId = new Map(models.map((entry) => [entry.id, entry]));
  const rows: Record<string, AbilityRow> = {};
  const inherited: AbilityRows["inherited"] = {};
  const scored: Scored[] = [];
  for (const entry of models) {
    const row = own.get(entry.id);
    if (row === undefined) continue;
    rows[entry.id] = row;
    scored.push({ entry, row });
  }
  for (const entry of models) {
    if (rows[entry.id] !== undefined || entry.capabilities.embedding || entry.capabilities.reranking) continue;
    const parent = parentOf(entry, byId, own);
    if (parent !== undefined) inherited[entry.id] = { from: parent, minimumSd: TUNE_DEVIATION };
    else {
      const sibling = siblingOf(entry, scored);
      if (sibling !== undefined) inherited[entry.id] = { from: sibling, minimumSd: SIBLING_DEVIATION };
    }
  }
  write(rows, inherited);
  process.stdout.write(
    `${Object.keys(rows).length} scored, ${Object.keys(inherited).length} inherited, ${models.length - Object.keys(rows).length - Object.keys(inherited).length} without; ${unjoined.length} fitted models are not in the catalog\n`,
  );
}

const scoreCount = (row: AbilityRow): number => Object.values(row).reduce((sum, [, , count]) => sum + count, 0);

/** The nearest scored model up the chain of bases. A base model's own ability stands for no chat tune that was scored itself. */
function parentOf(
  entry: ModelEntry,
  byId: ReadonlyMap<string, ModelEntry>,
  own: ReadonlyMap<string, AbilityRow>,
): string | undefined {
  const seen = new Set([entry.id]);
  for (let id = entry.base; id !== undefined && !seen.has(id); id = byId.get(id)?.base) {
    seen.add(id);
    if (own.has(id)) return id;
  }
  return undefined;
}

/** The scored model of the same architecture that is nearest in time, pretrained ones among themselves. */
function siblingOf(entry: ModelEntry, scored: readonly Scored[]): string | undefined {
  const isBase = (model: ModelEntry): boolean => model.traits?.includes("base") ?? false;
  const months = ({ released = "" }: ModelEntry): number =>
    Number(released.slice(0, 4)) * 12 + Number(released.slice(5, 7) || 6);
  const distance = (other: ModelEntry): number =>
    Math.abs(months(other) - months(entry)) + (isBase(other) === isBase(entry) ? 0 : 1000);
  return scored
    .filter(({ entry: other }) => other.architectureId === entry.architectureId)
    .sort((a, b) => distance(a.entry) - distance(b.entry) || scoreCount(b.row) - scoreCount(a.row))[0]?.entry.id;
}

function write(rows: Readonly<Record<string, AbilityRow>>, inherited: AbilityRows["inherited"]): void {
  const sorted = <T>(record: Readonly<Record<string, T>>): string =>
    Object.keys(record)
      .sort()
      .map((id) => `    ${JSON.stringify(id)}: ${JSON.stringify(record[id])}`)
      .join(",\n");
  mkdirSync(OUT, { recursive: true });
  const head = {
    source:
      "item-response fit with features over 13,499 published scores of 213 benchmarks (leaderboards, third parties, vendors corrected for their own bias); embeddings: 1,844 scores",
    date: "2026-08-22",
    unit: "logit of the chance-corrected score at a benchmark of middle difficulty; each domain is [theta, sd, number of scores]",
  };
  const text = `{\n${Object.entries(head)
    .map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`)
    .join("\n")}\n  "models": {\n${sorted(rows)}\n  },\n  "inherited": {\n${sorted(inherited)}\n  }\n}\n`;
  writeFileSync(join(OUT, "abilities.json"), text);
}

await build();
