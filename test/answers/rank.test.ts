/** What `rank_models` answers: size, pages, reasons, filters, sets. */
import { describe, expect, it } from "vitest";
import { rank } from "../../src/library.ts";
import { rankModelsOutput } from "../../src/tools/schemas/rank-models.ts";
import { fakeWorld } from "../fake-world.ts";

const context = { world: fakeWorld({}) };
const hardware = "rtx-4090, ram=64GiB";
/** What a default answer may take (contract.md). */
const MOST_BYTES = 8000;

describe("an answer", () => {
  it.each(["general", "coding", "embedding", "multimodal", "long-context"] as const)(
    "for %s stays small",
    async (useCase) => {
      const answer = await rank({ hardware, useCase, limit: 10 }, context);
      rankModelsOutput.parse(answer);
      expect(answer.models).toHaveLength(10);
      expect(Buffer.byteLength(JSON.stringify(answer))).toBeLessThanOrEqual(MOST_BYTES);
    },
    60_000,
  );

  it("is sorted by its scores, and pages go on where the last ended", async () => {
    const whole = await rank({ hardware, limit: 12 }, context);
    const first = await rank({ hardware, limit: 6 }, context);
    const second = await rank({ hardware, limit: 6, cursor: first.nextCursor }, context);
    expect([...first.models, ...second.models].map(({ id }) => id).sort()).toEqual(
      whole.models.map(({ id }) => id).sort(),
    );
    for (const { models } of [whole, first, second])
      for (const [index, model] of models.entries())
        expect(model.score).toBeLessThanOrEqual(models[index - 1]?.score ?? 100);
  }, 60_000);

  it("says how each quality is known and which neighbours are tied", async () => {
    const { models } = await rank({ hardware, useCase: "coding", limit: 10 }, context);
    for (const { why, qualityBasis } of models) {
      expect(why).not.toContain("\n");
      expect(why).toMatch(qualityBasis === "measured" ? /\d+ scores? to 20\d\d-\d\d/ : /inherited|by size/);
    }
    expect(models.some(({ why }) => why.includes("tied with the one above"))).toBe(true);
  }, 60_000);

  it("for coding is judged at a long prompt, and says what that costs", async () => {
    const { models } = await rank({ hardware, useCase: "coding", limit: 5 }, context);
    for (const { contextTokens, why } of models) {
      expect(contextTokens).toBeGreaterThanOrEqual(32768);
      expect(why).toMatch(/32k context for .+, 16k prompt read in /);
    }
  }, 60_000);

  it("counts what it left out, with the one that misses by the least", async () => {
    const { rejected, consideredCount, matchedCount } = await rank({ hardware, useCase: "chat" }, context);
    const counts = rejected.reduce((sum, { count }) => sum + count, 0);
    expect(counts + (matchedCount ?? 0)).toBe(consideredCount);
    const unfit = rejected.find(({ reason }) => reason === "does not fit");
    expect(unfit?.nearest).toMatch(/ \(.+ short\)$/);
  }, 60_000);
});

describe("filters", () => {
  it("of speed, memory and context hold for every model, and say who just missed", async () => {
    const answer = await rank(
      { hardware, requirements: "min 150 tok/s, max 12 GB, 64k context, apache-2.0", limit: 10 },
      context,
    );
    expect(answer.models.length).toBeGreaterThan(3);
    for (const model of answer.models) expect(model.decodeTokensPerSecond?.mid ?? 0).toBeGreaterThan(140);
    expect(answer.rejected.find(({ reason }) => reason.startsWith("decodes slower"))?.nearest).toMatch(/tok\/s\)$/);
    expect(answer.rejected.some(({ reason }) => reason === "another licence")).toBe(true);
  }, 60_000);

  it("by name show what does not fit beside what does", async () => {
    const { models } = await rank({ hardware: "cpu, ram=8GiB", models: ["qwen3-4b", "qwen3-235b-a22b"] }, context);
    expect(models.map(({ id, runMode }) => [id, runMode])).toEqual([
      ["qwen3-4b", "cpu"],
      ["qwen3-235b-a22b", "does-not-fit"],
    ]);
  }, 60_000);
});

describe("models of another kind", () => {
  it("are offered for their own task alone", async () => {
    const [chat, embedding, reranking] = await Promise.all([
      rank({ hardware, useCase: "chat", limit: 50 }, context),
      rank({ hardware, useCase: "embedding", limit: 50 }, context),
      rank({ hardware, useCase: "reranking", limit: 5 }, context),
    ]);
    const names = (answer: typeof chat) => new Set(answer.models.map(({ id }) => id));
    for (const id of names(embedding)) expect(names(chat).has(id)).toBe(false);
    expect(embedding.models.every(({ qualityBasis }) => qualityBasis === "measured")).toBe(true);
    expect(reranking.models.length).toBeGreaterThan(0);
    expect([...names(chat)].filter((id) => /llada|ocr|guard|embed|bge|rerank/.test(id))).toEqual([]);
  }, 120_000);
});
