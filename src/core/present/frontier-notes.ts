/** The frontier in a sentence. */

import type { Interval } from "../units.ts";
import { formatTokensPerSecond } from "../units-text.ts";

interface PointWords {
  readonly label: string;
  readonly knee: boolean;
  readonly quality: number;
  readonly decodeTokensPerSecond: Interval;
}

export function frontierSummary(
  points: readonly PointWords[],
  triedCount: number,
  machine: string,
  objectives: readonly string[],
): string {
  const bend = points.find((point) => point.knee);
  if (!bend) return `None of ${triedCount} configurations fits on ${machine} within the limits.`;
  return `${points.length} of ${triedCount} configurations on ${machine} are worth considering for ${objectives.join(" against ")}. The best compromise is ${bend.label}: quality ${bend.quality}, ${formatTokensPerSecond(bend.decodeTokensPerSecond.mid)}.`;
}
