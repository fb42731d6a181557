import { describe, expect, it } from "vitest";
import { loadModelCatalog } from "../../../src/core/sources/model-catalog.ts";
import { loadQualityCatalog } from "../../../src/core/sources/quality-catalog.ts";

describe("loadQualityCatalog", () => {
  it("tells measured from inherited", async () => {
    const quality = await loadQualityCatalog();
    const { reasoning, multimodal } = quality.abilitiesOf("qwen3-8b");
    expect(reasoning).toMatchObject({ basis: "measured", scoreCount: 12 });
    expect(multimodal?.basis).toBe("inherited");
    expect(quality.abilitiesOf("no-such-model")).toEqual({});
    expect(quality.abilitiesOf("constructor")).toEqual({});
  });

  it("gives a model without scores its parent's ability, and no more certainty than that", async () => {
    const [quality, { models }] = await Promise.all([loadQualityCatalog(), loadModelCatalog()]);
    const heirs = models.filter(({ id }) => quality.inheritsFrom(id) !== undefined);
    expect(heirs.length).toBeGreaterThan(300);
    for (const { id } of heirs) {
      const parent = quality.abilitiesOf(quality.inheritsFrom(id) ?? "");
      const own = quality.abilitiesOf(id);
      expect(own.general?.theta).toBe(parent.general?.theta);
      for (const ability of Object.values(own)) {
        expect(ability.basis).toBe("inherited");
        expect(ability.sd).toBeGreaterThanOrEqual(0.35);
      }
    }
  });

  it("ranks as the evidence does: more and newer parameters are abler", async () => {
    const quality = await loadQualityCatalog();
    const theta = (id: string): number => quality.abilitiesOf(id).coding?.theta ?? Number.NaN;
    expect(theta("qwen3-8b")).toBeGreaterThan(theta("qwen3-0.6b"));
    expect(theta("qwen2.5-coder-32b-instruct")).toBeGreaterThan(theta("qwen2.5-coder-7b-instruct"));
    expect(theta("llama-3.3-70b-instruct")).toBeGreaterThan(theta("llama-3.1-8b-instruct"));
  });
});
