/** `rank_models` with `together`: models for several use cases side by side. */
import type { RankFilters } from "../core/decide/filters.ts";
import { bestSet } from "../core/decide/together.ts";
import { isUseCase, type UseCase, useCases as useCaseRows } from "../core/decide/use-cases.ts";
import { InputError } from "../core/facts/input-error.ts";
import { togetherSummary } from "../core/present/rank-notes.ts";
import { round1, roundInterval } from "../core/present/round.ts";
import { shapeHardware } from "../core/present/shapes.ts";
import { type AnswerContext, type GatheredHardware, gatherRun, type Optional, questionOf } from "./gather.ts";
import type { RankArguments } from "./rank.ts";
import { type Counted, judgeCatalog } from "./rank-catalog.ts";
import { exactly, type PageRow, shapeRanked } from "./rank-rows.ts";

/** Models for several use cases side by side: the best sum of scores that one machine holds at once. */
export async function togetherAnswer(
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
    installed: option.installed,
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
