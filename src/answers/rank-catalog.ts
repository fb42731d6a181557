/** The catalog under one question: every model that passes the filters, at its best on this machine, by sums. */
import type { Question } from "../core/decide/candidate.ts";
import { filterReasons, type RankFilters } from "../core/decide/filters.ts";
import { rankModel } from "../core/decide/rank.ts";
import { abilityIn } from "../core/estimate/quality.ts";
import type { ModelEntry } from "../core/facts/catalog-model.ts";
import type { Hardware } from "../core/facts/hardware.ts";
import { InputError } from "../core/facts/input-error.ts";
import type { ModelCatalog } from "../core/sources/model-catalog.ts";
import { loadAbilities } from "./abilities.ts";
import { type AnswerContext, type GatheredRun, knowledge, modelQuestion } from "./gather.ts";
import { loadInstalled } from "./installed.ts";
import { catalogChoice, variantsOf } from "./model.ts";
import { pauses } from "./pause.ts";
import type { RankedOption } from "./rank-rows.ts";

export interface Counted {
  readonly options: readonly RankedOption[];
  readonly unfit: readonly RankedOption[];
  readonly consideredCount: number;
  readonly rejected: ReadonlyMap<string, { count: number; nearest: string | undefined }>;
  readonly catalogDate: string;
}

/** Every catalog model that passes the filters, at its best on this machine. */
export async function judgeCatalog(
  question: Question,
  hardware: Hardware,
  run: GatheredRun,
  filters: RankFilters,
  context: AnswerContext,
): Promise<Counted> {
  const { loadModelCatalog } = await import("../core/sources/model-catalog.ts");
  const [catalog, abilitiesOf] = await Promise.all([loadModelCatalog(), loadAbilities()]);
  const installed = await loadInstalled(catalog, context);
  const ask = modelQuestion(hardware, question, run);
  const rejected = new Map<string, { count: number; nearest: string | undefined }>();
  const reject = (reason: string, id: string): void => {
    const row = rejected.get(reason) ?? { count: 0, nearest: id };
    row.count++;
    rejected.set(reason, row);
  };
  const options: RankedOption[] = [];
  const unfit: RankedOption[] = [];
  const named = filters.models ? new Set(filters.models.map((name) => findEntry(catalog, name).id)) : undefined;
  let consideredCount = 0;
  const pause = pauses(context, catalog.models.length, "judging models");
  for (const [index, entry] of catalog.models.entries()) {
    await pause(index);
    if (named && !named.has(entry.id)) continue;
    consideredCount++;
    const reason = named ? undefined : filterReasons(entry, catalog.architectureOf(entry), question, filters);
    if (reason !== undefined) {
      reject(reason, entry.id);
      continue;
    }
    const abilities = abilitiesOf(entry);
    // a tune nobody scored has its parent's ability at best: the parent stands for it unless it is asked for by name
    if (!named && abilities[question.row.domain]?.basis !== "measured" && parentStandsFor(catalog, entry)) {
      reject("unscored fine-tunes, for which their base model stands", entry.id);
      continue;
    }
    const choice = catalogChoice(catalog, entry, undefined, abilities, installed.has(entry));
    const hyper = catalog.hyperparametersOf(entry);
    const modelRun = run.runFor(hyper, filters.contextTokens ?? question.row.contextTokens);
    const ranked = rankModel(
      {
        ...ask,
        variants: filters.recipes ? variantsOf(catalog, entry, filters.recipes) : choice.variants,
        parameterCount: catalog.architectureOf(entry).parameterCount,
        run: modelRun,
        ability: abilityIn(choice.abilities, question.row.domain),
      },
      knowledge,
    );
    if (!ranked) {
      reject("does not fit", entry.id);
      continue;
    }
    const option = { id: entry.id, entry, choice, run: modelRun, ask, ranked };
    if (!ranked.fits) {
      reject("does not fit", entry.id);
      unfit.push(option);
    } else if ((ranked.speed?.decodeTokensPerSecond.mid ?? 0) < (filters.minDecodeTokensPerSecond ?? 0))
      reject(`decodes slower than ${filters.minDecodeTokensPerSecond} tok/s`, entry.id);
    else if (ranked.memoryBytes > (filters.maxMemoryBytes ?? Number.POSITIVE_INFINITY))
      reject("takes more memory than allowed", entry.id);
    else if (ranked.maxContextTokens < (filters.minContextTokens ?? 0))
      reject(`offers fewer than ${filters.minContextTokens} tokens of context here`, entry.id);
    else options.push(option);
  }
  return { options, unfit, consideredCount, rejected, catalogDate: catalog.date };
}

/** A tune of a model that is itself made to follow instructions. */
function parentStandsFor(catalog: ModelCatalog, entry: ModelEntry): boolean {
  const parent = entry.base === undefined || entry.base === entry.id ? undefined : catalog.find(entry.base)?.entry;
  return parent !== undefined && !parent.traits?.includes("base");
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
