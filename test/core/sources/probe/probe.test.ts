import { describe, expect, it } from "vitest";
import { hardwareOf } from "../../../../src/core/sources/probe/hardware-of.ts";
import { probe } from "../../../../src/core/sources/probe/probe.ts";
import type { ExecResult } from "../../../../src/core/sources/world.ts";
import { GIB, MIB } from "../../../../src/core/units.ts";
import { type FakeMachine, fakeWorld } from "../../../fake-world.ts";

const meminfo = (totalGiB: number, availableGiB: number): string =>
  `MemTotal: ${totalGiB * 1024 * 1024} kB\nMemFree: 1024 kB\nMemAvailable: ${availableGiB * 1024 * 1024} kB\n`;
const proc = {
  "/proc/meminfo": meminfo(64, 48),
  "/proc/cpuinfo": "processor : 0\nmodel name : Some CPU\ncore id : 0\nphysical id : 0\nflags : avx2\n",
};
const failing = (exitCode: number, stdout: string): ExecResult => ({ outcome: "exited", exitCode, stdout, stderr: "" });

const IDENTITY =
  "nvidia-smi --query-gpu=index,name,uuid,pci.bus_id,pci.device_id,memory.total,memory.used,memory.free,driver_version";
const DETAILS =
  "nvidia-smi --query-gpu=pci.bus_id,memory.reserved,compute_cap,mig.mode.current,addressing_mode,clocks.max.memory,pcie.link.gen.max,pcie.link.width.max";
const MINIMAL = "nvidia-smi --query-gpu=index,name,uuid,pci.bus_id,memory.total,memory.free,driver_version";

/** Columns that matter here, by a header as nvidia-smi prints one. */
const headed = (header: string, rows: string | ExecResult): string | ExecResult =>
  typeof rows === "string" ? `${header}\n${rows}` : rows;

/** Commands are looked up by their beginning, and these end with the format option. */
const smi = (identity: string | ExecResult, details: string | ExecResult): NonNullable<FakeMachine["commands"]> => ({
  [IDENTITY]: headed(
    "index, name, uuid, pci.bus_id, pci.device_id, memory.total [MiB], memory.free [MiB], driver_version",
    identity,
  ),
  [DETAILS]: headed(
    "pci.bus_id, memory.reserved [MiB], compute_cap, mig.mode.current, clocks.max.memory [MHz], pcie.link.gen.max, pcie.link.width.max",
    details,
  ),
});
const linux = (machine: FakeMachine): FakeMachine => ({ ...machine, files: { ...proc, ...machine.files } });
const see = (machine: FakeMachine) => probe(fakeWorld(linux(machine)));

describe("NVIDIA", () => {
  const twoCards = smi(
    "0, NVIDIA GeForce RTX 3090, GPU-1, 00000000:01:00.0, 0x220410DE, 24576, 23000, 550.1\n1, NVIDIA GeForce RTX 3060, GPU-2, 00000000:02:00.0, 0x250310DE, 12288, 12000, 550.1\n",
    "00000000:02:00.0, 300, 8.6, [N/A], 7501, 4, 16\n00000000:01:00.0, 320, 8.6, [N/A], 9751, 4, 16\n",
  );
  it("joins its two queries by PCI address, memory from the driver, bandwidth from the catalog", async () => {
    const { devices, links, host } = await see({ commands: twoCards });
    expect(devices.map((device) => device.catalogId)).toEqual(["rtx-3090", "rtx-3060"]);
    expect(devices[0]).toMatchObject({
      memoryTotalBytes: { value: 24576 * MIB, evidence: "reported" },
      memoryFreeBytes: { value: 23000 * MIB },
      memoryUsableBytes: { value: 24256 * MIB, evidence: "reported" },
      heldByOthersBytes: 1256 * MIB,
      bandwidthBytesPerSecond: { value: 936e9, evidence: "catalog" },
      computeCapability: "8.6",
      pciAddress: "0000:01:00.0",
    });
    expect(links[0]?.bytesPerSecond).toMatchObject({ value: 31.504e9, evidence: "reported" });
    expect(host).toMatchObject({
      ramTotalBytes: { value: 64 * GIB },
      ramAvailableBytes: { value: 48 * GIB },
      cpuModel: "Some CPU",
    });
  });
  it("plans with free memory now and with the driver's share when idle", async () => {
    const result = await see({ commands: twoCards });
    expect(hardwareOf(result, "now").devices[0]?.memoryUsableBytes.value).toBe(23000 * MIB);
    expect(hardwareOf(result, "idle").devices[0]?.memoryUsableBytes.value).toBe(24256 * MIB);
    expect(hardwareOf(result, "idle").host.ramAvailableBytes.value).toBeGreaterThan(48 * GIB);
  });
  it("marks what the environment hides, and plans without it", async () => {
    const result = await see({ commands: twoCards, env: { CUDA_VISIBLE_DEVICES: "1" } });
    expect(result.devices.map((device) => device.visible)).toEqual([false, true]);
    expect(hardwareOf(result, "now").devices.map((device) => device.id)).toEqual(["rtx-3060"]);
  });
  it("lists cards in CUDA's order, the fastest first, unless the environment asks for the bus's", async () => {
    const rows = ["3080", "5090", "3080"]
      .map((model, i) => `${i}, NVIDIA GeForce RTX ${model}, GPU-${i}, 00000000:0${i}:00.0, [N/A], 10240, 10000, 580`)
      .join("\n");
    const details = [0, 1, 2].map((i) => `00000000:0${i}:00.0, 300, 8.6, [N/A], 9501, 4, 16`).join("\n");
    const order = async (env: Record<string, string>): Promise<(string | undefined)[]> =>
      (await see({ env, commands: smi(rows, details) })).devices.map((device) => device.pciAddress?.slice(5, 7));
    expect(await order({})).toEqual(["01", "00", "02"]);
    expect(await order({ CUDA_DEVICE_ORDER: "PCI_BUS_ID" })).toEqual(["00", "01", "02"]);
  });
  it("keeps a modified card's identity and its real memory", async () => {
    const { devices } = await see({
      commands: smi(
        "0, NVIDIA GeForce RTX 4090, GPU-1, 00000000:01:00.0, 0x268410DE, 49140, 48500, 570.1\n",
        failing(2, ""),
      ),
    });
    expect(devices[0]).toMatchObject({
      catalogId: "rtx-4090",
      memoryTotalBytes: { value: 49140 * MIB },
      bandwidthBytesPerSecond: { value: 1008e9 },
    });
  });
  it.each([
    ["NVIDIA GeForce GTX 1650", 4096, "4001", "gtx-1650"],
    ["NVIDIA GeForce GTX 1650", 4096, "6001", "gtx-1650-gddr6"],
    ["NVIDIA GeForce RTX 3060", 8192, "7501", "rtx-3060-8gb"],
    ["NVIDIA GeForce RTX 3060 Ti", 8192, "9501", "rtx-3060-ti-gddr6x"],
    ["NVIDIA GeForce RTX 3080", 12288, "9501", "rtx-3080-12gb"],
    ["NVIDIA GeForce RTX 5090 Laptop GPU", 24463, "14001", "rtx-5090-laptop"],
  ])("tells variants of one name apart (%s, %i MiB, %s MHz)", async (name, mebibytes, clock, id) => {
    const { devices } = await see({
      commands: smi(
        `0, ${name}, GPU-1, 00000000:01:00.0, [N/A], ${mebibytes}, ${mebibytes - 300}, 550\n`,
        `00000000:01:00.0, 300, 8.6, [N/A], ${clock}, 4, 16\n`,
      ),
    });
    expect(devices[0]?.catalogId).toBe(id);
  });
  it("gives a part that shares its memory the machine's RAM", async () => {
    const { devices, host } = await see({
      commands: smi(
        "0, NVIDIA GB10, GPU-1, 0000000F:01:00.0, 0x2E1210DE, [N/A], [N/A], 580\n",
        "0000000F:01:00.0, [N/A], 12.1, [N/A], [N/A], 1, 1\n",
      ),
    });
    expect(devices[0]).toMatchObject({
      kind: "unified",
      catalogId: "gb10",
      memoryTotalBytes: { value: 64 * GIB },
      memoryFreeBytes: { value: 48 * GIB },
      linkBytesPerSecond: undefined,
    });
    expect(host.ramBandwidthBytesPerSecond).toMatchObject({ value: 273e9, evidence: "catalog" });
  });
  it("offers MIG slices instead of their card", async () => {
    const { devices } = await see({
      commands: {
        ...smi(
          "0, NVIDIA H100 80GB HBM3, GPU-1, 00000000:09:00.0, 0x233010DE, 81559, 81000, 590\n",
          "00000000:09:00.0, 479, 9.0, Enabled, 2619, 5, 16\n",
        ),
        "nvidia-smi -L":
          "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)\n  MIG 3g.40gb     Device  0: (UUID: MIG-a)\n  MIG 1g.10gb     Device  1: (UUID: MIG-b)\n",
        "nvidia-smi":
          "|  0    2   0   0  |   26MiB / 40448MiB    | 60 |\n|  0    9   0   1  |    9MiB /  9984MiB    | 16 |\n",
      },
    });
    expect(devices.map((device) => device.memoryTotalBytes.value / MIB)).toEqual([40448, 9984]);
    expect(devices[0]?.catalogId).toBe("h100-sxm");
    expect(devices[0]?.bandwidthBytesPerSecond.value).toBeLessThan(2000e9);
  });
  it("retries with the fields that every driver knows", async () => {
    const old = failing(2, 'Field "pci.device_id" is not a valid field to query.');
    const { devices } = await see({
      commands: { ...smi(old, old), [MINIMAL]: "0, Tesla P40, GPU-1, 00000000:01:00.0, 24576, 24300, 390\n" },
    });
    expect(devices[0]).toMatchObject({ catalogId: "p40", memoryTotalBytes: { value: 24576 * MIB } });
  });
  it.each<[ExecResult, RegExp]>([
    [
      failing(9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."),
      /cannot reach the NVIDIA driver/,
    ],
    [failing(6, "No devices were found"), /none is allocated/],
    [failing(18, "Failed to initialize NVML: Driver/library version mismatch"), /reboot/],
    [{ outcome: "timed-out", stdout: "", stderr: "" }, /hangs/],
  ])("reports %j as a warning", async (result, message) => {
    const { devices, warnings } = await see({ commands: { "nvidia-smi": result } });
    expect(devices).toEqual([]);
    expect(warnings.join(" ")).toMatch(message);
  });
  it("keeps the GPUs that answer when one is dead", async () => {
    const dead = failing(255, "Unable to determine the device handle for GPU0000:07:00.0: Unknown Error");
    const { devices, warnings } = await see({
      files: {
        "/proc/driver/nvidia/gpus/0000:01:00.0/information": "",
        "/proc/driver/nvidia/gpus/0000:07:00.0/information": "",
      },
      commands: {
        ...smi(dead, dead),
        "nvidia-smi -i 0": "0, NVIDIA GeForce RTX 3090, GPU-1, 00000000:01:00.0, 24576, 24000, 550\n",
        "nvidia-smi -i 1": dead,
      },
    });
    expect(devices.map((device) => [device.catalogId, device.pciAddress, device.visible])).toEqual([
      ["rtx-3090", "0000:01:00.0", true],
      [undefined, "0000:07:00.0", false],
    ]);
    expect(warnings.join(" ")).toMatch(/does not answer/);
  });
  it("does not name a device that is cut off, and says what it assumes for an unknown one", async () => {
    const { devices, warnings } = await see({
      commands: smi(
        "0, NVIDIA Example 9999, GPU-1, 00000000:01:00.0, 0xFFFF10DE, 49152, 48000, 600\n",
        "00000000:01:00.0, 500, 12.0, [N/A], 14001, 5, 16\n",
      ),
    });
    expect(devices[0]).toMatchObject({
      catalogId: undefined,
      family: "nvidia-blackwell",
      bandwidthBytesPerSecond: { evidence: "assumed" },
    });
    expect(warnings.join(" ")).toMatch(/not in the hardware catalog/);
  });
});

describe("AMD and Intel on Linux", () => {
  const card = (n: number, files: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`/sys/class/drm/card${n}/device/${name}`, text]));
  it("tells cards of one device id apart by revision", async () => {
    const { devices } = await see({
      files: card(1, {
        vendor: "0x1002\n",
        device: "0x744c\n",
        revision: "0xc8\n",
        mem_info_vram_total: "25753026560\n",
        mem_info_vram_used: "1073741824\n",
        uevent: "DRIVER=amdgpu\nPCI_ID=1002:744C\nPCI_SLOT_NAME=0000:03:00.0\n",
      }),
    });
    expect(devices[0]).toMatchObject({
      catalogId: "rx-7900-xtx",
      name: "AMD Radeon RX 7900 XTX",
      kind: "gpu",
      memoryTotalBytes: { value: 25753026560 },
      memoryFreeBytes: { value: 24679284736 },
      pciAddress: "0000:03:00.0",
    });
  });
  it("takes what a chip may map of the RAM, not its carve-out, and not more than the system can spare", async () => {
    const files = card(0, {
      vendor: "0x1002",
      device: "0x1586",
      revision: "0xc1",
      mem_info_vram_total: "536870912",
      mem_info_vram_used: "0",
      mem_info_gtt_total: String(60 * GIB),
      uevent: "",
    });
    const { devices } = await see({ files });
    expect(devices[0]).toMatchObject({
      catalogId: "radeon-8060s",
      kind: "unified",
      memoryTotalBytes: { value: 60 * GIB },
    });
    expect(devices[0]?.memoryUsableBytes.value).toBeLessThan(60 * GIB);
    expect(devices[0]?.memoryUsableBytes.value).toBeGreaterThan(55 * GIB);
    expect(devices[0]?.memoryFreeBytes.value).toBe(48 * GIB);
  });
  it("reads both of Intel's drivers, and leaves a processor's graphics out beside a card", async () => {
    const result = await see({
      files: {
        ...card(0, {
          vendor: "0x8086",
          device: "0x56a0",
          revision: "0x08",
          lmem_total_bytes: String(16 * GIB),
          uevent: "PCI_SLOT_NAME=0000:03:00.0\n",
        }),
        ...card(1, { vendor: "0x8086", device: "0x4680", revision: "0x0c", uevent: "PCI_SLOT_NAME=0000:00:02.0\n" }),
      },
    });
    expect(result.devices.map((device) => device.kind)).toEqual(["unified", "gpu"]);
    const { devices } = hardwareOf(result, "idle");
    expect(devices).toHaveLength(1);
    expect(devices[0]).toMatchObject({ kind: "gpu", memoryTotalBytes: { value: 16 * GIB } });
  });
  it("ignores cards of a management controller", async () => {
    expect((await see({ files: card(0, { vendor: "0x1a03", device: "0x2000", uevent: "" }) })).devices).toEqual([]);
  });
});

describe("macOS", () => {
  it("selects the chip by its GPU cores and honours the wired limit", async () => {
    const { devices, host } = await probe(
      fakeWorld({
        platform: "darwin",
        arch: "x64",
        commands: {
          sysctl:
            "hw.memsize: 38654705664\nhw.physicalcpu: 14\nhw.optional.arm64: 1\nmachdep.cpu.brand_string: Apple M3 Max\niogpu.wired_limit_mb: 30720\n",
          system_profiler: '{"SPDisplaysDataType":[{"sppci_cores":"30"}]}',
          vm_stat:
            "Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free:    524288.\nPages inactive:  524288.\nPages speculative: 0.\n",
        },
      }),
    );
    expect(devices[0]).toMatchObject({
      catalogId: "m3-max-30c",
      kind: "unified",
      memoryUsableBytes: { value: 30 * GIB, evidence: "reported" },
      memoryFreeBytes: { value: 16 * GIB },
    });
    expect(host).toMatchObject({
      arch: "arm64",
      physicalCoreCount: { value: 14 },
      ramBandwidthBytesPerSecond: { value: 300e9 },
    });
  });
});

describe("Windows", () => {
  const key = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}";
  const values = (name: string, rows: readonly (readonly [string, string])[]): string =>
    rows.map(([adapter, value]) => `${key}\\${adapter}\r\n    ${name}    ${value}\r\n`).join("\r\n");
  const query =
    "reg.exe query HKLM\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318} /s /v";
  const system = {
    cpuModel: "Some CPU",
    physicalCoreCount: 8,
    osName: "Windows",
    memoryTotalBytes: 32 * GIB,
    memoryFreeBytes: 20 * GIB,
  };
  it("joins the registry's values by adapter and drops virtual displays", async () => {
    const { devices } = await probe(
      fakeWorld({
        platform: "win32",
        system,
        commands: {
          [`${query} DriverDesc`]: values("DriverDesc", [
            ["0000", "REG_SZ    Virtual Desktop Monitor"],
            ["0001", "REG_SZ    Some Display"],
            ["0002", "REG_SZ    AMD Radeon RX 7900 XTX"],
            ["0003", "REG_SZ    AMD Radeon(TM) 780M Graphics"],
          ]),
          [`${query} MatchingDeviceId`]: values("MatchingDeviceId", [
            ["0001", "REG_SZ    root\\somedisplay"],
            ["0002", "REG_SZ    PCI\\VEN_1002&DEV_744C&REV_C8"],
          ]),
          [`${query} HardwareInformation.qwMemorySize`]: values("HardwareInformation.qwMemorySize", [
            ["0002", "REG_QWORD    0x5fec00000"],
          ]),
        },
      }),
    );
    expect(devices.map((device) => [device.catalogId, device.kind, device.memoryTotalBytes.value])).toEqual([
      ["rx-7900-xtx", "gpu", 0x5fec00000],
      ["radeon-780m", "unified", 32 * GIB],
    ]);
  });
});

describe("hosts", () => {
  it("is bound by a container's limit and processors", async () => {
    const { host } = await see({
      files: {
        "/proc/self/cgroup": "4:memory:/docker/x\n",
        "/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": String(8 * GIB),
        "/sys/fs/cgroup/memory/docker/x/memory.usage_in_bytes": String(3 * GIB),
        "/sys/fs/cgroup/memory/docker/x/memory.stat": `total_inactive_file ${GIB}\n`,
      },
    });
    expect(host).toMatchObject({
      ramTotalBytes: { value: 64 * GIB },
      ramLimitBytes: { value: 8 * GIB },
      ramAvailableBytes: { value: 6 * GIB },
    });
  });
  it("works where nothing is known, and says so", async () => {
    const result = await probe(
      fakeWorld({
        platform: "freebsd",
        system: {
          cpuModel: "Some CPU",
          physicalCoreCount: 4,
          osName: "FreeBSD 15",
          memoryTotalBytes: 8 * GIB,
          memoryFreeBytes: 4 * GIB,
        },
      }),
    );
    expect(result.devices).toEqual([]);
    expect(result.warnings.join(" ")).toMatch(/only known by name on freebsd.*bandwidth is assumed.*No GPU/s);
    expect(hardwareOf(result, "now").host.ramAvailableBytes.value).toBe(4 * GIB);
  });
  it("lists disks, runtimes on the PATH and installed models", async () => {
    const digest = "b".repeat(64);
    const { disks, runtimes, installedModels } = await see({
      env: { PATH: "/usr/bin:/opt/ai" },
      disks: { "/home/user": { totalBytes: 1e12, freeBytes: 4e11 } },
      commands: {
        "/opt/ai/ollama --version":
          "Warning: could not connect to a running Ollama instance\nWarning: client version is 0.17.4\n",
      },
      files: {
        "/opt/ai/ollama": "",
        "/home/user/.ollama/models/manifests/registry.ollama.ai/library/qwen3/8b": JSON.stringify({
          layers: [{ mediaType: "application/vnd.ollama.image.model", digest: `sha256:${digest}`, size: 5225374496 }],
        }),
        "/home/user/.cache/llama.cpp/some-model-Q4_K_M.gguf": "GGUF",
      },
    });
    expect(disks).toEqual([{ path: "/home/user", totalBytes: 1e12, freeBytes: 4e11, kind: undefined }]);
    expect(runtimes).toEqual([
      { name: "ollama", version: "0.17.4", path: "/opt/ai/ollama", endpoint: undefined, running: false },
    ]);
    expect(installedModels.map((model) => [model.runtime, model.name])).toEqual([
      ["ollama", "qwen3:8b"],
      ["llama.cpp", "some-model-Q4_K_M"],
    ]);
  });
});
