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
