/** A plan and its rivals in words. */
import type { Judged } from "../decide/choose.ts";
import { formatBytes, formatSpeedInterval, formatTokensPerSecond } from "../units-text.ts";
import { label, modeText } from "./notes.ts";

export function planSummary(name: string, { candidate, maxContextTokens }: Judged): string {
  const { speed, run } = candidate;
  const cache =
    run.cacheTypeK === "f16" && run.cacheTypeV === "f16" ? "" : `, cache ${run.cacheTypeK}/${run.cacheTypeV}`;
  const rate = speed ? `, about ${formatSpeedInterval(speed.decodeTokensPerSecond)}` : "";
  return `Run ${label(name, candidate.model.recipe)} ${modeText(candidate)} with ${run.contextTokens} tokens of context${cache}: ${formatBytes(candidate.memoryBytes)}${rate}. Up to ${maxContextTokens} tokens fit this way.`;
}

/** What `other` has over `best`, and what it gives up; differences below a few percent are not named. */
export function tradeOff(other: Judged, best: Judged): { readonly gains?: string; readonly loses?: string } {
  const gains: string[] = [];
  const loses: string[] = [];
  const compare = (
    mine: number,
    theirs: number,
    tolerance: number,
    text: (value: number) => string,
    moreIsBetter: boolean,
  ): void => {
    if (mine === theirs || Math.abs(mine - theirs) <= tolerance * Math.max(mine, theirs)) return;
    (mine > theirs === moreIsBetter ? gains : loses).push(text(mine));
  };
  if (!other.candidate.fits) return { loses: "does not fit" };
  compare(
    other.quality.klDivergenceNats,
    best.quality.klDivergenceNats,
    0.1,
    (value) => `divergence ${value.toPrecision(2)} nats`,
    false,
  );
  compare(
    other.candidate.speed?.decodeTokensPerSecond.mid ?? 0,
    best.candidate.speed?.decodeTokensPerSecond.mid ?? 0,
    0.05,
    formatTokensPerSecond,
    true,
  );
  compare(
    other.candidate.run.contextTokens,
    best.candidate.run.contextTokens,
    0,
    (value) => `${value} tokens of context`,
    true,
  );
  compare(other.candidate.memoryBytes, best.candidate.memoryBytes, 0.02, formatBytes, false);
  return {
    ...(gains.length > 0 ? { gains: gains.join(", ") } : {}),
    ...(loses.length > 0 ? { loses: loses.join(", ") } : {}),
  };
}
