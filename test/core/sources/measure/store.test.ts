import { describe, expect, it } from "vitest";
import {
  measuredDiskRate,
  measuredEngine,
  measuredRamBandwidth,
  withMeasured,
} from "../../../../src/core/sources/measure/apply.ts";
import { type Machine, type Measurement, readFacts } from "../../../../src/core/sources/measure/record.ts";
import { measurementsPath, storedMeasurement, storeMeasurement } from "../../../../src/core/sources/measure/store.ts";
import { fakeWorld } from "../../../fake-world.ts";

const machine: Machine = { os: "linux", arch: "x64", cpuModel: "Some CPU", physicalCoreCount: 8, ramTotalBytes: 64e9 };
const record = (value: number, noiseFraction = 0.02, of: Machine = machine): Measurement => ({
  machine: of,
  date: "2026-11-20T12:00:00.000Z",
  memory: {
    threadCount: 8,
    allThreadsBytesPerSecond: { value, noiseFraction },
    oneThreadBytesPerSecond: { value: value / 3, noiseFraction },
  },
  disk: { path: "/models/a.gguf", readBytesPerSecond: { value: 3e9, noiseFraction: 0.3 } },
  warnings: [],
});

describe("measurements of a user's machines", () => {
  it("are found again by machine, the newest of each", async () => {
    const world = fakeWorld({ env: { XDG_DATA_HOME: "/data" } });
    expect(await storedMeasurement(world, machine)).toBeUndefined();
    expect(await storeMeasurement(world, record(40e9))).toBe("/data/modelfit-mcp/measurements.json");
    await storeMeasurement(world, record(90e9, 0.02, { ...machine, cpuModel: "Another CPU" }));
    await storeMeasurement(world, record(50e9));
    expect((await storedMeasurement(world, machine))?.memory?.allThreadsBytesPerSecond.value).toBe(50e9);
    // a page or two of RAM more is the same machine; another module is not, nor is another share of the cores
    expect(await storedMeasurement(world, { ...machine, ramTotalBytes: 64.1e9 })).toBeDefined();
    expect(await storedMeasurement(world, { ...machine, ramTotalBytes: 96e9 })).toBeUndefined();
    expect(await storedMeasurement(world, { ...machine, physicalCoreCount: 2 })).toBeUndefined();
  });
  it.each([
    ["linux", { HOME: "/home/a" }, "/home/a/.local/share/modelfit-mcp/measurements.json"],
    ["darwin", {}, "/home/a/Library/Application Support/modelfit-mcp/measurements.json"],
    ["linux", { XDG_DATA_HOME: "/x" }, "/x/modelfit-mcp/measurements.json"],
  ])("lie in the user's data folder on %s", (platform, env, path) => {
    expect(measurementsPath({ platform, env, homeDir: "/home/a" })).toBe(path);
  });
  it.each([
    "",
    "{",
    "[]",
    '{"version":2,"machines":[]}',
    '{"version":1,"machines":[{"machine":{}}]}',
    '{"version":1,"machines":[null]}',
  ])("count as none when the file holds %s", async (text) => {
    const world = fakeWorld({
      env: { XDG_DATA_HOME: "/data" },
      files: { "/data/modelfit-mcp/measurements.json": text },
    });
    expect(await storedMeasurement(world, machine)).toBeUndefined();
    await storeMeasurement(world, record(40e9));
    expect(await storedMeasurement(world, machine)).toEqual(record(40e9));
  });
});

describe("a facts file", () => {
  it("stands in for what was measured here", async () => {
    const world = fakeWorld({
      env: { MODELFIT_FACTS: "/facts.json" },
      files: { "/facts.json": JSON.stringify(record(77e9)) },
    });
    expect(
      (await storedMeasurement(world, { ...machine, cpuModel: "Any" }))?.memory?.allThreadsBytesPerSecond.value,
    ).toBe(77e9);
  });
  it("may be a whole store: its newest record counts", async () => {
    const text = JSON.stringify({ version: 1, machines: [record(77e9), record(66e9)] });
    const facts = await readFacts(fakeWorld({ files: { "/store.json": text } }), "/store.json");
    expect(facts.memory?.allThreadsBytesPerSecond.value).toBe(77e9);
  });
  it.each([
    [undefined, /cannot be read/],
    ["{", /not one of ours: its top level/],
    ["{}", /machine/],
    [JSON.stringify({ ...record(40e9), memory: { ...record(40e9).memory, threadCount: -1 } }), /memory\.threadCount/],
    [JSON.stringify({ ...record(40e9), extra: 1 }), /top level/],
    [JSON.stringify(record(1e40)), /memory\.allThreadsBytesPerSecond\.value/],
  ])("that is damaged is named (%s)", async (text, message) => {
    const world = fakeWorld({ files: text === undefined ? {} : { "/f.json": text } });
    await expect(readFacts(world, "/f.json")).rejects.toThrow(message);
  });
});

describe("measured values", () => {
  const host = { ramBandwidthBytesPerSecond: { value: 51.2e9, evidence: "assumed" as const, source: "two channels" } };
  it("replace what was assumed, with their noise", () => {
    expect(withMeasured(host, record(40e9)).ramBandwidthBytesPerSecond).toEqual({
      value: 40e9,
      evidence: "measured",
      source: "read by 8 threads on 2026-11-20",
      noiseFraction: 0.02,
    });
  });
  it("of an engine come without what is too noisy", () => {
    const engine = {
      backend: "CUDA",
      device: "d",
      build: "b",
      decodeBytesPerSecond: { value: 8e11, noiseFraction: 0.02 },
      layerOverheadSeconds: { value: 4e-5, noiseFraction: 0.4 },
      prefill: [
        { ubatchTokens: 32, flopsPerSecond: { value: 1e13, noiseFraction: 0.01 } },
        { ubatchTokens: 256, flopsPerSecond: { value: 2e13, noiseFraction: 0.5 } },
      ],
      depthTokensPerSecond: [],
    };
    expect(measuredEngine({ ...record(1e9), engine })).toEqual({
      backend: "CUDA",
      device: "d",
      build: "b",
      decodeBytesPerSecond: { value: 8e11, noiseFraction: 0.02 },
      prefill: [{ ubatchTokens: 32, flopsPerSecond: { value: 1e13, noiseFraction: 0.01 } }],
      depthTokensPerSecond: [],
    });
    const noisy = { ...engine, decodeBytesPerSecond: { value: 8e11, noiseFraction: 0.2 } };
    expect(measuredEngine({ ...record(1e9), engine: noisy })).toBeUndefined();
    expect(measuredEngine(record(1e9))).toBeUndefined();
  });
  it("never do when they are noisy, or not there", () => {
    expect(withMeasured(host, record(40e9, 0.2))).toBe(host);
    expect(withMeasured(host, undefined)).toBe(host);
    expect(measuredRamBandwidth({ ...record(1e9), memory: undefined })).toBeUndefined();
    expect(measuredDiskRate(record(1e9))).toBeUndefined();
  });
});
