import { describe, expect, it } from "vitest";
import { estimateCompute } from "../../../src/core/estimate/compute.ts";
import { rememberedCompute } from "../../../src/core/estimate/compute-memo.ts";
import { bufferLayouts } from "../../../src/core/facts/hardware.ts";
import { placeRun } from "../../../src/core/facts/place.ts";
import { applyRecipe } from "../../../src/core/facts/recipe.ts";
import { defaultRun } from "../../../src/core/facts/run-defaults.ts";
import { loadModelCatalog } from "../../../src/core/sources/model-catalog.ts";

const catalog = await loadModelCatalog();
const layouts = [bufferLayouts.cuda, bufferLayouts.cuda];

describe("rememberedCompute", () => {
  it.each(["qwen3-8b", "qwen3-30b-a3b", "gemma-3-12b-it", "deepseek-v3", "qwen3-next-80b-a3b-instruct"])(
    "gives %s the same in every recipe and placement",
    (id) => {
      const entry = catalog.find(id)?.entry;
      if (!entry) throw new Error(`the catalog lacks ${id}`);
      const hyper = catalog.hyperparametersOf(entry);
      const L = hyper.layerCount;
      let compared = 0;
      for (const recipe of ["Q8_0", "Q4_K_M", "IQ2_XXS"] as const) {
        const tensors = applyRecipe(hyper, catalog.tensorsOf(entry), recipe);
        for (const part of [
          { offloadedLayers: L + 1 },
          { offloadedLayers: L - 3 },
          { offloadedLayers: L + 1, cpuMoeLayers: 5 },
          { offloadedLayers: 0 },
          { offloadedLayers: L + 1, cacheOffload: false },
        ])
          for (const devices of [1, 2]) {
            const run = { ...defaultRun(4096), ...part };
            const placement = placeRun(
              L,
              run,
              Array.from({ length: devices }, (_, index) => ({ name: `CUDA${index}`, freeBytes: 1 })),
            );
            const used = layouts.slice(0, devices);
            expect(rememberedCompute(hyper, tensors, run, placement, used)).toEqual(
              estimateCompute(hyper, tensors, run, placement, used),
            );
            compared++;
          }
      }
      expect(compared).toBe(30);
    },
  );
});

describe("between remembered contexts", () => {
  it.each([
    "qwen3-8b",
    "qwen3-30b-a3b",
    "gemma-3-12b-it",
    "deepseek-v3",
    "qwen3-next-80b-a3b-instruct",
    "gpt-oss-120b",
    "llama-4-scout-17b-16e-instruct",
    "mamba-codestral-7b-v0.1",
    "qwen3-235b-a22b",
  ])("%s is read off the line that the graph draws", (id) => {
    const entry = catalog.find(id)?.entry;
    if (!entry) throw new Error(`the catalog lacks ${id}`);
    const hyper = { ...catalog.hyperparametersOf(entry) };
    const tensors = applyRecipe(hyper, catalog.tensorsOf(entry), "Q4_K_M");
    const L = hyper.layerCount;
    let compared = 0;
    for (const part of [
      {},
      { offloadedLayers: Math.floor(L / 2) },
      { cpuMoeLayers: 7 },
      { cacheTypeK: "q8_0", cacheTypeV: "q8_0" },
      { flashAttention: false },
      { sequences: 4 },
      { ubatchTokens: 2048 },
      { cacheOffload: false },
    ] as const)
      for (const devices of [1, 2]) {
        const base = { ...defaultRun(4096), offloadedLayers: L + 1, ...part };
        const placement = placeRun(
          L,
          base,
          Array.from({ length: devices }, (_, index) => ({ name: `CUDA${index}`, freeBytes: 1 })),
        );
        const used = layouts.slice(0, devices);
        // neighbours first, so that lines are drawn; then points between them
        const known = [4096, 131072, 8192, 65536, 16384, 32768, 24576, 49152, 98304];
        const asked = [5120, 4352, 12288, 20480, 28672, 40960, 57344, 70144, 100352, 130816];
        for (const contextTokens of [...known, ...asked]) {
          const run = { ...base, contextTokens };
          expect(
            { contextTokens, ...rememberedCompute(hyper, tensors, run, placement, used) },
            `${JSON.stringify(part)} on ${devices}`,
          ).toEqual({ contextTokens, ...estimateCompute(hyper, tensors, run, placement, used) });
          compared++;
        }
      }
    expect(compared).toBe(16 * 19);
  });
});

describe("equal placements", () => {
  it.each(["qwen3-235b-a22b", "gemma-3-12b-it", "qwen3-next-80b-a3b-instruct", "deepseek-v3"])(
    "%s: what the graph sees of a placement is all that counts",
    (id) => {
      const entry = catalog.find(id)?.entry;
      if (!entry) throw new Error(`the catalog lacks ${id}`);
      const hyper = { ...catalog.hyperparametersOf(entry) };
      const tensors = applyRecipe(hyper, catalog.tensorsOf(entry), "Q4_K_M");
      const L = hyper.layerCount;
      let compared = 0;
      for (let step = 0; step < 40; step++) {
        const run = {
          ...defaultRun(8192),
          offloadedLayers: step % 3 === 0 ? L + 1 - (step % 7) : L + 1,
          cpuMoeLayers: step % 4 === 0 ? step : 0,
          tensorSplit: [20 + step, 30, 40 - step],
        };
        const devices = [0, 1, 2].map((index) => ({ name: `CUDA${index}`, freeBytes: 1 }));
        const three = [bufferLayouts.cuda, bufferLayouts.cuda, bufferLayouts.cuda];
        const placement = placeRun(L, run, devices);
        expect(rememberedCompute(hyper, tensors, run, placement, three), JSON.stringify(run)).toEqual(
          estimateCompute(hyper, tensors, run, placement, three),
        );
        compared++;
      }
      expect(compared).toBe(40);
    },
  );
});
