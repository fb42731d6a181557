/** The catalog under one question on one machine: every model of the pool at its best here, by sums. */
import type { Question } from "../core/decide/candidate.ts";
import type { RankFilters } from "../core/decide/filters.ts";
import { machineOf, screen } from "../core/decide/quick.ts";
import { type Option, type RankAsk, type RankedSubject, rankModels } from "../core/decide/rank.ts";
import type { ModelEntry } from "../core/facts/catalog-model.ts";
import type { Hardware } from "../core/facts/hardware.ts";
import type { Model } from "../core/facts/model.ts";
import { isRecipe } from "../core/facts/recipe.ts";
import type { Run } from "../core/facts/run.ts";
import type { ModelCatalog } from "../core/sources/model-catalog.ts";
import { resolveRun } from "../core/sources/run-string.ts";
import { formatBytes } from "../core/units-text.ts";
import { type AnswerContext, type GatheredRun, knowledge, modelQuestion } from "./gather.ts";
import { loadInstalled } from "./installed.ts";
import { catalogModel } from "./model.ts";
import { know, type Pooled, poolOf } from "./rank-pool.ts";
import type { RankedOption } from "./rank-rows.ts";
import type { Rejection } from "./rejections.ts";

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

/** Largest or least of one number over a few options. */
const best = (
  options: readonly Option[],
  pick: (a: number, b: number) => number,
  of: (option: Option) => number,
): number => options.map(of).reduce((a, b) => pick(a, b));

/**
 * Every catalog model that passes the filters, at its best on this machine.
 * @param length how many of the best must be certain
 * @param copies the pool so many times over: what a bench measures growth with
 */
export async function judgeCatalog(
  question: Question,
  hardware: Hardware,
  run: GatheredRun,
  filters: RankFilters,
  context: AnswerContext,
  length = Number.POSITIVE_INFINITY,
  copies = 1,
): Promise<Counted> {
  const known = await know();
  const { catalog } = known;
  const installed = await loadInstalled(catalog, context);
  context.signal?.throwIfAborted();
  const pool = poolOf(known, question, filters, new Set([...installed.keys()].map(({ id }) => id)));
  const ask = modelQuestion(hardware, question, run);
  const machine = machineOf(hardware, question.limits);
  const rejected = pool.rejected.copy();
  const {
    maxMemoryBytes = Number.POSITIVE_INFINITY,
    minContextTokens = 0,
    minDecodeTokensPerSecond: least = 0,
  } = filters;
  const bounded = maxMemoryBytes < Number.POSITIVE_INFINITY || minContextTokens > 0;
  const here = new Map<string, { readonly options: readonly Option[]; readonly run: Run }>();
  const asks: RankAsk<Pooled>[] = [];
  const judge = (pooled: Pooled, key: string): void => {
    const { entry, shape, contextTokens, stored } = pooled;
    let found = here.get(key);
    if (!found) {
      const { layerCount, architecture } = shape;
      const { trainedContextTokens } = entry;
      const modelRun = resolveRun(run.parsed, { architecture, layerCount, trainedContextTokens }, contextTokens);
      found = {
        run: modelRun,
        options: stored.map((recipe) => ({
          ...recipe,
          screened: screen(shape, recipe.sums, modelRun, trainedContextTokens, machine),
        })),
      };
      here.set(key, found);
    }
    const { options } = found;
    let kept = options;
    let { qualities } = pooled;
    if (!options.some(({ screened }) => screened.fits)) {
      const short = best(options, Math.min, ({ screened }) => screened.shortfallBytes);
      rejected.add("does not fit", entry.id, short, () => `${formatBytes(short)} short`);
    } else if (bounded) {
      const fitting = options.filter(({ screened }) => screened.fits);
      const within = fitting.filter(({ screened }) => screened.memoryBytes <= maxMemoryBytes);
      kept = within.filter(({ screened }) => screened.maxContextTokens >= minContextTokens);
      qualities = kept.flatMap((option) => pooled.qualities[options.indexOf(option)] ?? []);
      if (within.length === 0) {
        const takes = best(fitting, Math.min, ({ screened }) => screened.memoryBytes);
        rejected.add("takes more memory than allowed", entry.id, takes, () => `takes ${formatBytes(takes)}`);
      } else if (kept.length === 0) {
        const offers = best(within, Math.max, ({ screened }) => screened.maxContextTokens);
        rejected.add(
          `offers fewer than ${minContextTokens} tokens of context here`,
          entry.id,
          -offers,
          () => `offers ${offers}`,
        );
      }
      if (kept.length === 0) return;
    }
    asks.push({ subject: pooled, options: kept, qualities, run: found.run, model: () => lightModel(catalog, entry) });
  };
  for (let copy = 0; copy < copies; copy++)
    for (const pooled of pool.models) judge(pooled, copy === 0 ? pooled.key : `${pooled.key} ${copy}`);
  const ranked = rankModels(
    asks,
    filters.models || least > 0 ? Number.POSITIVE_INFINITY : length,
    machine,
    question,
    knowledge,
    least > 0 ? ({ speed }) => (speed?.decodeTokensPerSecond.mid ?? 0) >= least : undefined,
  );
  for (const { subject, ranked: judged } of ranked.refused) {
    const rate = judged.speed?.decodeTokensPerSecond.mid ?? 0;
    rejected.add(`decodes slower than ${least} tok/s`, subject.entry.id, -rate, () => `${rate.toPrecision(2)} tok/s`);
  }
  const option = ({ subject, ranked: judged }: RankedSubject<Pooled>): RankedOption => {
    const { entry, ability, key } = subject;
    return {
      id: entry.id,
      entry,
      installed: subject.installed,
      ability,
      run: here.get(key)?.run ?? resolveRun(run.parsed, catalog.hyperparametersOf(entry), subject.contextTokens),
      ask,
      ranked: judged,
      model: () => storedModel(catalog, entry, judged.recipe),
    };
  };
  return {
    options: ranked.fitting.map(option),
    unfit: ranked.unfit.map(option),
    matchedCount: ranked.fittingCount,
    consideredCount: pool.consideredCount * copies,
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
