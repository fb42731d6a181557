/** Each source's text, composed: what it says of a device, and what it must not be believed. */
import { describe, expect, it } from "vitest";
import { parseAmdSmi, parseDmesg, parseRocminfo, parseRocmSmi } from "../../../../src/core/sources/probe/amd-smi.ts";
import {
  parseDisplays,
  parseGpuDescription,
  parseHardwareOverview,
  parseMemoryListing,
} from "../../../../src/core/sources/probe/apple-profiler.ts";
import { parseNpuSmi } from "../../../../src/core/sources/probe/ascend.ts";
import { parseDeviceTree, parseTegrastats } from "../../../../src/core/sources/probe/boards.ts";
import { cudaNotes } from "../../../../src/core/sources/probe/cuda-floor.ts";
import { parseMounts } from "../../../../src/core/sources/probe/disks.ts";
import { namedDisplays } from "../../../../src/core/sources/probe/displays.ts";
import { parseEngineDevices } from "../../../../src/core/sources/probe/engines.ts";
import { gfxOf, parseKfdNode, withNodes } from "../../../../src/core/sources/probe/kfd.ts";
import { countOfList, parseLscpu, parseNumactl } from "../../../../src/core/sources/probe/lscpu.ts";
import { parseHolders } from "../../../../src/core/sources/probe/nvidia.ts";
import { parseLong, parseTable, parseXml } from "../../../../src/core/sources/probe/nvidia-text.ts";
import { parseOllamaLog } from "../../../../src/core/sources/probe/ollama-log.ts";
import { parseLspci } from "../../../../src/core/sources/probe/pci.ts";
import { probe } from "../../../../src/core/sources/probe/probe.ts";
import { mergeSightings, type SightedDevice, sighted } from "../../../../src/core/sources/probe/sighting.ts";
import { selectedIndices, visibleIndices } from "../../../../src/core/sources/probe/visibility.ts";
import { parseClinfo, parseSyclLs, parseVulkaninfo } from "../../../../src/core/sources/probe/vulkaninfo.ts";
import { parseVideoControllers } from "../../../../src/core/sources/probe/windows.ts";
import { parseXpuSmi } from "../../../../src/core/sources/probe/xpu-smi.ts";
import { GIB, MIB } from "../../../../src/core/units.ts";
import { fakeWorld } from "../../../fake-world.ts";

/** The facts that a row states, of every device. */
const told = <Key extends keyof SightedDevice>(devices: readonly SightedDevice[], ...keys: readonly Key[]) =>
  devices.map((device) => keys.map((key) => device[key]));

describe("nvidia-smi for people", () => {
  const row = (index: number, name: string, bus: string, memory: string): string =>
    `|   ${index}  ${name.padEnd(25)} Off |   ${bus} Off |                  N/A |\n| N/A   43C    P5             10W /   42W | ${memory.padStart(21)} |     42%      Default |\n`;
  it("reads the table's cards and keeps the mark of a cut name", () => {
    const table = `| NVIDIA-SMI 999.1    Driver Version: 999.1   CUDA Version: 19.0 |\n${row(0, "NVIDIA Example 10", "00000000:01:00.0", "10MiB /  1024MiB")}${row(1, "NVIDIA Example Long ...", "00000000:02:00.0", "10MiB /  2048MiB")}${row(2, "Orin (nvgpu)", "N/A", "Not Supported")}`;
    expect(told(parseTable(table), "name", "totalBytes", "unified", "driver")).toEqual([
      ["NVIDIA Example 10", 1024 * MIB, undefined, "999.1"],
      ["NVIDIA Example Long ...", 2048 * MIB, undefined, "999.1"],
      ["Orin (nvgpu)", undefined, true, "999.1"],
    ]);
  });
  it("reads -q by its sections", () => {
    const text =
      "Driver Version                            : 999.1\nGPU 00000000:01:00.0\n    Product Name                          : NVIDIA Example\n    FB Memory Usage\n        Total                             : 1024 MiB\n        Free                              : 1000 MiB\n    BAR1 Memory Usage\n        Total                             : 256 MiB\n    Max Clocks\n        Memory                            : 7001 MHz\n";
    expect(told(parseLong(text), "name", "pciAddress", "totalBytes", "memoryClockMHz")).toEqual([
      ["NVIDIA Example", "0000:01:00.0", 1024 * MIB, 7001],
    ]);
  });
  it("reads -q -x, slices instead of their card", () => {
    const memory = (tag: string, total: number): string =>
      `<${tag}><total>${total} MiB</total><used>10 MiB</used></${tag}>`;
    const gpu = (body: string): string =>
      `<nvidia_smi_log><driver_version>999.1</driver_version><gpu id="00000000:01:00.0"><product_name>NVIDIA Example</product_name>${body}</gpu></nvidia_smi_log>`;
    expect(told(parseXml(gpu(memory("fb_memory_usage", 1024))), "name", "totalBytes", "slice")).toEqual([
      ["NVIDIA Example", 1024 * MIB, undefined],
    ]);
    const slices = `<mig_mode><current_mig>Enabled</current_mig></mig_mode><mig_devices><mig_device><index>0</index>${memory("fb_memory_usage", 512)}</mig_device></mig_devices>${memory("fb_memory_usage", 1024)}`;
    expect(told(parseXml(gpu(slices)), "totalBytes", "slice")).toEqual([
      [512 * MIB, { profile: "slice", cardName: "NVIDIA Example", cardTotalBytes: 1024 * MIB }],
    ]);
  });
  it("reads who holds memory", () => {
    expect(parseHolders("12, /opt/a, b/server, 300\n13, [Not Found], [N/A]\n")).toEqual([
      { processName: "/opt/a, b/server", heldBytes: 300 * MIB },
    ]);
  });
});

describe("AMD's tools", () => {
  it("reads rocm-smi's JSON after warnings, whatever its keys, and refuses hexadecimal names", () => {
    const json =
      'WARNING: something {odd}\n{"card0":{"Card series":"0x1002","GPU ID":"0x744c","VRAM Total Memory (B)":"1000","VRAM Total Used Memory (B)":"400","PCI Bus":"0000:03:00.0"},"system":{}}';
    expect(
      told(parseRocmSmi(json.replace("{odd}", "odd")), "name", "pciId", "totalBytes", "freeBytes", "pciAddress"),
    ).toEqual([["", "1002:744c", 1000, 600, "0000:03:00.0"]]);
    expect(parseRocmSmi("no devices")).toEqual([]);
  });
  it("reads rocm-smi's lines, and a carve-out by what stands beside it", () => {
    const text = `GPU[0]\t\t: VRAM Total Memory (B): ${512 * MIB}\nGPU[0]\t\t: GTT Total Memory (B): ${16 * GIB}\n`;
    expect(told(parseRocmSmi(text), "totalBytes", "mappableBytes", "unified")).toEqual([[512 * MIB, 16 * GIB, true]]);
  });
  it("reads amd-smi as text and as JSON", () => {
    const text =
      "GPU: 0\n    ASIC:\n        MARKET_NAME: Example X\n        DEVICE_ID: 0x744c\n        REV_ID: 0xc8\n    BUS:\n        BDF: 0000:03:00.0\n    VRAM:\n        TYPE: GDDR6\n        SIZE: 24560 MB\n    CACHE_INFO:\n        SIZE: 32 KB\n";
    const json = JSON.stringify({
      gpu_data: [
        {
          gpu: 0,
          asic: { market_name: "Example X", device_id: "0x744c", rev_id: "0xc8" },
          bus: { bdf: "0000:03:00.0" },
          vram: { size: { value: 24560, unit: "MB" } },
        },
      ],
    });
    for (const printed of [text, json])
      expect(told(parseAmdSmi(printed), "name", "pciId", "pciRevision", "pciAddress", "totalBytes")).toEqual([
        ["Example X", "1002:744c", "c8", "0000:03:00.0", 24560 * MIB],
      ]);
  });
  it("reads rocminfo's GPUs and the kernel log's sizes", () => {
    expect(
      told(
        parseRocminfo(
          "  Name:    Some Processor\n  Marketing Name:    Some Processor\n  Name:    gfx1100\n  Marketing Name:    AMD Example\n",
        ),
        "name",
        "gfx",
      ),
    ).toEqual([["AMD Example", "gfx1100"]]);
    expect(
      told(
        parseDmesg("[1.0] [drm] amdgpu: 512M of VRAM memory ready\n[1.0] [drm] amdgpu: 15000M of GTT memory ready.\n"),
        "totalBytes",
        "mappableBytes",
        "unified",
      ),
    ).toEqual([[512 * MIB, 15000 * MIB, true]]);
    expect(parseDmesg("nothing")).toEqual([]);
  });
  it("reads compute nodes, several of one card as partitions", () => {
    expect([90402, 110501, 100300, 90010].map(gfxOf)).toEqual(["gfx942", "gfx1151", "gfx1030", "gfx90a"]);
    const node = (location: number): SightedDevice | undefined =>
      parseKfdNode(`simd_count 152\ngfx_target_version 90402\ndevice_id 29857\nlocation_id ${location}\ndomain 0\n`, [
        `heap_type 1\nsize_in_bytes ${24 * GIB}\n`,
        `heap_type 0\nsize_in_bytes 99\n`,
      ]);
    expect(node(256)).toMatchObject({
      gfx: "gfx942",
      pciId: "1002:74a1",
      pciAddress: "0000:01:00.0",
      totalBytes: 24 * GIB,
    });
    expect(parseKfdNode("simd_count 0\ngfx_target_version 0\n", [])).toBeUndefined();
    const card = sighted({ vendor: "AMD", source: "", pciAddress: "0000:01:00.0", totalBytes: 192 * GIB });
    const nodes = [256, 257].flatMap((location) => node(location) ?? []);
    expect(told(withNodes([card], nodes), "pciAddress", "totalBytes")).toEqual([
      ["0000:01:00.0", 24 * GIB],
      ["0000:01:00.1", 24 * GIB],
    ]);
    expect(told(withNodes([card], nodes.slice(0, 1)), "totalBytes", "gfx")).toEqual([[192 * GIB, "gfx942"]]);
    expect(withNodes([card], [])).toEqual([card]);
  });
});

describe("engines' lists", () => {
  it("reads totals of every backend, and one device that two of them list as one", () => {
    const text =
      "Available devices:\n  CUDA0: NVIDIA Example 1 (1000 MiB, 900 MiB free)\n  SYCL0: Intel(R) Arc(TM) Example (500 MiB, 400 MiB free)\n  Vulkan0: Intel(R) Arc(TM) Example (DG2) (600 MiB, 500 MiB free)\n  MTL0: Apple M9 (700 MiB, 699 MiB free)\n";
    expect(
      parseEngineDevices(text).map(({ vendor, engineTotals }) => [
        vendor,
        engineTotals.map(({ backend, totalBytes }) => `${backend} ${totalBytes / MIB}`).join(),
      ]),
    ).toEqual([
      ["NVIDIA", "cuda 1000"],
      ["Intel", "sycl 500,vulkan 600"],
      ["Apple", "metal 700"],
    ]);
  });
  it("reads the start-up lines where the list is missing", () => {
    expect(
      told(
        parseEngineDevices(
          "ggml_cuda_init: found 1 CUDA devices:\n  Device 0: NVIDIA Example, compute capability 8.6, VMM: yes\n",
        ),
        "name",
        "computeCapability",
      ),
    ).toEqual([["NVIDIA Example", "8.6"]]);
    expect(
      told(
        parseEngineDevices(
          "ggml_cuda_init: found 1 ROCm devices:\n  Device 0: AMD Example, gfx906:sramecc+:xnack- (0x906), VMM: no, Wave Size: 64\n",
        ),
        "vendor",
        "gfx",
      ),
    ).toEqual([["AMD", "gfx906"]]);
    expect(
      told(parseEngineDevices("ggml_vulkan: 0 = AMD Example (RADV X) (radv) | uma: 1 | fp16: 1\n"), "name", "unified"),
    ).toEqual([["AMD Example (RADV X)", true]]);
    expect(
      told(parseEngineDevices("ggml_vulkan: 0 = llvmpipe (LLVM 20) (llvmpipe) | uma: 0 | fp16: 1\n"), "name"),
    ).toEqual([]);
    expect(
      parseEngineDevices("ggml_metal_init: found device: Apple M9\nrecommendedMaxWorkingSetSize = 1000.50 MB\n")[0],
    ).toMatchObject({ name: "Apple M9", engineTotals: [{ backend: "metal", totalBytes: 1000500000 }] });
    expect(parseEngineDevices("llama-server: no such option")).toEqual([]);
  });
  it("reads SYCL's table without processors, twins and wrapped counters", () => {
    const row = (id: number, driver: string, name: string, bytes: number): string =>
      `|${id}|[${driver}:0]|${name}|1.3|512|1024|32|${bytes}|\n`;
    const text =
      row(0, "level_zero:gpu", "Intel(R) Arc(TM) Example Z1", 8e9) +
      row(1, "opencl:gpu", "Intel(R) Arc(TM) Example Z1", 8e9) +
      row(2, "opencl:cpu", "Example CPU", 9e9) +
      row(3, "level_zero:gpu", "Intel(R) Arc(TM) Example Z2", 3e9);
    expect(parseEngineDevices(text).map(({ name, engineTotals }) => [name, engineTotals[0]?.totalBytes])).toEqual([
      ["Intel(R) Arc(TM) Example Z1", 8e9],
      ["Intel(R) Arc(TM) Example Z2", undefined],
    ]);
  });
  it("reads Ollama's records", () => {
    const text =
      'msg="inference compute" id=0 library=ROCm compute=gfx1100 description="AMD Example"\n pci_id=0000:03:00.0 type=discrete total="24.0 GiB" available="23.0 GiB"\nmsg="inference compute" library=cpu total="1.0 GiB"';
    expect(parseOllamaLog(text).devices).toMatchObject([
      {
        name: "AMD Example",
        unified: false,
        gfx: "gfx1100",
        pciAddress: "0000:03:00.0",
        engineTotals: [{ totalBytes: 24 * GIB, freeBytes: 23 * GIB }],
      },
    ]);
  });
});

describe("buses and loaders", () => {
  it("reads lspci with and without numbers", () => {
    const text =
      "00:02.0 Display controller: Intel Corporation Example [Intel Arc Graphics]\n0000:03:00.0 3D controller [0302]: NVIDIA Corporation GX1 [GeForce Example] [10de:1234] (rev a1)\n04:00.0 VGA compatible controller: ASPEED Technology, Inc. ASPEED Graphics Family\n05:00.0 VGA compatible controller: NVIDIA Corporation Device abcd (rev a1)\n06:00.0 Audio device: NVIDIA Corporation Device 0001\n";
    expect(told(parseLspci(text), "vendor", "pciAddress", "pciId", "unified")).toEqual([
      ["Intel", "0000:00:02.0", undefined, true],
      ["NVIDIA", "0000:03:00.0", "10de:1234", undefined],
      ["NVIDIA", "0000:05:00.0", "10de:abcd", undefined],
    ]);
  });
  it("reads vulkaninfo's own heaps and drops what pretends", () => {
    const heap = (i: number, size: number, flag: string): string =>
      `    memoryHeaps[${i}]:\n        size = ${size}\n        flags: count = 1\n            ${flag}\n`;
    const text = `GPU0:\n  deviceName = Example X1\n  vendorID = 0x1002\n  deviceID = 0x744c\n  deviceType = PHYSICAL_DEVICE_TYPE_DISCRETE_GPU\n${heap(0, 9e9, "MEMORY_HEAP_DEVICE_LOCAL_BIT")}${heap(1, 64e9, "None")}GPU1:\n  deviceName = Microsoft Direct3D12 (Example X1)\n`;
    expect(told(parseVulkaninfo(text), "name", "pciId", "totalBytes", "unified")).toEqual([
      ["Example X1", "1002:744c", 9e9, false],
    ]);
  });
  it("reads clinfo, sycl-ls and xpu-smi", () => {
    expect(
      told(
        parseClinfo(
          "  Device Name    Intel(R) Graphics [0x56a0]\n  Global memory size   999\n  Device Name    Example(R) Xeon(R) CPU\n",
        ),
        "pciId",
        "totalBytes",
      ),
    ).toEqual([["8086:56a0", undefined]]);
    expect(
      parseSyclLs(
        "[level_zero:gpu][level_zero:0] Intel(R) oneAPI, Intel(R) Arc(TM) Example 1.2 [1.0]\n[opencl:cpu][opencl:0] Intel(R) OpenCL, Example CPU OpenCL 3.0 [1]\n[opencl:gpu][opencl:1] Intel(R) OpenCL Graphics, Intel(R) Arc(TM) Example OpenCL 3.0 NEO [1]\n",
      ),
    ).toMatchObject({ cpuModel: "Example CPU", devices: [{ name: "Intel(R) Arc(TM) Example" }] });
    const table =
      "| 0 | Device Name: Intel(R) Arc(TM) Example Graphics |\n|   | PCI BDF Address: 0000:03:00.0 |\n|   | Memory Physical Size: 1000.00 MiB |\n|   | Memory Bus Width: 384 |\n";
    const json = JSON.stringify({
      device_list: [
        {
          device_id: 0,
          device_name: "Intel(R) Arc(TM) Example Graphics",
          pci_bdf_address: "0000:03:00.0",
          memory_physical_size_byte: String(1000 * MIB),
        },
      ],
    });
    for (const printed of [table, json])
      expect(told(parseXpuSmi(printed), "name", "pciAddress", "totalBytes")).toEqual([
        ["Intel(R) Arc(TM) Example Graphics", "0000:03:00.0", 1000 * MIB],
      ]);
  });
  it("takes names alone from a general listing, memory on a Mac only", () => {
    const rows = [
      { vendor: "AMD", model: "Radeon Pro Example", bus: "PCIe", vram: 4, vramDynamic: false },
      { vendor: "x", model: "Example Virtual Adapter", bus: "" },
    ];
    expect(told(namedDisplays(rows, "win32"), "name", "totalBytes")).toEqual([["Radeon Pro Example", undefined]]);
    expect(told(namedDisplays(rows, "darwin"), "totalBytes")).toEqual([[4 * GIB]]);
  });
});

describe("Windows' adapter list", () => {
  it.each([
    [
      "JSON",
      JSON.stringify([
        {
          Name: "NVIDIA Example",
          PNPDeviceID: "PCI\\VEN_10DE&DEV_2684&REV_A1",
          AdapterRAM: 4293918720,
          DriverVersion: "32.0.15.9186",
        },
        { Name: "Example Adapter", PNPDeviceID: "ROOT\\X", AdapterRAM: 1 },
      ]),
    ],
    [
      "comma-separated",
      "Node,AdapterRAM,DriverVersion,Name,PNPDeviceID\nPC,4293918720,32.0.15.9186,NVIDIA Example,PCI\\VEN_10DE&DEV_2684&REV_A1\n",
    ],
    [
      "paragraphs",
      "AdapterRAM=4293918720\r\nDriverVersion=32.0.15.9186\r\nName=NVIDIA Example\r\nPNPDeviceID=PCI\\VEN_10DE&DEV_2684&REV_A1\r\n\r\nName=Example Virtual Display\r\n",
    ],
    [
      "columns",
      "AdapterRAM  DriverVersion  Name            PNPDeviceID\n4293918720  32.0.15.9186   NVIDIA Example  PCI\\VEN_10DE&DEV_2684&REV_A1\n",
    ],
  ])("is read as %s", (_form, text) => {
    expect(told(parseVideoControllers(text), "name", "pciId", "totalBytes", "driver")).toEqual([
      ["NVIDIA Example", "10de:2684", undefined, "591.86"],
    ]);
  });
});

describe("macOS listings", () => {
  it("reads displays, hardware and memory", () => {
    expect(
      told(
        parseDisplays(
          'log\n{"SPDisplaysDataType":[{"_name":"kHW_AppleM9MaxItem","sppci_cores":"40"},{"sppci_model":"Intel Example","spdisplays_vram_shared":"1536 MB"},{"x":1}]}',
        ),
        "name",
        "gpuCoreCount",
        "unified",
      ),
    ).toEqual([
      ["Apple M9 Max", 40, true],
      ["Intel Example", undefined, true],
    ]);
    expect(
      told(
        parseDisplays(
          "Graphics:\n\n    A:\n\n      Chipset Model: Radeon Example\n      VRAM (Total): 8 GB\n      Vendor: AMD (0x1002)\n",
        ),
        "vendor",
        "totalBytes",
      ),
    ).toEqual([["AMD", 8 * GIB]]);
    expect(
      parseHardwareOverview(
        "x: log\nHardware:\n      Chip: Apple M9\n      Total Number of Cores: 10 (4 Performance and 6 Efficiency)\n      Memory: 16 GB\n",
      ),
    ).toMatchObject({ cpuModel: "Apple M9", memoryBytes: 16 * GIB, performanceCoreCount: 4, efficiencyCoreCount: 6 });
    expect(parseMemoryListing('{"SPMemoryDataType":[{"dimm_type":"LPDDR5","SPMemoryDataType":"16 GB"}]}')).toEqual({
      totalBytes: 16 * GIB,
      memoryType: "LPDDR5",
    });
    expect(
      parseGpuDescription("GPU name: Apple M9\nGPU core count: 20\nGPU bandwidth: 1 GB/s\nGPU memory: 16 GB\n"),
    ).toMatchObject({ memoryBytes: 16 * GIB, devices: [{ gpuCoreCount: 20 }] });
  });
});

describe("boards, processors and disks", () => {
  it("names boards by their device tree", () => {
    expect(parseDeviceTree("Example Board Rev 1\0", "maker,board\0")).toEqual({
      name: "Example Board Rev 1",
      jetson: false,
    });
    expect(parseDeviceTree(undefined, "raspberrypi,3-model-b-plus\0brcm,bcm2837\0")).toEqual({
      name: "Raspberry Pi 3 Model B+",
      jetson: false,
    });
    expect(
      parseDeviceTree("NVIDIA Jetson AGX Orin Developer Kit\0", "nvidia,p3737-0000+p3701-0005\0nvidia,tegra234\0"),
    ).toEqual({ name: "NVIDIA Jetson AGX Orin 64GB", jetson: true });
    expect(parseTegrastats("RAM 100/1000MB (lfb 1x1MB) CPU [1%@1]").memory).toEqual({
      totalBytes: 1000 * MIB,
      availableBytes: 900 * MIB,
      source: "tegrastats",
    });
  });
  it("reads lscpu, NUMA and lists of processors", () => {
    const text =
      "Architecture:  aarch64\nModel name:  Core-X1\n  BIOS Model name:  Maker Server-80 CPU @ 3.0GHz\nCore(s) per socket:  80\nSocket(s):  2\nNUMA node(s):  2\n";
    expect(parseLscpu(text)).toEqual({
      model: "Maker Server-80",
      physicalCoreCount: 160,
      socketCount: 2,
      numaNodeCount: 2,
    });
    expect(parseLscpu(text.replace("aarch64", "x86_64")).model).toBe("Core-X1");
    const distances =
      "node distances:\nnode   0   1   2   3\n  0:  10  12  32  32\n  1:  12  10  32  32\n  2:  32  32  10  12\n  3:  32  32  12  10\n";
    const nodes = [0, 1, 2, 3]
      .map(
        (node) =>
          `node ${node} cpus: ${node * 2} ${node * 2 + 1}\nnode ${node} size: 100 MB\nnode ${node} free: 50 MB\n`,
      )
      .join("");
    expect(parseNumactl(nodes + distances)).toEqual({
      numaNodeCount: 4,
      socketCount: 2,
      processorCount: 8,
      totalBytes: 400 * MIB,
      freeBytes: 200 * MIB,
    });
    expect(countOfList("0-3,8\n")).toBe(5);
  });
  it("knows what kind of disk models lie on", async () => {
    const mounts =
      "22 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n30 22 8:1 / /mnt/old\\040disk rw shared:1 - ext4 /dev/sda1 rw\n31 22 0:50 / /mnt/share rw - nfs4 host:/x rw\n";
    expect(parseMounts(mounts).map(({ point }) => point)).toEqual(["/", "/mnt/old disk", "/mnt/share"]);
    const space = { totalBytes: 1e12, freeBytes: 1e11 };
    const world = fakeWorld({
      env: { OLLAMA_MODELS: "/mnt/old disk/ollama", HF_HOME: "/mnt/share/hf" },
      disks: { "/home/user": space, "/mnt/old disk/ollama": space, "/mnt/share/hf": space },
      files: { "/proc/self/mountinfo": mounts, "/sys/dev/block/8:1/../queue/rotational": "1\n" },
    });
    expect((await probe(world)).disks.map(({ kind }) => kind)).toEqual(["nvme", "hard-disk", "network"]);
  });
  it("lists chips of Ascend cards and neural processors", async () => {
    const text =
      "| NPU   Name | Health | x |\n| Chip  Phy-ID | Bus-Id | x |\n| 0     Ascend910 | OK | 178.5  36  0 / 0 |\n| 0     0 | 0000:9D:00.0 | 0  0 / 0  1000 / 65536 |\n| 0     Ascend910 | OK | - 36 0 / 0 |\n| 1     1 | 0000:9F:00.0 | 0  0 / 0  1000 / 65536 |\n";
    expect(told(parseNpuSmi(text), "name", "totalBytes", "pciAddress")).toEqual([
      ["Huawei Ascend 910C", 64 * GIB, "0000:9d:00.0"],
      ["Huawei Ascend 910C", 64 * GIB, "0000:9f:00.0"],
    ]);
    const { npus } = await probe(
      fakeWorld({ files: { "/sys/class/accel/accel0/device/uevent": "DRIVER=intel_vpu\n" } }),
    );
    expect(npus).toEqual([{ name: "Intel NPU", usedBy: [] }]);
  });
});

describe("laying sources over one another", () => {
  const card = (facts: Partial<SightedDevice>): SightedDevice => sighted({ vendor: "NVIDIA", source: "x", ...facts });
  it("joins by address whatever the order, fills holes and never overwrites", () => {
    const upper = [
      card({ name: "A", pciAddress: "0000:01:00.0", totalBytes: 1 }),
      card({ name: "B", pciAddress: "0000:02:00.0" }),
    ];
    const lower = [
      card({ name: "b", pciAddress: "0000:02:00.0", totalBytes: 20, driver: "9" }),
      card({ name: "a", pciAddress: "0000:01:00.0", totalBytes: 10, driver: "9" }),
    ];
    expect(told(mergeSightings([upper, lower]), "name", "totalBytes", "driver")).toEqual([
      ["A", 1, "9"],
      ["B", 20, "9"],
    ]);
  });
  it("completes a cut name, and keeps twins apart", () => {
    const table = [
      card({ name: "NVIDIA RTX Example Ada Gene...", totalBytes: 5 }),
      card({ name: "NVIDIA RTX Example Ada Gene...", totalBytes: 6 }),
    ];
    const engine = [
      card({ name: "NVIDIA RTX Example Ada Generation" }),
      card({ name: "NVIDIA RTX Example Ada Generation" }),
    ];
    expect(told(mergeSightings([table, engine]), "name", "totalBytes")).toEqual([
      ["NVIDIA RTX Example Ada Generation", 5],
      ["NVIDIA RTX Example Ada Generation", 6],
    ]);
  });
  it("does not join a card with a processor's graphics, nor two makers' devices", () => {
    const graphics = sighted({ vendor: "AMD", source: "x", name: "AMD Radeon(TM) Graphics", unified: true });
    const radeon = sighted({ vendor: "AMD", source: "y", name: "AMD Radeon RX 7900 XTX", unified: false });
    expect(mergeSightings([[graphics], [radeon], [card({ name: "x" })]])).toHaveLength(3);
  });
});

describe("what the environment shows", () => {
  it("selects Level Zero's and SYCL's devices", () => {
    expect(selectedIndices("level_zero:0,2", 3)).toEqual([0, 2]);
    expect(selectedIndices("0.1,1", 3)).toEqual([0, 1]);
    expect(selectedIndices("*:gpu", 2)).toEqual([0, 1]);
    expect(selectedIndices("opencl:cpu", 2)).toEqual([]);
    expect(selectedIndices(undefined, 2)).toBeUndefined();
    expect(visibleIndices("none", ["GPU-a"])).toEqual([]);
  });
  const radeon = (i: number) =>
    Object.entries({
      vendor: "0x1002",
      device: "0x744c",
      revision: "0xc8",
      mem_info_vram_total: String(24 * GIB),
      uevent: `PCI_SLOT_NAME=0000:0${i}:00.0\n`,
    }).map(([name, text]) => [`/sys/class/drm/card${i}/device/${name}`, text]);
  it.each([
    [{ HIP_VISIBLE_DEVICES: "1" }, [false, true]],
    [{ ROCR_VISIBLE_DEVICES: "1", HIP_VISIBLE_DEVICES: "0" }, [false, true]],
    [{ HIP_VISIBLE_DEVICES: "-1" }, [false, false]],
    [{ CUDA_VISIBLE_DEVICES: "0" }, [true, true]],
  ])("hides AMD's devices by %j", async (env, visible) => {
    const { devices } = await probe(
      fakeWorld({
        env,
        files: { ...Object.fromEntries([...radeon(1), ...radeon(2)]), "/proc/meminfo": "MemTotal: 1000000 kB\n" },
      }),
    );
    expect(devices.map((device) => device.visible)).toEqual(visible);
  });
  it("takes Vulkan from what GGML_VK_VISIBLE_DEVICES leaves out", async () => {
    const { devices } = await probe(
      fakeWorld({
        env: { GGML_VK_VISIBLE_DEVICES: "1" },
        files: { ...Object.fromEntries([...radeon(1), ...radeon(2)]), "/proc/meminfo": "MemTotal: 1000000 kB\n" },
      }),
    );
    expect(devices.map(({ backends }) => backends.includes("vulkan"))).toEqual([false, true]);
  });
});

describe("CUDA's floor", () => {
  it.each([
    ["NVIDIA GeForce GTX 1080", "6.1", "570.1", /take a CUDA 12 build/],
    ["Tesla K80", "3.7", "470.1", /no CUDA 12 or 13 build/],
    ["NVIDIA GeForce RTX 3090", "8.6", "470.1", /older than CUDA 12 needs/],
    ["NVIDIA GeForce RTX 5090", "12.0", "565.1", /needs driver 570 or newer/],
    ["NVIDIA GeForce RTX 3090", "8.6", "550.1", /CUDA 13 builds need driver 580/],
    ["NVIDIA GeForce RTX 3090", "8.6", "580.1", undefined],
  ])("%s, capability %s, driver %s", async (name, capability, driver, note) => {
    const { devices } = await probe(
      fakeWorld({
        files: { "/proc/meminfo": "MemTotal: 64000000 kB\n" },
        commands: {
          "nvidia-smi": `name, memory.total [MiB], compute_cap, driver_version\n${name}, 24576 MiB, ${capability}, ${driver}\n`,
        },
      }),
    );
    const notes = cudaNotes(devices);
    if (note === undefined) expect(notes).toEqual([]);
    else expect(notes.join()).toMatch(note);
  });
});

describe("notes", () => {
  const gpu = {
    "nvidia-smi":
      "name, memory.total [MiB], memory.free [MiB], compute_cap, driver_version\nNVIDIA GeForce RTX 3090, 24576 MiB, 12000 MiB, 8.6, 580.1\n",
  };
  const proc = (cpuinfo: string) => ({
    "/proc/meminfo": "MemTotal: 64000000 kB\nMemAvailable: 60000000 kB\n",
    "/proc/cpuinfo": cpuinfo,
    "/proc/loadavg": "3.80 3 3 1/9 9\n",
  });
  const cpuinfo = [0, 1, 2, 3]
    .map((id) => `processor : ${id}\nphysical id : ${id % 2}\ncore id : ${id}\nmodel name : Some CPU\n`)
    .join("\n");
  it("say that a build of the engine cannot see the card, how many sockets, what is busy and by whom", async () => {
    const loaded = { models: [{ name: "qwen3:8b", size_vram: 9e9 }, { name: 5 }] };
    const world = fakeWorld({
      files: { ...proc(cpuinfo), "/sys/class/accel/accel0/device/uevent": "DRIVER=amdxdna\n" },
      commands: {
        ...gpu,
        "llama-server --list-devices": "load_backend: loaded CPU backend from x\nAvailable devices:\n",
      },
      fetch: async (input) =>
        new Response(JSON.stringify(String(input).endsWith("/api/ps") ? loaded : {}), {
          headers: { "content-type": "application/json" },
        }),
    });
    const { warnings, holders } = await probe(world);
    expect(holders).toEqual([{ processName: "ollama (qwen3:8b)", heldBytes: 9e9 }]);
    const all = warnings.join("\n");
    expect(all).toMatch(
      /llama\.cpp here does not list NVIDIA GeForce RTX 3090 \(it lists no device at all\): install a build for cuda/,
    );
    expect(all).toMatch(/2 sockets: .* --numa/);
    expect(all).toMatch(/in use by ollama \(qwen3:8b\) \(8\.\d+ GiB\)/);
    expect(all).toMatch(/processor is 95 % busy/);
    expect(all).toMatch(/AMD XDNA NPU: no engine that is known here runs on it/);
  });
  it("are none on a machine at rest", async () => {
    const idle = { ...gpu, "nvidia-smi": gpu["nvidia-smi"].replace("12000", "24200") };
    const { warnings } = await probe(
      fakeWorld({
        files: {
          ...proc("processor : 0\ncore id : 0\nmodel name : AMD Ryzen 9 7950X 16-Core Processor\n"),
          "/proc/loadavg": "0.10 0 0 1/9 9\n",
        },
        commands: idle,
      }),
    );
    expect(warnings).toEqual([]);
  });
});

describe("text that is none", () => {
  const parsers: Readonly<Record<string, (text: string) => unknown>> = {
    parseAmdSmi,
    parseClinfo,
    parseDisplays,
    parseDmesg,
    parseEngineDevices,
    parseGpuDescription,
    parseHardwareOverview,
    parseHolders,
    parseLong,
    parseLscpu,
    parseLspci,
    parseMemoryListing,
    parseMounts,
    parseNpuSmi,
    parseNumactl,
    parseOllamaLog,
    parseRocminfo,
    parseRocmSmi,
    parseSyclLs,
    parseTable,
    parseTegrastats,
    parseVideoControllers,
    parseVulkaninfo,
    parseXml,
    parseXpuSmi,
  };
  const hostile: readonly string[] = [
    " ".repeat(30_000),
    "\n".repeat(30_000),
    "{[".repeat(10_000),
    '<gpu id="1"><fb_memory_usage>'.repeat(2000),
    "GPU 0: x\n".repeat(3000),
    "memoryHeaps[0]:\n size = 5\n".repeat(2000),
    'inference compute description="'.repeat(1500),
    "Name=a ".repeat(5000),
    "    VRAM:\n".repeat(4000),
    "|  0  a ".repeat(5000),
    "  Device 0: a, compute capability 1\n".repeat(1500),
    "\0\uffff-1e999 NaN 99999999999999999999 MiB",
  ];
  it.each(Object.keys(parsers))("costs %s neither an error nor time", (name) => {
    const start = performance.now();
    for (const text of hostile) parsers[name]?.(text);
    // a second is what backtracking takes many times over on texts of this size
    expect(performance.now() - start).toBeLessThan(4000);
  });
});
