import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { layersPattern, rangePattern } from "../../../src/core/facts/layer-pattern.ts";
import { defaultRun } from "../../../src/core/facts/run-defaults.ts";
import { expertsOverride, runFlags } from "../../../src/core/present/llama-cpp.ts";
import { quoteWord, shellCommand } from "../../../src/core/present/shell.ts";

describe("rangePattern", () => {
  it("matches the layers from low to high and no other of 300", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 299 }), fc.integer({ min: 0, max: 299 }), (a, b) => {
        const low = Math.min(a, b);
        const high = Math.max(a, b);
        const regex = new RegExp(expertsOverride(low, high, "CPU").pattern);
        for (let layer = 0; layer < 300; layer++) {
          const matches = regex.test(`blk.${layer}.ffn_down_exps.weight`);
          if (matches !== (layer >= low && layer <= high)) return false;
        }
        return true;
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  it("matches any set of layers and no other of 120", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 119 }), { minLength: 1 }), (layers) => {
        const regex = new RegExp(`^blk\\.${layersPattern(layers)}\\.x`);
        return Array.from({ length: 120 }, (_, layer) => layer).every(
          (layer) => regex.test(`blk.${layer}.x`) === layers.includes(layer),
        );
      }),
      { seed: 4, numRuns: 100 },
    );
    expect(layersPattern(Array.from({ length: 80 }, (_, layer) => layer))).toBe("([0-9]|[1-7][0-9])");
  });

  it("leaves dense and shared tensors alone", () => {
    const regex = new RegExp(expertsOverride(0, 99, "CPU").pattern);
    for (const name of [
      "blk.3.ffn_down.weight",
      "blk.3.ffn_down_shexp.weight",
      "blk.3.attn_q.weight",
      "blk.3.ffn_gate_inp.weight",
    ])
      expect(regex.test(name)).toBe(false);
    for (const name of ["blk.3.ffn_gate_up_exps.weight", "blk.3.ffn_up_chexps.weight"])
      expect(regex.test(name)).toBe(true);
  });

  it("holds neither of the two letters that cut an -ot list", () => {
    for (const [low, high] of [
      [0, 0],
      [3, 27],
      [9, 100],
    ] as const)
      expect(rangePattern(low, high)).not.toMatch(/[,=]/);
  });
});

describe("runFlags", () => {
  it("says every decision of one device", () => {
    expect(runFlags({ ...defaultRun(8192), offloadedLayers: 37 }, 1).join(" ")).toBe(
      "-c 8192 -np 1 -b 2048 -ub 512 -ctk f16 -ctv f16 -fa on -ngl 37 -fit off",
    );
  });
  it("splits over two and moves experts", () => {
    const run = { ...defaultRun(4096), offloadedLayers: 49, tensorSplit: [20, 29], cpuMoeLayers: 12 };
    expect(runFlags(run, 2).join(" ")).toBe(
      "-c 4096 -np 1 -b 2048 -ub 512 -ctk f16 -ctv f16 -fa on -ngl 49 -sm layer -ts 20,29 -ot blk\\.([0-9]|1[0-1])\\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU -fit off",
    );
  });
  it("offloads nothing without a device", () => {
    expect(runFlags(defaultRun(4096), 0)).toContain("-ngl");
    expect(runFlags(defaultRun(4096), 0)[runFlags(defaultRun(4096), 0).indexOf("-ngl") + 1]).toBe("0");
  });
});

describe("shell quoting", () => {
  it.each([
    ["plain-1.0", "plain-1.0"],
    ["a b", "'a b'"],
    ["it's", "'it'\\''s'"],
    ["blk\\.(1|2)", "'blk\\.(1|2)'"],
    ["", "''"],
  ])("%s", (word, quoted) => {
    expect(quoteWord(word)).toBe(quoted);
  });
  it("joins", () => {
    expect(shellCommand(["llama-server", "-ot", "a|b=CPU"])).toBe("llama-server -ot 'a|b=CPU'");
  });
});
