/**
 * A captured case as a machine: each file where the prober would find it, by the file's name alone. What a capture leaves out and the
 * expectation presumes (whose memory files these are, how much RAM the machine has) is put in as a premise, and said so.
 */

import type { HardwareCatalog } from "../../../../../src/core/sources/hardware-catalog.ts";
import { parseAmdSmi, parseDmesg, parseRocminfo } from "../../../../../src/core/sources/probe/amd-smi.ts";
import { parseGpuDescription, parseMemoryListing } from "../../../../../src/core/sources/probe/apple-profiler.ts";
import { parseTegrastats } from "../../../../../src/core/sources/probe/boards.ts";
import { namedDisplays } from "../../../../../src/core/sources/probe/displays.ts";
import { parseKfdNode } from "../../../../../src/core/sources/probe/kfd.ts";
import { parseNumactl } from "../../../../../src/core/sources/probe/lscpu.ts";
import { parseQuery } from "../../../../../src/core/sources/probe/nvidia-smi.ts";
import { parseOllamaLog } from "../../../../../src/core/sources/probe/ollama-log.ts";
import { type Sighting, sighted } from "../../../../../src/core/sources/probe/sighting.ts";
import { parseSyclLs, parseVulkaninfo } from "../../../../../src/core/sources/probe/vulkaninfo.ts";
import { parseXpuSmi } from "../../../../../src/core/sources/probe/xpu-smi.ts";
import type { ExecResult, World } from "../../../../../src/core/sources/world.ts";
import { GIB, KIB, MIB } from "../../../../../src/core/units.ts";
import { fakeWorld } from "../../../../fake-world.ts";
import type { Expectation } from "./expectation.ts";

export type Files = ReadonlyMap<string, string>;

export interface Machine {
  readonly world: World;
  readonly given: readonly Sighting[];
  readonly premises: readonly string[];
  /** captured files that nothing reads */
  readonly unread: readonly string[];
}

const exited = (stdout: string, exitCode = 0, stderr = ""): ExecResult => ({
  outcome: "exited",
  exitCode,
  stdout,
  stderr,
});
const CARD = "/sys/class/drm/card0/device";
const SYSFS = /^(uevent|vendor|device|revision|mem_info_\w+|lmem_total_bytes|max_link_\w+|tile\d_\w+)$/;
const CGROUP2 = /^(memory\.(max|high|current|swap\.max)|cpu\.max|cpuset\.cpus\.effective)$/;
const CGROUP1 = /^memory\.(limit_in_bytes|usage_in_bytes|soft_limit_in_bytes)$/;
/** systeminformation's own query of nvidia-smi, which a stub answers */
const STUB_FIELDS = [
  "driver_version",
  "pci.sub_device_id",
  "name",
  "pci.bus_id",
  "fan.speed",
  "memory.total",
  "memory.used",
  "memory.free",
];

/** Field by field, what a query for these fields would print of a captured one. */
function csvRows(files: Files, expected: Expectation, premises: string[]): ReadonlyMap<string, string>[] | undefined {
  const stub = files.get("nvidia-smi.stub");
  const text = files.get("nvidia-smi-query-gpu.csv") ?? stub;
  if (text === undefined) return undefined;
  const listed = [...(files.get("fields.txt") ?? "").matchAll(/^query \d+: (.*)$/gm)].map((match) =>
    (match[1] ?? "").split(","),
  );
  const width = text.trim().split("\n")[0]?.split(",").length ?? 0;
  const fields =
    stub !== undefined
      ? [...STUB_FIELDS, ...Array(Math.max(0, width - STUB_FIELDS.length)).fill("x")]
      : (listed[0] ?? guessedFields(text));
  const more = files.get("nvidia-smi-query-gpu-device.csv");
  const extra =
    more === undefined
      ? []
      : parseQuery(
          more,
          listed[1] ?? [
            "pci.device_id",
            "compute_cap",
            "addressing_mode",
            "utilization.gpu",
            "power.draw",
            "temperature.gpu",
          ],
        );
  return parseQuery(text, fields).map((row, i) => {
    const joined = new Map([...row, ...(extra[i] ?? [])]);
    const name = expected.gpus?.[i]?.name;
    if (!joined.has("name") && !joined.has("uuid") && typeof name === "string") {
      premises.push("the card's name");
      joined.set("name", name);
    }
    return joined;
  });
}

/** Headerless rows say by their shape what was asked. */
function guessedFields(text: string): string[] {
  const first = (text.trim().split("\n")[0] ?? "").split(/,\s*/);
  let memories = 0;
  return first.map((value, i) => {
    if (i === 0 && /^\d{1,2}$/.test(value)) return "index";
    if (/^(GPU|MIG)-/.test(value)) return "uuid";
    if (/^0x[0-9a-f]{8}$/i.test(value)) return "pci.device_id";
    if (/^[0-9a-f]{8}:[0-9a-f]{2}:/i.test(value)) return "pci.bus_id";
    if (/^\d{3}\.\d{2,3}(\.\d+)?$/.test(value)) return "driver_version";
    if (/%$/.test(value)) return "utilization.gpu";
    if (/[a-z]{3}/i.test(value) && !/MiB|N\/A|MHz/.test(value)) return "name";
    memories++;
    return ["memory.total", "memory.used", "memory.free", "utilization.gpu"][memories - 1] ?? `x${i}`;
  });
}

/** An nvidia-smi that knows what was captured: the query by field, the lists and tables as they are. */
function nvidiaSmi(
  files: Files,
  expected: Expectation,
  premises: string[],
): ((args: readonly string[]) => ExecResult) | undefined {
  const rows = csvRows(files, expected, premises);
  const cards = files.get("cards.txt")?.split(/NVML order[^\n]*\n/)[1];
  const table = [...files].find(
    ([name, text]) => /^nvidia-smi(\.\w+)?\.txt$/.test(name) && (text.includes("|") || /^\s*GPU \d+: /m.test(text)),
  )?.[1];
  const failure = [...files].find(([name]) => /^nvidia-smi(\.\w+)?\.txt$/.test(name) && table === undefined)?.[1];
  const list = files.get("nvidia-smi-L.txt");
  const long = files.get("nvidia-smi-q.txt");
  const xml = [...files].find(([name]) => /^nvidia-smi.*\.xml$/.test(name))?.[1];
  if ([rows, cards, table, failure, list, long, xml].every((text) => text === undefined)) return undefined;
  const nothing = exited("", 1);
  return (args) => {
    const query = args
      .find((arg) => arg.startsWith("--query-gpu="))
      ?.slice("--query-gpu=".length)
      .split(",");
    if (failure !== undefined) return exited(failure, Number(files.get("exit_code.txt") ?? 255));
    if (query !== undefined) {
      const known =
        rows ??
        (cards === undefined ? undefined : parseQuery(cards.replace(/^\s+/gm, ""), ["index", "name", "memory.total"]));
      return known === undefined
        ? nothing
        : exited(known.map((row) => query.map((field) => row.get(field) ?? "[N/A]").join(", ")).join("\n"));
    }
    if (args.some((arg) => arg.startsWith("--query-compute-apps")))
      return exited(files.get("nvidia-smi-query-compute-apps.csv") ?? "");
    const answer = args.includes("-x")
      ? xml
      : args.includes("-q")
        ? long
        : args.includes("-L")
          ? list
          : args.length === 0
            ? table
            : undefined;
    return answer === undefined ? nothing : exited(answer);
  };
}

const UNITS: Readonly<Record<string, number>> = { KiB: KIB, MiB: MIB, GiB: GIB, Gi: GIB, Mi: MIB, GB: GIB, MB: MIB };
const amount = (text: string | undefined): number | undefined => {
  const match = /^([\d.]+)\s*(\w+)$/.exec(text?.trim() ?? "");
  return match === null ? undefined : Math.round(Number(match[1]) * (UNITS[match[2] ?? ""] ?? 1));
};

/** Captured notes in words, as the files and outputs that they describe. */
function notes(files: Files): Map<string, string> {
  const all = new Map(files);
  const facts = files.get("facts.txt") ?? "";
  const size = (what: string): number | undefined =>
    amount(new RegExp(`^${what} ([\\d.]+ \\w+)`, "m").exec(facts)?.[1]);
  for (const [file, bytes] of [
    ["mem_info_vram_total", size("VRAM")],
    ["mem_info_gtt_total", size("GTT")],
  ] as const)
    if (bytes !== undefined) all.set(file, `${bytes}\n`);
  const ram = amount(/total (\d+GB)\)/.exec(facts)?.[1]?.replace("GB", " GB"));
  if (ram !== undefined)
    all.set("proc-meminfo.txt", `MemTotal: ${ram / KIB} kB\nMemAvailable: ${(ram * 0.9) / KIB} kB\n`);
  const card = /card: (\w+ \w+)/.exec(facts)?.[1]?.replace(/RX(\d)/, "Radeon RX $1");
  if (card !== undefined)
    all.set("systeminformation-graphics.json", JSON.stringify({ controllers: [{ vendor: "", model: card, bus: "" }] }));
  const free = /^Mem:\s+(\w+)\s+\w+\s+\w+\s+\w+\s+\w+\s+(\w+)/m.exec(files.get("free-h.txt") ?? "");
  if (free !== null)
    all.set(
      "proc-meminfo.txt",
      `MemTotal: ${(amount(free[1]?.replace(/(\d)([GM]i)/, "$1 $2")) ?? 0) / KIB} kB\nMemAvailable: ${(amount(free[2]?.replace(/(\d)([GM]i)/, "$1 $2")) ?? 0) / KIB} kB\n`,
    );
  const llmfit = /^GPU: (.+?) \(unified memory, ([\d.]+) GB GPU-available of ([\d.]+) GB shared, Metal\)/m.exec(
    files.get("llmfit-line.txt") ?? "",
  );
  if (llmfit !== null) {
    all.set(
      "ggml_metal_init.txt",
      `ggml_metal_init: GPU name: ${llmfit[1]}\nrecommendedMaxWorkingSetSize: ${llmfit[2]} GiB\n`,
    );
    all.set(
      "sysctl-hw.txt",
      `hw.memsize: ${Number(llmfit[3]) * GIB}\nhw.optional.arm64: 1\nmachdep.cpu.brand_string: ${llmfit[1]}\n`,
    );
  }
  sourceTable(files, all);
  return all;
}

/** Tables "where | what": the same machine by several tools. */
function sourceTable(files: Files, all: Map<string, string>): void {
  const rows = new Map(
    (files.get("sources.txt") ?? "").split("\n").map((line) => {
      const [key = "", value = ""] = line.split(" | ");
      return [key.trim(), value.trim()] as const;
    }),
  );
  const own = rows.get("nvidia-smi --query-gpu=memory.total");
  if (own !== undefined) all.set("nvidia-smi-query-gpu.csv", `memory.total [MiB]\n${own}\n`);
  const listed = rows.get("llama.cpp --list-devices");
  const integrated = rows.get("props.is_integrated") === "1";
  if (listed !== undefined)
    all.set(
      "llama-list-devices.json",
      JSON.stringify({
        devices: [
          {
            index: 0,
            backend: "CUDA",
            name: "CUDA0",
            description: "",
            type: integrated ? "IGPU" : "GPU",
            memory_total: amount(listed),
            memory_free: amount(listed),
          },
        ],
      }),
    );
  const ram = amount(rows.get("System RAM"));
  if (ram !== undefined) all.set("premise-ram", String(ram));
  const csv = (files.get("sources.csv") ?? "")
    .trim()
    .split("\n")
    .map((line) => line.split(","));
  const [header = []] = csv;
  const registry = csv.find(([key]) => key?.includes("qwMemorySize"));
  if (registry === undefined) return;
  const key = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}";
  // the columns of this machine; another machine's columns say so
  const adapters = header
    .slice(1)
    .map((name, i) => ({
      name: /\b[GR]TX\b/.test(name) ? `NVIDIA GeForce ${name}` : "AMD Radeon(TM) Graphics",
      size: registry[i + 1],
      here: !/second box/.test(name),
    }))
    .filter(({ here }) => here);
  all.set(
    "reg-query-DriverDesc.txt",
    adapters.map(({ name }, i) => `${key}\\000${i}\r\n    DriverDesc    REG_SZ    ${name}`).join("\r\n"),
  );
  all.set(
    "reg-query-qwMemorySize.txt",
    adapters
      .map(
        ({ size }, i) =>
          `${key}\\000${i}\r\n    HardwareInformation.qwMemorySize    REG_QWORD    0x${Number(size).toString(16)}`,
      )
      .join("\r\n"),
  );
}

const isApple = (files: Files): boolean =>
  [...files.keys()].some((name) => /^(system_profiler|sysctl|gpuinfo|recommendedMaxWorking)/.test(name)) ||
  [...files.values()].some((text) => /ggml_metal|^\s*(Metal|MTL)\d*: /m.test(text));
const isWindows = (files: Files): boolean =>
  [...files.keys()].some((name) => /^(reg-query|wmic|pnpdeviceid|powershell|cim)/.test(name));

/** Sources that the prober does not read by itself. */
function givenSightings(files: Files, take: (pattern: RegExp) => string | undefined): Sighting[] {
  const given: Sighting[] = [];
  const add = (text: string | undefined, read: (text: string) => Sighting): void => {
    if (text !== undefined) given.push(read(text));
  };
  const devices =
    (read: (text: string) => Sighting["devices"]) =>
    (text: string): Sighting => ({ devices: read(text), warnings: [] });
  add(take(/^ollama-log/), parseOllamaLog);
  add(take(/^dmesg/), devices(parseDmesg));
  add(take(/^rocminfo/), devices(parseRocminfo));
  add(take(/^tegrastats/), parseTegrastats);
  add(take(/^numactl/), (text) => {
    const numa = parseNumactl(text);
    return numa === undefined
      ? { devices: [], warnings: [] }
      : {
          devices: [],
          warnings: [],
          coreCount: numa.processorCount,
          memory: { totalBytes: numa.totalBytes, availableBytes: numa.freeBytes, source: "numactl" },
          topology: { numaNodeCount: numa.numaNodeCount, socketCount: numa.socketCount },
        };
  });
  add(take(/^system_profiler-SPMemory/), (text) => {
    const { totalBytes, memoryType } = parseMemoryListing(text);
    return {
      devices: [],
      warnings: [],
      memory:
        totalBytes === undefined ? undefined : { totalBytes, availableBytes: undefined, source: "system_profiler" },
      memoryModules: {
        memoryType,
        configuredMegatransfers: undefined,
        populatedCount: 1,
        slotCount: undefined,
        channelCount: undefined,
        soldered: true,
      },
    };
  });
  add(take(/^xpu-smi/), devices(parseXpuSmi));
  const nodes = [...files].filter(([, text]) => /^gfx_target_version \d/m.test(text));
  const banks = [...files].filter(([, text]) => /^heap_type \d/m.test(text));
  // a bank is its node's by the number in its name; a listing of all nodes has both in one file
  const kfd = nodes.flatMap(([name, text]) => {
    const own = banks
      .filter(([bank]) => /\d+/.exec(bank)?.[0] === /\d+/.exec(name)?.[0] || nodes.length === 1)
      .map(([, bank]) => bank);
    return text
      .split(/(?=^cpu_cores_count )/m)
      .flatMap(
        (part) => parseKfdNode(part, /^heap_type/m.test(part) ? part.split(/(?=^heap_type)/m).slice(1) : own) ?? [],
      );
  });
  for (const [name] of [...nodes, ...banks]) take(new RegExp(`^${name.replaceAll(".", "\\.")}$`));
  if (kfd.length > 0) given.push({ devices: kfd, warnings: [] });
  add(take(/^gpuinfo/), (text) => {
    const { devices: found, memoryBytes } = parseGpuDescription(text);
    return {
      devices: found,
      warnings: [],
      memory:
        memoryBytes === undefined
          ? undefined
          : { totalBytes: memoryBytes, availableBytes: undefined, source: "gpuinfo" },
    };
  });
  add(take(/^sycl-ls/), (text) => {
    const { devices: found, cpuModel } = parseSyclLs(text);
    return { devices: found, warnings: [], cpuModel };
  });
  const ids = take(/^pnpdeviceid/);
  const displays = take(/^systeminformation-(graphics|\d)/);
  if (displays !== undefined && ids === undefined) {
    const json: unknown = JSON.parse(displays);
    const list = Array.isArray(json)
      ? json
      : typeof json === "object" && json !== null && "controllers" in json && Array.isArray(json.controllers)
        ? json.controllers
        : [];
    given.push({
      devices: namedDisplays(
        list.map((row) => ({
          vendor: String(row.vendor ?? ""),
          model: String(row.model ?? ""),
          bus: String(row.bus ?? ""),
          vram: row.vram,
          vramDynamic: row.vramDynamic,
        })),
        isApple(files) || /Radeon Pro|"built-in"/i.test(displays) ? "darwin" : "win32",
      ),
      warnings: [],
    });
  }
  return given;
}

/** Facts that the captured files need and do not hold. */
function presume(
  files: Map<string, string>,
  expected: Expectation,
  catalog: HardwareCatalog,
  premises: string[],
): void {
  const wanted = expected.gpus?.[0];
  const entry = catalog.named(wanted?.canonical ?? wanted?.name ?? "")[0];
  const sysfs = [...files.keys()].some((name) => SYSFS.test(name));
  const id = entry?.row.pciIds?.[0]?.split(":");
  if (sysfs && !files.has("device") && !files.has("uevent") && id !== undefined) {
    premises.push("whose memory files these are");
    files.set("vendor", `0x${id[0]}\n`);
    files.set("device", `0x${id[1]}\n`);
    files.set("revision", `0x${id[2] ?? "00"}\n`);
  }
  const clinfo = files.get("clinfo.txt");
  if (clinfo !== undefined && !/Device/.test(clinfo) && typeof wanted?.name === "string") {
    premises.push("the device of a memory size");
    files.set("clinfo.txt", `  Device Name                                     ${wanted.name}\n${clinfo}`);
  }
  const vulkan = [...files].find(([name, text]) => /^vulkaninfo/.test(name) && !text.includes("deviceName"));
  if (vulkan !== undefined && typeof wanted?.name === "string") {
    premises.push("the device of a memory heap");
    files.set(
      vulkan[0],
      `GPU0:\n\tdeviceName = ${wanted.name}\n\tdeviceType = PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU\n${vulkan[1]}`,
    );
  }
}

/** Everything in its place. `env` and `replaced` change the machine for a further look at it. */
export function machineOf(
  captured: Files,
  expected: Expectation,
  catalog: HardwareCatalog,
  changed: { readonly env?: Readonly<Record<string, string>> } = {},
): Machine {
  const premises: string[] = [];
  const files = notes(captured);
  presume(files, expected, catalog, premises);
  const read = new Set<string>();
  const take = (pattern: RegExp): string | undefined => {
    const found = [...files].filter(([name]) => pattern.test(name));
    for (const [name] of found) read.add(name);
    return found.length === 0 ? undefined : found.map(([, text]) => text).join("\n");
  };
  const placed: Record<string, string> = {};
  const place = (pattern: RegExp, path: (name: string) => string): void => {
    for (const [name, text] of files) {
      if (!pattern.test(name)) continue;
      placed[path(name)] = text;
      read.add(name);
    }
  };
  const given = givenSightings(files, take);
  place(SYSFS, (name) => (name.startsWith("tile") ? `${CARD}/${name.replace("_", "/")}` : `${CARD}/${name}`));
  place(CGROUP2, (name) => `/sys/fs/cgroup/task/${name}`);
  place(CGROUP1, (name) => `/sys/fs/cgroup/memory/task/${name}`);
  if ([...files.keys()].some((name) => CGROUP2.test(name))) placed["/proc/self/cgroup"] = "0::/task\n";
  if ([...files.keys()].some((name) => CGROUP1.test(name))) placed["/proc/self/cgroup"] = "4:memory:/task\n";
  if (files.has("memory.stat"))
    place(
      /^memory\.stat$/,
      () =>
        `${placed["/proc/self/cgroup"]?.startsWith("0") === true ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"}/task/memory.stat`,
    );
  place(/^proc-(meminfo|cpuinfo|version|loadavg)(\.txt)?$/, (name) => `/proc/${/^proc-(\w+)/.exec(name)?.[1]}`);
  place(/^proc-self-cgroup/, () => "/proc/self/cgroup");
  place(
    /^proc-device-tree-(compatible|model)/,
    (name) => `/proc/device-tree/${/^proc-device-tree-(\w+)/.exec(name)?.[1]}`,
  );
  place(/^cmdline/, () => "/proc/cmdline");
  const shell = `${take(/^shell/) ?? ""}\n${take(/^ls-dev/) ?? ""}`;
  if (/^crw\S*.*$/m.test(shell) && shell.includes("/dev/dxg")) placed["/dev/dxg"] = "";
  for (const match of shell.matchAll(/^crw\S* .*?(\/dev\/nvidia\d+)$/gm)) placed[match[1] ?? ""] = "";
  const apple = isApple(captured) || isApple(files);
  const windows = isWindows(files);
  const wantsLinux =
    Object.keys(placed).some(
      (path) =>
        path.startsWith("/proc/self/cgroup") || path.startsWith("/dev/") || path.startsWith("/proc/device-tree"),
    ) ||
    files.has("lscpu.txt") ||
    expected.wsl === true;
  const ramGiven = given.some(({ memory }) => memory !== undefined);
  const ram = Number(
    files.get("premise-ram") ?? expected.memory_total_bytes ?? expected.physical_ram_bytes ?? 128 * GIB,
  );
  if (wantsLinux && placed["/proc/meminfo"] === undefined && !ramGiven)
    placed["/proc/meminfo"] =
      `MemTotal: ${ram / KIB} kB\nMemFree: 1000 kB\nMemAvailable: ${Math.floor((ram * 0.9) / KIB)} kB\n`;
  if (
    expected.wsl === true &&
    placed["/dev/dxg"] === undefined &&
    !files.has("lspci.txt") &&
    placed["/proc/version"] === undefined
  ) {
    premises.push("a kernel of WSL2");
    placed["/proc/version"] = "Linux version 5.15.167.4-microsoft-standard-WSL2";
  }
  const sysctl = take(/^sysctl/);
  const appleRam =
    sysctl !== undefined && /hw\.memsize/.test(sysctl)
      ? ""
      : files.has("system_profiler-SPHardwareDataType.txt")
        ? undefined
        : `hw.memsize: ${ramGiven ? given.find(({ memory }) => memory !== undefined)?.memory?.totalBytes : ram}\n`;
  if (appleRam !== undefined && appleRam !== "" && expected.memory_total_bytes !== undefined && !ramGiven)
    premises.push("the size of the RAM");
  const intelMac = /"sppci_model"\s*:\s*"(Intel|AMD|Radeon|NVIDIA)|Chipset Model: (Intel|AMD|Radeon|NVIDIA)/.test(
    [...files.values()].join("\n"),
  );
  const engine = take(/^(ggml_|llama-(list|log)|recommendedMax)/);
  const smi = nvidiaSmi(files, expected, premises);
  take(/^(nvidia-smi|exit_code|fields|cards|sources|facts|llmfit-line|free-h)/);
  const registry = take(/^reg-query/);
  const answer = (file: string, args: readonly string[]): ExecResult | undefined => {
    const text = (pattern: RegExp): ExecResult | undefined => {
      const found = take(pattern);
      return found === undefined ? undefined : exited(found);
    };
    switch (file) {
      case "nvidia-smi":
        return smi?.(args);
      case "rocm-smi":
        return text(/^rocm-smi(?!\.stderr).*\.(json|txt)$/);
      case "amd-smi":
        return text(/^amd-smi/);
      case "lspci":
        return exitedOr(shortest(files, /^lspci/));
      case "vulkaninfo":
        return text(/^vulkaninfo/);
      case "clinfo":
        return text(/^clinfo/);
      case "npu-smi":
        return text(/^npu-smi/);
      case "lscpu":
        return text(/^lscpu/);
      case "dmidecode":
        return text(/^dmidecode/);
      case "llama-server":
        return engine === undefined ? undefined : exited("", 0, engine);
      case "reg.exe":
        return registry === undefined ? undefined : exited(registry);
      case "powershell.exe":
        return text(/^(wmic|powershell|cim)/);
      case "sysctl":
        return appleRam === undefined
          ? undefined
          : exited(`${appleRam}${intelMac ? "" : "hw.optional.arm64: 1\n"}${sysctl ?? ""}`);
      case "system_profiler":
        return text(args[0] === "SPHardwareDataType" ? /^system_profiler-SPHardware/ : /^system_profiler-SPDisplays/);
      default:
        return undefined;
    }
  };
  const env = Object.fromEntries(
    (take(/^env/) ?? "").split("\n").flatMap((line) => {
      const match = /^(?:export )?(\w+)=(.*)$/.exec(line.trim());
      return match === null ? [] : [[match[1] ?? "", match[2] ?? ""]];
    }),
  );
  const base = fakeWorld({
    files: placed,
    env: { ...env, ...changed.env },
    platform: apple ? "darwin" : windows ? "win32" : "linux",
    arch: apple && !intelMac ? "arm64" : "x64",
    system: {
      cpuModel: "",
      physicalCoreCount: 8,
      osName: "",
      memoryTotalBytes: ram,
      memoryFreeBytes: Math.floor(ram * 0.9),
    },
  });
  // both texts that show Vulkan's full listing and its summary are one command's
  const vulkan = [...files]
    .filter(([name]) => /^vulkaninfo/.test(name))
    .map(([, text]) => text)
    .join("\n");
  const more: Sighting[] = [
    ...given,
    ...(vulkan === "" ? [] : [{ devices: parseVulkaninfo(vulkan), warnings: [] }]),
    ...amdGiven(files),
  ];
  for (const name of files.keys())
    if (
      /^(vulkaninfo|clinfo|lspci|rocm-smi|amd-smi|npu-smi|lscpu|dmidecode|system_profiler|wmic|powershell|cim|systeminformation|radeontop|llama-note|result|premise)/.test(
        name,
      )
    )
      read.add(name);
  return {
    world: { ...base, exec: async (file, args) => answer(file, args) ?? { outcome: "not-found" } },
    given: more,
    premises,
    unread: [...files.keys()].filter((name) => !read.has(name)),
  };
}

/** Several listings of one tool are of several machines: the one with the plainest name is this one's. */
function shortest(files: Files, pattern: RegExp): string | undefined {
  return [...files].filter(([name]) => pattern.test(name)).sort(([a], [b]) => a.length - b.length)[0]?.[1];
}

const exitedOr = (text: string | undefined): ExecResult | undefined => (text === undefined ? undefined : exited(text));

/** AMD's tools beside the kernel's files are not asked; a capture that has both is read with both. */
function amdGiven(files: Files): Sighting[] {
  const text = files.get("amd-smi-static.txt");
  return text === undefined
    ? []
    : [
        {
          devices: parseAmdSmi(text)
            .slice(0, 1)
            .map((device) => sighted(device)),
          warnings: [],
        },
      ];
}
