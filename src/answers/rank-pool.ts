/**
 * What a ranking chooses from, whatever the machine: catalog models that are made for the task and pass the filters, with their recipes,
 * sums and qualities. Worked out once a question and remembered.
 */
import type { Question } from "../core/decide/candidate.ts";
import { filterReasons, type RankFilters } from "../core/decide/filters.ts";
import { type Stored, storedAs, worthwhile } from "../core/decide/rank.ts";
import { publishedRecipes } from "../core/decide/variants.ts";
import { partsOf, shapeOf } from "../core/estimate/profile.ts";
import { abilityIn, estimateQuality, heldAbility, type Quality } from "../core/estimate/quality.ts";
import type { Ability, Domain } from "../core/facts/ability.ts";
import type { ModelEntry } from "../core/facts/catalog-model.ts";
import { InputError } from "../core/facts/input-error.ts";
import type { ModelShape, StoredPart } from "../core/facts/profile.ts";
import { isRecipe, recipes } from "../core/facts/recipe.ts";
import type { ModelCatalog } from "../core/sources/model-catalog.ts";
import { profileKey } from "../core/sources/profile-catalog.ts";
import type { QualityCatalog } from "../core/sources/quality-catalog.ts";
import type { Tokens } from "../core/units.ts";
import { knowledge } from "./gather.ts";
import { catalogModel, withPriors } from "./model.ts";
import { type Rejections, rejections } from "./rejections.ts";

/** A model of the pool. */
export interface Pooled {
  readonly entry: ModelEntry;
  readonly installed: boolean;
  readonly shape: ModelShape;
  /** at which memory is judged */
  readonly contextTokens: Tokens;
  /** models of one key have one memory and one speed */
  readonly key: string;
  readonly stored: readonly Stored[];
  /** of each of `stored` */
  readonly qualities: readonly Quality[];
  readonly ability: Ability | undefined;
}

export interface Pool {
  readonly models: readonly Pooled[];
  readonly rejected: Rejections;
  readonly consideredCount: number;
}

export interface Known {
  readonly catalog: ModelCatalog;
  readonly quality: QualityCatalog;
  readonly profile: (entry: ModelEntry) => Profiled;
}

interface Profiled {
  readonly shape: ModelShape;
  readonly stored: ReadonlyMap<string, readonly StoredPart[]>;
}

export async function know(): Promise<Known> {
  const [{ loadModelCatalog }, { loadQualityCatalog }, { loadProfiles }] = await Promise.all([
    import("../core/sources/model-catalog.ts"),
    import("../core/sources/quality-catalog.ts"),
    import("../core/sources/profile-catalog.ts"),
  ]);
  const [catalog, quality, profiles] = await Promise.all([loadModelCatalog(), loadQualityCatalog(), loadProfiles()]);
  return {
    catalog,
    quality,
    profile: (entry) => profiles(entry) ?? workedOut(catalog, entry),
  };
}

/** A catalog that is newer than its sums: the same, worked out now. */
function workedOut(catalog: ModelCatalog, entry: ModelEntry): Profiled {
  const hyper = catalog.hyperparametersOf(entry);
  const models = recipes
    .filter((recipe) => publishedRecipes(hyper.architecture).includes(recipe))
    .map((recipe) => catalogModel(catalog, entry, recipe));
  const [first] = models;
  if (!first) throw new Error(`catalog model ${entry.id} has no recipe`);
  return { shape: shapeOf(hyper, first), stored: new Map(models.map((model) => [model.recipe ?? "", partsOf(model)])) };
}

const REMEMBERED_POOLS = 16;
const pools = new WeakMap<ModelCatalog, Map<string, Pool>>();

/** @param installed ids of catalog models on this machine */
export function poolOf(known: Known, question: Question, filters: RankFilters, installed: ReadonlySet<string>): Pool {
  const held = pools.get(known.catalog) ?? new Map<string, Pool>();
  pools.set(known.catalog, held);
  const { contextTokens, domain, capability } = question.row;
  const key = JSON.stringify([
    question.useCase,
    question.engine,
    contextTokens,
    domain,
    capability,
    filters,
    [...installed].sort(),
  ]);
  const pool = held.get(key) ?? gatherPool(known, question, filters, installed);
  // the least recently asked one goes
  held.delete(key);
  held.set(key, pool);
  const [oldest] = held.keys();
  if (held.size > REMEMBERED_POOLS && oldest !== undefined) held.delete(oldest);
  return pool;
}

function gatherPool(known: Known, question: Question, filters: RankFilters, installed: ReadonlySet<string>): Pool {
  const { catalog, quality, profile } = known;
  const { domain } = question.row;
  const named = filters.models ? new Set(filters.models.map((name) => findEntry(catalog, name).id)) : undefined;
  const entries = named ? catalog.models.filter(({ id }) => named.has(id)) : catalog.models;
  const rejected = rejections();
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
  const evidenceReason = (entry: ModelEntry, own: Ability | undefined): string | undefined => {
    if (named || installed.has(entry.id)) return undefined;
    if (standsFor(entry)) return "unscored tunes, for which the scored model of the same dimensions stands";
    if (entry.unranked && own?.basis !== "measured") return "unscored tunes of early models";
    return question.useCase === "embedding" && own === undefined ? "no published embedding score" : undefined;
  };
  const kept = new Map<string, readonly Stored[]>();
  const storedOf = (entry: ModelEntry, { shape, stored }: Profiled): readonly Stored[] => {
    const key = profileKey(entry);
    const list = kept.get(key) ?? recipesOf(catalog, entry, shape, stored, domain, filters.recipes);
    kept.set(key, list);
    return list;
  };
  const models: Pooled[] = [];
  for (const entry of entries) {
    const abilities = quality.abilitiesOf(entry.id);
    const own = abilityIn(abilities, domain);
    const miss = own ? -heldAbility(own, knowledge.quality) : UNKNOWN_MISS;
    const profiled = reasonOf(entry) === undefined ? profile(entry) : undefined;
    const reason =
      reasonOf(entry) ??
      evidenceReason(entry, own) ??
      (profiled && !profiled.shape.causal && domain !== "embedding" && !named
        ? "encoders, which write no text"
        : undefined);
    if (reason !== undefined || profiled === undefined) {
      rejected.add(reason ?? "", entry.id, miss);
      continue;
    }
    const { shape } = profiled;
    const needed = filters.contextTokens ?? question.row.contextTokens;
    const contextTokens = entry.trainedContextTokens > 0 ? Math.min(needed, entry.trainedContextTokens) : needed;
    const ability = own ?? abilityIn(withPriors(abilities, shape.parameterCount, entry.released), domain);
    const stored = storedOf(entry, profiled);
    models.push({
      entry,
      installed: installed.has(entry.id),
      shape,
      contextTokens,
      key: `${profileKey(entry)} ${contextTokens} ${entry.trainedContextTokens}`,
      stored,
      qualities: stored.map(({ klDivergenceNats }) =>
        estimateQuality(ability, domain, klDivergenceNats, knowledge.quality),
      ),
      ability,
    });
  }
  return { models, rejected, consideredCount: entries.length };
}

/** Behind everything that is known. */
const UNKNOWN_MISS = 100;

function recipesOf(
  catalog: ModelCatalog,
  entry: ModelEntry,
  shape: ModelShape,
  stored: ReadonlyMap<string, readonly StoredPart[]>,
  domain: Domain,
  wanted: readonly string[] | undefined,
): readonly Stored[] {
  if (!wanted) return worthwhile(shape, storedAs(shape, stored, knowledge), domain, knowledge);
  const asked = recipes
    .filter((recipe) => wanted.includes(recipe) && isRecipe(recipe))
    .map((recipe) => [recipe, stored.get(recipe) ?? partsOf(catalogModel(catalog, entry, recipe))] as const);
  return storedAs(shape, new Map(asked), knowledge);
}

function findEntry(catalog: ModelCatalog, name: string): ModelEntry {
  const found = catalog.find(name);
  if (!found)
    throw new InputError(
      `\`models\` holds "${name.slice(0, 80)}", which the catalog does not know. Send catalog ids such as ${catalog.closest(name, 3).join(", ")}.`,
    );
  return found.entry;
}
