import { describe, expect, it } from "vitest";
import { measuredBest, measuredMedian } from "../../../../src/core/sources/measure/measured.ts";
import { arrayBytes, bestRound, measureMemory } from "../../../../src/core/sources/measure/memory.ts";
import { GIB, MIB } from "../../../../src/core/units.ts";

describe("reading memory", () => {
  it("measures one thread and two, with progress to the end", async () => {
    const done: number[] = [];
    const rates = await measureMemory({
      threadCount: 2,
      budgetBytes: 64 * MIB,
      signal: new AbortController().signal,
      progress: (share) => done.push(share),
    });
    expect(rates.threadCount).toBe(2);
    for (const rate of [rates.oneThread, rates.allThreads]) {
      // no machine with Node reads slower than 50 MB/s, even a busy one, nor faster than a terabyte
      expect(rate.value).toBeGreaterThan(5e7);
      expect(rate.value).toBeLessThan(1e12);
      expect(rate.noiseFraction).toBeGreaterThanOrEqual(0);
      expect(rate.noiseFraction).toBeLessThan(1);
    }
    expect(done.at(-1)).toBe(1);
    expect(done).toEqual([...done].sort((a, b) => a - b));
  }, 30_000);
  it("stops at once when cancelled, with the reason", async () => {
    const controller = new AbortController();
    const begin = performance.now();
    const running = measureMemory({
      threadCount: 1,
      budgetBytes: 64 * MIB,
      signal: controller.signal,
      progress: () => controller.abort(new Error("enough")),
    });
    await expect(running).rejects.toThrow();
    expect(performance.now() - begin).toBeLessThan(5_000);
    await expect(
      measureMemory({
        threadCount: 1,
        budgetBytes: 64 * MIB,
        signal: AbortSignal.abort(new Error("before")),
        progress: () => {},
      }),
    ).rejects.toThrow("before");
  }, 30_000);
  it.each([
    [1, 64 * GIB, 256],
    [2, 64 * GIB, 256],
    [16, 64 * GIB, 128],
    [64, 64 * GIB, 64],
    [2, 64 * MIB, 32],
    [64, 64 * MIB, 4],
  ])("%i threads and %i bytes: %i MiB each", (threads, budget, mib) => {
    expect(arrayBytes(threads, budget) / MIB).toBe(mib);
  });
});

describe("repetitions", () => {
  it("take the best, and call it noisy when nothing else comes near", () => {
    expect(measuredBest([10, 9.9, 9.8, 2])).toEqual({ value: 10, noiseFraction: 0.02 });
    expect(measuredBest([10, 5, 5, 5]).noiseFraction).toBe(0.5);
    expect(() => measuredBest([])).toThrow();
  });
  it("count standing still as noise, however steady", () => {
    const rounds = [100, 99, 98].map((bytesPerSecond) => ({ bytesPerSecond, stalledFraction: 0.4 }));
    expect(bestRound(rounds)).toEqual({ value: 100, noiseFraction: 0.4 });
    expect(bestRound(rounds.map((round) => ({ ...round, stalledFraction: 0 })))).toEqual({
      value: 100,
      noiseFraction: 0.02,
    });
  });
  it("take the median where disturbances go either way", () => {
    expect(measuredMedian([1, 2, 3, 4, 5])).toEqual({ value: 3, noiseFraction: 0.3333 });
    expect(measuredMedian([4])).toEqual({ value: 4, noiseFraction: 0 });
  });
});
