import { describe, expect, it } from "vitest";
import { bestWindow } from "../../../../src/core/sources/measure/timeline.ts";

/** A thread that finishes a piece every `piece` seconds from `begin` on, and stands still in the given stretches. */
function thread(
  begin: number,
  end: number,
  piece: number,
  still: readonly (readonly [number, number])[] = [],
): number[] {
  const stamps = [begin];
  for (let at = begin + piece; at <= end; at += piece) {
    const pause = still.find(([from, to]) => at > from && at <= to);
    if (pause !== undefined) at = pause[1] + piece / 2;
    stamps.push(at);
  }
  return stamps;
}

describe("the best moment that threads had together", () => {
  it("is their whole rate when nothing disturbs them", () => {
    const best = bestWindow([thread(0, 0.1, 1e-4), thread(0.003, 0.103, 1e-4)], 1e6, 0.008);
    expect((best?.bytesPerSecond ?? 0) / 2e10).toBeCloseTo(1, 3);
    expect(best?.stalledFraction).toBe(0);
  });
  it("lies between the times that each was taken off its processor", () => {
    const one = thread(0, 0.1, 1e-4, [
      [0.01, 0.03],
      [0.05, 0.06],
    ]);
    const two = thread(0, 0.1, 1e-4, [
      [0.03, 0.04],
      [0.075, 0.1],
    ]);
    const best = bestWindow([one, two], 1e6, 0.008);
    expect((best?.bytesPerSecond ?? 0) / 2e10).toBeCloseTo(1, 2);
    expect(best?.stalledFraction).toBeCloseTo(0, 6);
  });
  it("shows when there was none", () => {
    // by turns, 4 ms each: never both at once
    const turns = (from: number) =>
      Array.from({ length: 12 }, (_, i) => [from + i * 0.008, from + i * 0.008 + 0.004] as const);
    const best = bestWindow([thread(0, 0.1, 1e-4, turns(0)), thread(0, 0.1, 1e-4, turns(0.004))], 1e6, 0.008);
    expect((best?.bytesPerSecond ?? 0) / 1e10).toBeLessThan(1.5);
    expect(best?.stalledFraction).toBeGreaterThan(0.25);
  });
  it("counts only what both did, and is absent where they never met", () => {
    expect(bestWindow([thread(0, 0.05, 1e-4), thread(0.06, 0.1, 1e-4)], 1e6, 0.008)).toBeUndefined();
    expect(bestWindow([[0], [0]], 1e6, 0.008)).toBeUndefined();
    const alone = bestWindow([thread(0, 0.1, 1e-4)], 1e6, 0.008);
    expect((alone?.bytesPerSecond ?? 0) / 1e10).toBeCloseTo(1, 3);
  });
});
