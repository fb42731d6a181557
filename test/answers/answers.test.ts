/** The five answers as plain functions: shape, size, and what must hold between their numbers. */
import { describe, expect, it } from "vitest";
import { fit, frontier, InputError, plan, probe, rank } from "../../src/library.ts";
import { fitModelOutput } from "../../src/tools/schemas/fit-model.ts";
import { paretoFrontierOutput } from "../../src/tools/schemas/pareto-frontier.ts";
import { planConfigOutput } from "../../src/tools/schemas/plan-config.ts";
import { probeHardwareOutput } from "../../src/tools/schemas/probe-hardware.ts";
import { rankModelsOutput } from "../../src/tools/schemas/rank-models.ts";
import { fakeWorld } from "../fake-world.ts";

const world = fakeWorld({});
const context = { world };
const hardware = "rtx-4090, ram=64GiB";
const CONCISE_BYTES = 8000;

function expectConcise(answer: object): void {
  expect(Object.keys(answer)[0]).toBe("summary");
  expect(JSON.stringify(answer).length).toBeLessThan(CONCISE_BYTES);
}

describe("fit", () => {
  it("answers within the contract, and its sums are sums", async () => {
    const answer = await fit({ model: "qwen3-8b:Q4_K_M", hardware }, context);
    expectConcise(answer);
    fitModelOutput.parse(answer);
    expect(answer.runMode).toBe("gpu");
    expect(answer.fitLevel).toBe("perfect");
    const [device] = answer.memory.devices;
    expect(device?.totalBytes).toBe(
      (device?.modelBytes ?? 0) + (device?.contextBytes ?? 0) + (device?.computeBytes ?? 0),
    );
    // 36 layers × 8 KV heads × 128 × 2 (K and V) × 2 bytes × 8192 tokens
    expect(device?.contextBytes).toBe(36 * 8 * 128 * 2 * 2 * 8192);
    expect(answer.speed?.decodeTokensPerSecond.low).toBeLessThan(answer.speed?.decodeTokensPerSecond.mid ?? 0);
  });

  it("takes null for absent", async () => {
    const absent = await fit(
      { model: "qwen3-8b:Q4_K_M", hardware, run: null, useCase: null, promptTokens: null, marginMiB: null },
      context,
    );
    expect(absent).toEqual(await fit({ model: "qwen3-8b:Q4_K_M", hardware }, context));
  });

  it("says what would make it fit", async () => {
    const answer = await fit({ model: "llama-3.3-70b-instruct:Q4_K_M", hardware: "rtx-3060-12gb, ram=16GiB" }, context);
    fitModelOutput.parse(answer);
    expect(answer.runMode).toBe("does-not-fit");
    expect(answer.fitLevel).toBe("too-tight");
    expect(answer.usability).toBe("infeasible");
    expect(answer.whyNot?.shortfallBytes).toBeGreaterThan(0);
    const kinds = answer.whyNot?.options.map(({ kind }) => kind);
    expect(kinds).toContain("memory");
    expect(kinds).toContain("device");
  });

  it("gives every recipe and the parts of the first token when detailed", async () => {
    const answer = await fit({ model: "qwen3-8b", hardware, detail: "detailed" }, context);
    fitModelOutput.parse(answer);
    expect(JSON.stringify(answer).length).toBeLessThan(30_000);
    expect(answer).toHaveProperty("recipes");
    expect(answer).toHaveProperty("firstToken");
  });

  it.each([
    [{ model: "qwen3-8b", hardware: "no-such-card" }, /no-such-card/],
    [{ model: "no-such-model-at-all", hardware }, /no model/i],
    [{ model: "qwen3-8b", hardware, run: "--ctx 9" }, /--ctx/],
    [{ model: "qwen3-8b", hardware, marginMiB: [-1] }, /marginMiB/],
    [{ model: "qwen3-8b", hardware, promptTokens: -5 }, /promptTokens/],
    [{ model: "qwen3-8b", hardware, engineDate: "1999-01" }, /engineDate/],
    [{ model: "qwen3-8b", hardware, run: "-dev CUDA7" }, /CUDA0/],
  ])("refuses %j", async (args, message) => {
    const failure = await fit(args, context).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(InputError);
    expect(String(failure)).toMatch(message);
  });
});

describe("plan", () => {
  it("writes a command that says what was planned", async () => {
    const answer = await plan({ model: "qwen3-30b-a3b:Q4_K_M", hardware: "rtx-3060-12gb, ram=32GiB" }, context);
    expectConcise(answer);
    planConfigOutput.parse(answer);
    expect(answer.feasible).toBe(true);
    if (!("plan" in answer)) throw new Error("no plan");
    expect(answer.runMode).toBe("moe-offload");
    const serve = answer.commands.find(({ step }) => step === "serve");
    expect(serve?.argv).toContain("off");
    expect(serve?.argv[serve.argv.indexOf("-c") + 1]).toBe(String(answer.plan.run.contextTokens));
    expect(serve?.argv[serve.argv.indexOf("-ot") + 1]).toContain("exps=CPU");
    const [device] = answer.memory.devices;
    expect(device?.headroomBytes).toBeGreaterThanOrEqual(0);
  });

  it("says no in words when a speed cannot be reached", async () => {
    const answer = await plan(
      { model: "llama-3.3-70b-instruct", hardware: "rtx-3060-12gb, ram=64GiB", minDecodeTokensPerSecond: 100 },
      context,
    );
    planConfigOutput.parse(answer);
    expect(answer.feasible).toBe(false);
    expect(answer.commands).toEqual([]);
  });

  it("writes Ollama's steps and what they lose", async () => {
    const answer = await plan({ model: "qwen3-8b:Q4_K_M", hardware, engines: ["ollama"] }, context);
    expect(answer.commands.map(({ step }) => step)).toEqual(["get", "create", "serve", "verify"]);
    expect(answer.commands.some(({ lost }) => (lost?.length ?? 0) > 0)).toBe(true);
  });

  it("never plans more context than the model was trained on", async () => {
    const answer = await plan({ model: "qwen3-8b:Q4_K_M", hardware, objective: "context" }, context);
    if (!("plan" in answer)) throw new Error("no plan");
    expect(answer.plan.run.contextTokens).toBeLessThanOrEqual(answer.model.trainedContextTokens);
  });

  it.each([
    [{ recipe: "Q9_X" }, /Q9_X/],
    [{ cacheTypes: ["q3_K"] }, /q3_K/],
    [{ engines: ["exllama"] }, /exllama/],
    [{ minContextTokens: 10_000_000 }, /minContextTokens/],
    [{ minContextTokens: 8192, maxContextTokens: 4096 }, /maxContextTokens/],
  ])("refuses %j", async (args, message) => {
    const failure = await plan({ model: "qwen3-8b", hardware, ...args }, context).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(InputError);
    expect(String(failure)).toMatch(message);
  });
});

describe("rank", () => {
  it("answers within the contract, best first, and pages on", async () => {
    const first = await rank({ hardware, useCase: "coding", limit: 5 }, context);
    expectConcise(first);
    rankModelsOutput.parse(first);
    const scores = first.models.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    const second = await rank({ hardware, useCase: "coding", limit: 5, cursor: first.nextCursor }, context);
    expect(second.models[0]?.rank).toBe(6);
    expect(first.models.map(({ id }) => id)).not.toContain(second.models[0]?.id);
  });

  it("honours requirements and names what it could not read", async () => {
    const answer = await rank(
      { hardware, requirements: "max 8 GB RAM, apache-2.0, min 30 tok/s, smells nice", detail: "detailed" },
      context,
    );
    expect(answer.unreadRequirements).toEqual(["smells nice"]);
    expect(answer.models.length).toBeGreaterThan(3);
    for (const model of answer.models) {
      expect(model.memoryBytes).toBeLessThanOrEqual(8.2 * 2 ** 30);
      expect(model).toHaveProperty("license", "apache-2.0");
      expect(model.decodeTokensPerSecond?.mid).toBeGreaterThan(28);
    }
  });

  it("judges only the named models, those that do not fit too", async () => {
    const answer = await rank({ hardware: "cpu, ram=16GiB", models: ["qwen3-8b", "qwen3-235b-a22b"] }, context);
    expect(answer.consideredCount).toBe(2);
    expect(answer.models[0]?.id).toBe("qwen3-8b");
  });

  it("asks embedding models about embedding", async () => {
    const answer = await rank({ hardware: "cpu, ram=16GiB", useCase: "embedding", limit: 3 }, context);
    expect(answer.models.length).toBe(3);
    for (const { id } of answer.models) expect(id).toMatch(/embed|bge|e5|gte|arctic|uae|nomic|jina|minilm|mxbai/);
  });
});

describe("frontier", () => {
  it("holds no point that another beats", async () => {
    const answer = await frontier({ model: "qwen3-8b", hardware, objectives: ["quality", "memory"] }, context);
    expectConcise(answer);
    paretoFrontierOutput.parse(answer);
    expect(answer.points.filter(({ knee }) => knee)).toHaveLength(1);
    for (const a of answer.points)
      for (const b of answer.points) expect(a.quality > b.quality && a.memoryBytes < b.memoryBytes).toBe(false);
  });

  it("goes across the catalog, with a chart", async () => {
    const attached: { readonly text: string }[] = [];
    const answer = await frontier(
      { useCase: "general", hardware, chart: true, maxPoints: 8 },
      { world, attach: (attachment) => void attached.push(attachment) },
    );
    expectConcise(answer);
    paretoFrontierOutput.parse(answer);
    expect(answer.points.length).toBeLessThanOrEqual(8);
    expect(attached[0]?.text).toMatch(/^<svg /);
  });

  it.each([[["quality"]], [["quality", "quality"]], [["quality", "beauty"]]])(
    "refuses objectives %j",
    async (objectives) => {
      // @ts-expect-error: what a careless caller sends
      await expect(frontier({ model: "qwen3-8b", hardware, objectives }, context)).rejects.toBeInstanceOf(InputError);
    },
  );
});

describe("probe", () => {
  it("answers on a machine without any tool", async () => {
    const answer = await probe({}, context);
    expectConcise(answer);
    probeHardwareOutput.parse(answer);
  });
});
