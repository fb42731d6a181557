/** What a ranking must keep to, whatever it ranks: seeded machines and models, by sums alone. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Question } from "../../../src/core/decide/candidate.ts";
import { machineOf, screen } from "../../../src/core/decide/quick.ts";
import { type RankAsk, rankModels, storedAs, worthwhile } from "../../../src/core/decide/rank.ts";
import { contextWorth, fitWorth, paceWorth } from "../../../src/core/decide/score.ts";
import { useCases } from "../../../src/core/decide/use-cases.ts";
import { estimateQuality, isTie } from "../../../src/core/estimate/quality.ts";
import type { Ability } from "../../../src/core/facts/ability.ts";
import type { Hardware } from "../../../src/core/facts/hardware.ts";
import { defaultRun } from "../../../src/core/facts/run-defaults.ts";
import { calibration, qualityConstants } from "../../../src/core/sources/calibration.ts";
import { loadHardwareCatalog } from "../../../src/core/sources/hardware-catalog.ts";
import { parseHardware } from "../../../src/core/sources/hardware-expression.ts";
import { loadModelCatalog } from "../../../src/core/sources/model-catalog.ts";
import { loadProfiles } from "../../../src/core/sources/profile-catalog.ts";
import { loadQualityCatalog } from "../../../src/core/sources/quality-catalog.ts";

const knowledge = { calibration, quality: qualityConstants };
const [catalog, profiles, abilities, machines] = await Promise.all([
  loadModelCatalog(),
  loadProfiles(),
  loadQualityCatalog(),
  loadHardwareCatalog(),
]);
const question: Question = {
  useCase: "general",
  row: useCases.general,
  promptTokens: 1024,
  outputTokens: 256,
  engine: "llama.cpp",
  buildYear: 2026.5,
  limits: { marginBytes: [], budgetBytes: [] },
};
const run = defaultRun(question.row.contextTokens);

/** Every fourth scored model. */
const models = catalog.models
  .filter(
    (entry) => abilities.abilitiesOf(entry.id).general?.backing === "leaderboard" && profiles(entry)?.shape.causal,
  )
  .filter((_, index) => index % 4 === 0);

function asksOn(hardware: Hardware): RankAsk<string>[] {
  const machine = machineOf(hardware, question.limits);
  return models.flatMap((entry) => {
    const profile = profiles(entry);
    const ability = abilities.abilitiesOf(entry.id).general;
    if (!profile) return [];
    const { shape } = profile;
    const stored = worthwhile(shape, storedAs(shape, profile.stored, knowledge), "general", knowledge);
    return {
      subject: entry.id,
      options: stored.map((recipe) => ({
        ...recipe,
        screened: screen(shape, recipe.sums, run, entry.trainedContextTokens, machine),
      })),
      qualities: stored.map(({ klDivergenceNats }) =>
        estimateQuality(ability, "general", klDivergenceNats, qualityConstants),
      ),
      run,
      model: () => ({
        name: entry.id,
        recipe: undefined,
        hyper: catalog.hyperparametersOf(entry),
        tensors: [],
        fileBytes: 0,
        evidence: "catalog" as const,
        source: "catalog",
        warnings: [],
      }),
    };
  });
}

const rankOn = (hardware: Hardware, asks: readonly RankAsk<string>[], length = Number.POSITIVE_INFINITY) =>
  rankModels(asks, length, machineOf(hardware, question.limits), question, knowledge);
const scores = (hardware: Hardware, asks: readonly RankAsk<string>[]) =>
  new Map(rankOn(hardware, asks).fitting.map(({ subject, ranked }) => [subject, ranked.score]));

const expressions = [
  "rtx-4090, ram=64GiB",
  "rtx-3060-12gb, ram=32GiB",
  "m4-max-64gb",
  "cpu, ram=32GiB",
  "2x rtx-3090, ram=64GiB",
];
const hardwareOf = (expression: string): Hardware => parseHardware(expression, machines);

describe.each(expressions)("ranking on %s", (expression) => {
  const hardware = hardwareOf(expression);
  const asks = asksOn(hardware);

  it("is the same for any order of the catalog", () => {
    const given = rankOn(hardware, asks);
    fc.assert(
      fc.property(fc.shuffledSubarray([...asks], { minLength: asks.length }), (shuffled) => {
        const again = scores(hardware, shuffled);
        return given.fitting.every(({ subject, ranked }) => again.get(subject) === ranked.score);
      }),
      { seed: 3, numRuns: 3 },
    );
  });

  it("finds the same best ones without judging everything", () => {
    const sorted = (length: number) =>
      [...rankOn(hardware, asks, length).fitting].sort((a, b) => b.ranked.score - a.ranked.score).slice(0, 10);
    const names = (list: ReturnType<typeof sorted>) => list.map(({ subject, ranked }) => `${subject} ${ranked.recipe}`);
    expect(names(sorted(10))).toEqual(names(sorted(Number.POSITIVE_INFINITY)));
    expect(rankOn(hardware, asks, 10).fitting.length).toBeLessThan(rankOn(hardware, asks).fitting.length);
  });

  it("does not change when a dominated model goes", () => {
    const all = rankOn(hardware, asks).fitting;
    const dominated = all.filter(({ ranked: a }) =>
      all.some(
        ({ ranked: b }) =>
          b.score > a.score &&
          b.scores.quality >= a.scores.quality &&
          b.scores.speed >= a.scores.speed &&
          b.scores.fit >= a.scores.fit &&
          b.scores.context >= a.scores.context,
      ),
    );
    expect(dominated.length).toBeGreaterThan(10);
    const gone = new Set(dominated.slice(0, 10).map(({ subject }) => subject));
    const without = scores(
      hardware,
      asks.filter(({ subject }) => !gone.has(subject)),
    );
    for (const { subject, ranked } of all) if (!gone.has(subject)) expect(without.get(subject)).toBe(ranked.score);
  });

  it("never lowers a score for a faster machine", () => {
    const faster: Hardware = {
      ...hardware,
      devices: hardware.devices.map((device) => ({
        ...device,
        bandwidthBytesPerSecond: {
          ...device.bandwidthBytesPerSecond,
          value: device.bandwidthBytesPerSecond.value * 1.5,
        },
        ...(device.fp16FlopsPerSecond
          ? { fp16FlopsPerSecond: { ...device.fp16FlopsPerSecond, value: device.fp16FlopsPerSecond.value * 1.5 } }
          : {}),
        ...(device.fp32FlopsPerSecond
          ? { fp32FlopsPerSecond: { ...device.fp32FlopsPerSecond, value: device.fp32FlopsPerSecond.value * 1.5 } }
          : {}),
      })),
      host: {
        ...hardware.host,
        ramBandwidthBytesPerSecond: {
          ...hardware.host.ramBandwidthBytesPerSecond,
          value: hardware.host.ramBandwidthBytesPerSecond.value * 1.5,
        },
      },
    };
    const before = scores(hardware, asks);
    const after = scores(faster, asksOn(faster));
    expect(before.size).toBeGreaterThan(40);
    for (const [subject, score] of before) expect(after.get(subject), subject).toBeGreaterThanOrEqual(score - 1e-9);
  });

  it("ranks nothing that runs slower than anyone waits for above what is usable", () => {
    const sorted = [...rankOn(hardware, asks).fitting].sort((a, b) => b.ranked.score - a.ranked.score);
    for (const { ranked } of sorted.slice(0, 10))
      expect(ranked.speed?.decodeTokensPerSecond.mid ?? 0).toBeGreaterThanOrEqual(2);
  });
});

describe("worth", () => {
  it.each([
    [0, 60],
    [0.25, 80],
    [0.5, 100],
    [0.8, 100],
    [0.85, 70],
    [0.95, 50],
    [1.01, 0],
  ])("of a memory in use to %f is %f", (used, worth) => {
    expect(fitWorth(used)).toBe(worth);
  });

  it.each([
    [8192, 100],
    [16384, 100],
    [4096, 70],
    [2048, 30],
  ])("of %i tokens where 8192 are needed is %f", (offered, worth) => {
    expect(contextWorth(offered, 8192)).toBe(worth);
  });

  it("of a pace grows up to its target and not beyond", () => {
    expect(paceWorth(2, 40)).toBe(0);
    expect(paceWorth(40, 40)).toBe(100);
    expect(paceWorth(400, 40)).toBe(100);
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 100, noNaN: true }),
        fc.double({ min: 1, max: 3, noNaN: true }),
        (rate, factor) => {
          return paceWorth(rate * factor, 40) >= paceWorth(rate, 40);
        },
      ),
      { seed: 5 },
    );
  });
});

describe("quality", () => {
  const known: Ability = { theta: 1, sd: 0.1, basis: "measured", scoreCount: 8, backing: "leaderboard" };
  const score = (ability: Ability) => estimateQuality(ability, "general", 0, qualityConstants).score;

  it("holds back more where less vouches for it", () => {
    expect(score({ ...known, sd: 0.4, backing: "kin" })).toBeLessThan(score(known));
    expect(score({ ...known, backing: "claims" })).toBeLessThan(score(known));
    expect(score({ ...known, sd: 0.5, backing: "traits" })).toBeLessThan(score({ ...known, sd: 0.5, backing: "kin" }));
  });

  it("is lost to coarse storage, twice as fast where syntax must be exact", () => {
    const loss = (domain: "general" | "coding") =>
      score(known) - estimateQuality(known, domain, 0.1, qualityConstants).score;
    expect(loss("general")).toBeGreaterThan(0);
    expect(loss("coding") / loss("general")).toBeCloseTo(1.75, 5);
  });

  it("is a tie within one pooled deviation", () => {
    expect(isTie(known, { ...known, theta: 1.13 })).toBe(true);
    expect(isTie(known, { ...known, theta: 1.15 })).toBe(false);
  });
});
