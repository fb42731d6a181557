import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dominates, frontier, knee } from "../../../src/core/decide/frontier.ts";

const point = (goals: number) =>
  fc.record({ values: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: goals, maxLength: goals }) });

describe("frontier", () => {
  it.each([2, 3])("keeps exactly what nothing dominates, of %i goals", (goals) => {
    let dropped = 0;
    fc.assert(
      fc.property(fc.array(point(goals), { maxLength: 25 }), (points) => {
        const kept = frontier(points);
        dropped += points.length - kept.length;
        const noneDominated = kept.every((one) => !points.some((other) => dominates(other, one)));
        const allCovered = points.every((one) =>
          kept.some(
            (other) => dominates(other, one) || other.values.every((value, goal) => value === one.values[goal]),
          ),
        );
        return noneDominated && allCovered;
      }),
      { seed: 11, numRuns: 300 },
    );
    expect(dropped).toBeGreaterThan(300);
  });

  it("finds the knee of a bent line", () => {
    const bend = { values: [9, 9] };
    expect(knee([{ values: [0, 10] }, bend, { values: [10, 0] }])).toBe(bend);
  });

  it("has no knee without points", () => {
    expect(knee([])).toBeUndefined();
  });
});
