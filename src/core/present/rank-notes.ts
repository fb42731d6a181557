/** A ranking in words. */
import type { Judged } from "../decide/choose.ts";
import { formatBytes } from "../units-text.ts";
import { label, modeText, rateText } from "./notes.ts";

/** What speaks for a model, in one line. */
export function rankedWhy({ candidate, quality, scores }: Judged): string {
  if (!candidate.fits) return `does not fit: ${formatBytes(candidate.shortfall.totalBytes)} missing`;
  const basis = quality.basis === "measured" ? "scored" : "judged by its size and age";
  return `${modeText(candidate)}, ${formatBytes(candidate.memoryBytes)}, ${rateText(candidate)}; quality ${Math.round(scores.quality)} (${basis})`;
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
