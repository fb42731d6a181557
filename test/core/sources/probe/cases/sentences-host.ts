/** Sentences about hosts: limits, modules, processors, boards, other accelerators. */
import { parseNpuSmi } from "../../../../../src/core/sources/probe/ascend.ts";
import { moduleBytes, parseDmidecode } from "../../../../../src/core/sources/probe/dimms.ts";
import { hardwareOf } from "../../../../../src/core/sources/probe/hardware-of.ts";
import { parseLscpu } from "../../../../../src/core/sources/probe/lscpu.ts";
import { GIB, MIB } from "../../../../../src/core/units.ts";
import { changed, firstOf, type NamedTest, unless } from "./subject.ts";

const modules = (text: string) => parseDmidecode(text);
const textOf = (files: ReadonlyMap<string, string>): string => [...files.values()].join("\n");

export const hostTests: readonly NamedTest[] = [
  {
    name: "two chips of one card are two devices",
    about: /one card = two chips/,
    fails: ({ expected, files }) =>
      unless(parseNpuSmi(textOf(files)).length === (expected.gpu_count ?? 2), "one device"),
  },
  {
    name: "the largest integer is no limit",
    about: /= no limit/,
    fails: ({ result }) => unless(result.host.ramLimitBytes === undefined, "limited"),
  },
  {
    name: "without a limit, the page cache is not taken off",
    about: /do not subtract memory\.current/,
    fails: async ({ files, look, result }) => {
      const filled = (await look(changed(files, { "memory.current": String(100 * GIB) }))).result;
      return unless(
        filled.host.ramAvailableBytes.value === result.host.ramAvailableBytes.value &&
          result.host.ramAvailableBytes.source.includes("MemAvailable"),
        `${filled.host.ramAvailableBytes.value}`,
      );
    },
  },
  {
    name: "a guest's modules say nothing about bandwidth",
    about: /VM: channels\/speed unknown|treat as unknown/,
    fails: ({ files, result }) =>
      unless(
        modules(textOf(files)).bandwidthBytesPerSecond === undefined &&
          modules(textOf(files)).virtualMachine &&
          result.host.ramBandwidthBytesPerSecond.evidence !== "reported",
        result.host.ramBandwidthBytesPerSecond.source,
      ),
  },
  {
    name: "the configured speed counts, under its old label too",
    about: /Configured Clock Speed|use Configured Memory Speed/,
    fails: ({ files }) => {
      const configured = Number(/Configured (?:Memory|Clock) Speed: (\d+)/.exec(textOf(files))?.[1]);
      const slower = textOf(files).replace(/(Configured (?:Memory|Clock) Speed:) \d+/g, "$1 999");
      return unless(
        modules(textOf(files)).configuredMegatransfers === configured &&
          modules(slower).configuredMegatransfers === 999,
        `${modules(textOf(files)).configuredMegatransfers}`,
      );
    },
  },
  {
    name: "a row of chips is soldered",
    about: /= soldered/,
    fails: ({ result }) => unless(result.host.memoryModules?.soldered === true, "not seen"),
  },
  {
    name: "the pool is counted in MiB and shared",
    about: /RAM total MB is MiB/,
    fails: ({ result }) =>
      unless(
        result.host.ramTotalBytes.value % MIB === 0 && firstOf(result).kind === "unified",
        `${result.host.ramTotalBytes.value}`,
      ),
  },
  {
    name: "a module is known by its device tree, its memory is the machine's",
    about: /resolve the module from/,
    fails: async ({ files, look, result }) => {
      const named = (
        await look(
          changed(files, {
            "proc-device-tree-model": "NVIDIA Jetson Orin Nano Developer Kit\0",
            "proc-device-tree-compatible": "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0",
            "proc-meminfo.txt": "MemTotal: 7805952 kB\nMemAvailable: 7000000 kB\n",
          }),
        )
      ).result;
      return unless(
        /orin-nano/.test(firstOf(named).id) &&
          firstOf(named).memoryTotalBytes.value === named.host.ramTotalBytes.value &&
          firstOf(result).memoryTotalBytes.value === result.host.ramTotalBytes.value,
        firstOf(named).id,
      );
    },
  },
  {
    name: "on ARM the firmware's name of the processor counts",
    about: /prefer "BIOS Model name"/,
    fails: ({ files }) => {
      const text = textOf(files);
      return unless(
        parseLscpu(text).model !== parseLscpu(text.replace("aarch64", "x86_64")).model &&
          text.replace(/\s+/g, " ").includes(`BIOS Model name: ${parseLscpu(text).model}`),
        `${parseLscpu(text).model}`,
      );
    },
  },
  {
    name: "the cores that WSL2 shows are called in doubt",
    about: /hybrid CPU under WSL/,
    fails: ({ result }) =>
      unless(
        result.host.setting.wsl && result.warnings.some((warning) => /may mix fast and slow cores/.test(warning)),
        "believed",
      ),
  },
  {
    name: "a container's limit binds below the host's memory",
    about: /min\(\) with the cgroup limit/,
    fails: async ({ files, look, result }) => {
      const inside = (await look(changed(files, { "memory.max": String(2 * GIB) }))).result;
      return unless(
        inside.host.ramLimitBytes?.value === 2 * GIB &&
          inside.host.ramAvailableBytes.value <= 2 * GIB &&
          result.host.ramLimitBytes === undefined,
        `${inside.host.ramAvailableBytes.value}`,
      );
    },
  },
  {
    name: "two sockets are not twice the bandwidth",
    about: /bandwidth is per socket/,
    fails: ({ catalog, result }) => {
      const platform = catalog.processor("AMD EPYC 9375F 32-Core Processor");
      return unless(
        result.host.topology.socketCount === 2 &&
          result.host.ramBandwidthBytesPerSecond.value <= (platform?.bandwidthBytesPerSecond ?? 0),
        `${result.host.ramBandwidthBytesPerSecond.value}`,
      );
    },
  },
  {
    name: "graphics slower than the processor are not planned with",
    about: /plan CPU only/,
    fails: ({ result }) =>
      unless(hardwareOf(result, "idle").devices.length === 0 && firstOf(result).backends.length === 0, "planned with"),
  },
  {
    name: "a module's GiB are gibibytes",
    about: /dmidecode 3\.7/,
    fails: ({ expected, result }) =>
      unless(
        moduleBytes("32 GiB") === expected["true_size_bytes"] &&
          moduleBytes("32 GB") === 32 * GIB &&
          moduleBytes("16384 MB") === 16 * GIB &&
          result.host.ramTotalBytes.value > GIB,
        `${moduleBytes("32 GiB")}`,
      ),
  },
];
