import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { placeRun } from "../../../src/core/facts/place.ts";
import { HOST } from "../../../src/core/facts/placement.ts";
import { defaultRun } from "../../../src/core/facts/run-defaults.ts";

const run = defaultRun(8192);
const two = [
  { name: "CUDA0", freeBytes: 24 },
  { name: "CUDA1", freeBytes: 8 },
];

describe("which device holds a layer", () => {
  test("-ngl 1 takes the output layer alone", () => {
    const placement = placeRun(4, { ...run, offloadedLayers: 1 }, two.slice(0, 1));
    expect(placement.layerDevices).toEqual([HOST, HOST, HOST, HOST]);
    expect(placement.outputDevice).toBe(0);
  });
  test("the last layers go first", () => {
    expect(placeRun(4, { ...run, offloadedLayers: 3 }, two.slice(0, 1)).layerDevices).toEqual([HOST, HOST, 0, 0]);
  });
  test("free memory splits, -ts overrides it", () => {
    expect(placeRun(7, { ...run, offloadedLayers: 8 }, two).layerDevices).toEqual([0, 0, 0, 0, 0, 0, 1]);
    expect(placeRun(7, { ...run, offloadedLayers: 8, tensorSplit: [1, 3] }, two).layerDevices).toEqual([
      0, 0, 1, 1, 1, 1, 1,
    ]);
  });
  test("no device: all on the host", () => {
    expect(placeRun(2, run, [])).toMatchObject({ layerDevices: [HOST, HOST], outputDevice: HOST });
  });
  test("-nkvo moves every cache and no weight", () => {
    expect(placeRun(2, { ...run, cacheOffload: false, offloadedLayers: 3 }, two.slice(0, 1))).toMatchObject({
      cacheDevices: [HOST, HOST],
      layerDevices: [0, 0],
    });
  });
  test("an offloaded layer more never moves another off its side (500 cases)", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 0, max: 120 }), (layers, offloaded) => {
        const onHost = (count: number) =>
          placeRun(layers, { ...run, offloadedLayers: count }, two).layerDevices.filter((device) => device === HOST)
            .length;
        expect(onHost(offloaded + 1)).toBeLessThanOrEqual(onHost(offloaded));
      }),
      { numRuns: 500, seed: 7 },
    );
  });
});

describe("overrides", () => {
  test("the first match wins, then --n-cpu-moe counts from layer 0", () => {
    const { overrideOf, hasOverrides } = placeRun(
      4,
      { ...run, cpuMoeLayers: 2, overrides: [{ pattern: "blk\\.1\\.ffn_up_exps", buffer: "CUDA1" }] },
      two,
    );
    expect(hasOverrides).toBe(true);
    expect(overrideOf("blk.1.ffn_up_exps.weight")).toBe(1);
    expect(overrideOf("blk.1.ffn_down_exps.weight")).toBe(HOST);
    expect(overrideOf("blk.2.ffn_down_exps.weight")).toBeUndefined();
    expect(overrideOf("blk.0.ffn_down.weight")).toBeUndefined();
  });
  test("an unknown buffer is refused with the known ones", () => {
    expect(() => placeRun(1, { ...run, overrides: [{ pattern: "x", buffer: "CUDA9" }] }, two)).toThrow(
      /CPU or one of: CUDA0, CUDA1/,
    );
  });
});
