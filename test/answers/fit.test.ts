/** `fit_model` beyond llama.cpp's breakdown: other engines, what a run loads beside the model, and what must hold between answers. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fit, InputError } from "../../src/library.ts";
import { fitModelOutput } from "../../src/tools/schemas/fit-model.ts";
import { fakeWorld } from "../fake-world.ts";

const context = { world: fakeWorld({}) };
const STEP = 256;

async function fitted(model: string, hardware: string, run: string) {
  return fit({ model, hardware, run }, context);
}

describe("properties", () => {
  const cases = fc.record({
    model: fc.constantFrom("qwen3-8b:Q4_K_M", "qwen3-30b-a3b:Q4_K_M", "gemma-3-12b-it:Q5_K_M", "qwen3-32b:Q4_K_M"),
    memoryGiB: fc.integer({ min: 6, max: 40 }),
    count: fc.integer({ min: 1, max: 2 }),
    ramGiB: fc.constantFrom(16, 32, 64),
    contextTokens: fc.constantFrom(4096, 8192, 16384, 32768),
  });
  const machine = (memoryGiB: number, count: number, ramGiB: number) =>
    `${count}x custom(memory=${memoryGiB}GiB, bandwidth=900GBps, fp16=140TFLOPS, backend=cuda), ram=${ramGiB}GiB, ram-bandwidth=80GBps`;

  it("the largest context fits, and 256 tokens more do not", async () => {
    let bounded = 0;
    await fc.assert(
      fc.asyncProperty(cases, async ({ model, memoryGiB, count, ramGiB, contextTokens }) => {
        const hardware = machine(memoryGiB, count, ramGiB);
        const first = await fitted(model, hardware, `-c ${contextTokens}`);
        if (first.runMode === "does-not-fit") return;
        const { offloadedLayers, cpuMoeLayers, cpuFfnLayers, tensorSplit, overrides } = first.run;
        const flags = [
          `-ngl ${offloadedLayers}`,
          `--n-cpu-moe ${cpuMoeLayers}`,
          `--n-cpu-ffn ${cpuFfnLayers}`,
          ...(tensorSplit.length > 0 ? [`-ts ${tensorSplit.join(",")}`] : []),
          ...(overrides ?? []).map(({ pattern, buffer }) => `-ot '${pattern}=${buffer}'`),
        ].join(" ");
        const most = first.maxContextTokens;
        expect(most).toBeGreaterThanOrEqual(contextTokens);
        expect((await fitted(model, hardware, `-c ${most} ${flags}`)).runMode).not.toBe("does-not-fit");
        if (most >= first.model.trainedContextTokens) return;
        bounded++;
        expect((await fitted(model, hardware, `-c ${most + STEP} ${flags}`)).runMode).toBe("does-not-fit");
      }),
      { seed: 11, numRuns: 40 },
    );
    expect(bounded).toBeGreaterThan(8);
  });

  it("more memory is never worse, a narrower cache never needs more", async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(cases, async ({ model, memoryGiB, count, ramGiB, contextTokens }) => {
        const run = `-c ${contextTokens}`;
        const small = await fitted(model, machine(memoryGiB, count, ramGiB), run);
        const large = await fitted(model, machine(memoryGiB + 8, count, ramGiB), run);
        if (small.runMode !== "does-not-fit") {
          compared++;
          expect(large.runMode).not.toBe("does-not-fit");
          if (small.runMode === "gpu") expect(large.runMode).toBe("gpu");
        }
        const whole = machine(96, 1, 64);
        const wide = await fitted(model, whole, run);
        const narrow = await fitted(model, whole, `${run} -ctk q8_0 -ctv q8_0`);
        expect(narrow.memory.devices[0]?.contextBytes).toBeLessThan(wide.memory.devices[0]?.contextBytes ?? 0);
        expect(narrow.memory.devices[0]?.totalBytes).toBeLessThanOrEqual(wide.memory.devices[0]?.totalBytes ?? 0);
      }),
      { seed: 12, numRuns: 30 },
    );
    expect(compared).toBeGreaterThan(15);
  });
});

describe("beside the model", () => {
  const hardware = "rtx-4090, ram=64GiB, ram-bandwidth=80GBps";

  it("counts a draft model in rows of its own, against the same capacity", async () => {
    const alone = await fitted("qwen3-32b:Q4_K_M", hardware, "-c 8192");
    const both = await fitted("qwen3-32b:Q4_K_M", hardware, "-c 8192 -md qwen3-0.6b:Q8_0");
    fitModelOutput.parse(both);
    const rows = "extras" in both.memory ? both.memory.extras : [];
    const draft = rows?.find(({ device }) => device !== "host");
    expect(draft?.modelBytes).toBeGreaterThan(5e8);
    // 28 layers × 8 heads × 128 × 2 × 2 bytes × 8192
    expect(draft?.contextBytes).toBe(28 * 8 * 128 * 2 * 2 * 8192);
    expect(both.memory.devices[0]?.headroomBytes).toBe(
      (alone.memory.devices[0]?.headroomBytes ?? 0) - (draft?.totalBytes ?? 0),
    );
    expect(both.maxContextTokens).toBeLessThan(alone.maxContextTokens);
  });

  it("sizes a projector by its file", async () => {
    const world = fakeWorld({ files: { "/models/mmproj.gguf": "x".repeat(4096) } });
    const answer = await fit(
      { model: "gemma-3-12b-it:Q4_K_M", hardware, run: "-c 8192 -mm /models/mmproj.gguf" },
      { world },
    );
    expect("extras" in answer.memory && answer.memory.extras).toMatchObject([{ name: "projector", modelBytes: 4096 }]);
  });

  it.each([
    ["-mm /no/projector.gguf", /no file on this machine/],
    ["--spec-type draft-mtp", /prediction layers/],
    ["--spec-type draft-simple", /-md/],
    ["--spec-type telepathy", /telepathy/],
    ["-md qwen3-0.6b", /recipe/],
  ])("refuses %s with what to send", async (run, message) => {
    const failure = await fitted("qwen3-32b:Q4_K_M", hardware, run).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InputError);
    expect(String(failure)).toMatch(message);
  });
});

describe("other engines", () => {
  const ram = "ram=64GiB, ram-bandwidth=80GBps";

  it("divides vLLM's weights over tensor parallel, and names what it did not read", async () => {
    const one = await fit({ model: "qwen3-8b", hardware: `rtx-4090, ${ram}`, engine: "vllm" }, context);
    const two = await fit(
      {
        model: "qwen3-8b",
        hardware: `2x rtx-4090, ${ram}`,
        engine: "vllm",
        run: "--max-model-len 8192 --tensor-parallel-size 2 --seed 3",
      },
      context,
    );
    fitModelOutput.parse(two);
    expect(two.engine).toMatchObject({ name: "vllm", canLoad: true });
    expect(two.memory.devices[0]?.modelBytes).toBe(Math.ceil((one.memory.devices[0]?.modelBytes ?? 0) / 2));
    expect(two.memory.devices[0]?.contextBytes).toBe((one.memory.devices[0]?.contextBytes ?? 0) / 2);
    expect(two.notes.join()).toContain("--seed");
  });

  it("halves an fp8 cache, and keeps to the share of the card", async () => {
    const ask = { model: "qwen3-8b", hardware: `rtx-4090, ${ram}`, engine: "vllm" };
    const wide = await fit({ ...ask, run: "--max-model-len 8192" }, context);
    const narrow = await fit(
      { ...ask, run: "--max-model-len 8192 --kv-cache-dtype fp8 --gpu-memory-utilization 0.8" },
      context,
    );
    expect(narrow.memory.devices[0]?.contextBytes).toBe((wide.memory.devices[0]?.contextBytes ?? 0) / 2);
    expect(narrow.memory.devices[0]?.headroomBytes).toBeLessThan(wide.memory.devices[0]?.headroomBytes ?? 0);
  });

  it("says what it takes where it cannot run, and what would hold it", async () => {
    const elsewhere = await fit({ model: "qwen3-8b", hardware: `rtx-4090, ${ram}`, engine: "mlx" }, context);
    expect(elsewhere.engine.canLoad).toBe(false);
    expect(elsewhere.runMode).toBe("does-not-fit");
    const large = await fit({ model: "qwen3-32b", hardware: `rtx-4090, ${ram}`, engine: "transformers" }, context);
    fitModelOutput.parse(large);
    expect(large.whyNot?.options.map(({ kind }) => kind)).toContain("device");
  });

  it("compares under auto, and takes llama.cpp for a GGUF file's recipe", async () => {
    const answer = await fit({ model: "qwen3-8b:Q4_K_M", hardware: `rtx-4090, ${ram}`, engine: "auto" }, context);
    expect(answer.engine.name).toBe("llama.cpp");
    expect(answer.notes.join()).toContain("Engines compared");
  });

  it.each([
    ["--tensor-parallel-size 8", /8 devices/],
    ["--gpu-memory-utilization 2", /0.05 to 1/],
    ["--kv-cache-dtype int3", /int3/],
  ])("refuses %s", async (run, message) => {
    const failure = await fit({ model: "qwen3-8b", hardware: `rtx-4090, ${ram}`, engine: "vllm", run }, context).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(InputError);
    expect(String(failure)).toMatch(message);
  });
});

describe("what the engine refuses", () => {
  it("is said of the model, with the reason", async () => {
    const refused = await fitted("minitron-8b-base:Q4_K_M", "rtx-4090, ram=64GiB", "-c 4096");
    expect(refused.engine.canLoad).toBe(false);
    expect(refused.warnings?.join(" ")).toMatch(/llama\.cpp cannot load this model: its heads are wider/);
    const loaded = await fitted("qwen3-8b:Q4_K_M", "rtx-4090, ram=64GiB", "-c 4096");
    expect(loaded.engine.canLoad).toBe(true);
  });
});
