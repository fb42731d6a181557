/** `rank_models`: the catalog, model by model, each at its best here; filtered, ordered, paged. */
import type { RankFilters } from "../core/decide/filters.ts";
import { readRequirements } from "../core/decide/requirements.ts";
import { sizesOf } from "../core/estimate/quality.ts";
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
  parameters: ({ ranked }: RankedOption) => sizesOf(ranked.variant.model()).parameterCount,
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

function readCursor(cursor: string | null | undefined, count: number): number {
  if (!cursor) return 0;
  const start = Number(cursor);
  if (!Number.isInteger(start) || start < 0 || start > count)
    throw new InputError(
      `\`cursor\` "${cursor.slice(0, 20)}" is not from an answer to this question. Send the nextCursor of the last answer, or leave it out.`,
    );
  return start;
}
