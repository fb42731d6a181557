import { describe, expect, it } from "vitest";
import { GIB, MIB } from "../../src/core/units.ts";
import {
  formatBandwidth,
  formatBytes,
  formatFlops,
  formatFraction,
  formatParameters,
  formatSeconds,
  formatSpeedInterval,
  formatTokensPerSecond,
  parseBandwidth,
  parseBytes,
  parseFlops,
  parseLinkSpeed,
  parseMemoryBytes,
  parseTokensPerSecond,
  roundSignificant,
} from "../../src/core/units-text.ts";

describe("parse", () => {
  it.each([
    [parseMemoryBytes, "24GiB", 24 * GIB],
    [parseMemoryBytes, "24GB", 24 * GIB],
    [parseMemoryBytes, " 0.5 gib ", GIB / 2],
    [parseMemoryBytes, "24564MiB", 24564 * MIB],
    [parseBytes, "4.9GB", 4.9e9],
    [parseBytes, "2TiB", 2048 * GIB],
    [parseBandwidth, "936GBps", 936e9],
    [parseBandwidth, "80 GB/s", 80e9],
    [parseBandwidth, "3.35TB/s", 3.35e12],
    [parseBandwidth, "1GiB/s", GIB],
    [parseLinkSpeed, "10Gbps", 1.25e9],
    [parseFlops, "142TFLOPS", 142e12],
    [parseFlops, "1.9 PFLOP/s", 1.9e15],
    [parseTokensPerSecond, "20 tok/s", 20],
    [parseTokensPerSecond, "7.5tps", 7.5],
  ])("%o reads %s", (parse, text, value) => {
    expect(parse(text)).toBeCloseTo(value, 3);
  });
  it.each([
    [parseMemoryBytes, "24", /has no unit.*24GiB/],
    [parseMemoryBytes, "24 apples", /is not an amount of memory/],
    [parseMemoryBytes, "-24GiB", /is not/],
    [parseMemoryBytes, "1e99GiB", /is not/],
    [parseMemoryBytes, "936GBps", /is not/],
    [parseBandwidth, "936GB", /is not a bandwidth.*936GBps/],
    [parseBandwidth, "", /is not/],
    [parseFlops, "142", /has no unit.*142TFLOPS/],
    [parseFlops, "NaN TFLOPS", /is not/],
    [parseMemoryBytes, "9".repeat(400), /is not/],
    [parseMemoryBytes, "constructor", /is not/],
    [parseMemoryBytes, "5constructor", /is not/],
  ])("%o refuses %s", (parse, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

describe("format", () => {
  it.each([
    [formatBytes(24 * GIB), "24 GiB"],
    [formatBytes(23.55 * GIB), "23.6 GiB"],
    [formatBytes(512.4 * GIB), "512 GiB"],
    [formatBytes(1023.9 * MIB), "1 GiB"],
    [formatBytes(512 * MIB), "512 MiB"],
    [formatBytes(-1.5 * GIB), "-1.5 GiB"],
    [formatBytes(0), "0 B"],
    [formatBandwidth(936e9), "936 GB/s"],
    [formatBandwidth(44.8e9), "44.8 GB/s"],
    [formatFlops(142.32e12), "142 TFLOPS"],
    [formatFlops(9.1e12), "9.1 TFLOPS"],
    [formatTokensPerSecond(123.4), "120 tok/s"],
    [formatTokensPerSecond(3.449), "3.4 tok/s"],
    [formatTokensPerSecond(0.0312), "0.031 tok/s"],
    [formatTokensPerSecond(0), "0 tok/s"],
    [formatSpeedInterval({ low: 29.4, mid: 34.2, high: 37.9 }), "34 tok/s (29 to 38)"],
    [formatSeconds(0.351), "0.35 s"],
    [formatSeconds(200), "3 min 20 s"],
    [formatSeconds(119.6), "2 min 0 s"],
    [formatSeconds(7500), "2 h 5 min"],
    [formatFraction(0.834), "83 %"],
    [formatFraction(0.0025), "0.25 %"],
    [formatParameters(8.19e9), "8.2B"],
    [formatParameters(671e9), "671B"],
    [formatParameters(596e6), "596M"],
    [formatParameters(1.04e12), "1.04T"],
  ])("%s", (text, expected) => {
    expect(text).toBe(expected);
  });
  it("rounds numbers for structured output", () => {
    expect(roundSignificant(123.4, 2)).toBe(120);
    expect(roundSignificant(0, 2)).toBe(0);
  });
});
