/** The abilities and sums that ship are those that the build gives now, and the fit is as good as it says on what it has not seen. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { profilesOf } from "../../catalog/build/profiles-of.ts";
import { abilitiesText } from "../../catalog/build/quality/abilities.ts";
import { fromLogit, toLogit } from "../../catalog/build/quality/benchmarks.ts";
import { droppedBoards, randomScores, unscoredModels } from "../../catalog/build/quality/evaluate.ts";
import { generationOf } from "../../catalog/build/quality/features.ts";
import { readObservations } from "../../catalog/build/quality/observations.ts";
import { problemOf } from "../../catalog/build/quality/problem.ts";
import { packProfile, unpackProfile } from "../../src/core/sources/profile-catalog.ts";

const shipped = (file: string): string => readFileSync(join(import.meta.dirname, "../../catalog", file), "utf8");
const observations = readObservations();
const problem = problemOf(observations);

describe("the fit, on what it has not seen", () => {
  it("misses single scores by at most 6.2 points", () => {
    const { pointsMae, pairAccuracy, scoreCount } = randomScores(problem);
    expect(scoreCount).toBeGreaterThan(1000);
    expect(pointsMae).toBeLessThanOrEqual(6.2);
    expect(pairAccuracy).toBeGreaterThan(0.84);
  }, 60_000);

  it("misses models without scores by at most 7.8 points, puts .81 of pairs in order, and beats parameters alone everywhere", () => {
    const { all, againstSize } = unscoredModels(problem);
    expect(all.pointsMae).toBeLessThanOrEqual(7.8);
    expect(all.pairAccuracy).toBeGreaterThanOrEqual(0.81);
    for (const [domain, { prior, size, pairCount }] of Object.entries(againstSize)) {
      expect(pairCount, domain).toBeGreaterThan(1000);
      expect(prior, domain).toBeGreaterThan(size);
    }
  }, 120_000);

  it("orders the models of a leaderboard it never saw", () => {
    for (const [board, { pairAccuracy, pairCount }] of Object.entries(droppedBoards(problem, observations.items))) {
      expect(pairCount, board).toBeGreaterThan(500);
      expect(pairAccuracy, board).toBeGreaterThanOrEqual(board === "BFCL" ? 0.7 : 0.77);
    }
  }, 120_000);
});

describe("what ships", () => {
  it("is the fit of the observations over the catalog", async () => {
    expect(
      (await abilitiesText()).text === shipped("quality/abilities.json"),
      "run npx tsx catalog/build/quality.ts",
    ).toBe(true);
  }, 60_000);

  it("are the sums of the catalog's tensor tables", async () => {
    expect((await profilesOf()).text === shipped("profiles.json"), "run npx tsx catalog/build/profiles.ts").toBe(true);
  }, 120_000);
});

describe("a profile", () => {
  it("comes back as it was packed", () => {
    for (const packed of Object.values(z.record(z.string(), z.string()).parse(JSON.parse(shipped("profiles.json"))))) {
      const { shape, stored } = unpackProfile(packed);
      expect(
        packProfile(
          shape,
          [...stored].map(([recipe, parts]) => ({ recipe, parts })),
        ),
      ).toBe(packed);
    }
  });
});

describe("scales", () => {
  it.each([
    ["gpqa-diamond", 25, 0.012],
    ["mmlu-pro", 55, 0.5],
    ["mt-bench", 5, 0.5],
    ["aime-2025", 50, 0.5],
  ])("of %s take chance off: %f is a share of %f", (benchmark, score, share) => {
    expect(toLogit(benchmark, score)).toBeCloseTo(Math.log(share / (1 - share)), 6);
  });

  it("go back to what was printed", () => {
    for (const [benchmark, score] of [
      ["gpqa-diamond", 71.2],
      ["lmarena-elo-text", 1388],
      ["mt-bench", 8.4],
    ] as const)
      expect(fromLogit(benchmark, toLogit(benchmark, score))).toBeCloseTo(score, 6);
  });
});

describe("generations", () => {
  it.each([
    ["Qwen/Qwen3.5-9B", "qwen3.5"],
    ["Qwen/Qwen2.5-Coder-32B-Instruct", "qwen2.5 coder"],
    ["google/gemma-3-27b-it", "gemma3"],
    ["meta-llama/Llama-3.1-8B-Instruct", "llama3.1"],
    ["deepseek-ai/DeepSeek-V3.2", "deepseekv3.2"],
    ["zai-org/GLM-5.1", "glm5.1"],
    ["nobody/their-own", "nobody"],
  ])("of %s is %s", (repo, generation) => {
    expect(generationOf(repo)).toBe(generation);
  });
});
