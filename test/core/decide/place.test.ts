/** Placement against brute force: every n asked of the same memory function, over real tensor tables. */
import { describe, expect, it } from "vitest";
import { judgeMemory } from "../../../src/core/decide/candidate.ts";
import { placements } from "../../../src/core/decide/place.ts";
import type { Device, Hardware } from "../../../src/core/facts/hardware.ts";
import { totalBytes } from "../../../src/core/facts/memory.ts";
import { defaultRun } from "../../../src/core/facts/run-defaults.ts";
import { readGgufFile } from "../../../src/core/sources/gguf/read.ts";
import { GIB } from "../../../src/core/units.ts";

const fact = <T>(value: T) => ({ value, evidence: "assumed" as const, source: "test" });

function device(memoryGiB: number, bandwidthGBps: number): Device {
  return {
    id: "custom",
    name: `card of ${memoryGiB} GiB`,
    vendor: "custom",
    kind: "gpu",
    backend: "cuda",
    memoryTotalBytes: fact(memoryGiB * GIB),
    memoryUsableBytes: fact(memoryGiB * GIB),
    bandwidthBytesPerSecond: fact(bandwidthGBps * 1e9),
    fp16FlopsPerSecond: undefined,
    fp32FlopsPerSecond: undefined,
    family: undefined,
    computeCapability: undefined,
    driver: undefined,
    pciAddress: undefined,
    linkBytesPerSecond: undefined,
  };
}

function machine(devices: readonly Device[], ramGiB: number): Hardware {
  return {
    name: "test",
    devices,
    warnings: [],
    host: {
      os: "linux",
      arch: "x64",
      cpuModel: "test",
      physicalCoreCount: fact(8),
      isa: ["avx2"],
      ramTotalBytes: fact(ramGiB * GIB),
      ramAvailableBytes: fact(ramGiB * GIB),
      ramLimitBytes: undefined,
      ramBandwidthBytesPerSecond: fact(50e9),
      cpuLoadFraction: undefined,
    },
  };
}

const limits = { marginBytes: [], budgetBytes: [] };
const load = (name: string) => readGgufFile(new URL(`../../truth/gguf/${name}.gguf`, import.meta.url).pathname);

describe("placements", () => {
  it.each([
    ["Qwen3-30B-A3B-Q4_K_M", [device(12, 500)], 8192],
    ["Qwen3-30B-A3B-Q4_K_M", [device(6, 300)], 4096],
    ["GLM-4.5-Air-Q4_K_M", [device(24, 1000)], 16384],
    ["Mixtral-8x7B-Q4_K_M", [device(16, 500)], 4096],
  ])("leaves the fewest experts of %s on the host (%#)", async (name, devices, contextTokens) => {
    const model = await load(name);
    const hardware = machine(devices, 256);
    const L = model.hyper.layerCount;
    const run = { ...defaultRun(contextTokens), offloadedLayers: L + 1 };
    const memoryOf = (tried: typeof run) => judgeMemory(model, hardware, tried, limits);
    const [found] = placements(model, hardware, run, memoryOf).fitting;
    const least = Array.from({ length: L + 1 }, (_, n) => n).find((n) => memoryOf({ ...run, cpuMoeLayers: n }).fits);
    expect(least).toBeGreaterThan(0);
    // one layer may keep a part of its experts: then it is named by a rule and the count is one less
    expect((found?.run.cpuMoeLayers ?? 0) + (found?.run.overrides.length ?? 0)).toBe(least);
    const whole = memoryOf({ ...run, cpuMoeLayers: least ?? L });
    expect(found?.memory.devices[0]?.modelBytes).toBeGreaterThanOrEqual(whole.memory.devices[0]?.modelBytes ?? 0);
    expect(found?.fits).toBe(true);
  });

  it.each([
    ["Llama-3.3-70B-Q4_K_M", [device(24, 1000)], 8192],
    ["Gemma-3-12B-Q4_K_M", [device(6, 300)], 16384],
  ])("offloads the most layers of %s (%#)", async (name, devices, contextTokens) => {
    const model = await load(name);
    const hardware = machine(devices, 256);
    const L = model.hyper.layerCount;
    const run = { ...defaultRun(contextTokens), offloadedLayers: L + 1 };
    const memoryOf = (tried: typeof run) => judgeMemory(model, hardware, tried, limits);
    const layers = placements(model, hardware, run, memoryOf).fitting.map((verdict) => verdict.run.offloadedLayers);
    const most = Array.from({ length: L + 2 }, (_, n) => L + 1 - n).find(
      (n) => memoryOf({ ...run, offloadedLayers: n }).fits,
    );
    expect(layers).toContain(most);
  });

  it("changes nothing when two identical cards are swapped, and fits both", async () => {
    const model = await load("Llama-3.3-70B-Q4_K_M");
    const a = device(24, 1000);
    const b = device(24, 1000);
    const run = { ...defaultRun(8192), offloadedLayers: model.hyper.layerCount + 1 };
    const [one, other] = [
      [a, b],
      [b, a],
    ].map((devices) => {
      const hardware = machine(devices, 64);
      return placements(model, hardware, run, (tried) => judgeMemory(model, hardware, tried, limits)).fitting[0];
    });
    expect(one?.run.tensorSplit).toEqual(other?.run.tensorSplit);
    expect(
      one?.memory.devices.every((use, index) => totalBytes(use) <= (one.room.devices[index]?.allowedBytes ?? 0)),
    ).toBe(true);
  });

  it("never needs less memory for more context", async () => {
    const model = await load("Gemma-3-12B-Q4_K_M");
    const hardware = machine([device(48, 900)], 64);
    const needs = [1024, 4096, 8192, 32768, 131072].map((contextTokens) => {
      const { memory } = judgeMemory(
        model,
        hardware,
        { ...defaultRun(contextTokens), offloadedLayers: model.hyper.layerCount + 1 },
        limits,
      );
      return memory.devices.reduce((sum, use) => sum + totalBytes(use), 0);
    });
    expect(needs).toEqual([...needs].sort((a, b) => a - b));
  });

  it("says what comes closest when nothing fits", async () => {
    const model = await load("Llama-3.3-70B-Q4_K_M");
    const hardware = machine([device(8, 300)], 8);
    const run = { ...defaultRun(8192), offloadedLayers: model.hyper.layerCount + 1 };
    const { fitting, nearest } = placements(model, hardware, run, (tried) =>
      judgeMemory(model, hardware, tried, limits),
    );
    expect(fitting).toEqual([]);
    expect(nearest?.shortfall.totalBytes).toBeGreaterThan(20 * GIB);
  });
});
