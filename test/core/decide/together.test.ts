import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bestSet } from "../../../src/core/decide/together.ts";

const option = fc.record({ score: fc.integer({ min: 0, max: 100 }), memoryBytes: fc.integer({ min: 1, max: 30 }) });

describe("bestSet", () => {
  it("is the best of all combinations that fit", () => {
    let fitting = 0;
    fc.assert(
      fc.property(
        fc.array(fc.array(option, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 70 }),
        (lists, budget) => {
          let best = Number.NEGATIVE_INFINITY;
          const walk = (index: number, score: number, memory: number): void => {
            if (memory > budget) return;
            const options = lists[index];
            if (!options) best = Math.max(best, score);
            else for (const each of options) walk(index + 1, score + each.score, memory + each.memoryBytes);
          };
          walk(0, 0, 0);
          const found = bestSet(lists, budget);
          if (best === Number.NEGATIVE_INFINITY) return found === undefined;
          fitting++;
          return found !== undefined && found.score === best && found.memoryBytes <= budget;
        },
      ),
      { seed: 5, numRuns: 300 },
    );
    expect(fitting).toBeGreaterThan(100);
  });
});
