/**
 * Collected benchmark rows → catalog/quality/observations.json: one row a model, one short tuple a score, sources named once.
 * Repeated tables keep their newest snapshot; what appears twice is averaged. Run after a refresh of the collection:
 *   npx tsx catalog/build/quality/condense.ts [folder with benchmarks.jsonl] [facts.jsonl]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { domainOf, fromLogit, toLogit } from "./benchmarks.ts";
import { type Mode, modes, type Observations, type ScoreKind, scoreKinds } from "./observations.ts";

const FOLDER = process.argv[2] ?? join(import.meta.dirname, "../../../../shared/quality");
const FACTS = process.argv[3] ?? join(FOLDER, "../models/facts.jsonl");

const scoreRow = z.object({
  model: z.string(),
  benchmark: z.string(),
  score: z.number(),
  settings: z.string(),
  version: z.string(),
  date: z.string(),
  source: z.string(),
  source_kind: z.enum(scoreKinds),
  confidence: z.string(),
});
type ScoreRow = z.infer<typeof scoreRow>;

const factRow = z.object({
  repo: z.string(),
  params_total: z.number().nullish(),
  params_active: z.number().nullish(),
  moe: z.unknown().optional(),
  release: z.string().nullish(),
  finetune: z.unknown().optional(),
  use_cases: z.array(z.string()).nullish(),
});
const extraRow = z.object({
  params_total: z.number().nullish(),
  params_active: z.number().nullish(),
  release: z.string().nullish(),
});

const linesOf = (path: string): string[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");

function modeOf(settings: string): Mode {
  if (settings.includes("thinking=on")) return "on";
  return settings.includes("thinking=off") ? "off" : "unlabelled";
}

/** Scores of one benchmark from one place are comparable; claims of makers and third parties form one place. */
function placeOf({ source, source_kind }: ScoreRow): string {
  return source_kind === "leaderboard" ? ((source.split(":")[0] ?? source).split("@")[0]?.slice(0, 60) ?? "") : "claim";
}

function itemOf(row: ScoreRow): string {
  const parts = [row.benchmark, row.version, placeOf(row)];
  if (row.benchmark.startsWith("bfcl") && row.settings.split(",").includes("prompt")) parts.push("prompt");
  if (row.benchmark === "terminal-bench-2" && row.settings.includes("agent=")) parts.push("any agent");
  return parts.join("|");
}

interface Kept {
  readonly row: ScoreRow;
  readonly item: string;
  readonly mode: Mode;
}

/** Tables that are published again and again: only the newest row of a model counts. */
function snapshotKey({ row, mode }: Kept): string | undefined {
  if (row.benchmark.startsWith("livebench")) return [row.model, mode, row.benchmark, placeOf(row)].join("|");
  return row.benchmark.startsWith("lmarena") ? [row.model, mode, row.benchmark].join("|") : undefined;
}

function read(): readonly Kept[] {
  const kept: Kept[] = [];
  const newest = new Map<string, Kept>();
  for (const line of linesOf(join(FOLDER, "benchmarks.jsonl"))) {
    const row = scoreRow.parse(JSON.parse(line));
    if (domainOf(row.benchmark) === undefined) continue;
    if (row.confidence === "low" && row.source_kind === "leaderboard") continue;
    const candidate: Kept = { row, item: itemOf(row), mode: modeOf(row.settings) };
    const key = snapshotKey(candidate);
    if (key === undefined) kept.push(candidate);
    else {
      const held = newest.get(key);
      if (held === undefined || held.row.version < row.version) newest.set(key, candidate);
    }
  }
  return [...kept, ...newest.values()];
}

/** One score of a model on an item in a mode: the mean on the logit scale; where every agent counts, the best. */
function merged(group: readonly Kept[]): { readonly score: number; readonly kind: ScoreKind; readonly month: string } {
  const first = group[0];
  if (first === undefined) throw new Error("an empty group of scores");
  const { benchmark } = first.row;
  const logits = group.map(({ row }) => toLogit(benchmark, row.score));
  const logit =
    benchmark === "terminal-bench-2"
      ? Math.max(...logits)
      : logits.reduce((sum, value) => sum + value, 0) / logits.length;
  const month =
    group
      .map(({ row }) => row.date.slice(0, 7))
      .sort()
      .at(-1) ?? "";
  return {
    score: group.length === 1 ? first.row.score : fromLogit(benchmark, logit),
    kind: first.row.source_kind,
    month,
  };
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

function condense(): Observations {
  const facts = new Map(
    linesOf(FACTS)
      .map((line) => factRow.parse(JSON.parse(line)))
      .map((row) => [row.repo, row]),
  );
  const extra = z
    .record(z.string(), extraRow.nullable())
    .parse(JSON.parse(readFileSync(join(FOLDER, "reference/extra.json"), "utf8")));
  const groups = new Map<string, Kept[]>();
  for (const kept of read()) {
    const key = `${kept.row.model}\t${kept.mode}\t${kept.item}`;
    const group = groups.get(key) ?? [];
    group.push(kept);
    groups.set(key, group);
  }
  const counts = new Map<string, number>();
  for (const [first] of groups.values()) if (first) counts.set(first.item, (counts.get(first.item) ?? 0) + 1);
  // an item that few models took says nothing about the others
  const items = [...counts]
    .filter(([, count]) => count >= LEAST_MODELS)
    .map(([item]) => item)
    .sort();
  const indexOf = new Map(items.map((item, index) => [item, index]));
  const models: Record<string, Observations["models"][string]> = {};
  for (const key of [...groups.keys()].sort()) {
    const group = groups.get(key) ?? [];
    const first = group[0];
    const item = first && indexOf.get(first.item);
    if (first === undefined || item === undefined) continue;
    const { model } = first.row;
    const { score, kind, month } = merged(group);
    const held = models[model] ?? { ...traitsOf(model, facts.get(model), extra[model] ?? undefined), scores: [] };
    models[model] = {
      ...held,
      scores: [...held.scores, [item, round(score, 2), modes.indexOf(first.mode), scoreKinds.indexOf(kind), month]],
    };
  }
  return { items, models };
}

const LEAST_MODELS = 5;

function traitsOf(
  model: string,
  fact: z.infer<typeof factRow> | undefined,
  extra: z.infer<typeof extraRow> | undefined,
): Omit<Observations["models"][string], "scores"> {
  const named = sizesInName(model);
  const total = fact?.params_total ? fact.params_total / 1e9 : (extra?.params_total ?? named.total);
  const active = fact?.params_active
    ? fact.params_active / 1e9
    : fact?.params_total && !fact.moe
      ? total
      : (extra?.params_active ?? named.active ?? total);
  const released = (fact?.release ?? extra?.release ?? "").slice(0, 7);
  return {
    ...(total ? { totalBillions: round(total, 3) } : {}),
    ...(active ? { activeBillions: round(active, 3) } : {}),
    ...(/^\d{4}-\d{2}$/.test(released) ? { released } : {}),
    ...(fact?.finetune ? { communityTune: true as const } : {}),
    ...(fact?.use_cases?.join() === "base" ? { base: true as const } : {}),
  };
}

/** Sizes as repositories print them: `30B-A3B`, `8x7B`, `270m`. */
function sizesInName(model: string): { readonly total: number | undefined; readonly active: number | undefined } {
  const name = (model.split("/").at(-1) ?? "").toLowerCase();
  const several = /(\d+)x(\d+(?:\.\d+)?)b/.exec(name);
  // experts share attention and embeddings; two of them answer a token
  if (several) return { total: Number(several[1]) * Number(several[2]) * 0.85, active: 2 * Number(several[2]) };
  const billions = /(?<![a-z\d.])(\d+(?:\.\d+)?)b(?![a-z])/.exec(name)?.[1];
  const millions = /(\d+)m(?![a-z])/.exec(name)?.[1];
  const active = /[-_]a(\d+(?:\.\d+)?)b/.exec(name)?.[1];
  const total = billions ? Number(billions) : millions ? Number(millions) / 1000 : undefined;
  return { total, active: active ? Number(active) : total };
}

const condensed = condense();
const lines = Object.keys(condensed.models).map(
  (model) => `  ${JSON.stringify(model)}: ${JSON.stringify(condensed.models[model])}`,
);
writeFileSync(
  join(import.meta.dirname, "../../quality/observations.json"),
  `{\n"items": [\n${condensed.items.map((item) => `  ${JSON.stringify(item)}`).join(",\n")}\n],\n"models": {\n${lines.join(",\n")}\n}\n}\n`,
);
process.stdout.write(
  `${condensed.items.length} items, ${lines.length} models, ${Object.values(condensed.models).reduce((sum, { scores }) => sum + scores.length, 0)} scores\n`,
);

const embeddingRow = z.object({
  model: z.string(),
  theta: z.number(),
  sd: z.number().positive(),
  n: z.int().nonnegative(),
});
const embedding = linesOf(join(FOLDER, "latent-embedding.jsonl"))
  .map((line) => embeddingRow.parse(JSON.parse(line)))
  .sort((a, b) => (a.model < b.model ? -1 : 1))
  .map(({ model, theta, sd, n }) => `  ${JSON.stringify(model)}: [${round(theta, 3)},${round(sd, 3)},${n}]`);
writeFileSync(join(import.meta.dirname, "../../quality/embedding.json"), `{\n${embedding.join(",\n")}\n}\n`);
