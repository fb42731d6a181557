/** `rank_models`: the catalog, model by model, each at its best here; filtered, ordered, paged. */

import type { Question } from "../core/decide/candidate.ts";
import { bestPlacement, type Judged, judge, type ModelQuestion } from "../core/decide/choose.ts";
import { filterReasons, type RankFilters } from "../core/decide/filters.ts";
import { type Ranked, rankModel } from "../core/decide/rank.ts";
import { readRequirements } from "../core/decide/requirements.ts";
import { bestSet } from "../core/decide/together.ts";
import { isUseCase, type UseCase, useCases as useCaseRows } from "../core/decide/use-cases.ts";
import { abilityIn, sizesOf } from "../core/estimate/quality.ts";
import type { ModelEntry } from "../core/facts/catalog-model.ts";
import type { Hardware } from "../core/facts/hardware.ts";
import { InputError } from "../core/facts/input-error.ts";
import { isRecipe, recipes } from "../core/facts/recipe.ts";
import type { Run } from "../core/facts/run.ts";
import { rankedWhy, rankSummary, togetherSummary } from "../core/present/rank-notes.ts";
import { round1, round3, roundInterval } from "../core/present/round.ts";
import { shapeHardware, shapeScores } from "../core/present/shapes.ts";
import type { ModelCatalog } from "../core/sources/model-catalog.ts";
import { loadAbilities } from "./abilities.ts";
import {
  type AnswerContext,
  type GatheredHardware,
  type GatheredRun,
  gatherHardware,
  gatherRun,
  knowledge,
  type MemoryBasis,
  modelQuestion,
  type Optional,
  type QuestionArguments,
  questionOf,
} from "./gather.ts";
import { loadInstalled } from "./installed.ts";
import { catalogChoice, type ModelChoice, variantsOf } from "./model.ts";
import { pauses } from "./pause.ts";

export interface RankArguments extends QuestionArguments {
  readonly hardware: string;
  readonly memoryBasis: MemoryBasis;
  readonly limit: number;
  readonly sort: keyof typeof orders;
  readonly models: readonly string[];
  readonly contextTokens: number;
  readonly minDecodeTokensPerSecond: number;
  readonly minContextTokens: number;
  readonly maxMemoryGiB: number;
  readonly minParametersB: number;
  readonly maxParametersB: number;
  readonly family: string;
  readonly license: string;
  readonly capabilities: readonly string[];
  readonly recipes: readonly string[];
  readonly installedFirst: boolean;
  readonly installedOnly: boolean;
  readonly includeUnfit: boolean;
  readonly requirements: string;
  readonly together: readonly string[];
  readonly cursor: string;
  readonly detail: "concise" | "detailed";
}

export interface RankedOption {
  readonly id: string;
  readonly entry: ModelEntry;
  readonly choice: ModelChoice;
  readonly run: Run;
  readonly ask: ModelQuestion;
  readonly ranked: Ranked;
}

/** A row of the page: judged exactly. */
interface PageRow {
  readonly entry: ModelEntry;
  readonly choice: ModelChoice;
  readonly judged: Judged;
}

/** What the sums sorted, judged by the tables. */
export function exactly({ ranked, run, ask, choice }: RankedOption): Judged {
  const { question } = ask;
  return judge(
    bestPlacement(ranked.variant.model(), run, ask, knowledge),
    abilityIn(choice.abilities, question.row.domain),
    knowledge,
    "run",
  );
}

/** Larger first. */
const orders = {
  score: ({ ranked }: RankedOption) => ranked.score,
  quality: ({ ranked }: RankedOption) => ranked.scores.quality,
  speed: ({ ranked }: RankedOption) => ranked.speed?.decodeTokensPerSecond.mid ?? 0,
  fit: ({ ranked }: RankedOption) => ranked.scores.fit,
  context: ({ ranked }: RankedOption) => ranked.maxContextTokens,
  memory: ({ ranked }: RankedOption) => -ranked.memoryBytes,
  parameters: ({ ranked }: RankedOption) => sizesOf(ranked.variant.model()).parameterCount,
  released: ({ entry }: RankedOption) => Number((entry.released ?? "0").replace("-", "")),
} as const;

interface Counted {
  readonly options: readonly RankedOption[];
  readonly unfit: readonly RankedOption[];
  readonly consideredCount: number;
  readonly rejected: ReadonlyMap<string, { count: number; nearest: string | undefined }>;
  readonly catalogDate: string;
}

/** Every catalog model that passes the filters, at its best on this machine. */
async function judgeCatalog(
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

const GIB = 2 ** 30;

function filtersOf(args: Optional<RankArguments>): {
  readonly filters: RankFilters;
  readonly unread: readonly string[];
} {
  const read = readRequirements(args.requirements ?? "");
  const given = <T>(value: T | null | undefined, fallback: T | undefined): T | undefined =>
    value === null || value === undefined ? fallback : value;
  for (const name of args.recipes ?? [])
    if (!isRecipe(name.toUpperCase()))
      throw new InputError(
        `\`recipes\` holds "${name.slice(0, 40)}", which is no recipe. Send some of ${recipes.join(", ")}.`,
      );
  const filters: RankFilters = {
    models: args.models && args.models.length > 0 ? args.models : undefined,
    contextTokens: args.contextTokens ?? undefined,
    minDecodeTokensPerSecond: given(args.minDecodeTokensPerSecond, read.minDecodeTokensPerSecond),
    minContextTokens: given(args.minContextTokens, read.minContextTokens),
    maxMemoryBytes: args.maxMemoryGiB ? args.maxMemoryGiB * GIB : read.maxMemoryBytes,
    minParameterCount: args.minParametersB ? args.minParametersB * 1e9 : read.minParameterCount,
    maxParameterCount: args.maxParametersB ? args.maxParametersB * 1e9 : read.maxParameterCount,
    family: given(args.family, read.family),
    license: given(args.license, read.license),
    capabilities: [...(args.capabilities ?? []), ...read.capabilities],
    recipes: args.recipes && args.recipes.length > 0 ? args.recipes.map((name) => name.toUpperCase()) : undefined,
  };
  return { filters, unread: read.unread };
}

function shapeRanked({ entry, choice, judged }: PageRow, rank: number, detailed: boolean) {
  const { candidate } = judged;
  const sizes = sizesOf(candidate.model);
  return {
    rank,
    id: entry.id,
    repo: entry.repo,
    recipe: candidate.model.recipe ?? "unknown",
    contextTokens: candidate.run.contextTokens,
    runMode: candidate.runMode,
    fitLevel: candidate.fitLevel,
    memoryBytes: candidate.memoryBytes,
    utilizationFraction: round3(candidate.utilizationFraction),
    ...(candidate.speed
      ? {
          decodeTokensPerSecond: roundInterval(candidate.speed.decodeTokensPerSecond),
          timeToFirstTokenSeconds: roundInterval(candidate.speed.timeToFirstTokenSeconds),
        }
      : {}),
    score: round1(judged.score),
    scores: shapeScores(judged.scores),
    qualityBasis: judged.quality.basis,
    installed: choice.installed,
    why: rankedWhy(judged),
    ...(detailed
      ? {
          parameterCount: sizes.parameterCount,
          activeParameterCount: sizes.activeParameterCount,
          ...(entry.license ? { license: entry.license } : {}),
          ...(entry.released ? { released: entry.released } : {}),
        }
      : {}),
  };
}

type PageAnswer = Awaited<ReturnType<typeof pageAnswer>>;
type TogetherAnswer = Awaited<ReturnType<typeof togetherAnswer>>;

export async function rankAnswer(
  args: Optional<RankArguments>,
  context: AnswerContext,
): Promise<PageAnswer & Partial<Pick<TogetherAnswer, "set">>> {
  const gathered = await gatherHardware(args.hardware, args.memoryBasis, context);
  const { filters, unread } = filtersOf(args);
  if (args.together && args.together.length > 0)
    return togetherAnswer(args.together, args, gathered, filters, unread, context);
  return pageAnswer(args, gathered, filters, unread, context);
}

async function pageAnswer(
  args: Optional<RankArguments>,
  gathered: GatheredHardware,
  filters: RankFilters,
  unread: readonly string[],
  context: AnswerContext,
) {
  const question = questionOf(args, context.world);
  const sort = args.sort ?? "score";
  const counted = await judgeCatalog(question, gathered.hardware, gatherRun(undefined), filters, context);
  const order = orders[sort];
  const pool = [...counted.options, ...(args.includeUnfit || filters.models ? counted.unfit : [])].filter(
    ({ choice }) => !args.installedOnly || choice.installed,
  );
  const sorted = pool.sort(
    (a, b) =>
      (args.installedFirst ? Number(b.choice.installed) - Number(a.choice.installed) : 0) ||
      Number(b.ranked.fits) - Number(a.ranked.fits) ||
      order(b) - order(a) ||
      (a.id < b.id ? -1 : 1),
  );
  const start = readCursor(args.cursor, sorted.length);
  const limit = args.limit ?? 10;
  const page = sorted
    .slice(start, start + limit)
    .map((option): PageRow => ({ entry: option.entry, choice: option.choice, judged: exactly(option) }));
  // sums and tables can differ by a little: within a page the exact score decides
  if (sort === "score" && !args.installedFirst)
    page.sort(
      (a, b) => Number(b.judged.candidate.fits) - Number(a.judged.candidate.fits) || b.judged.score - a.judged.score,
    );
  const next = start + limit < sorted.length ? String(start + limit) : undefined;
  return {
    summary: rankSummary(
      page.map(({ entry, judged }) => ({ name: entry.name, judged })),
      counted.consideredCount,
      question.useCase,
      gathered.hardware.name,
    ),
    models: page.map((option, index) => shapeRanked(option, start + index + 1, args.detail === "detailed")),
    consideredCount: counted.consideredCount,
    matchedCount: sorted.length,
    rejected: [...counted.rejected].map(([reason, { count, nearest }]) => ({
      reason,
      count,
      ...(nearest === undefined ? {} : { nearest }),
    })),
    ...(unread.length > 0 ? { unreadRequirements: unread } : {}),
    ...(gathered.hardware.warnings.length > 0 ? { notes: gathered.hardware.warnings } : {}),
    catalogDate: counted.catalogDate,
    ...(next === undefined ? {} : { nextCursor: next }),
    hardware: shapeHardware(gathered.hardware, gathered.memoryBasis, gathered.otherBasis),
  };
}

/** Models for several use cases side by side: the best sum of scores that one machine holds at once. */
async function togetherAnswer(
  useCases: readonly string[],
  args: Optional<RankArguments>,
  gathered: GatheredHardware,
  filters: RankFilters,
  unread: readonly string[],
  context: AnswerContext,
) {
  const { hardware } = gathered;
  if (useCases.length > MAX_TOGETHER)
    throw new InputError(`\`together\` holds ${useCases.length} use cases. Send at most ${MAX_TOGETHER}.`);
  const asked = useCases.map((name) => questionOf({ ...args, useCase: readUseCase(name) }, context.world));
  const counted: Counted[] = [];
  for (const question of asked)
    counted.push(await judgeCatalog(question, hardware, gatherRun(undefined), filters, context));
  const onDevices = hardware.devices.length > 0;
  const lists = counted.map(({ options }) =>
    options.flatMap((option) =>
      onDevices === (option.ranked.runMode === "gpu") || !onDevices
        ? [
            {
              option,
              score: option.ranked.score,
              memoryBytes: onDevices ? option.ranked.deviceBytes : option.ranked.memoryBytes,
            },
          ]
        : [],
    ),
  );
  const found = bestSet(lists, counted[0]?.options[0]?.ranked.budgetBytes ?? 0);
  const rows = (found?.members ?? []).map(({ option }, index): PageRow & { readonly useCase: string } => ({
    entry: option.entry,
    choice: option.choice,
    judged: exactly(option),
    useCase: asked[index]?.useCase ?? "",
  }));
  const memoryBytes = rows.reduce((sum, { judged }) => sum + judged.candidate.memoryBytes, 0);
  return {
    summary: togetherSummary(
      rows.map(({ entry, judged, useCase }) => ({ name: entry.name, judged, useCase })),
      memoryBytes,
      hardware.name,
    ),
    models: rows.map((row, index) => shapeRanked(row, index + 1, args.detail === "detailed")),
    consideredCount: counted.reduce((sum, { consideredCount }) => sum + consideredCount, 0),
    matchedCount: rows.length,
    rejected: [],
    set: {
      members: rows.map(({ entry, judged, useCase }) => ({
        useCase,
        id: entry.id,
        recipe: judged.candidate.model.recipe ?? "unknown",
        contextTokens: judged.candidate.run.contextTokens,
        memoryBytes: judged.candidate.memoryBytes,
        runMode: judged.candidate.runMode,
        ...(judged.candidate.speed
          ? { decodeTokensPerSecond: roundInterval(judged.candidate.speed.decodeTokensPerSecond) }
          : {}),
        score: round1(judged.score),
      })),
      memoryBytes,
      fits: found !== undefined,
    },
    ...(unread.length > 0 ? { unreadRequirements: unread } : {}),
    ...(hardware.warnings.length > 0 ? { notes: hardware.warnings } : {}),
    catalogDate: counted[0]?.catalogDate ?? "",
    hardware: shapeHardware(hardware, gathered.memoryBasis, gathered.otherBasis),
  };
}

const MAX_TOGETHER = 4;

function readUseCase(name: string): UseCase {
  if (!isUseCase(name))
    throw new InputError(
      `\`together\` holds "${name.slice(0, 40)}", which is no use case. Send some of ${Object.keys(useCaseRows).join(", ")}.`,
    );
  return name;
}

function readCursor(cursor: string | null | undefined, count: number): number {
  if (!cursor) return 0;
  const start = Number(cursor);
  if (!Number.isInteger(start) || start < 0 || start > count)
    throw new InputError(
      `\`cursor\` "${cursor.slice(0, 20)}" is not from an answer to this question. Send the nextCursor of the last answer, or leave it out.`,
    );
  return start;
}
