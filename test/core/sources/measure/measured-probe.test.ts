import { describe, expect, it } from "vitest";
import { measurementText } from "../../../../src/core/present/measurement.ts";
import { machineOf, withStoredMeasurement } from "../../../../src/core/sources/measure/measured-probe.ts";
import type { Measurement } from "../../../../src/core/sources/measure/record.ts";
import { storeMeasurement } from "../../../../src/core/sources/measure/store.ts";
import { probe } from "../../../../src/core/sources/probe/probe.ts";
import { fakeWorld } from "../../../fake-world.ts";

const world = () =>
  fakeWorld({
    platform: "linux",
    arch: "x64",
    homeDir: "/home/a",
    disks: { "/home/a": { totalBytes: 1e12, freeBytes: 5e11 } },
    files: {
      "/proc/meminfo": "MemTotal:       16000000 kB\nMemFree:         9000000 kB\nMemAvailable:   12000000 kB\n",
      "/proc/cpuinfo":
        "processor\t: 0\nmodel name\t: Nobody Knows This CPU\nphysical id\t: 0\ncore id\t: 0\nflags\t: avx2 fma\n",
    },
  });

describe("a probe after a measurement", () => {
  it("has the measured bandwidth and disk rate, and no warning about the value they replace", async () => {
    const here = world();
    const before = await probe(here);
    expect(before.host.ramBandwidthBytesPerSecond.evidence).toBe("assumed");
    expect(before.warnings.join()).toMatch(/bandwidth is assumed/);
    expect(await withStoredMeasurement(here, before)).toEqual(before);
    const record: Measurement = {
      machine: machineOf(before.host),
      date: "2026-11-20T12:00:00.000Z",
      memory: {
        threadCount: 1,
        allThreadsBytesPerSecond: { value: 20e9, noiseFraction: 0.03 },
        oneThreadBytesPerSecond: { value: 20e9, noiseFraction: 0.03 },
      },
      disk: { path: "/home/a/.cache/modelfit-mcp", readBytesPerSecond: { value: 2e9, noiseFraction: 0.05 } },
      warnings: [],
    };
    await storeMeasurement(here, record);
    const after = await withStoredMeasurement(here, await probe(here));
    expect(after.host.ramBandwidthBytesPerSecond).toMatchObject({
      value: 20e9,
      evidence: "measured",
      noiseFraction: 0.03,
    });
    expect(after.warnings.join()).not.toMatch(/bandwidth is assumed/);
    expect(after.warnings.length).toBe(before.warnings.length - 1);
    expect(after.disks.map(({ readBytesPerSecond }) => readBytesPerSecond?.value)).toEqual([2e9]);
    expect(measurementText(record, "/x.json")).toBe(
      "Measured: RAM reads 20 GB/s ± 3 % with 1 thread; the disk 2 GB/s ± 5 %. Stored in /x.json.",
    );
  });
});
