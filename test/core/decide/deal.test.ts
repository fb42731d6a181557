import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dealLayers } from "../../../src/core/decide/deal.ts";

interface Case {
  readonly items: readonly number[];
  readonly devices: readonly { readonly limitBytes: number; readonly bandwidthBytesPerSecond: number }[];
}

/** Every way to cut the items into consecutive runs. */
function* cuts(count: number, parts: number): Generator<number[]> {
  if (parts === 1) {
    yield [count];
    return;
  }
  for (let first = 0; first <= count; first++)
    for (const rest of cuts(count - first, parts - 1)) yield [first, ...rest];
}

function secondsOf({ items, devices }: Case, counts: readonly number[]): number | undefined {
  let at = 0;
  let seconds = 0;
  for (const [index, count] of counts.entries()) {
    const bytes = items.slice(at, at + count).reduce((sum, item) => sum + item, 0);
    at += count;
    const device = devices[index];
    if (!device || bytes > device.limitBytes) return undefined;
    seconds += bytes / device.bandwidthBytesPerSecond;
  }
  return seconds;
}

const cases = fc.record({
  items: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 7 }),
  devices: fc.array(
    fc.record({ limitBytes: fc.integer({ min: 0, max: 60 }), bandwidthBytesPerSecond: fc.constantFrom(1, 2, 5) }),
    { minLength: 1, maxLength: 3 },
  ),
});

describe("dealLayers", () => {
  it("is as fast as the best of all cuts, and finds one whenever there is one", () => {
    let feasible = 0;
    fc.assert(
      fc.property(cases, (example) => {
        const all = [...cuts(example.items.length, example.devices.length)].flatMap(
          (counts) => secondsOf(example, counts) ?? [],
        );
        const dealt = dealLayers(example.items, example.devices);
        if (all.length === 0) return dealt === undefined;
        feasible++;
        const own = dealt && secondsOf(example, dealt);
        return own !== undefined && Math.abs(own - Math.min(...all)) < 1e-6;
      }),
      { seed: 7, numRuns: 400 },
    );
    expect(feasible).toBeGreaterThan(100);
  });

  it("balances devices that are equal", () => {
    const device = { limitBytes: 100, bandwidthBytesPerSecond: 10 };
    expect(dealLayers([10, 10, 10, 10], [device, device])).toEqual([2, 2]);
  });

  it("fills the fast device first", () => {
    expect(
      dealLayers(
        [10, 10, 10, 10],
        [
          { limitBytes: 30, bandwidthBytesPerSecond: 1 },
          { limitBytes: 30, bandwidthBytesPerSecond: 9 },
        ],
      ),
    ).toEqual([1, 3]);
  });
});
