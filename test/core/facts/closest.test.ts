import { describe, expect, it } from "vitest";
import { closestNames } from "../../../src/core/facts/closest.ts";

const ids = [
  "rtx-4090",
  "rtx-4090-laptop",
  "rtx-4080",
  "rtx-3090",
  "rx-7900-xtx",
  "h100-sxm",
  "m3-max-64gb",
  "qwen3-8b",
  "qwen3-14b",
];

describe("closestNames", () => {
  it.each([
    ["rtx4090", "rtx-4090"],
    ["rtx-4909", "rtx-4090"],
    ["4090", "rtx-4090"],
    ["RX 7900XTX", "rx-7900-xtx"],
    ["qwen-3-8b", "qwen3-8b"],
    ["m3max 64gb", "m3-max-64gb"],
    ["h100", "h100-sxm"],
  ])("%s → %s", (typed, meant) => {
    expect(closestNames(typed, ids, 3)[0]).toBe(meant);
  });
  it("offers nothing for noise and honours the limit", () => {
    expect(closestNames("zzzzqqqq", ids, 3)).toEqual([]);
    expect(closestNames("rtx-40", ids, 2)).toHaveLength(2);
    expect(closestNames("", ids, 2)).toEqual([]);
  });
  it("stays cheap on hostile length", () => {
    expect(closestNames("rtx".repeat(100_000), ids, 3).length).toBeLessThanOrEqual(3);
  });
});
