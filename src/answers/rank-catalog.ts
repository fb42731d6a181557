/** The catalog under one question: every model that passes the filters, at its best on this machine, by sums. */
import type { Question } from "../core/decide/candidate.ts";
import type { ModelQuestion } from "../core/decide/choose.ts";
import { filterReasons, type RankFilters } from "../core/decide/filters.ts";
import { machineOf, screen } from "../core/decide/quick.ts";
import { type Option, type RankAsk, rankModels, worthwhile } from "../core/decide/rank.ts";
import { abilityIn, heldAbility } from "../core/estimate/quality.ts";
import { partsOf, shapeOf } from "../core/estimate/profile.ts";
import type { ModelEntry } from "../core/facts/catalog-model.ts";
import type { Hardware } from "../core/facts/hardware.ts";
import { InputError } from "../core/facts/input-error.ts";
import type { Model } from "../core/facts/model.ts";
import type { ModelShape, StoredPart } from "../core/facts/profile.ts";
import { isRecipe, recipes } from "../core/facts/recipe.ts";
import type { Run } from "../core/facts/run.ts";
import type { ModelCatalog } from "../core/sources/model-catalog.ts";
import { profileKey } from "../core/sources/profile-catalog.ts";
import type { QualityCatalog } from "../core/sources/quality-catalog.ts";
import { resolveRun } from "../core/sources/run-string.ts";
import { formatBytes } from "../core/units-text.ts";
import { publishedRecipes } from "../core/decide/variants.ts";
import { type AnswerContext, type GatheredRun, knowledge, modelQuestion } from "./gather.ts";
import { loadInstalled } from "./installed.ts";
import { catalogModel, withPriors } from "./model.ts";
import type { RankedOption } from "./rank-rows.ts";

export interface Rejection {
  readonly reason: string;
  readonly count: number;
  /** the model that misses by the least, with what it lacks */
  readonly nearest: string;
}

export interface Counted {
  /** best first as far as was asked, then what was judged on the way */
  readonly options: readonly RankedOption[];
  readonly unfit: readonly RankedOption[];
  /** models that fit and pass every filter */
  readonly matchedCount: number;
  readonly consideredCount: number;
  readonly rejected: readonly Rejection[];
  readonly catalogDate: string;
}

/** What an entry of the catalog is to a ranking, whatever the machine. */
interface Subject {
  readonly entry: ModelEntry;
  readonly installed: boolean;
}

/** Counts by reason, and who misses by the least; the order of the catalog does not matter. */
function rejections() {
  const rows = new Map<string, { count: number; nearest: string; miss: number; id: string }>();
  return {
    add(reason: string, id: string, miss: number, lacks = ""): void {
      const row = rows.get(reason);
      const nearer = row === undefined || miss < row.miss || (miss === row.miss && id < row.id);
      rows.set(reason, {
        count: (row?.count ?? 0) + 1,
        ...(nearer ? { nearest: lacks === "" ? id : `${id} (${lacks})`, miss, id } : { nearest: row.nearest, miss: row.miss, id: row.id }),
      });
    },
    list: (): Rejection[] =>
      [...rows]
        .map(([reason, { count, nearest }]) => ({ reason, count, nearest }))
        .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1)),
  };
}

interface Known {
  readonly catalog: ModelCatalog;
  readonly quality: QualityCatalog;
  readonly profile: (entry: ModelEntry) => { readonly shape: ModelShape; readonly stored: ReadonlyMap<string, readonly StoredPart[]> };
}

async function know(): Promise<Known> {
  const [{ loadModelCatalog }, { loadQualityCatalog }, { loadProfiles }] = await Promise.all([
    import("../core/sources/model-catalog.ts"),
    import("../core/sources/quality-catalog.ts"),
    import("../core/sources/profile-catalog.ts"),
  ]);
  const [catalog, quality, profiles] = await Promise.all([loadModelCatalog(), loadQualityCatalog(), loadProfiles()]);
  return {
    catalog,
    quality,
    profile: (entry) => {
      const known = profiles(entry);
      if (known) return known;
      // a catalog that is newer than its sums: the same, worked out now
      const hyper = catalog.hyperparametersOf(entry);
      const models = recipes
        .filter((recipe) => publishedRecipes(hyper.architecture).includes(recipe))
        .map((recipe) => catalogModel(catalog, entry, recipe));
      const [first] = models;
      if (!first) throw new Error(`catalog model ${entry.id} has no recipe`);
      return { shape: shapeOf(hyper, first), stored: new Map(models.map((model) => [model.recipe ?? "", partsOf(model)])) };
    },
  };
}

/** Every catalog model that passes the filters, at its best on this machine. @param length how many of the best must be certain */
export async function judgeCatalog(
  question: Question,
  hardware: Hardware,
  run: GatheredRun,
  filters: RankFilters,
  context: AnswerContext,
  length = Number.POSITIVE_INFINITY,
): Promise<Counted> {
  const { catalog, quality, profile } = await know();
  const installed = await loadInstalled(catalog, context);
  context.signal?.throwIfAborted();
  const ask = modelQuestion(hardware, question, run);
  const machine = machineOf(hardware, question.limits);
  const { domain } = question.row;
  const rejected = rejections();
  const named = filters.models ? new Set(filters.models.map((name) => findEntry(catalog, name).id)) : undefined;
  const pool = named ? catalog.models.filter(({ id }) => named.has(id)) : catalog.models;
  const reasons = new Map<string, string | undefined>();
  const reasonOf = (entry: ModelEntry): string | undefined => {
    if (named) return undefined;
    if (!reasons.has(entry.id))
      reasons.set(entry.id, filterReasons(entry, catalog.architectureOf(entry), question, filters));
    return reasons.get(entry.id);
  };
  /** A scored model of the same dimensions stands for its unscored tunes, unless a filter leaves it out. */
  const standsFor = (entry: ModelEntry): boolean => {
    const from = quality.inheritsFrom(entry.id);
    const source = from === undefined ? undefined : catalog.find(from)?.entry;
    return source !== undefined && source.architectureId === entry.architectureId && reasonOf(source) === undefined;
  };

  const asks: RankAsk<Subject>[] = [];
  const screened = new Map<string, readonly Option[]>();
  const runs = new Map<string, Run>();
  const needed = filters.contextTokens ?? question.row.contextTokens;
  for (const entry of pool) {
    const abilities = quality.abilitiesOf(entry.id);
    const own = abilityIn(abilities, domain);
    const miss = own ? -heldAbility(own, knowledge.quality) : 100;
    const isInstalled = installed.has(entry);
    const reason = reasonOf(entry);
    if (reason !== undefined) {
      rejected.add(reason, entry.id, miss);
      continue;
    }
    if (!named && !isInstalled) {
      if (standsFor(entry)) {
        rejected.add("unscored tunes, for which the scored model of the same dimensions stands", entry.id, miss);
        continue;
      }
      if (entry.unranked && own?.basis !== "measured") {
        rejected.add("unscored tunes of early models", entry.id, miss);
        continue;
      }
      if (domain === "embedding" && question.useCase === "embedding" && own === undefined) {
        rejected.add("no published embedding score", entry.id, miss);
        continue;
      }
    }
    const { shape, stored } = profile(entry);
    if (!shape.causal && domain !== "embedding" && !named) {
      rejected.add("encoders, which write no text", entry.id, miss);
      continue;
    }
    const contextTokens = entry.trainedContextTokens > 0 ? Math.min(needed, entry.trainedContextTokens) : needed;
    const runKey = `${shape.architecture} ${shape.layerCount} ${contextTokens}`;
    const modelRun = runs.get(runKey) ?? resolveRun(run.parsed, { architecture: shape.architecture, layerCount: shape.layerCount, trainedContextTokens: entry.trainedContextTokens }, contextTokens);
    runs.set(runKey, modelRun);
    const key = `${profileKey(entry)} ${contextTokens} ${entry.trainedContextTokens}`;
    let options = screened.get(key);
    if (!options) {
      const screenOf = (parts: readonly StoredPart[]) =>
        screen(shape, parts, modelRun, entry.trainedContextTokens, machine, knowledge);
      options = filters.recipes
        ? filters.recipes.filter(isRecipe).map((recipe) => ({ recipe, screened: screenOf(stored.get(recipe) ?? partsOf(catalogModel(catalog, entry, recipe))) }))
        : worthwhile(shape, stored, screenOf, question, knowledge);
      screened.set(key, options);
    }
    const fitting = options.filter(({ screened: { fits } }) => fits);
    const within = fitting.filter(({ screened: { memoryBytes } }) => memoryBytes <= (filters.maxMemoryBytes ?? Number.POSITIVE_INFINITY));
    const offering = within.filter(({ screened: { maxContextTokens } }) => maxContextTokens >= (filters.minContextTokens ?? 0));
    if (fitting.length === 0) {
      const least = options.reduce((small, { screened: { shortfallBytes } }) => Math.min(small, shortfallBytes), Number.POSITIVE_INFINITY);
      rejected.add("does not fit", entry.id, least, `${formatBytes(least)} short`);
    } else if (within.length === 0) {
      const least = fitting.reduce((small, { screened: { memoryBytes } }) => Math.min(small, memoryBytes), Number.POSITIVE_INFINITY);
      rejected.add("takes more memory than allowed", entry.id, least, `takes ${formatBytes(least)}`);
      continue;
    } else if (offering.length === 0) {
      const most = within.reduce((large, { screened: { maxContextTokens } }) => Math.max(large, maxContextTokens), 0);
      rejected.add(`offers fewer than ${filters.minContextTokens} tokens of context here`, entry.id, -most, `offers ${most}`);
      continue;
    }
    const ability = own ?? abilityIn(withPriors(abilities, shape.parameterCount, entry.released), domain);
    asks.push({
      subject: { entry, installed: isInstalled },
      options: fitting.length === 0 ? options : offering,
      run: modelRun,
      ability,
      model: () => lightModel(catalog, entry),
    });
  }
  const least = filters.minDecodeTokensPerSecond ?? 0;
  const ranked = rankModels(
    asks,
    named || least > 0 ? Number.POSITIVE_INFINITY : length,
    machine,
    question,
    knowledge,
    least > 0 ? ({ speed }) => (speed?.decodeTokensPerSecond.mid ?? 0) >= least : undefined,
  );
  for (const { subject, ranked: judged } of ranked.refused) {
    const rate = judged.speed?.decodeTokensPerSecond.mid ?? 0;
    rejected.add(`decodes slower than ${least} tok/s`, subject.entry.id, -rate, `${rate.toPrecision(2)} tok/s`);
  }
  const abilityOf = new Map(asks.map(({ subject, ability, run: asked }) => [subject.entry.id, { ability, run: asked }]));
  const option = ({ subject, ranked: judged }: (typeof ranked.fitting)[number]): RankedOption => {
    const { entry } = subject;
    const known = abilityOf.get(entry.id);
    return {
      id: entry.id,
      entry,
      installed: subject.installed,
      ability: known?.ability,
      run: known?.run ?? resolveRun(run.parsed, catalog.hyperparametersOf(entry), needed),
      ask,
      ranked: judged,
      model: () => storedModel(catalog, entry, judged.recipe),
    };
  };
  return {
    options: ranked.fitting.map(option),
    unfit: ranked.unfit.map(option),
    matchedCount: ranked.fittingCount,
    consideredCount: pool.length,
    rejected: rejected.list(),
    catalogDate: catalog.date,
  };
}

/** Dimensions without tensors: what sums ask of a model. */
function lightModel(catalog: ModelCatalog, entry: ModelEntry): Model {
  return {
    name: entry.architectureId,
    recipe: undefined,
    hyper: catalog.hyperparametersOf(entry),
    tensors: [],
    fileBytes: 0,
    evidence: "catalog",
    source: "catalog",
    warnings: [],
  };
}

function storedModel(catalog: ModelCatalog, entry: ModelEntry, recipe: string): Model {
  if (!isRecipe(recipe)) throw new Error(`${recipe} is no recipe`);
  return catalogModel(catalog, entry, recipe);
}

function findEntry(
  catalog: {
    find(name: string): { readonly entry: ModelEntry } | undefined;
    closest(name: string, limit: number): readonly string[];
  },
  name: string,
): ModelEntry {
  const found = catalog.find(name);
  if (!found)
    throw new InputError(
      `\`models\` holds "${name.slice(0, 80)}", which the catalog does not know. Send catalog ids such as ${catalog.closest(name, 3).join(", ")}.`,
    );
  return found.entry;
}

/** For the frontier across the catalog. */
export async function rankOptions(
  question: Question,
  hardware: Hardware,
  run: GatheredRun,
  filters: RankFilters,
  context: AnswerContext,
): Promise<readonly RankedOption[]> {
  return (await judgeCatalog(question, hardware, run, filters, context)).options;
}
