/** Scores and catalog become abilities: the fit, joined to catalog ids, and what stands for models without scores. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ModelEntry } from "../../../src/core/facts/catalog-model.ts";
import { type AbilityRow, type FittedAbility, fittedDomains } from "../../../src/core/facts/quality.ts";
import { loadModelCatalog, type ModelCatalog } from "../../../src/core/sources/model-catalog.ts";
import { featuresOf, generationOf, type ModelFacts, yearOf } from "./features.ts";
import { type Fit, fit } from "./fit.ts";
import { readObservations, scoreKinds } from "./observations.ts";
import { type NamedProblem, problemOf } from "./problem.ts";

const FOLDER = join(import.meta.dirname, "../../quality");

/** Community tunes differ from their parent by .31 (n = 684): no gain is claimed for them. */
const TUNE_DEVIATION = 0.35;
const SIBLING_DEVIATION = 0.4;
/** What features leave open: in a generation with scored models, in one without, and past the newest scores. */
const FEATURE_DEVIATION = { known: 0.4, unknown: 0.5, newer: 0.6 };
/** Models released after the scores end beat what older ones let expect by .40 to .47 logits (held out by date); the lower half is given. */
const NEWER_GAIN = 0.3;
const round = (value: number): number => Math.round(value * 1000) / 1000;

const embeddingScores = z.record(z.string(), z.tuple([z.number(), z.number().positive(), z.int().nonnegative()]));

/** All scores, those of leaderboards, month of the newest. */
type Backing = readonly [scoreCount: number, leaderboardCount: number, newest: string];

interface Built {
  readonly models: Record<string, AbilityRow>;
  readonly backing: Record<string, Backing>;
  readonly inherited: Record<string, { readonly from: string; readonly minimumSd: number }>;
  readonly expected: Record<string, readonly number[]>;
}

/** Fitted abilities of one model, with how many scores stand behind each. */
function rowOf(fitted: Fit, model: number, counts: ReadonlyMap<string, number>): AbilityRow {
  return Object.fromEntries(
    fittedDomains.map((domain, index): [string, FittedAbility] => [
      domain,
      [
        round(fitted.abilities[model]?.[index] ?? 0),
        round(Math.sqrt(fitted.covariances[model]?.[index]?.[index] ?? 1)),
        counts.get(`${model} ${index}`) ?? 0,
      ],
    ]),
  );
}

function joined(catalog: ModelCatalog, problem: NamedProblem, fitted: Fit): Pick<Built, "models" | "backing"> {
  const observations = readObservations();
  const counts = new Map<string, number>();
  for (const { model, domain } of problem.observations)
    counts.set(`${model} ${domain}`, (counts.get(`${model} ${domain}`) ?? 0) + 1);
  const models: Built["models"] = {};
  const backing: Built["backing"] = {};
  const idOf = (repo: string): string | undefined => {
    const found = catalog.find(repo);
    return found !== undefined && ["repo", "alias"].includes(found.kind) ? found.entry.id : undefined;
  };
  problem.models.forEach((repo, model) => {
    const id = idOf(repo);
    const scores = observations.models[repo]?.scores ?? [];
    // two repositories of one model: the one with more scores
    if (id === undefined || (backing[id]?.[0] ?? 0) >= scores.length) return;
    models[id] = rowOf(fitted, model, counts);
    const months = scores.map(([, , , , month]) => month).filter((month) => yearOf(month) !== undefined);
    backing[id] = [
      scores.length,
      scores.filter(([, , , kind]) => scoreKinds[kind] === "leaderboard").length,
      months.sort().at(-1) ?? "",
    ];
  });
  const embedding = embeddingScores.parse(JSON.parse(readFileSync(join(FOLDER, "embedding.json"), "utf8")));
  for (const [repo, ability] of Object.entries(embedding)) {
    const id = idOf(repo);
    if (id !== undefined) models[id] = { ...models[id], embedding: ability };
  }
  return { models, backing };
}

/** The nearest scored model up the chain of bases. */
function parentOf(
  entry: ModelEntry,
  byId: ReadonlyMap<string, ModelEntry>,
  models: Built["models"],
): string | undefined {
  const seen = new Set([entry.id]);
  for (let id = entry.base; id !== undefined && !seen.has(id); id = byId.get(id)?.base) {
    seen.add(id);
    if (models[id] !== undefined) return id;
  }
  return undefined;
}

/** The scored model of the very same dimensions that is nearest in time, pretrained ones among themselves. */
function siblingOf(entry: ModelEntry, catalog: ModelCatalog, models: Built["models"]): string | undefined {
  const isBase = (model: ModelEntry): boolean => model.traits?.includes("base") ?? false;
  const distance = (other: ModelEntry): number =>
    Math.abs((yearOf(other.released) ?? 2025) - (yearOf(entry.released) ?? 2025)) +
    (isBase(other) === isBase(entry) ? 0 : 1000);
  return catalog.models
    .filter((other) => other.architectureId === entry.architectureId && models[other.id] !== undefined)
    .sort((a, b) => distance(a) - distance(b) || (a.id < b.id ? -1 : 1))[0]?.id;
}

/** What size, date, traits and generation let one expect of a model without scores or kin: means by domain, then their deviation. */
function expectedOf(
  entry: ModelEntry,
  catalog: ModelCatalog,
  problem: NamedProblem,
  fitted: Fit,
  newest: string,
): readonly number[] {
  const architecture = catalog.architectureOf(entry);
  const facts: ModelFacts = {
    repo: entry.repo,
    totalBillions: architecture.parameterCount / 1e9,
    activeBillions: (architecture.activeParameterCount ?? architecture.parameterCount) / 1e9,
    released: entry.released,
    base: entry.traits?.includes("base") ?? false,
    communityTune: entry.base !== undefined,
  };
  const x = featuresOf(facts);
  const generation = problem.generationNames.indexOf(generationOf(entry.repo));
  const isNewer = (entry.released ?? "") > newest;
  const means = fittedDomains.map(
    (_, domain) =>
      x.reduce(
        (sum, value, feature) => sum + value * (fitted.weights[feature]?.[domain] ?? 0),
        isNewer ? NEWER_GAIN : 0,
      ) + (fitted.generationEffects[generation]?.[domain] ?? 0),
  );
  const deviation = isNewer
    ? FEATURE_DEVIATION.newer
    : generation >= 0
      ? FEATURE_DEVIATION.known
      : FEATURE_DEVIATION.unknown;
  return [...means.map(round), deviation];
}

/** @returns the text of catalog/quality/abilities.json, from the observations and the model catalog as they are now */
export async function abilitiesText(): Promise<{ readonly text: string; readonly summary: string }> {
  const catalog = await loadModelCatalog();
  const problem = problemOf(readObservations());
  const fitted = fit(
    problem,
    problem.observations.map((_, index) => index),
    { rounds: 30 },
  );
  const { models, backing } = joined(catalog, problem, fitted);
  const newest =
    Object.values(backing)
      .map(([, , month]) => month)
      .sort()
      .at(-1) ?? "";
  const byId = new Map(catalog.models.map((entry) => [entry.id, entry]));
  const inherited: Built["inherited"] = {};
  const expected: Built["expected"] = {};
  for (const entry of catalog.models) {
    if (models[entry.id] !== undefined || entry.capabilities.embedding || entry.capabilities.reranking) continue;
    const parent = parentOf(entry, byId, models);
    const sibling = parent ?? siblingOf(entry, catalog, models);
    if (sibling === undefined) expected[entry.id] = expectedOf(entry, catalog, problem, fitted, newest);
    else inherited[entry.id] = { from: sibling, minimumSd: parent === undefined ? SIBLING_DEVIATION : TUNE_DEVIATION };
  }
  const thinkingOff = Object.fromEntries(
    fittedDomains.map((domain, index) => [domain, round(fitted.modeEffects[1]?.[index] ?? 0)]),
  );
  return {
    text: textOf({ models, backing, inherited, expected }, newest, thinkingOff),
    summary: `${Object.keys(models).length} scored, ${Object.keys(inherited).length} inherited, ${Object.keys(expected).length} expected, of ${catalog.models.length}\n`,
  };
}

function textOf(built: Built, newest: string, thinkingOff: Readonly<Record<string, number>>): string {
  const sorted = <T>(record: Readonly<Record<string, T>>): string =>
    Object.keys(record)
      .sort()
      .map((id) => `    ${JSON.stringify(id)}: ${JSON.stringify(record[id])}`)
      .join(",\n");
  const head = {
    source:
      "item-response fit with features over 13,499 published scores of 213 benchmarks (observations.json: leaderboards, third parties, vendors corrected for their own bias); embeddings: 1,844 scores",
    date: newest,
    unit: "logit of the chance-corrected score at a benchmark of middle difficulty; each domain is [theta, sd, number of scores]; backing is [scores, of leaderboards, newest month]; expected is theta by domain in the order of `domains`, then sd",
    domains: fittedDomains,
    thinkingOff,
  };
  return `{\n${Object.entries(head)
    .map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`)
    .join("\n")}\n${Object.entries(built)
    .map(([key, record]) => `  ${JSON.stringify(key)}: {\n${sorted<unknown>(record)}\n  }`)
    .join(",\n")}\n}\n`;
}
