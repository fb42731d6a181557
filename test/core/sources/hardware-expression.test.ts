import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { Hardware } from "../../../src/core/facts/hardware.ts";
import { InputError } from "../../../src/core/facts/input-error.ts";
import { type HardwareCatalog, loadHardwareCatalog } from "../../../src/core/sources/hardware-catalog.ts";
import { parseHardware } from "../../../src/core/sources/hardware-expression.ts";
import { GIB, MIB } from "../../../src/core/units.ts";

let catalog: HardwareCatalog;
beforeAll(async () => {
  catalog = await loadHardwareCatalog();
});
const read = (expression: string): Hardware => parseHardware(expression, catalog);

describe("catalog devices", () => {
  it("takes a card's facts from the catalog and says so", () => {
    const { devices, host } = read("rtx-4090, ram=64GiB");
    expect(devices).toHaveLength(1);
    expect(devices[0]).toMatchObject({
      id: "rtx-4090",
      kind: "gpu",
      backend: "cuda",
      family: "nvidia-ada",
      computeCapability: "8.9",
      memoryTotalBytes: { value: 24564 * MIB, evidence: "catalog" },
      bandwidthBytesPerSecond: { value: 1008e9, evidence: "catalog" },
      fp16FlopsPerSecond: { value: 330.32e12 },
    });
    expect(host.ramTotalBytes).toEqual({ value: 64 * GIB, evidence: "reported", source: "hardware expression" });
  });
  it("repeats counted devices and keeps the order", () => {
    expect(read("rtx-4090 + 2x rtx-3060-12gb, ram=64GiB").devices.map((device) => device.id)).toEqual([
      "rtx-4090",
      "rtx-3060",
      "rtx-3060",
    ]);
    expect(read("2 x RTX 3090, ram=64GiB").devices).toHaveLength(2);
    expect(read("2xrtx-3090").devices).toHaveLength(2);
  });
  it("reads the memory size as a suffix, and picks the part that is sold with it", () => {
    expect(read("m3-max-64gb").devices[0]).toMatchObject({ id: "m3-max-40c", memoryTotalBytes: { value: 64 * GIB } });
    expect(read("m3-max-36gb").devices[0]).toMatchObject({
      id: "m3-max-30c",
      bandwidthBytesPerSecond: { value: 300e9 },
    });
    expect(read("m3-max, ram=36GiB").devices[0]).toMatchObject({ id: "m3-max-30c" });
    expect(read("rtx-3060-8gb").devices[0]).toMatchObject({
      id: "rtx-3060-8gb",
      bandwidthBytesPerSecond: { value: 240e9 },
    });
    expect(read("rtx-4090-48gb").devices[0]?.memoryTotalBytes.value).toBeGreaterThan(47 * GIB);
  });
  it("leaves less than the total usable, by what drivers keep", () => {
    for (const name of [
      "rtx-4090",
      "rtx-3080-ti",
      "h100-sxm",
      "rx-7900-xtx",
      "arc-b580",
      "m3-max-64gb",
      "gb10",
      "radeon-8060s-128gb",
      "mi300x",
    ]) {
      const device = read(name).devices[0];
      const share = (device?.memoryUsableBytes.value ?? 0) / (device?.memoryTotalBytes.value ?? 1);
      expect(share, name).toBeGreaterThan(0.65);
      expect(share, name).toBeLessThan(1);
    }
    // both printed by CUDA on real cards
    expect(read("rtx-3080-ti").devices[0]?.memoryUsableBytes.value).toBe(11909 * MIB);
    expect(read("rtx-5090").devices[0]?.memoryUsableBytes.value).toBe(32110 * MIB);
  });
  it("gives a chip that shares its memory the machine's RAM", () => {
    const { devices, host } = read("m1-pro-16c-16gb");
    expect(devices[0]).toMatchObject({ kind: "unified", backend: "metal" });
    expect(devices[0]?.memoryUsableBytes.value).toBe(Math.floor((16 * GIB * 2) / 3));
    expect(host).toMatchObject({ os: "darwin", arch: "arm64", ramTotalBytes: { value: 16 * GIB } });
    expect(read("radeon-780m, ram=32GiB").devices[0]?.memoryTotalBytes.value).toBe(32 * GIB);
  });
  it("takes a processor as the host", () => {
    const { devices, host } = read("epyc-9004-genoa-bergamo, ram=384GiB");
    expect(devices).toEqual([]);
    expect(host.ramBandwidthBytesPerSecond).toMatchObject({ value: 460.8e9, evidence: "catalog" });
    expect(read("AMD Ryzen 9 7900X 12-Core Processor, ram=64GiB").host).toMatchObject({
      cpuModel: "AMD Ryzen 7000 desktop (AM5)",
    });
    expect(read("rtx-4090 + ryzen-7000-desktop-am5, ram=64GiB").host.ramBandwidthBytesPerSecond.value).toBe(83.2e9);
  });
  it("reads a driver's name with plus signs and commas outside of the list", () => {
    expect(read("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S, ram=128GiB").devices[0]?.id).toBe("radeon-8060s");
    expect(read("NVIDIA GeForce RTX 4090, ram=64GiB").devices[0]?.id).toBe("rtx-4090");
    expect(read("rtx-4090,ram=64GiB,cores=16").host.ramTotalBytes.value).toBe(64 * GIB);
    expect(read("rockchip,rk3588s-orangepi-5, ram=8GiB").host.cpuModel).toMatch(/^Orange Pi 5 /);
  });
});

describe("custom devices", () => {
  it("takes every stated value as it is", () => {
    const { devices, warnings } = read(
      "2x custom(memory=24GiB, bandwidth=936GBps, fp16=142TFLOPS, fp32=35TFLOPS, backend=rocm), ram=128GiB, ram-bandwidth=80GBps, cores=16",
    );
    expect(devices).toHaveLength(2);
    expect(devices[1]).toMatchObject({
      backend: "rocm",
      memoryUsableBytes: { value: 24 * GIB, evidence: "reported" },
      bandwidthBytesPerSecond: { value: 936e9, evidence: "reported" },
      fp16FlopsPerSecond: { value: 142e12 },
      fp32FlopsPerSecond: { value: 35e12 },
    });
    expect(warnings).toEqual([]);
  });
  it("assumes rates that are left open, and warns", () => {
    const { devices, warnings } = read("custom(memory=80GiB, backend=rpc), ram=64GiB, ram-bandwidth=80GBps");
    expect(devices[0]).toMatchObject({
      backend: "rpc",
      bandwidthBytesPerSecond: { evidence: "assumed" },
      fp16FlopsPerSecond: { evidence: "assumed" },
    });
    expect(devices[0]?.bandwidthBytesPerSecond.value).toBeGreaterThan(0);
    expect(warnings).toHaveLength(2);
  });
});

describe("hosts", () => {
  it("says what it assumes when nothing is given", () => {
    const { host, warnings, devices } = read("cpu, ram=64GiB");
    expect(devices).toEqual([]);
    expect(host.ramBandwidthBytesPerSecond.evidence).toBe("assumed");
    expect(host.physicalCoreCount.evidence).toBe("assumed");
    expect(warnings.join()).toMatch(/RAM bandwidth is not given/);
    expect(host.ramAvailableBytes.value).toBeLessThan(64 * GIB);
  });
});

describe("what the caller can fix", () => {
  it.each([
    ["rtx-4909", /Closest are .*rtx-4090/],
    ["A1000", /Closest are rtx-a1000/],
    ["rtx-pro", /several devices. Send one of rtx-pro-/],
    ["rtx-4090-16gb", /not sold with that memory.*24 or 48 GiB/],
    ["m3-max-64gb, ram=32GiB", /two sizes/],
    ["1000x rtx-4090", /out of range. Send 1 to 64/],
    ["0x rtx-4090", /out of range/],
    ["60x rtx-4090 + 60x rtx-3090", /out of range/],
    ["custom(memory=0GiB)", /out of range. Send 64MiB to 1PiB/],
    ["custom(memory=2000000TiB)", /out of range/],
    ["custom(memory=24GiB, bandwidth=0GBps)", /out of range/],
    ["custom(memory=24)", /no unit/],
    ["custom(bandwidth=100GBps)", /does not say its memory/],
    ["custom(memory=24GiB, backend=cudda)", /Did you mean cuda/],
    ["custom(memory=24GiB, memroy=24GiB)", /Did you mean "memory"/],
    ["custom(memory=24GiB, memory=24GiB)", /twice/],
    ["custom", /does not say what the device has/],
    ["rtx-4090, rom=64GiB", /Did you mean "ram"/],
    ["rtx-4090, 64GiB", /key=value/],
    ["rtx-4090, ram=-4GiB", /is not an amount of memory/],
    ["rtx-4090, cores=0", /1 to 4096/],
    ["rtx-4090, cores=2.5", /1 to 4096/],
    ["rtx-4090 + ", /no name/],
    ["", /empty/],
    ["aws-trainium2", /no backend/],
    ["x".repeat(2000), /at most 1000/],
  ])("%s", (expression, message) => {
    expect(() => read(expression)).toThrow(InputError);
    expect(() => read(expression)).toThrow(message);
  });
  it("never fails in another way, whatever is sent", () => {
    const piece = fc.constantFrom(
      "2x ",
      "rtx-4090",
      " + ",
      "custom(",
      ")",
      "memory=",
      "24GiB",
      ",",
      " ram=",
      "cpu",
      "=",
      "(",
      "m3-max",
      "-64gb",
      "[",
      "99",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 40 }),
          fc.array(piece, { maxLength: 8 }).map((parts) => parts.join("")),
        ),
        (text) => {
          try {
            const { devices, host } = read(text);
            expect(
              [...devices.map((device) => device.memoryUsableBytes.value), host.ramTotalBytes.value].every(
                (value) => value > 0,
              ),
            ).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
          }
        },
      ),
      { numRuns: 500, seed: 1 },
    );
  });
  it("builds every catalog device that has a backend", () => {
    let built = 0;
    for (const entry of catalog.entries) {
      if (entry.backends.length === 0) continue;
      const { devices, host } = read(`${entry.id}, ram=64GiB`);
      expect(devices.length, entry.id).toBe(entry.kind === "cpu" ? 0 : 1);
      expect(devices[0]?.memoryUsableBytes.value ?? host.ramTotalBytes.value, entry.id).toBeGreaterThan(0);
      built++;
    }
    expect(built).toBeGreaterThan(600);
  });
});
