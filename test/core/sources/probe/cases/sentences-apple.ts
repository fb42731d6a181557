/** Sentences about Macs. */

import { parseWiredLimit } from "../../../../../src/core/sources/probe/apple.ts";
import { parseDisplays, parseHardwareOverview } from "../../../../../src/core/sources/probe/apple-profiler.ts";
import { parseEngineDevices } from "../../../../../src/core/sources/probe/engines.ts";
import { GIB, MIB } from "../../../../../src/core/units.ts";
import { changed, firstOf, type NamedTest, unless } from "./subject.ts";

export const appleTests: readonly NamedTest[] = [
  {
    name: "units are read with each value, and nameless entries are none",
    about: /units differ inside one answer/,
    fails: ({ files }) => {
      const displays = parseDisplays([...files.values()].join());
      return unless(
        displays.length === 2 &&
          displays.some(({ unified, totalBytes }) => unified === true && totalBytes === undefined) &&
          displays.some(({ totalBytes }) => totalBytes === 2 * GIB),
        JSON.stringify(displays.map(({ name, totalBytes }) => [name, totalBytes])),
      );
    },
  },
  {
    name: "a limit of 0 is none, others count MiB",
    about: /0 means default/,
    fails: async ({ files, look, result }) => {
      const text = files.get("sysctl-iogpu.txt") ?? "";
      const standard = (
        await look(changed(files, { "sysctl-iogpu.txt": text.replace(/wired_limit_mb: \d+/, "wired_limit_mb: 0") }))
      ).result;
      return unless(
        parseWiredLimit("iogpu.wired_limit_mb: 0") === undefined &&
          firstOf(result).memoryUsableBytes.value % MIB === 0 &&
          firstOf(standard).memoryUsableBytes.evidence === "assumed",
        `${firstOf(standard).memoryUsableBytes.value}`,
      );
    },
  },
  {
    name: "the GPU's budget is the working set, not the RAM",
    about: /usable GPU budget =/,
    fails: ({ result, expected }) => {
      const share = firstOf(result).memoryUsableBytes.value / (expected.memory_total_bytes ?? 1);
      return unless(share > 0.6 && share < 0.8, `${share} of the RAM`);
    },
  },
  {
    name: "a key where a name should be is translated",
    about: /_name can be a kHW/,
    fails: ({ result }) => unless(/^Apple M\d/.test(firstOf(result).name), firstOf(result).name),
  },
  {
    name: "Apple's memory has neither speed nor channels",
    about: /no per-DIMM entries/,
    fails: ({ result }) =>
      unless(
        result.host.memoryModules?.configuredMegatransfers === undefined &&
          result.host.memoryModules?.channelCount === undefined,
        "made up",
      ),
  },
  {
    name: "Metal's MB are 10^6 bytes",
    about: /is 10\^6 bytes/,
    fails: ({ files }) =>
      unless(
        parseEngineDevices([...files.values()].join())[0]?.engineTotals[0]?.totalBytes ===
          Math.round(Number(/= +([\d.]+) MB/.exec([...files.values()].join())?.[1]) * 1e6),
        "read otherwise",
      ),
  },
  {
    name: "an Apple chip has no memory of its own, and its cores are counted",
    about: /no vram field on Apple Silicon/,
    fails: ({ result, files }) => {
      const cores = /"sppci_cores"\s*:\s*"(\d+)"/.exec([...files.values()].join())?.[1];
      return unless(
        firstOf(result).carveOutBytes === undefined &&
          firstOf(result).memoryTotalBytes.value === result.host.ramTotalBytes.value &&
          firstOf(result).gpuCoreCount === (cores === undefined ? undefined : Number(cores)),
        `${firstOf(result).gpuCoreCount}`,
      );
    },
  },
  {
    name: "log lines before an overview are skipped",
    about: /ignore the stray log line/,
    fails: ({ files, result }) =>
      unless(
        parseHardwareOverview([...files.values()].join())?.physicalCoreCount === result.host.physicalCoreCount.value &&
          /Apple/.test(result.host.cpuModel),
        "not read",
      ),
  },
  {
    name: "bandwidth comes from the catalog, not from a tool's old table",
    about: /third-party tools hardcode/,
    fails: ({ result }) =>
      unless(
        firstOf(result).bandwidthBytesPerSecond.evidence === "catalog" &&
          firstOf(result).bandwidthBytesPerSecond.value !== 153.6e9,
        `${firstOf(result).bandwidthBytesPerSecond.value}`,
      ),
  },
  {
    name: "Metal's own figure wins; without it the safe share",
    about: /default fraction is not a constant/,
    fails: async ({ result, look, expected }) => {
      const without = (await look(new Map([["sysctl-hw.txt", "iogpu.wired_limit_mb: 0\n"]]))).result;
      const ram = expected.memory_total_bytes ?? 1;
      return unless(
        firstOf(result).memoryUsableBytes.value !== firstOf(without).memoryUsableBytes.value &&
          Math.abs(firstOf(without).memoryUsableBytes.value / ram - (ram <= 36 * GIB ? 2 / 3 : 0.75)) < 1e-6,
        `${firstOf(without).memoryUsableBytes.value / ram}`,
      );
    },
  },
  {
    name: "gigabytes are not read as megabytes",
    about: /GB read as MB/,
    fails: ({ result }) =>
      unless(
        result.devices.every(({ kind, memoryTotalBytes }) => kind === "unified" || memoryTotalBytes.value >= GIB),
        "read as megabytes",
      ),
  },
];
