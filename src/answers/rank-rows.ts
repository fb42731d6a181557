/** A ranked model: as the sums sorted it, as the tables judge it, and as an answer shows it. */
import { bestPlacement, type Judged, judge, type ModelQuestion } from "../core/decide/choose.ts";
import type { Ranked } from "../core/decide/rank.ts";
import { isTie, sizesOf } from "../core/estimate/quality.ts";
import type { Ability } from "../core/facts/ability.ts";
import type { ModelEntry } from "../core/facts/catalog-model.ts";
import type { Model } from "../core/facts/model.ts";
import type { Run } from "../core/facts/run.ts";
import { rankedWhy } from "../core/present/rank-notes.ts";
import { round1, round3, roundInterval } from "../core/present/round.ts";
import { shapeScores } from "../core/present/shapes.ts";
import { knowledge } from "./gather.ts";

export interface RankedOption {
  readonly id: string;
  readonly entry: ModelEntry;
  readonly installed: boolean;
  readonly ability: Ability | undefined;
  readonly run: Run;
  readonly ask: ModelQuestion;
  readonly ranked: Ranked;
  /** laid out on first use */
  readonly model: () => Model;
}

/** A row of the page: judged exactly. */
export interface PageRow {
  readonly entry: ModelEntry;
  readonly installed: boolean;
  readonly judged: Judged;
}

/** What the sums sorted, judged by the tables. */
export function exactly({ model, run, ask, ability }: RankedOption): Judged {
  return judge(bestPlacement(model(), run, ask, knowledge), ability, knowledge, "run");
}

export function shapeRanked({ entry, installed, judged }: PageRow, rank: number, detailed: boolean, above?: PageRow) {
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
    installed,
    why: rankedWhy(judged, above !== undefined && tied(judged, above.judged)),
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

/** Whether the abilities behind two rows cannot be told apart. */
function tied({ quality: { ability } }: Judged, { quality: { ability: other } }: Judged): boolean {
  return ability !== undefined && other !== undefined && isTie(ability, other);
}
