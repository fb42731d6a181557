/** `rank_models`: the catalog, model by model, each at its best here; filtered, ordered, paged. */
import type { RankFilters } from "../core/decide/filters.ts";
import { readRequirements } from "../core/decide/requirements.ts";
import { InputError } from "../core/facts/input-error.ts";
import { isRecipe, recipes } from "../core/facts/recipe.ts";
import { rankSummary } from "../core/present/rank-notes.ts";
import { shapeHardware } from "../core/present/shapes.ts";
import { GIB } from "../core/units.ts";
import {
  type AnswerContext,
  type GatheredHardware,
  gatherHardware,
  gatherRun,
  type MemoryBasis,
  type Optional,
  type QuestionArguments,
  questionOf,
} from "./gather.ts";
import { judgeCatalog } from "./rank-catalog.ts";
import { exactly, type PageRow, type RankedOption, shapeRanked } from "./rank-rows.ts";
import { togetherAnswer } from "./together.ts";

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

/** Larger first. */
const orders = {
  score: ({ ranked }: RankedOption) => ranked.score,
  quality: ({ ranked }: RankedOption) => ranked.scores.quality,
  speed: ({ ranked }: RankedOption) => ranked.speed?.decodeTokensPerSecond.mid ?? 0,
  fit: ({ ranked }: RankedOption) => ranked.scores.fit,
  context: ({ ranked }: RankedOption) => ranked.maxContextTokens,
  memory: ({ ranked }: RankedOption) => -ranked.memoryBytes,
  parameters: ({ ranked }: RankedOption) => ranked.parameterCount,
  released: ({ entry }: RankedOption) => Number((entry.released ?? "0").replace("-", "")),
} as const;

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
  const start = readCursor(args.cursor);
  const limit = args.limit ?? 10;
  // in the order of scores only the page must be certain; any other order compares everything
  const isPaged =
    sort === "score" && !args.installedFirst && !args.installedOnly && !args.includeUnfit && !filters.models;
  const length = isPaged ? start + limit + 1 : Number.POSITIVE_INFINITY;
  const counted = await judgeCatalog(question, gathered.hardware, gatherRun(undefined), filters, context, length);
  const order = orders[sort];
  const pool = [...counted.options, ...(args.includeUnfit || filters.models ? counted.unfit : [])].filter(
    ({ installed }) => !args.installedOnly || installed,
  );
  const sorted = pool.sort(
    (a, b) =>
      (args.installedFirst ? Number(b.installed) - Number(a.installed) : 0) ||
      Number(b.ranked.fits) - Number(a.ranked.fits) ||
      order(b) - order(a) ||
      tieBreak(a, b),
  );
  const matchedCount = isPaged ? counted.matchedCount : sorted.length;
  if (start > matchedCount) throw wrongCursor(args.cursor ?? "");
  const page = sorted
    .slice(start, start + limit)
    .map((option): PageRow => ({ entry: option.entry, installed: option.installed, judged: exactly(option) }));
  // sums and tables can differ by a little: within a page the exact score decides
  if (sort === "score" && !args.installedFirst)
    page.sort(
      (a, b) => Number(b.judged.candidate.fits) - Number(a.judged.candidate.fits) || b.judged.score - a.judged.score,
    );
  const next = start + limit < matchedCount ? String(start + limit) : undefined;
  return {
    summary: rankSummary(
      page.map(({ entry, judged }) => ({ name: entry.name, judged })),
      counted.consideredCount,
      question.useCase,
      gathered.hardware.name,
    ),
    models: page.map((row, index) => shapeRanked(row, start + index + 1, args.detail === "detailed", page[index - 1])),
    consideredCount: counted.consideredCount,
    matchedCount,
    rejected: counted.rejected,
    ...(unread.length > 0 ? { unreadRequirements: unread } : {}),
    ...(gathered.hardware.warnings.length > 0 ? { notes: gathered.hardware.warnings } : {}),
    catalogDate: counted.catalogDate,
    ...(next === undefined ? {} : { nextCursor: next }),
    hardware: shapeHardware(gathered.hardware, gathered.memoryBasis, gathered.otherBasis),
  };
}

/** Equal scores: what is better known first, then what a licence allows more, then the larger model, then the name. */
function tieBreak(a: RankedOption, b: RankedOption): number {
  const known = ({ ranked }: RankedOption): number => Number(ranked.quality.basis === "measured");
  const free = ({ entry }: RankedOption): number => Number(entry.commercialUse === "allowed");
  return (
    known(b) - known(a) ||
    free(b) - free(a) ||
    b.ranked.parameterCount - a.ranked.parameterCount ||
    (a.id < b.id ? -1 : 1)
  );
}

function wrongCursor(cursor: string): InputError {
  return new InputError(
    `\`cursor\` "${cursor.slice(0, 20)}" is not from an answer to this question. Send the nextCursor of the last answer, or leave it out.`,
  );
}

function readCursor(cursor: string | null | undefined): number {
  if (!cursor) return 0;
  const start = Number(cursor);
  if (!Number.isInteger(start) || start < 0) throw wrongCursor(cursor);
  return start;
}
