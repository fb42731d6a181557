import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { compiledHardware, hardwareRows } from "../../../catalog/build/compile-hardware.ts";
import sources from "../../../catalog/hardware/sources.json" with { type: "json" };
import { catalogOf, type HardwareCatalog, loadHardwareCatalog } from "../../../src/core/sources/hardware-catalog.ts";
import { parseHardware } from "../../../src/core/sources/hardware-expression.ts";
import { unpackHardware } from "../../../src/core/sources/hardware-pack.ts";

const folder = join(import.meta.dirname, "../../../catalog/hardware");

let catalog: HardwareCatalog;
beforeAll(async () => {
  catalog = await loadHardwareCatalog();
});
const idsOf = (name: string): string[] => catalog.named(name).map((entry) => entry.id);

describe("catalog/hardware", () => {
  it("holds only rows that the strict schema accepts, under unique ids", () => {
    const rows = hardwareRows(folder);
    expect(rows.length).toBeGreaterThanOrEqual(619 + 14);
    expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length);
    const keys = new Set(Object.keys(sources));
    const unknown = rows
      .flatMap((row) => [row.source.split(":")[0] ?? "", ...(row.bandwidthAgreesWith ?? [])])
      .filter((key) => !keys.has(key));
    expect(unknown).toEqual([]);
  });
  it("is compiled from its files as they are now", () => {
    const current = readFileSync(join(folder, "../hardware-compiled.json"), "utf8");
    expect(current === compiledHardware(hardwareRows(folder)), "run npx tsx catalog/build/compile-hardware.ts").toBe(
      true,
    );
  });
  it("keeps both FP16 rates, and the one with FP32 accumulate never above the other", () => {
    expect(catalog.byId("rtx-4090")).toMatchObject({
      fp16FlopsPerSecond: 330.32e12,
      fp16WithFp32AccumulateFlopsPerSecond: 165.16e12,
    });
    const halved = catalog.entries.filter(
      (entry) => (entry.fp16WithFp32AccumulateFlopsPerSecond ?? 0) < (entry.fp16FlopsPerSecond ?? 0),
    );
    expect(halved.length).toBeGreaterThan(50);
    const above = catalog.entries.filter(
      (entry) => (entry.fp16WithFp32AccumulateFlopsPerSecond ?? 0) > (entry.fp16FlopsPerSecond ?? 0),
    );
    expect(above.map(({ id }) => id)).toEqual([]);
  });
  it("agrees with bus width × data rate wherever both are known", () => {
    const checked = catalog.entries.filter(
      ({ row }) => row.memoryBusBits !== undefined && row.memoryRateGbps !== undefined,
    );
    expect(checked.length).toBeGreaterThan(500);
    const off = checked.filter(({ row }) => {
      const computed = ((row.memoryBusBits ?? 0) / 8) * (row.memoryRateGbps ?? 0);
      return Math.abs(row.bandwidthGBps / computed - 1) > 0.06;
    });
    // marketing figures that are not bus × rate of one configuration: each is argued in its note or source
    expect(off.map(({ id }) => id)).toEqual(
      off.filter(({ row }) => row.note !== undefined || row.bandwidthAgreesWith !== undefined).map(({ id }) => id),
    );
    expect(off.length).toBeLessThanOrEqual(12);
  });
  it("finds every row by its own id, and each name leads back to its row", () => {
    for (const entry of catalog.entries) {
      expect(catalog.byId(entry.id)).toBe(entry);
      expect(idsOf(entry.name), entry.name).toContain(entry.id);
    }
  });
});

describe("names", () => {
  it.each([
    ["RTX 4090", ["rtx-4090"]],
    ["rtx4090", ["rtx-4090"]],
    ["NVIDIA GeForce RTX 4090", ["rtx-4090"]],
    ["NVIDIA GeForce RTX 4090 Laptop GPU", ["rtx-4090-laptop"]],
    ["GeForce RTX 4090 Mobile", ["rtx-4090-laptop"]],
    ["AD102 [GeForce RTX 4090] (rev a1)", ["rtx-4090"]],
    ["AMD Radeon RX 7900 XTX (RADV NAVI31)", ["rx-7900-xtx"]],
    ["AMD Radeon(TM) RX 7900 XTX", ["rx-7900-xtx"]],
    ["Intel(R) Arc(TM) A750 Graphics", ["arc-a750"]],
    ["NVIDIA A100-SXM4-80GB", ["a100-sxm-80gb"]],
    ["NVIDIA H100 80GB HBM3", ["h100-sxm"]],
    ["Tesla M4", ["tesla-m4"]],
    ["Quadro M4000", ["quadro-m4000"]],
    ["NVIDIA RTX A1000", ["rtx-a1000"]],
    ["NVIDIA T400", ["t400"]],
    ["Tesla T4", ["t4"]],
    ["NVIDIA A10", ["a10"]],
    ["Apple M4", ["m4-8c", "m4-10c"]],
    ["NVIDIA Corporation Device 2e12", ["gb10"]],
    // a chip before brackets is many devices: only what the brackets name counts
    ["GH100 [H200]", ["h200-sxm"]],
    ["Battlemage G21 [Arc B580]", ["arc-b580"]],
    ["GA107GL [A2 / A16]", ["a2", "a16"]],
    // names of presets and of people, which leave several parts open
    ["m2-max", ["m2-max-30c", "m2-max-38c"]],
    ["m1", ["m1-7c", "m1-8c"]],
    ["a100-80gb", ["a100-pcie-80gb", "a100-sxm-80gb"]],
    ["H100", ["h100-pcie", "h100-sxm"]],
    ["rpi5", ["raspberry-pi-5-model-b"]],
  ])("%s → %j", (name, ids) => {
    expect(idsOf(name).sort()).toEqual([...ids].sort());
  });
  it.each([
    "A1000",
    "M40",
    "4090",
    "RTX 4070 ...",
    "RTX 4090 Super",
    "RTX 4090 Ti Laptop GPU",
    "Microsoft Basic Render Driver",
    "llvmpipe (LLVM 15.0.7, 256 bits)",
    "",
    "x".repeat(5000),
  ])("%s names no device", (name) => {
    expect(idsOf(name)).toEqual([]);
  });
});

describe("PCI ids", () => {
  it.each([
    ["1002:744c", "c8", "rx-7900-xtx"],
    ["1002:744C", "0xcc", "rx-7900-xt"],
    ["10de:2684", undefined, "rtx-4090"],
    ["10de:2684", "a1", "rtx-4090"],
  ])("%s revision %s → %s", (device, revision, id) => {
    expect(catalog.byPciId(device, revision).map((entry) => entry.id)).toEqual([id]);
  });
  it("gives every part of an id without its revision", () => {
    expect(catalog.byPciId("1002:1586").map((entry) => entry.id)).toContain("radeon-8060s");
    expect(catalog.byPciId("ffff:ffff")).toEqual([]);
  });
});

describe("processors", () => {
  it.each([
    ["AMD EPYC 9354 32-Core Processor", "epyc-9004-genoa-bergamo"],
    ["AMD EPYC 7H12 64-Core Processor", "epyc-7002-rome"],
    ["AMD EPYC 7713P 64-Core Processor", "epyc-7003-milan"],
    ["AMD Ryzen 9 5900X 12-Core Processor", "ryzen-3000-5000-desktop-am4"],
    ["AMD Ryzen 7 7700 8-Core Processor", "ryzen-7000-desktop-am5"],
    ["AMD Ryzen 9 9900X 12-Core Processor", "ryzen-9000-desktop-am5"],
    ["AMD Ryzen Threadripper PRO 7965WX 24-Cores", "ryzen-threadripper-pro-7000wx"],
    ["Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz", "xeon-scalable-3rd-gen-ice-lake-sp"],
    ["Intel(R) Xeon(R) Platinum 8468", "xeon-scalable-4th-gen-sapphire-rapids"],
    ["Intel(R) Xeon(R) CPU E5-2697 v4 @ 2.30GHz", "xeon-e5-v3-v4-haswell-broadwell-ep"],
    ["12th Gen Intel(R) Core(TM) i7-12700", "core-12th-gen-desktop-alder-lake-s"],
    ["Intel(R) Core(TM) i5-14600K", "core-13th-14th-gen-desktop-raptor-lake-s"],
    ["Intel(R) Core(TM) Ultra 7 258V", "core-ultra-200v-lunar-lake"],
    ["Intel(R) N95", "n100-n305-alder-lake-n"],
  ])("%s is %s", (model, id) => {
    expect(catalog.processor(model)?.id).toBe(id);
  });
  it.each([
    "AMD EPYC",
    "AMD Ryzen 7 4800H",
    "12th Gen Intel(R) Core(TM) i7-1260P",
    "Intel(R) Xeon(R) Processor",
    "Intel(R) Core(TM) i7-4700MQ CPU @ 2.40GHz",
    "",
    "QEMU Virtual CPU",
  ])("%s is on no platform", (model) => {
    expect(catalog.processor(model)).toBeUndefined();
  });
  it("names only rows that exist, one platform a model", () => {
    const patterned = catalog.entries.filter(({ row }) => row.modelPattern !== undefined);
    expect(patterned.length).toBe(42);
    for (const { row } of patterned) {
      for (const alias of row.aliases ?? []) {
        const platforms = patterned
          .filter((entry) => new RegExp(entry.row.modelPattern ?? "", "i").test(alias))
          .map(({ id }) => id);
        expect(
          platforms.filter((id) => id !== row.id),
          alias,
        ).toEqual([]);
      }
    }
  });
});

describe("families", () => {
  it.each([
    ["rtx-3090", "nvidia-ampere"],
    ["a100-sxm-80gb", "nvidia-a100"],
    ["h100-pcie", "nvidia-hopper"],
    ["rtx-5090", "nvidia-blackwell"],
    ["rtx-pro-6000", "nvidia-blackwell"],
    ["b200", "nvidia-blackwell-data-center"],
    ["gb10", "nvidia-gb10"],
    ["t4", "nvidia-turing"],
    ["p40", "nvidia-pascal"],
    ["m3-max-40c", "apple-m3"],
    ["radeon-8060s", "amd-strix-halo"],
    ["radeon-780m", "amd-apu"],
    ["rx-6800-xt", "amd-rdna2"],
    ["radeon-pro-w7900", "amd-rdna3"],
    ["rx-9070-xt", "amd-rdna4"],
    ["mi300x", "amd-cdna3"],
    ["radeon-vii", "amd-vega20"],
    ["arc-b580", "intel-arc"],
    ["arc-140v", "intel-igpu"],
  ])("%s is %s", (id, family) => {
    expect(catalog.byId(id)?.family).toBe(family);
  });
});

describe("time", () => {
  /** the best of several: a busy machine may be slow, the work is not */
  const bestMs = (runs: number, work: () => unknown): number =>
    Math.min(
      ...Array.from({ length: runs }, () => {
        const begin = performance.now();
        work();
        return performance.now() - begin;
      }),
    );
  it("is short to open the compiled catalog, and to read an expression", () => {
    const text: unknown = JSON.parse(readFileSync(join(folder, "../hardware-compiled.json"), "utf8"));
    if (typeof text !== "string") throw new Error("not a text");
    expect(bestMs(20, () => catalogOf(unpackHardware(text)).byId("rtx-4090"))).toBeLessThan(10);
    const expression = "2x rtx-3090 + NVIDIA GeForce RTX 4090 + custom(memory=24GiB), ram=64GiB";
    expect(bestMs(200, () => parseHardware(expression, catalog))).toBeLessThan(1);
  });
});
