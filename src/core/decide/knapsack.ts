/**
 * The multiple-choice knapsack, solved by dynamic programming over bucketed bytes (Dudziński & Walukiewicz 1987; Kellerer, Pferschy,
 * Pisinger, "Knapsack Problems", §11.5): one option of every group, least total loss, total cost within the budget. Costs above each
 * group's cheapest option are rounded up to whole buckets, so the budget is never exceeded, and the result is at least as good as the
 * best one for a budget smaller by `slackBytes` = groups × (bucket − 1). With one byte a bucket it is the optimum itself.
 */
import type { Bytes } from "../units.ts";

export interface KnapsackOption {
  readonly costBytes: Bytes;
  readonly loss: number;
}

export type KnapsackGroup = readonly KnapsackOption[];

export type Knapsack =
  | {
      readonly outcome: "chosen";
      /** index of the option of each group */
      readonly choices: readonly number[];
      readonly costBytes: Bytes;
      readonly loss: number;
      /** optimal for a budget smaller by this */
      readonly slackBytes: Bytes;
    }
  | { readonly outcome: "over-budget"; readonly leastCostBytes: Bytes };

interface Row extends KnapsackOption {
  readonly index: number;
}

const DEFAULT_BUCKETS = 2048;

/** Options that no cheaper one equals in loss, by cost. */
function undominated(group: KnapsackGroup): Row[] {
  const rows = group
    .map(({ costBytes, loss }, index) => ({ costBytes, loss, index }))
    .sort((a, b) => a.costBytes - b.costBytes || a.loss - b.loss);
  const kept: Row[] = [];
  for (const row of rows) if (row.loss < (kept.at(-1)?.loss ?? Number.POSITIVE_INFINITY)) kept.push(row);
  return kept;
}

/** @throws RangeError for a group without options: there is nothing to choose */
function prepare(groups: readonly KnapsackGroup[]): Row[][] {
  return groups.map((group) => {
    const rows = undominated(group);
    if (rows.length === 0) throw new RangeError("a knapsack group needs an option of finite loss");
    return rows;
  });
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The lowest-cost options together: no budget below this serves. */
function leastCost(rows: readonly Row[][]): Bytes {
  return sum(rows.map((options) => options[0]?.costBytes ?? 0));
}

/**
 * @param bucketCount resolution of the table: time and memory grow with it
 * @returns the least loss within `budgetBytes`, or by how much nothing fits
 */
export function solveKnapsack(
  groups: readonly KnapsackGroup[],
  budgetBytes: Bytes,
  bucketCount: number = DEFAULT_BUCKETS,
): Knapsack {
  const rows = prepare(groups);
  const leastCostBytes = leastCost(rows);
  if (leastCostBytes > budgetBytes) return { outcome: "over-budget", leastCostBytes };
  // more than every group's finest option can spend serves nothing
  const mostCostBytes = sum(rows.map((options) => options.at(-1)?.costBytes ?? 0));
  const spareBytes = Math.min(budgetBytes, mostCostBytes) - leastCostBytes;
  const bucketBytes = Math.max(1, Math.ceil(spareBytes / bucketCount));
  const buckets = Math.floor(spareBytes / bucketBytes);
  const taken = fillTable(rows, bucketBytes, buckets);
  const chosen = rows.map((options) => options[0]);
  for (let g = rows.length - 1, left = buckets; g >= 0; g--) {
    const row = rows[g]?.[taken[g]?.[left] ?? 0];
    chosen[g] = row;
    left -= bucketsOf(row, rows[g], bucketBytes);
  }
  spendRest(rows, chosen, budgetBytes);
  return {
    outcome: "chosen",
    choices: chosen.map((row) => row?.index ?? 0),
    costBytes: sum(chosen.map((row) => row?.costBytes ?? 0)),
    loss: sum(chosen.map((row) => row?.loss ?? 0)),
    slackBytes: rows.length * (bucketBytes - 1),
  };
}

/** Buckets that a row takes above the cheapest of its group, rounded up. */
function bucketsOf(row: Row | undefined, options: readonly Row[] | undefined, bucketBytes: Bytes): number {
  return Math.ceil(((row?.costBytes ?? 0) - (options?.[0]?.costBytes ?? 0)) / bucketBytes);
}

/** `taken[g][b]` = the option of group g in the best choice of groups 0…g that spends at most b buckets. */
function fillTable(rows: readonly Row[][], bucketBytes: Bytes, buckets: number): Uint16Array[] {
  let before = new Float64Array(buckets + 1);
  let after = new Float64Array(buckets + 1);
  return rows.map((options) => {
    const taken = new Uint16Array(buckets + 1);
    const first = options[0]?.loss ?? 0;
    for (let b = 0; b <= buckets; b++) after[b] = (before[b] ?? 0) + first;
    for (let option = 1; option < options.length; option++) {
      const row = options[option];
      const width = bucketsOf(row, options, bucketBytes);
      const loss = row?.loss ?? 0;
      for (let b = width; b <= buckets; b++) {
        const tried = (before[b - width] ?? 0) + loss;
        if (tried < (after[b] ?? 0)) {
          after[b] = tried;
          taken[b] = option;
        }
      }
    }
    [before, after] = [after, before];
    return taken;
  });
}

/** What rounding kept back is spent on the changes that gain the most a byte. */
function spendRest(rows: readonly Row[][], chosen: (Row | undefined)[], budgetBytes: Bytes): void {
  let leftBytes = budgetBytes - sum(chosen.map((row) => row?.costBytes ?? 0));
  for (;;) {
    let best: { readonly group: number; readonly row: Row; readonly rate: number } | undefined;
    rows.forEach((options, group) => {
      const now = chosen[group];
      if (!now) return;
      for (const row of options) {
        const extraBytes = row.costBytes - now.costBytes;
        if (row.loss >= now.loss || extraBytes > leftBytes) continue;
        const rate = (now.loss - row.loss) / Math.max(1, extraBytes);
        if (!best || rate > best.rate) best = { group, row, rate };
      }
    });
    if (!best) return;
    leftBytes -= best.row.costBytes - (chosen[best.group]?.costBytes ?? 0);
    chosen[best.group] = best.row;
  }
}

/** Lower convex hull of cost against loss. */
function hull(options: readonly Row[]): Row[] {
  const kept: Row[] = [];
  const slope = (a: Row, b: Row): number => (b.loss - a.loss) / (b.costBytes - a.costBytes);
  for (const row of options) {
    for (;;) {
      const last = kept.at(-1);
      const previous = kept.at(-2);
      if (!last || !previous || slope(previous, last) < slope(last, row)) break;
      kept.pop();
    }
    kept.push(row);
  }
  return kept;
}

/** Least loss of the linear relaxation (options may be mixed): no choice within the budget does better. Infinity when none fits. */
export function lossLowerBound(groups: readonly KnapsackGroup[], budgetBytes: Bytes): number {
  const rows = prepare(groups);
  let leftBytes = budgetBytes - leastCost(rows);
  if (leftBytes < 0) return Number.POSITIVE_INFINITY;
  let loss = sum(rows.map((options) => options[0]?.loss ?? 0));
  const steps = rows.flatMap((options) => {
    const line = hull(options);
    return line.slice(1).map((row, at) => {
      const from = line[at];
      return { bytes: row.costBytes - (from?.costBytes ?? 0), gain: (from?.loss ?? 0) - row.loss };
    });
  });
  steps.sort((a, b) => b.gain / b.bytes - a.gain / a.bytes);
  for (const { bytes, gain } of steps) {
    const share = Math.min(1, leftBytes / bytes);
    loss -= gain * share;
    leftBytes -= bytes * share;
    if (leftBytes <= 0) break;
  }
  return loss;
}
