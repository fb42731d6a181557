import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type KnapsackGroup, lossLowerBound, solveKnapsack } from "../../../src/core/decide/knapsack.ts";

const option = fc.record({ costBytes: fc.integer({ min: 0, max: 60 }), loss: fc.integer({ min: 0, max: 100 }) });
const instance = fc.record({
  groups: fc.array(fc.array(option, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 }),
  budgetBytes: fc.integer({ min: 0, max: 250 }),
});

/** Least loss over every combination; undefined when none is within the budget. */
function bruteForce(groups: readonly KnapsackGroup[], budgetBytes: number): number | undefined {
  const [first, ...rest] = groups;
  if (!first) return budgetBytes >= 0 ? 0 : undefined;
  const losses = first.flatMap(({ costBytes, loss }) => {
    const tail = bruteForce(rest, budgetBytes - costBytes);
    return tail === undefined ? [] : [loss + tail];
  });
  return losses.length > 0 ? Math.min(...losses) : undefined;
}

/** Deterministic numbers in 0…1 (a linear congruential generator). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** Groups like a large model's: layers × roles in 12 storage types. */
function large(seed: number, groupCount: number): KnapsackGroup[] {
  const next = random(seed);
  const bits = [1.75, 2.06, 2.56, 3.06, 3.44, 4.25, 4.5, 5.5, 6.56, 8.5, 10, 16];
  return Array.from({ length: groupCount }, () => {
    const weights = Math.round(2e7 + next() * 4e8);
    const sensitivity = 0.2 + next() * 6;
    return bits.map((bit) => ({
      costBytes: Math.round((weights * bit) / 8),
      loss: weights * sensitivity * 3.2 ** -bit * (0.7 + 0.6 * next()),
    }));
  });
}

describe("solveKnapsack", () => {
  it("equals brute force on 1,000 small instances, and knows when nothing fits", () => {
    let chosen = 0;
    let refused = 0;
    fc.assert(
      fc.property(instance, ({ groups, budgetBytes }) => {
        const best = bruteForce(groups, budgetBytes);
        const solved = solveKnapsack(groups, budgetBytes);
        if (solved.outcome === "over-budget") {
          refused++;
          return best === undefined && solved.leastCostBytes > budgetBytes;
        }
        chosen++;
        const own = solved.choices.map((choice, group) => groups[group]?.[choice]);
        const cost = own.reduce((sum, row) => sum + (row?.costBytes ?? Number.NaN), 0);
        const loss = own.reduce((sum, row) => sum + (row?.loss ?? Number.NaN), 0);
        return cost === solved.costBytes && cost <= budgetBytes && loss === solved.loss && loss === best;
      }),
      { seed: 5, numRuns: 1000 },
    );
    expect(chosen).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(20);
  });

  it.each([
    [126, 0.2],
    [126, 0.5],
    [480, 0.35],
    [960, 0.8],
  ])("of %i groups stays within the budget and within its stated bound of the optimum", (groupCount, share) => {
    const groups = large(groupCount, groupCount);
    const least = groups.reduce((sum, rows) => sum + (rows[0]?.costBytes ?? 0), 0);
    const most = groups.reduce((sum, rows) => sum + (rows.at(-1)?.costBytes ?? 0), 0);
    const budgetBytes = Math.round(least + share * (most - least));
    const solved = solveKnapsack(groups, budgetBytes, 16 * groupCount);
    if (solved.outcome !== "chosen") throw new Error("fits");
    expect(solved.costBytes).toBeLessThanOrEqual(budgetBytes);
    expect(solved.loss).toBeGreaterThanOrEqual(lossLowerBound(groups, budgetBytes) * (1 - 1e-12));
    // a choice for the smaller budget exists within one option's step of its linear bound, and ours is no worse than the best of those
    const biggestStep = Math.max(...groups.map((rows) => (rows[0]?.loss ?? 0) / 200));
    expect(solved.loss).toBeLessThanOrEqual(lossLowerBound(groups, budgetBytes - solved.slackBytes) + biggestStep);
    expect(solved.loss / lossLowerBound(groups, budgetBytes)).toBeLessThan(1.01);
  });

  it("never loses by a larger budget, and scales with its bytes", () => {
    const groups = large(3, 30);
    const least = groups.reduce((sum, rows) => sum + (rows[0]?.costBytes ?? 0), 0);
    let last = Number.POSITIVE_INFINITY;
    for (let step = 0; step <= 20; step++) {
      const solved = solveKnapsack(groups, least * (1 + step / 10));
      if (solved.outcome !== "chosen") throw new Error("fits");
      expect(solved.loss).toBeLessThanOrEqual(last * 1.0001);
      last = solved.loss;
    }
    const scaled = (factor: number) =>
      solveKnapsack(
        [
          [
            { costBytes: 3 * factor, loss: 5 },
            { costBytes: 9 * factor, loss: 1 },
          ],
          [
            { costBytes: 2 * factor, loss: 4 },
            { costBytes: 5 * factor, loss: 2 },
          ],
        ],
        11 * factor,
      );
    const small = scaled(1);
    const big = scaled(1000);
    expect(small.outcome === "chosen" && small.choices).toEqual([1, 0]);
    expect(big.outcome === "chosen" && big.choices).toEqual([1, 0]);
  });

  it("takes 126 groups of 12 options in about 10 ms", () => {
    const groups = large(9, 126);
    const budgetBytes = 0.3 * groups.reduce((sum, rows) => sum + (rows.at(-1)?.costBytes ?? 0), 0);
    solveKnapsack(groups, budgetBytes);
    const times = Array.from({ length: 9 }, () => {
      const start = performance.now();
      solveKnapsack(groups, budgetBytes);
      return performance.now() - start;
    }).sort((a, b) => a - b);
    // the best of nine: other work on the machine only adds
    expect(times[0]).toBeLessThan(10);
  });
});
