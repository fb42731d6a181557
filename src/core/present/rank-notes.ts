/** A ranking in words. */
import type { Judged } from "../decide/choose.ts";
import { formatBytes, formatSeconds } from "../units-text.ts";
import { label, modeText, rateText } from "./notes.ts";

/** How its quality is known: by how many scores of its own, how new; or by what stands for them. */
function basisText({ ability }: Judged["quality"]): string {
  if (ability === undefined) return "no published scores";
  const { backing, scoreCount, newest } = ability;
  const until = newest === undefined ? "" : ` to ${newest}`;
  if (backing === "traits") return "by size, date and family alone";
  if (scoreCount > 0)
    return `${scoreCount} score${scoreCount === 1 ? "" : "s"}${until}${backing === "claims" ? ", no leaderboard" : ""}`;
  return `inherited, kin scored${until}`;
}

/** What speaks for a model, in one line. @param tied its quality cannot be told from that of the model above */
export function rankedWhy({ candidate, quality, scores }: Judged, tied = false): string {
  if (!candidate.fits) return `does not fit: ${formatBytes(candidate.shortfall.totalBytes)} missing`;
  const { run, question, speed, memory } = candidate;
  // long prompts are waited for, and their context is paid for: both are said
  const cost =
    question.promptTokens >= LONG_PROMPT_TOKENS && speed
      ? `, ${run.contextTokens / 1024}k context for ${formatBytes(contextBytes(memory))}, ${question.promptTokens / 1024}k prompt read in ${formatSeconds(speed.timeToFirstTokenSeconds.mid)}`
      : "";
  const tie = tied ? ", tied with the one above" : "";
  return `${modeText(candidate)}, ${formatBytes(candidate.memoryBytes)}, ${rateText(candidate)}${cost}; quality ${Math.round(scores.quality)} (${basisText(quality)}${tie})`;
}

const LONG_PROMPT_TOKENS = 8192;

function contextBytes({ devices, host }: Judged["candidate"]["memory"]): number {
  return devices.reduce((sum, use) => sum + use.contextBytes, host.contextBytes);
}

export function rankSummary(
  page: readonly { readonly name: string; readonly judged: Judged }[],
  consideredCount: number,
  useCase: string,
  machine: string,
): string {
  const first = page[0];
  if (!first) return `None of ${consideredCount} models fits ${machine} within these limits.`;
  const { candidate } = first.judged;
  const second = page[1];
  const next = second ? ` Next: ${label(second.name, second.judged.candidate.model.recipe)}.` : "";
  return `For ${useCase} on ${machine}, of ${consideredCount} models: ${label(first.name, candidate.model.recipe)} ${modeText(candidate)}, ${rateText(candidate)}.${next}`;
}

export function togetherSummary(
  members: readonly { readonly name: string; readonly judged: Judged; readonly useCase: string }[],
  memoryBytes: number,
  machine: string,
): string {
  if (members.length === 0) return `No set of models for these use cases fits side by side on ${machine}.`;
  const list = members.map(
    ({ name, judged, useCase }) => `${label(name, judged.candidate.model.recipe)} for ${useCase}`,
  );
  return `Side by side on ${machine}: ${list.join("; ")}. Together ${formatBytes(memoryBytes)}.`;
}
