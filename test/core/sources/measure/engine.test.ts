import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readGgufFile } from "../../../../src/core/sources/gguf/read.ts";
import { measureEngine } from "../../../../src/core/sources/measure/engine.ts";
import { engineConstants, type TimedModel } from "../../../../src/core/sources/measure/engine-constants.ts";
import { writeNoiseModel } from "../../../../src/core/sources/measure/gguf-writer.ts";
import { type BenchRow, parseLlamaBench } from "../../../../src/core/sources/measure/llama-bench.ts";
import { tinyModels } from "../../../../src/core/sources/measure/tiny-models.ts";
import { realWorld } from "../../../../src/core/sources/world.ts";
import { fakeWorld } from "../../../fake-world.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "measure-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** nobody else on the machine */
const quiet = async (): Promise<number> => 0.02;

const idle = new AbortController().signal;

/** What llama-bench prints for one test, with the fields that are read and some of those that are not. */
const printed = (fields: Record<string, unknown>): Record<string, unknown> => ({
  build_commit: "0a1b2c3",
  build_number: 7000,
  cpu_info: "Some CPU",
  gpu_info: "NVIDIA GeForce RTX 3090",
  backends: "CUDA",
  model_type: "llama ?B Q8_0",
  n_batch: 2048,
  n_ubatch: 512,
  n_threads: 8,
  type_k: "f16",
  n_gpu_layers: 99,
  split_mode: "none",
  flash_attn: -1,
  devices: "auto",
  n_prompt: 0,
  n_gen: 24,
  n_depth: 0,
  test_time: "2026-11-20T12:00:00Z",
  avg_ns: 1,
  stddev_ns: 1,
  avg_ts: 100,
  stddev_ts: 1,
  samples_ns: [1],
  samples_ts: [99, 100, 101],
  ...fields,
});

describe("llama-bench's JSON", () => {
  it("is read row by row", () => {
    const rows = parseLlamaBench(
      JSON.stringify([printed({}), printed({ n_prompt: 256, n_gen: 0, n_ubatch: 32 })], null, 2),
    );
    expect(rows[0]).toEqual({
      build: "0a1b2c3 (7000)",
      backend: "CUDA",
      device: "NVIDIA GeForce RTX 3090",
      ubatchTokens: 512,
      promptTokens: 0,
      outputTokens: 24,
      depthTokens: 0,
      samplesTokensPerSecond: [99, 100, 101],
    });
    expect(rows[1]).toMatchObject({ promptTokens: 256, ubatchTokens: 32 });
  });
  it("keeps what a crash left, skips noise before it, and knows processors", () => {
    const text = `warning: asserts enabled\n${JSON.stringify(
      [printed({ backends: "CPU", gpu_info: "" }), printed({ avg_ts: 0 })],
      null,
      2,
    )
      .replace(/\]\s*$/, "")
      .trimEnd()}`;
    const rows = parseLlamaBench(text);
    expect(rows.map(({ backend, device }) => [backend, device])).toEqual([["CPU", "Some CPU"]]);
    expect(parseLlamaBench(JSON.stringify([printed({ backends: "BLAS,CPU" })]))[0]?.backend).toBe("CPU");
  });
  it("without repetitions spreads the mean", () => {
    const { samples_ts: _, n_depth: __, ...old } = printed({ avg_ts: 50, stddev_ts: 2 });
    expect(parseLlamaBench(JSON.stringify([old]))[0]).toMatchObject({
      depthTokens: 0,
      samplesTokensPerSecond: [48, 50, 52],
    });
  });
  it.each(["", "error: failed to load model", "[", "[]", "[{}]", '[{"avg_ts": "x"}]', "null", "[1, 2]"])(
    "that is not one (%s) gives nothing",
    (text) => {
      expect(parseLlamaBench(text)).toEqual([]);
    },
  );
});

const row = (fields: Partial<BenchRow>): BenchRow => ({
  build: "b",
  backend: "CUDA",
  device: "d",
  ubatchTokens: 512,
  promptTokens: 0,
  outputTokens: 24,
  depthTokens: 0,
  samplesTokensPerSecond: [1],
  ...fields,
});

describe("constants", () => {
  const [dense, mixture] = tinyModels;
  /** rates that a machine of these constants shows, each repetition off by a share */
  const rates = (model: TimedModel, BW: number, tau: number, off: readonly number[]): number[] =>
    off.map((share) => (1 + share) / (model.activeBytes / BW + model.layerCount * tau));
  it.each([
    [900e9, 60e-6],
    [40e9, 20e-6],
    [3.3e12, 5e-6],
  ])("of a machine with %d B/s and %d s a layer come out of its timings", (BW, tau) => {
    const off = [-0.01, 0, 0.01];
    const run = engineConstants(
      dense,
      mixture,
      [row({ samplesTokensPerSecond: rates(dense, BW, tau, off) })],
      [row({ samplesTokensPerSecond: rates(mixture, BW, tau, off) })],
    );
    expect((run?.decodeBytesPerSecond.value ?? 0) / BW).toBeCloseTo(1, 6);
    expect((run?.layerOverheadSeconds?.value ?? 0) / tau).toBeCloseTo(1, 6);
    expect(run?.decodeBytesPerSecond.noiseFraction).toBeGreaterThan(0);
    expect(run?.decodeBytesPerSecond.noiseFraction).toBeLessThan(0.1);
  });
  it("fall back to the dense model where the two timings contradict each other", () => {
    const run = engineConstants(
      dense,
      mixture,
      [row({ samplesTokensPerSecond: [10] })],
      [row({ samplesTokensPerSecond: [1e6] })],
    );
    expect(run).toMatchObject({
      decodeBytesPerSecond: { value: Math.round(dense.activeBytes * 10), noiseFraction: 0.5 },
    });
    expect(run?.layerOverheadSeconds).toBeUndefined();
    // no overhead at all, seen through a little noise
    const near = engineConstants(
      dense,
      mixture,
      [row({ samplesTokensPerSecond: rates(dense, 40e9, 0, [-0.01, 0, 0.01]) })],
      [row({ samplesTokensPerSecond: rates(mixture, 40e9, 0, [-0.02, 0.002, 0.02]) })],
    );
    expect(near?.layerOverheadSeconds).toBeUndefined();
    expect(near?.decodeBytesPerSecond.noiseFraction).toBeLessThan(0.02);
    expect(engineConstants(dense, mixture, [], [row({})])).toBeUndefined();
  });
  it("are as uncertain as the machine was busy, however well their repetitions agree", () => {
    const run = engineConstants(dense, mixture, [row({ samplesTokensPerSecond: [10, 10, 10] })], [], 0.6);
    expect(run?.decodeBytesPerSecond).toEqual({ value: Math.round(dense.activeBytes * 10), noiseFraction: 0.6 });
  });
  it("hold prefill by micro-batch and decode by depth", () => {
    const rows = [
      row({ samplesTokensPerSecond: [50] }),
      row({ depthTokens: 1024, samplesTokensPerSecond: [40] }),
      row({ promptTokens: 256, outputTokens: 0, ubatchTokens: 32, samplesTokensPerSecond: [1000] }),
    ];
    const run = engineConstants(dense, mixture, rows, []);
    expect(run?.prefill).toEqual([
      { ubatchTokens: 32, flopsPerSecond: { value: 2000 * dense.activeWeightCount, noiseFraction: 0 } },
    ]);
    expect(
      run?.depthTokensPerSecond.map(({ contextTokens, tokensPerSecond }) => [contextTokens, tokensPerSecond.value]),
    ).toEqual([
      [0, 50],
      [1024, 40],
    ]);
  });
});

describe("the models of noise", () => {
  it.each(tinyModels)("are whole GGUF files ($name)", async ({ name, layerCount, model }) => {
    const path = join(folder, `${name}.gguf`);
    await writeNoiseModel(path, model, idle);
    const read = await readGgufFile(path);
    expect(read.tensors).toHaveLength(model.tensors.length);
    expect(read.hyper.architecture).toBe("llama");
    expect(read.hyper.layerCount).toBe(layerCount);
    await rm(path);
  });
  it("weigh what was argued: one more than a cache, the other little a layer", () => {
    const [dense, mixture] = tinyModels;
    expect(dense.activeBytes).toBeGreaterThan(256e6);
    expect(mixture.activeBytes / mixture.layerCount).toBeLessThan(dense.activeBytes / dense.layerCount / 50);
  });
});

/** A program that prints what a machine of 500 GB/s and 40 µs a layer would, by the model and tests it is asked for. */
function stub(): string {
  const [dense, mixture] = tinyModels;
  return `#!${process.execPath}
const args = process.argv.slice(2);
if (args.includes("--help")) process.exit(0);
const value = (flag, fallback) => { const at = args.indexOf(flag); return at < 0 ? fallback : args[at + 1]; };
const dense = value("-m", "").endsWith("dense.gguf");
const rate = 1 / ((dense ? ${dense.activeBytes} : ${mixture.activeBytes}) / 500e9 + (dense ? ${dense.layerCount} : ${mixture.layerCount}) * 40e-6);
const base = ${JSON.stringify(printed({}))};
const [p, n, d] = ["-p", "-n", "-d"].map((flag) => Number(value(flag, 0)));
const rows = String(value("-ub", 512)).split(",").map((ub) => {
  const speed = p > 0 ? 20 * Number(ub) : rate / (1 + d / 10000);
  return { ...base, n_prompt: p, n_gen: n, n_depth: d, n_ubatch: Number(ub), avg_ts: speed, stddev_ts: speed / 100, samples_ts: [speed * 0.99, speed, speed * 1.01] };
});
console.log(JSON.stringify(rows, null, 2));
`;
}

describe("an engine on the PATH", () => {
  const withBench = async (text: string) => {
    const bin = await mkdtemp(join(folder, "bin-"));
    await writeFile(join(bin, "llama-bench"), text);
    await chmod(join(bin, "llama-bench"), 0o755);
    return realWorld({ PATH: bin });
  };
  it("is measured, and leaves nothing behind", async () => {
    const scratch = await mkdtemp(join(folder, "scratch-"));
    const said: string[] = [];
    const { run, warnings } = await measureEngine(await withBench(stub()), idle, (_, message) => said.push(message), {
      scratch,
      busy: quiet,
    });
    expect(warnings).toEqual([]);
    expect((run?.decodeBytesPerSecond.value ?? 0) / 500e9).toBeCloseTo(1, 4);
    expect((run?.layerOverheadSeconds?.value ?? 0) / 40e-6).toBeCloseTo(1, 4);
    expect(run?.prefill.map(({ ubatchTokens }) => ubatchTokens)).toEqual([32, 128, 256]);
    expect(run?.depthTokensPerSecond.map(({ contextTokens }) => contextTokens)).toEqual([0, 1024]);
    expect(said).toHaveLength(4);
    expect(await readdir(scratch)).toEqual([]);
  }, 60_000);
  it("that fails is a warning with its last words", async () => {
    const { run, warnings } = await measureEngine(
      await withBench(
        `#!${process.execPath}\nif (!process.argv.includes("--help")) { console.error("hm\\nerror: out of memory"); process.exit(3); }\n`,
      ),
      idle,
      () => {},
      { scratch: folder, busy: quiet },
    );
    expect(run).toBeUndefined();
    expect(warnings.join()).toMatch(/exit 3\): error: out of memory/);
  }, 60_000);
  it("is not believed on a busy machine", async () => {
    const busy = async (): Promise<number> => 0.7;
    const { run, warnings } = await measureEngine(await withBench(stub()), idle, () => {}, { scratch: folder, busy });
    expect(run?.decodeBytesPerSecond.noiseFraction).toBeGreaterThanOrEqual(0.7);
    expect(warnings.join()).toMatch(/other programs were using the machine/);
  }, 60_000);
  it("that is absent is no warning, and nothing is written", async () => {
    expect(await measureEngine(fakeWorld({}), idle, () => {}, { scratch: "/nowhere" })).toEqual({
      run: undefined,
      warnings: [],
    });
  });
  it("stops when cancelled, its files removed", async () => {
    const scratch = await mkdtemp(join(folder, "scratch-"));
    const controller = new AbortController();
    const world = await withBench(
      `#!${process.execPath}\nif (!process.argv.includes("--help")) setTimeout(() => {}, 100000);\n`,
    );
    const running = measureEngine(
      world,
      controller.signal,
      () => setTimeout(() => controller.abort(new Error("enough")), 100),
      { scratch, busy: quiet },
    );
    await expect(running).rejects.toThrow("enough");
    expect(await readdir(scratch)).toEqual([]);
  }, 60_000);
});
