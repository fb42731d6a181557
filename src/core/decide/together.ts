/** Models for several use cases that stay loaded side by side: one of each list, the best sum of scores within one budget. Exact. */
import type { Bytes } from "../units.ts";
import { frontier } from "./frontier.ts";

export interface SetOption {
  readonly score: number;
  readonly memoryBytes: Bytes;
}

export interface BestSet<Option extends SetOption> {
  readonly members: readonly Option[];
  readonly memoryBytes: Bytes;
  readonly score: number;
}

/**
 * Branch and bound over what is left of each list once dominated options are gone (a better score for no more memory).
 * @returns undefined when not even the smallest of each list fit together
 */
export function bestSet<Option extends SetOption>(
  lists: readonly (readonly Option[])[],
  budgetBytes: Bytes,
): BestSet<Option> | undefined {
  const kept = lists.map((options) =>
    frontier(options.map((option) => ({ option, values: [option.score, -option.memoryBytes] }))).map(
      ({ option }) => option,
    ),
  );
  // what the lists after i add at best, and take at least
  const bestAfter = new Array<number>(kept.length + 1).fill(0);
  const leastAfter = new Array<number>(kept.length + 1).fill(0);
  for (let index = kept.length - 1; index >= 0; index--) {
    const options = kept[index] ?? [];
    if (options.length === 0) return undefined;
    bestAfter[index] = (bestAfter[index + 1] ?? 0) + Math.max(...options.map(({ score }) => score));
    leastAfter[index] = (leastAfter[index + 1] ?? 0) + Math.min(...options.map(({ memoryBytes }) => memoryBytes));
  }
  let best: BestSet<Option> | undefined;
  const extend = (members: readonly Option[], score: number, memoryBytes: Bytes): void => {
    const index = members.length;
    if (memoryBytes + (leastAfter[index] ?? 0) > budgetBytes) return;
    if (best && score + (bestAfter[index] ?? 0) <= best.score) return;
    if (index === kept.length) {
      best = { members, memoryBytes, score };
      return;
    }
    for (const option of kept[index] ?? [])
      extend([...members, option], score + option.score, memoryBytes + option.memoryBytes);
  };
  extend([], 0, 0);
  return best;
}
