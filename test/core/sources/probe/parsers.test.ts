import { describe, expect, it } from "vitest";
import { parseSysctl, parseVmStat } from "../../../../src/core/sources/probe/apple.ts";
import { parseDisplays } from "../../../../src/core/sources/probe/apple-profiler.ts";
import { parseCpuMax, parseLimit, parseSelfCgroup, readCgroup } from "../../../../src/core/sources/probe/cgroup.ts";
import { parseAllowedCount, parseCpuinfo, parseLoad } from "../../../../src/core/sources/probe/cpuinfo.ts";
import { parseDmidecode } from "../../../../src/core/sources/probe/dimms.ts";
import { parseMeminfo } from "../../../../src/core/sources/probe/meminfo.ts";
import { failureOf, parseQuery, pciIdOf } from "../../../../src/core/sources/probe/nvidia-smi.ts";
import { parseList, parseMigTable } from "../../../../src/core/sources/probe/nvidia-text.ts";
import { ollamaEndpoint, parseListening, parseVersion } from "../../../../src/core/sources/probe/runtimes.ts";
import { pciAddressOf } from "../../../../src/core/sources/probe/sighting.ts";
import { visibleIndices } from "../../../../src/core/sources/probe/visibility.ts";
import { GIB, MIB } from "../../../../src/core/units.ts";
import { fakeWorld } from "../../../fake-world.ts";

describe("meminfo", () => {
  it("takes MemAvailable, not MemFree", () => {
    const text =
      "MemTotal:       16384 kB\nMemFree:          100 kB\nMemAvailable:    8192 kB\nCached:          7000 kB\n";
    expect(parseMeminfo(text)).toEqual({ totalBytes: 16 * MIB, availableBytes: 8 * MIB });
  });
  it("adds the cache on old kernels, and refuses what is no meminfo", () => {
    expect(parseMeminfo("MemTotal: 1000 kB\nMemFree: 100 kB\nCached: 200 kB\n")?.availableBytes).toBe(300 * 1024);
    expect(parseMeminfo("")).toBeUndefined();
    expect(parseMeminfo("MemTotal: lots kB")).toBeUndefined();
  });
});

describe("cgroup", () => {
  it.each([
    ["max\n", undefined],
    ["9223372036854771712\n", undefined],
    ["1073741824\n", GIB],
    ["", undefined],
    ["-1", undefined],
  ])("limit %j is %s", (text, bytes) => {
    expect(parseLimit(text)).toBe(bytes);
  });
  it("reads quotas and paths", () => {
    expect(parseCpuMax("150000 100000\n")).toBe(1.5);
    expect(parseCpuMax("max 100000\n")).toBeUndefined();
    expect(parseSelfCgroup("0::/user.slice/a\n")).toEqual({ version: 2, path: "/user.slice/a" });
    expect(parseSelfCgroup("5:cpu:/x\n4:memory:/docker/abc\n0::/\n")).toEqual({ version: 1, path: "/docker/abc" });
  });
  it("takes the smallest limit on the way to the root, without the page cache", async () => {
    const world = fakeWorld({
      files: {
        "/proc/self/cgroup": "0::/pod/task\n",
        "/sys/fs/cgroup/pod/task/memory.max": "max\n",
        "/sys/fs/cgroup/pod/memory.max": `${8 * GIB}\n`,
        "/sys/fs/cgroup/pod/memory.high": `${6 * GIB}\n`,
        "/sys/fs/cgroup/pod/memory.current": `${3 * GIB}\n`,
        "/sys/fs/cgroup/pod/memory.stat": `anon 5\ninactive_file ${GIB}\n`,
        "/sys/fs/cgroup/pod/cpu.max": "250000 100000\n",
      },
    });
    expect(await readCgroup(world)).toEqual({
      memory: { limitBytes: 6 * GIB, usedBytes: 2 * GIB, path: "/sys/fs/cgroup/pod" },
      cpuQuota: 2.5,
    });
  });
});

describe("cpuinfo", () => {
  const processor = (id: number, core: number): string =>
    `processor\t: ${id}\nmodel name\t: Example CPU @ 3.0GHz\nphysical id\t: 0\ncore id\t\t: ${core}\nflags\t\t: sse4_2 avx avx2 fma avx512f avx512_vnni\n`;
  it("counts cores, not threads", () => {
    const cpu = parseCpuinfo([processor(0, 0), processor(1, 0), processor(2, 1), processor(3, 1)].join("\n"));
    expect(cpu).toMatchObject({ model: "Example CPU @ 3.0GHz", physicalCoreCount: 2, logicalCount: 4 });
    expect(cpu.isa).toEqual(["sse4.2", "avx", "avx2", "fma", "avx512", "avx512-vnni"]);
  });
  it("reads ARM and RISC-V, which name neither model nor core", () => {
    const arm =
      "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n\nprocessor\t: 1\nFeatures\t: fp asimd asimddp i8mm\n";
    expect(parseCpuinfo(arm)).toEqual({
      model: undefined,
      physicalCoreCount: 2,
      logicalCount: 2,
      isa: ["neon", "dotprod", "i8mm"],
    });
    expect(parseCpuinfo("processor\t: 0\nisa\t: rv64imafdcv_zicsr\n").isa).toEqual(["rvv"]);
    expect(parseCpuinfo("")).toMatchObject({ physicalCoreCount: 1, isa: [] });
  });
  it("counts the processors it may use, and the load", () => {
    expect(parseAllowedCount("Name:\tx\nCpus_allowed_list:\t0-3,8\n")).toBe(5);
    expect(parseLoad("3.00 1.00 0.5 1/200 77", 4)).toBe(0.75);
    expect(parseLoad("99.0 1 1", 4)).toBe(1);
  });
});

describe("dmidecode", () => {
  const module = (locator: string, bank: string, size: string, speed: string, width = "64 bits"): string =>
    `Handle 0x0001, DMI type 17, 92 bytes\nMemory Device\n\tTotal Width: 72 bits\n\tData Width: ${width}\n\tSize: ${size}\n\tLocator: ${locator}\n\tBank Locator: ${bank}\n\tType: DDR5\n\tSpeed: 6000 MT/s\n\tConfigured Memory Speed: ${speed}\n`;
  it("multiplies the configured speed by the distinct channels", () => {
    const text = [
      module("DIMM 0", "P0 CHANNEL A", "16 GB", "4800 MT/s"),
      module("DIMM 1", "P0 CHANNEL A", "16 GB", "4800 MT/s"),
      module("DIMM 0", "P0 CHANNEL B", "16 GiB", "4800 MT/s"),
      module("DIMM 1", "P0 CHANNEL B", "No Module Installed", "Unknown"),
    ].join("\n");
    expect(parseDmidecode(text)).toMatchObject({
      populatedCount: 3,
      channelCount: 2,
      configuredMegatransfers: 4800,
      bandwidthBytesPerSecond: 76.8e9,
    });
  });
  it("guesses nothing in a guest", () => {
    expect(
      parseDmidecode(module("RAM slot #0", "RAM slot #0", "4096 MB", "Unknown")).bandwidthBytesPerSecond,
    ).toBeUndefined();
    expect(parseDmidecode("# dmidecode 3.5\n/dev/mem: Permission denied\n")).toMatchObject({
      populatedCount: 0,
      bandwidthBytesPerSecond: undefined,
    });
  });
});

describe("nvidia-smi", () => {
  it("reads rows with and without header and units, and drops missing values and messages", () => {
    const fields = ["name", "memory.total", "driver_version"];
    expect(parseQuery("NVIDIA GB10, [N/A], 580.1\n", fields)[0]?.has("memory.total")).toBe(false);
    expect(
      parseQuery("name, memory.total [MiB], driver_version\nNVIDIA X, 24564 MiB, 550.1\n", fields)[0]?.get(
        "memory.total",
      ),
    ).toBe("24564 MiB");
    expect(
      parseQuery("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", fields),
    ).toEqual([]);
  });
  it("normalises addresses and ids", () => {
    expect(pciAddressOf("00000000:01:00.0")).toBe("0000:01:00.0");
    expect(pciAddressOf("0000:0A:00.0")).toBe("0000:0a:00.0");
    expect(pciAddressOf("[N/A]")).toBeUndefined();
    expect(pciIdOf("0x268410DE")).toBe("10de:2684");
  });
  it.each([
    [9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "driver-unreachable"],
    [6, "No devices were found", "no-devices"],
    [18, "Failed to initialize NVML: Driver/library version mismatch", "driver-broken"],
    [2, 'Field "compute_cap" is not a valid field to query.', "unknown-field"],
    [255, "Unable to determine the device handle for GPU0000:07:00.0: Unknown Error", "gpu-error"],
    [1, "?", "failed"],
  ])("exit %i, %j is %s", (code, text, failure) => {
    expect(failureOf(code, text)).toBe(failure);
  });
  it("reads MIG slices and their sizes", () => {
    const list =
      "GPU 0: NVIDIA X (UUID: GPU-1)\n  MIG 3g.40gb     Device  0: (UUID: MIG-a)\n  MIG 1g.10gb     Device  1: (UUID: MIG-b)\nGPU 1: NVIDIA X (UUID: GPU-2)\n";
    expect(parseList(list).slices).toEqual([
      { gpuIndex: 0, profile: "3g.40gb", uuid: "MIG-a" },
      { gpuIndex: 0, profile: "1g.10gb", uuid: "MIG-b" },
    ]);
    const table =
      "|  0    2   0   0  |              26MiB / 40448MiB    | 60      0 |  3   0    3    0    3 |\n|                  |               0MiB / 24739MiB    |           |          |\n";
    expect(parseMigTable(table)).toEqual([{ gpuIndex: 0, usedBytes: 26 * MIB, totalBytes: 40448 * MIB }]);
  });
});

describe("visibility", () => {
  const uuids = ["GPU-aaa", "GPU-bbb", "MIG-ccc"];
  it.each([
    [undefined, undefined],
    ["all", undefined],
    ["0,1", [0, 1]],
    ["2,0", [2, 0]],
    ["0,7,1", [0]],
    ["-1", []],
    ["", []],
    ["NoDevFiles", []],
    ["GPU-bbb", [1]],
    ["MIG-c", [2]],
    ["1,1", [1]],
  ])("%j shows %j", (value, shown) => {
    expect(visibleIndices(value, uuids)).toEqual(shown);
  });
});

describe("macOS", () => {
  it("reads sysctl with keys missing", () => {
    const text =
      "hw.memsize: 38654705664\nhw.physicalcpu: 14\nhw.optional.arm64: 1\nmachdep.cpu.brand_string: Apple M3 Max\niogpu.wired_limit_mb: 0\n";
    expect(parseSysctl(text)).toEqual({
      cpuModel: "Apple M3 Max",
      physicalCoreCount: 14,
      memoryBytes: 36 * GIB,
      wiredLimitBytes: undefined,
      arm: true,
    });
    expect(parseSysctl("iogpu.wired_limit_mb: 32768\nhw.memsize: 38654705664\n")?.wiredLimitBytes).toBe(32 * GIB);
    expect(parseSysctl("sysctl: unknown oid")).toBeUndefined();
  });
  it("reads GPU cores after stray log lines, and free pages", () => {
    expect(
      parseDisplays(
        '2026-01-01 system_profiler[1] log\n{ "SPDisplaysDataType" : [ { "sppci_model" : "Apple M9 Max", "sppci_cores" : "30" } ] }',
      )[0],
    ).toMatchObject({ gpuCoreCount: 30, unified: true });
    expect(
      parseVmStat(
        "Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free:    100.\nPages active:   5.\nPages inactive:  50.\nPages speculative: 1.\n",
      ),
    ).toBe(151 * 16384);
  });
});

describe("runtimes", () => {
  it("finds versions, endpoints and listening ports", () => {
    expect(parseVersion("ollama version is 0.17.4")).toBe("0.17.4");
    expect(parseVersion("version: 4567 (abcdef0)")).toBe("4567");
    expect(parseVersion("")).toBeUndefined();
    expect(ollamaEndpoint("0.0.0.0")).toBe("http://127.0.0.1:11434");
    expect(ollamaEndpoint("https://box:443/")).toBe("https://box:443");
    expect(ollamaEndpoint("not a host!")).toBeUndefined();
    const table =
      "  sl  local_address rem_address   st\n   0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000\n   1: 0100007F:0016 0100007F:9999 01 0:0\n";
    expect(parseListening([table, undefined])).toEqual(new Set([11434]));
    expect(parseListening([undefined])).toBeUndefined();
  });
});
