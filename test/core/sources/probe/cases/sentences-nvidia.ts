/** Sentences about NVIDIA devices: names, memory, slices, visibility, failures. */

import { hardwareOf } from "../../../../../src/core/sources/probe/hardware-of.ts";
import { matchEntry } from "../../../../../src/core/sources/probe/match.ts";
import { fromLists, parseHolders } from "../../../../../src/core/sources/probe/nvidia.ts";
import { knownValue } from "../../../../../src/core/sources/probe/nvidia-smi.ts";
import { probe } from "../../../../../src/core/sources/probe/probe.ts";
import { sighted } from "../../../../../src/core/sources/probe/sighting.ts";
import { visibleIndices } from "../../../../../src/core/sources/probe/visibility.ts";
import type { ExecResult } from "../../../../../src/core/sources/world.ts";
import { GIB, MIB } from "../../../../../src/core/units.ts";
import { fakeWorld } from "../../../../fake-world.ts";
import { changed, firstOf, type NamedTest, type Subject, unless } from "./subject.ts";

const bandwidthOf = ({ result }: Subject): number => firstOf(result).bandwidthBytesPerSecond.value / 1e9;
const meminfo = "MemTotal: 67108864 kB\nMemAvailable: 60000000 kB\n";

/** Cards by their rows, with device files and kernel records, as one machine. */
const cards = (
  rows: readonly string[],
  more: {
    readonly env?: Readonly<Record<string, string>>;
    readonly files?: Readonly<Record<string, string>>;
    readonly commands?: Readonly<Record<string, string | ExecResult>>;
  },
) =>
  fakeWorld({
    files: { "/proc/meminfo": meminfo, ...more.files },
    env: more.env ?? {},
    commands: {
      "nvidia-smi": `index, name, uuid, pci.bus_id, memory.total, memory.free, driver_version\n${rows.join("\n")}\n`,
      ...more.commands,
    },
  });

export const nvidiaTests: readonly NamedTest[] = [
  {
    name: "an after-market board keeps its driver's memory and its name's bandwidth",
    about: /modded|aftermarket|keep the driver value/,
    fails: ({ result }) => {
      const odd = result.devices.find(
        ({ memoryTotalBytes, catalogId, bandwidthBytesPerSecond }) =>
          memoryTotalBytes.evidence !== "reported" ||
          catalogId === undefined ||
          bandwidthBytesPerSecond.evidence !== "catalog",
      );
      return unless(odd === undefined, `${odd?.name} lost its identity`);
    },
  },
  {
    name: "an RTX 3080 of 20 GB has the 10 GB card's 320 bits",
    about: /20 GB RTX 3080/,
    fails: (subject) => unless(bandwidthOf(subject) === 760, `${bandwidthOf(subject)} GB/s`),
  },
  {
    name: "an RTX 4090 of 48 GB has 1008 GB/s",
    about: /bandwidth still 1008/,
    fails: (subject) => unless(bandwidthOf(subject) === 1008, `${bandwidthOf(subject)} GB/s`),
  },
  {
    name: "an overclock changes neither the variant nor the bandwidth",
    about: /follows a user overclock/,
    fails: ({ catalog, files }) => {
      const clock = Number(/(\d+) MHz\s*$/.exec(files.get("nvidia-smi-query-gpu.csv") ?? "")?.[1]);
      const { entry } = matchEntry(
        sighted({
          vendor: "NVIDIA",
          source: "",
          name: "NVIDIA GeForce RTX 3090",
          totalBytes: 24 * GIB,
          memoryClockMHz: clock,
        }),
        catalog,
        0,
      );
      return unless(
        clock > 9751 && entry?.id === "rtx-3090" && entry.bandwidthBytesPerSecond === 936e9,
        `${entry?.id} at ${clock} MHz`,
      );
    },
  },
  {
    name: "no name is taken from the table that cuts them",
    about: /plain table truncates names/,
    fails: async ({ files, look }) => {
      const { result } = await look(new Map([...files].filter(([name]) => name === "nvidia-smi.txt")));
      return unless(
        result.devices.every(({ name }) => !name.includes("...")),
        `named ${result.devices[0]?.name}`,
      );
    },
  },
  {
    name: "a cut name and 8 GiB are the laptop part's",
    about: /must not map to the 12 GB desktop/,
    fails: (subject) =>
      unless(bandwidthOf(subject) === 256, `${firstOf(subject.result).catalogId}, ${bandwidthOf(subject)} GB/s`),
  },
  {
    name: "a laptop part has its own bandwidth",
    about: /substring match gives/,
    fails: ({ result, catalog }) =>
      unless(catalog.byId(firstOf(result).catalogId ?? "")?.row.form === "laptop", `${firstOf(result).catalogId}`),
  },
  {
    name: "plans count on free memory, not on the total",
    about: /plan with free, not total/,
    fails: ({ result }) => {
      const [device] = hardwareOf(result, "now").devices;
      return unless(
        device !== undefined &&
          device.memoryUsableBytes.value < device.memoryTotalBytes.value - 2 * GIB &&
          result.warnings.some((warning) => /in use by/.test(warning)),
        `${device?.memoryUsableBytes.value}`,
      );
    },
  },
  {
    name: "CUDA's order is the fastest first, unless the bus's is asked for",
    about: /CUDA lists fastest first/,
    fails: async ({ result, look }) => {
      const byBus = (await look(undefined, { CUDA_DEVICE_ORDER: "PCI_BUS_ID" })).result;
      return unless(
        /5090/.test(firstOf(result).name) && /3080/.test(firstOf(byBus).name),
        `${result.devices.map(({ name }) => name).join()} and ${byBus.devices.map(({ name }) => name).join()}`,
      );
    },
  },
  {
    name: "free memory of a shared pool is MemAvailable",
    about: /use MemAvailable|free = MemAvailable/,
    fails: ({ result, files }) => {
      const available = /MemAvailable:\s+(\d+) kB/.exec(files.get("proc-meminfo.txt") ?? "")?.[1];
      const free = firstOf(result).memoryFreeBytes.value;
      const ram = result.host.ramAvailableBytes.value;
      return unless(
        free <= ram && free > 0.7 * ram && (available === undefined || ram === Number(available) * 1024),
        `${free} of ${ram}`,
      );
    },
  },
  {
    name: "the device id says unified when a driver prints a total",
    about: /still unified because of the device id/,
    fails: async ({ files, look }) => {
      const { result } = await look(
        changed(files, { "nvidia-smi-query-gpu.csv": "NVIDIA GB10, 122502, 3000, 119502, 590.1" }),
      );
      return unless(firstOf(result).kind === "unified", firstOf(result).kind);
    },
  },
  {
    name: "programs and what they hold are read although totals are not",
    about: /per-process memory works/,
    fails: ({ files, result }) =>
      unless(
        parseHolders(files.get("nvidia-smi-query-compute-apps.csv") ?? "")[0]?.heldBytes ===
          result.holders[0]?.heldBytes && result.holders.length > 0,
        "no holder",
      ),
  },
  {
    name: "a part without a total has the machine's RAM",
    about: /\[N\/A\] on a GB10/,
    fails: ({ result }) =>
      unless(
        firstOf(result).memoryTotalBytes.value === result.host.ramTotalBytes.value &&
          firstOf(result).memoryUsableBytes.value > 0,
        `${firstOf(result).memoryTotalBytes.value}`,
      ),
  },
  {
    name: "numbers beside ATS are the card's own memory",
    about: /ATS with numeric memory/,
    fails: ({ result }) =>
      unless(
        firstOf(result).kind === "gpu" && firstOf(result).memoryTotalBytes.value < 200 * GIB,
        firstOf(result).kind,
      ),
  },
  {
    name: "slices stand in for their card",
    about: /when MIG is enabled report the MIG slices/,
    fails: ({ result, expected }) => {
      const whole = expected.gpus?.[0]?.vram_bytes ?? 0;
      return unless(
        result.devices.every(
          ({ slice, memoryTotalBytes }) =>
            slice !== undefined &&
            memoryTotalBytes.value < (whole ?? 0) &&
            memoryTotalBytes.source === "nvidia-smi MIG table",
        ),
        "a whole card is offered",
      );
    },
  },
  {
    name: "an engine's total wins over a carve-out",
    about: /is a carve-out on an integrated part/,
    fails: ({ result }) =>
      unless(
        firstOf(result).memoryUsableBytes.value > 40 * GIB && firstOf(result).carveOutBytes === 8128 * MIB,
        `${firstOf(result).memoryUsableBytes.value}`,
      ),
  },
  {
    name: "visible is what the environment names, the tool lists and a device file stands for",
    about: /take the intersection/,
    fails: async ({ files }) => {
      const value = /CUDA_VISIBLE_DEVICES=(\S+)/.exec(files.get("env.txt") ?? "")?.[1] ?? "";
      const own = /^[0-3]$/.test(value) ? Number(value) : 2;
      const information = Object.fromEntries(
        [0, 1, 2, 3].map((i) => [`/proc/driver/nvidia/gpus/0000:0${i}:00.0/information`, `Device Minor: ${i}\n`]),
      );
      const rows = [0, 1, 2, 3].map(
        (i) => `${i}, NVIDIA A100-SXM4-40GB, GPU-${i}, 00000000:0${i}:00.0, 40960, 40000, 550.1`,
      );
      const inside = cards(rows, { files: { [`/dev/nvidia${own}`]: "", ...information } });
      const both = cards(rows, {
        env: { CUDA_VISIBLE_DEVICES: value },
        files: { [`/dev/nvidia${own}`]: "", ...information },
      });
      const alone = cards(rows.slice(own, own + 1), { env: { CUDA_VISIBLE_DEVICES: value } });
      const seen = await Promise.all(
        [inside, both, alone].map(async (world) =>
          (await probe(world)).devices.flatMap(({ visible, pciAddress }) => (visible ? pciAddress : [])),
        ),
      );
      return unless(
        seen[0]?.join() === `0000:0${own}:00.0` &&
          seen[1]?.join() === `0000:0${own}:00.0` &&
          seen[2]?.length === (own === 0 ? 1 : 0),
        JSON.stringify(seen),
      );
    },
  },
  {
    name: "CUDA counts slices",
    about: /index MIG instances/,
    fails: ({ result }) =>
      unless(
        result.devices.every(({ slice, visible }) => slice !== undefined && visible),
        "cards are counted",
      ),
  },
  {
    name: "a slice can be named by its id, devices by index, and none by -1 or nothing",
    about: /may be MIG-uuid, GPU-uuid, index list/,
    fails: ({ files }) => {
      const value = /CUDA_VISIBLE_DEVICES=(\S+)/.exec(files.get("env.txt") ?? "")?.[1] ?? "";
      const listing = `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-1)\n  MIG 3g.20gb     Device  0: (UUID: ${value})\n  MIG 3g.20gb     Device  1: (UUID: MIG-other)\n`;
      const devices = fromLists(listing, "");
      const uuids = devices.map(({ uuid }) => uuid);
      const chosen = visibleIndices(value, uuids);
      const others = [
        visibleIndices("1", uuids),
        visibleIndices("-1", uuids),
        visibleIndices("", uuids),
        visibleIndices("GPU-zzz", uuids),
      ];
      return unless(
        chosen?.join() === "0" &&
          devices[0]?.slice?.profile === "3g.20gb" &&
          JSON.stringify(others) === "[[1],[],[],[]]",
        JSON.stringify([chosen, others]),
      );
    },
  },
  {
    name: "no device means none allocated here",
    about: /means none allocated/,
    fails: ({ result }) =>
      unless(
        result.warnings.some((warning) => /none is allocated to this job or container/.test(warning)),
        "not said",
      ),
  },
  {
    name: "each card is asked by itself when one is dead",
    about: /retry per GPU with -i N/,
    fails: async ({ files }) => {
      const dead: ExecResult = {
        outcome: "exited",
        exitCode: 255,
        stdout: files.get("nvidia-smi.txt") ?? "",
        stderr: "",
      };
      const alive =
        "index, name, uuid, pci.bus_id, memory.total, memory.free, driver_version\n0, Tesla P4, GPU-1, 00000000:06:00.0, 7680, 7600, 550\n";
      const { devices } = await probe(
        cards([], {
          commands: { "nvidia-smi": dead, "nvidia-smi -i 0": alive },
          files: {
            "/proc/driver/nvidia/gpus/0000:06:00.0/information": "Model: Tesla P4\n",
            "/proc/driver/nvidia/gpus/0000:07:00.0/information": "Model: Tesla P4\n",
          },
        }),
      );
      return unless(
        devices.map(({ visible }) => visible).join() === "true,false" &&
          devices.every(({ name }) => name === "Tesla P4"),
        JSON.stringify(devices.map(({ name, visible }) => [name, visible])),
      );
    },
  },
  {
    name: "a message on the standard output is no card",
    about: /comes on STDOUT with exit 9/,
    fails: ({ result }) =>
      unless(
        result.devices.length === 0 &&
          result.warnings.some((warning) => /cannot reach the NVIDIA driver/.test(warning)),
        "taken for a row",
      ),
  },
  {
    name: "placeholders are no values",
    about: /treat all as missing/,
    fails: ({ result }) => {
      const marks = [
        "Unknown Error",
        "[Unknown Error]",
        "[GPU is lost]",
        "ERR!",
        "[Not Supported]",
        "[N/A]",
        "[Insufficient Permissions]",
        "N/A",
        "[GPU requires reset]",
      ];
      return unless(
        marks.every((mark) => knownValue(mark) === undefined) &&
          knownValue("24564 MiB") !== undefined &&
          !/error/i.test(firstOf(result).name) &&
          firstOf(result).kind === "gpu",
        firstOf(result).name,
      );
    },
  },
  {
    name: "a Jetson Thor is unified, capability 11.0",
    about: /Jetson Thor/,
    fails: ({ result }) =>
      unless(
        firstOf(result).kind === "unified" && firstOf(result).computeCapability === "11.0",
        `${firstOf(result).kind} ${firstOf(result).computeCapability}`,
      ),
  },
  {
    name: "names without the vendor are the same names",
    about: /print the name without/,
    fails: ({ result }) =>
      unless(
        result.devices.every(({ catalogId }) => catalogId !== undefined),
        `${firstOf(result).catalogId}`,
      ),
  },
  {
    name: "totals of old and new drivers are one card's",
    about: /already subtract the reserved part/,
    fails: ({ catalog }) => {
      const of = (mebibytes: number): string | undefined =>
        matchEntry(
          sighted({ vendor: "NVIDIA", source: "", name: "GeForce RTX 2080 Ti", totalBytes: mebibytes * MIB }),
          catalog,
          0,
        ).entry?.id;
      return unless(of(11019) === "rtx-2080-ti" && of(11264) === "rtx-2080-ti", `${of(11019)} and ${of(11264)}`);
    },
  },
  {
    name: "the highest memory clock counts, not the current one",
    about: /never the current one/,
    fails: (subject) =>
      unless(
        bandwidthOf(subject) === (subject.expected["memory_bandwidth_gbps_from_clock"] ?? bandwidthOf(subject)) &&
          firstOf(subject.result).catalogId !== undefined,
        `${bandwidthOf(subject)} GB/s`,
      ),
  },
  {
    name: "HMM on a card is no shared memory",
    about: /HMM is normal on a discrete card/,
    fails: ({ result, files }) =>
      unless(firstOf(result).kind === "gpu" && /HMM/.test([...files.values()].join()), firstOf(result).kind),
  },
  {
    name: "an idle card offers its total less what the driver keeps",
    about: /usable when idle is total - reserved/,
    fails: ({ result, files }) => {
      const reserved = Number(/<reserved>(\d+) MiB/.exec([...files.values()].join())?.[1]);
      return unless(
        firstOf(result).memoryUsableBytes.value === firstOf(result).memoryTotalBytes.value - reserved * MIB,
        `${firstOf(result).memoryUsableBytes.value}`,
      );
    },
  },
  {
    name: "the link is the one it can reach",
    about: /use max_link_gen/,
    fails: ({ result, files }) => {
      const highest = /<max_link_gen>(\d)/.exec([...files.values()].join())?.[1];
      return unless(
        firstOf(result).linkBytesPerSecond?.source.includes(`PCIe ${highest} `) === true,
        `${firstOf(result).linkBytesPerSecond?.source}`,
      );
    },
  },
  {
    name: "nvidia-smi is asked without any other tool",
    about: /call nvidia-smi ourselves/,
    fails: ({ result }) =>
      unless(firstOf(result).memoryTotalBytes.source === "nvidia-smi", firstOf(result).memoryTotalBytes.source),
  },
  {
    name: "CUDA works in WSL2 without a display device",
    about: /CUDA works in WSL2/,
    fails: ({ result }) =>
      unless(
        firstOf(result).backends[0] === "cuda" && firstOf(result).visible && result.host.setting.wsl,
        `${firstOf(result).backends.join()}`,
      ),
  },
  {
    name: "nothing waits for a tool that hangs, and none is asked twice",
    about: /run vendor tools async with a kill timeout/,
    fails: async () => {
      const world = fakeWorld({
        files: { "/proc/meminfo": meminfo },
        commands: { "nvidia-smi": { outcome: "timed-out", stdout: "", stderr: "" } },
      });
      const first = await probe(world);
      const asked = world.ran.filter((line) => line.startsWith("nvidia-smi")).length;
      await probe(world);
      return unless(
        first.tools.some(({ status }) => status === "hung") &&
          asked === 2 &&
          world.ran.filter((line) => line.startsWith("nvidia-smi")).length === asked,
        `${asked} calls`,
      );
    },
  },
];
