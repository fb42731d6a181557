/** Mixed precision over real tensor tables: budget, floor, optimality, and the rules that name it. */
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { mixPrecision, tensorDivergence } from "../../../src/core/decide/mix.ts";
import { bitsOf } from "../../../src/core/facts/sensitivity.ts";
import { tensorBytes } from "../../../src/core/facts/tensor.ts";
import { isQuantizable } from "../../../src/core/facts/tensor-role.ts";
import { quantizeArgv, tensorTypeRules } from "../../../src/core/present/quantize.ts";
import { qualityConstants } from "../../../src/core/sources/calibration.ts";
import { readGgufFile } from "../../../src/core/sources/gguf/read.ts";
import { loadLossPriors } from "../../../src/core/sources/loss-priors.ts";

const folder = new URL("../../truth/gguf/", import.meta.url).pathname;
const knowledge = { quality: qualityConstants, priors: await loadLossPriors() };
const load = (name: string) => readGgufFile(`${folder}${name}.gguf`);
const bytesOf = (tensors: readonly Parameters<typeof tensorBytes>[0][]) =>
  tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);

describe("mixPrecision", () => {
  it.each(["Llama-3.3-70B-Q4_K_M", "Qwen3-30B-A3B-Q4_K_M", "Gemma-3-12B-Q4_K_M", "GLM-4.5-Air-Q4_K_M"])(
    "of %s stays within the budget and near its linear bound, and loses less than the recipe of the same size",
    async (name) => {
      const model = await load(name);
      const budgetBytes = bytesOf(model.tensors);
      const mix = mixPrecision({ model, budgetBytes, leastBits: 3, imatrix: true }, knowledge);
      if (mix.outcome !== "mixed") throw new Error("fits");
      expect(mix.model.fileBytes).toBeLessThanOrEqual(budgetBytes);
      expect(mix.model.fileBytes).toBeGreaterThan(0.985 * budgetBytes);
      expect(mix.model.fileBytes).toBe(bytesOf(mix.model.tensors));
      expect(mix.klDivergenceNats / mix.leastKlDivergenceNats).toBeLessThan(1.05);
      expect(tensorDivergence(mix.model, knowledge)).toBeCloseTo(mix.klDivergenceNats, 9);
      expect(mix.klDivergenceNats).toBeLessThan(tensorDivergence(model, knowledge));
      for (const tensor of mix.model.tensors) {
        if (isQuantizable(tensor)) expect(bitsOf(tensor.type)).toBeGreaterThanOrEqual(3);
      }
    },
  );

  it("never loses by more bytes, and says the least that it takes", async () => {
    const model = await load("Llama-3.3-70B-Q4_K_M");
    const bytes = bytesOf(model.tensors);
    const losses = [0.8, 0.9, 1, 1.2, 1.5].map((share) => {
      const mix = mixPrecision({ model, budgetBytes: share * bytes, leastBits: 3, imatrix: true }, knowledge);
      return mix.outcome === "mixed" ? mix.klDivergenceNats : Number.NaN;
    });
    expect(losses).toEqual([...losses].sort((a, b) => b - a));
    const tight = mixPrecision({ model, budgetBytes: bytes / 4, leastBits: 4, imatrix: true }, knowledge);
    if (tight.outcome !== "over-budget") throw new Error("cannot fit");
    const least = mixPrecision({ model, budgetBytes: tight.leastBytes, leastBits: 4, imatrix: true }, knowledge);
    expect(least.outcome).toBe("mixed");
  });

  it("takes nothing that needs an importance matrix without one", async () => {
    const model = await load("Qwen3-30B-A3B-Q4_K_M");
    const mix = mixPrecision(
      { model, budgetBytes: 0.7 * bytesOf(model.tensors), leastBits: 2, imatrix: false },
      knowledge,
    );
    if (mix.outcome !== "mixed") throw new Error("fits");
    expect(mix.model.tensors.some(({ type }) => /^iq[12]|iq3_xxs/.test(type))).toBe(false);
  });

  it("gives one type everywhere the loss of a pure file", async () => {
    const model = await load("Llama-3.3-70B-Q4_K_M");
    const pure = {
      ...model,
      tensors: model.tensors.map((tensor) => (isQuantizable(tensor) ? { ...tensor, type: "q4_K" as const } : tensor)),
    };
    // a dense 70B: exp(-3.07 - 1.15/2 + 0.069/4 - 1.12 · (log10 70.55 - 1)) · 0.837
    expect(tensorDivergence(pure, knowledge)).toBeCloseTo(Math.exp(-3.07 - 0.575 + 0.01725 - 1.12 * 0.8485) * 0.837, 4);
  });
});

describe("the rules of a mix", () => {
  const files = readdirSync(folder).filter((file) => file.endsWith(".gguf"));

  it(`give every tensor of ${files.length} headers its type by the first that matches`, {
    timeout: 60_000,
  }, async () => {
    let checked = 0;
    for (const file of files) {
      const model = await readGgufFile(folder + file);
      const mix = mixPrecision({ model, budgetBytes: bytesOf(model.tensors), leastBits: 2, imatrix: true }, knowledge);
      if (mix.outcome !== "mixed") continue;
      const rules = tensorTypeRules(mix.model).map(({ pattern, type }) => ({ regex: new RegExp(pattern), type }));
      for (const tensor of mix.model.tensors) {
        if (!isQuantizable(tensor) || /^(token_embd|output)\./.test(tensor.name)) continue;
        checked++;
        expect(rules.find(({ regex }) => regex.test(tensor.name))?.type, `${file} ${tensor.name}`).toBe(tensor.type);
      }
    }
    expect(checked).toBeGreaterThan(8_000);
  });

  it("are few, lower case, and hold one = each", async () => {
    const model = await load("Llama-3.3-70B-Q4_K_M");
    const mix = mixPrecision(
      { model, budgetBytes: 0.8 * bytesOf(model.tensors), leastBits: 3, imatrix: true },
      knowledge,
    );
    if (mix.outcome !== "mixed") throw new Error("fits");
    const argv = quantizeArgv(mix.model, "in.gguf", "out.gguf", {
      imatrixPath: "my imatrix.gguf",
      baseRecipe: "Q4_K_M",
    });
    expect(argv.slice(0, 3)).toEqual(["llama-quantize", "--imatrix", "my imatrix.gguf"]);
    expect(argv.slice(-3)).toEqual(["in.gguf", "out.gguf", "Q4_K_M"]);
    const rules = argv.filter((_, index) => argv[index - 1] === "--tensor-type");
    expect(rules.length).toBeLessThan(60);
    for (const rule of rules) expect(rule).toMatch(/^[^=,A-Z]+=[a-z0-9_]+$/);
  });
});
