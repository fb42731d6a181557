/**
 * The example of AHMP (layer-wise mixed precision on a GPU and its host): Llama-3-70B on a 24 GB card with 8192 tokens and a target of 3 tok/s, where it
 * reports 51 layers on the GPU, 3.15 tok/s and 2.83 % loss. Its plan is judged by our estimators as the finest recipe whose 51 layers fit.
 */
import { describe, expect, it } from "vitest";
import { assess } from "../../../src/core/decide/candidate.ts";
import { bestPlacement, type ModelQuestion, refine } from "../../../src/core/decide/choose.ts";
import { tensorDivergence } from "../../../src/core/decide/mix.ts";
import { mixedVariants } from "../../../src/core/decide/mix-ladder.ts";
import { useCases } from "../../../src/core/decide/use-cases.ts";
import { perplexityIncrease } from "../../../src/core/estimate/quality.ts";
import { applyRecipe, recipes } from "../../../src/core/facts/recipe.ts";
import { defaultRun } from "../../../src/core/facts/run-defaults.ts";
import { tensorBytes } from "../../../src/core/facts/tensor.ts";
import { calibration, qualityConstants } from "../../../src/core/sources/calibration.ts";
import { readGgufFile } from "../../../src/core/sources/gguf/read.ts";
import { loadHardwareCatalog } from "../../../src/core/sources/hardware-catalog.ts";
import { parseHardware } from "../../../src/core/sources/hardware-expression.ts";
import { loadLossPriors } from "../../../src/core/sources/loss-priors.ts";

const TARGET = 3;

describe("the example of AHMP", () => {
  it("is feasible, and faster or better than its plan under one estimator", async () => {
    const model = await readGgufFile(new URL("../../truth/gguf/Llama-3.3-70B-Q4_K_M.gguf", import.meta.url).pathname);
    const hardware = parseHardware("rtx-4090, ram=64GiB, ram-bandwidth=60GBps, cores=16", await loadHardwareCatalog());
    const knowledge = { calibration, quality: qualityConstants };
    const losses = { quality: qualityConstants, priors: await loadLossPriors() };
    const question = {
      useCase: "general" as const,
      row: useCases.general,
      promptTokens: 1024,
      outputTokens: 256,
      engine: "llama.cpp",
      buildYear: 2026.8,
      limits: { marginBytes: [], budgetBytes: [] },
    };
    const run = { ...defaultRun(8192), offloadedLayers: 51 };
    const theirs = recipes
      .filter((recipe) => recipe !== "F32")
      .map((recipe) => {
        const tensors = applyRecipe(model.hyper, model.tensors, recipe, { imatrix: true });
        const fileBytes = tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
        return assess({ ...model, recipe, tensors, fileBytes }, hardware, run, question, calibration);
      })
      .find(({ fits }) => fits);
    if (!theirs?.speed) throw new Error("51 layers fit in some recipe");
    const ask: ModelQuestion = {
      hardware,
      question,
      asGiven: false,
      fixed: new Set(),
      runModes: ["gpu", "cpu-offload", "cpu"],
    };
    /** Our finest mix that decodes at least so fast. */
    const oursAt = (least: number) =>
      mixedVariants(
        { ...ask, model, run, leastBits: undefined, imatrix: true, minDecodeTokensPerSecond: least },
        knowledge,
        losses,
      )
        .map((variant) => refine(bestPlacement(variant.model(), run, ask, knowledge), ask, knowledge))
        .find(({ speed }) => (speed?.decodeTokensPerSecond.mid ?? 0) >= least);
    const atTarget = oursAt(TARGET);
    const atTheirSpeed = oursAt(theirs.speed.decodeTokensPerSecond.mid);
    if (!atTarget || !atTheirSpeed) throw new Error("both speeds can be reached");
    const plans = [
      ["51 layers on the GPU", theirs],
      ["ours at 3 tok/s", atTarget],
      ["ours at its speed", atTheirSpeed],
    ] as const;
    const rows = plans.map(([plan, candidate]) => {
      const nats = tensorDivergence(candidate.model, losses);
      return {
        plan,
        recipe: candidate.model.recipe,
        layersOnGpu: candidate.run.offloadedLayers,
        tokensPerSecond: Number(candidate.speed?.decodeTokensPerSecond.mid.toPrecision(3)),
        lossPercent: Number((100 * perplexityIncrease(nats, qualityConstants).mid).toPrecision(3)),
        fits: candidate.fits,
      };
    });
    console.table(rows);
    const [old, fast, equal] = rows;
    expect(rows.every(({ fits }) => fits)).toBe(true);
    expect(fast?.tokensPerSecond).toBeGreaterThanOrEqual(TARGET);
    expect(fast?.tokensPerSecond).toBeGreaterThan(old?.tokensPerSecond ?? 0);
    expect(equal?.tokensPerSecond).toBeGreaterThanOrEqual(old?.tokensPerSecond ?? 0);
    expect(equal?.lossPercent).toBeLessThan(old?.lossPercent ?? 0);
  });
});
