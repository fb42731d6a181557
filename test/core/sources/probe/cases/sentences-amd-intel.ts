/** Sentences about AMD and Intel devices: carve-outs, claimed architectures, code names, loaders' lists. */
import { parseRocmSmi } from "../../../../../src/core/sources/probe/amd-smi.ts";
import { hardwareOf } from "../../../../../src/core/sources/probe/hardware-of.ts";
import { matchEntry } from "../../../../../src/core/sources/probe/match.ts";
import { parseLspci } from "../../../../../src/core/sources/probe/pci.ts";
import { parseClinfo, parseSyclLs, parseVulkaninfo } from "../../../../../src/core/sources/probe/vulkaninfo.ts";
import { GIB, MIB } from "../../../../../src/core/units.ts";
import { changed, firstOf, type NamedTest, unless } from "./subject.ts";

export const amdIntelTests: readonly NamedTest[] = [
  {
    name: "an overridden architecture is not believed",
    about: /HSA_OVERRIDE_GFX_VERSION/,
    fails: async ({ look, files }) => {
      const claimed = /gfx[0-9a-f]{3,4}/.exec([...files.values()].join())?.[0];
      const { result } = await look(files, { HSA_OVERRIDE_GFX_VERSION: "11.0.0" });
      const believing = result.devices.find(({ gfx, catalogId }) => gfx === claimed && catalogId === undefined);
      return unless(
        believing === undefined && result.warnings.some((warning) => warning.startsWith("HSA_OVERRIDE_GFX_VERSION=")),
        `${believing?.name} is ${claimed}`,
      );
    },
  },
  {
    name: "what the BIOS set aside is not what is usable",
    about: /BIOS carve-out/,
    fails: ({ result }) =>
      unless(
        firstOf(result).memoryUsableBytes.value > (firstOf(result).carveOutBytes ?? 0) * 2 &&
          firstOf(result).memoryUsableBytes.value < result.host.ramTotalBytes.value,
        `${firstOf(result).memoryUsableBytes.value}`,
      ),
  },
  {
    name: "a code name becomes a product's",
    about: /codename is not a marketing name/,
    fails: ({ result }) => unless(/Radeon/.test(firstOf(result).name), firstOf(result).name),
  },
  {
    name: "warnings before JSON are skipped",
    about: /strip until the first/,
    fails: ({ files }) => {
      const noise = [...files.values()].join("\n");
      return unless(
        parseRocmSmi(`${noise}\n{"card0": {"VRAM Total Memory (B)": "17163091968"}}`)[0]?.totalBytes === 17163091968,
        "not read",
      );
    },
  },
  {
    name: "amd-smi's MB are MiB, and the pool is shared",
    about: /MB" is MiB-like/,
    fails: ({ result }) =>
      unless(
        firstOf(result).memoryTotalBytes.value % MIB === 0 && firstOf(result).kind === "unified",
        `${firstOf(result).memoryTotalBytes.value}`,
      ),
  },
  {
    name: "a software renderer is no device",
    about: /drop the llvmpipe/,
    fails: ({ result }) =>
      unless(
        result.devices.every(({ name }) => !/llvmpipe/.test(name)),
        "listed",
      ),
  },
  {
    name: "nothing is planned beyond what the system can spare",
    about: /clamp to MemTotal/,
    fails: ({ result }) => {
      const { memoryUsableBytes, engineTotals, mappableBytes } = firstOf(result);
      const claimed = Math.max(engineTotals[0]?.totalBytes ?? 0, mappableBytes ?? 0);
      return unless(
        memoryUsableBytes.value <= result.host.ramTotalBytes.value - 4 * GIB && claimed > memoryUsableBytes.value,
        `${memoryUsableBytes.value} of ${result.host.ramTotalBytes.value}`,
      );
    },
  },
  {
    name: "usable is what may be mapped, not the carve-out",
    about: /about the GTT limit/,
    fails: ({ result }) => {
      const { memoryUsableBytes, mappableBytes = 0, carveOutBytes = 0 } = firstOf(result);
      return unless(
        memoryUsableBytes.value >= 0.9 * mappableBytes && memoryUsableBytes.value > 10 * carveOutBytes,
        `${memoryUsableBytes.value}`,
      );
    },
  },
  {
    name: "the kernel's page limit is the ceiling where the driver does not say it",
    about: /ttm\.pages_limit/,
    fails: async ({ files, look, result }) => {
      const pages = Number(/ttm\.pages_limit=(\d+)/.exec(files.get("cmdline.txt") ?? "")?.[1]);
      const without = (await look(changed(files, { mem_info_gtt_total: undefined }))).result;
      return unless(
        firstOf(without).memoryUsableBytes.value === pages * 4096 &&
          firstOf(result).memoryUsableBytes.value === pages * 4096,
        `${firstOf(without).memoryUsableBytes.value}`,
      );
    },
  },
  {
    name: "sizes are compared with tolerance, and a revision that is missing is said",
    about: /compare sizes with tolerance/,
    fails: ({ result }) =>
      unless(
        (firstOf(result).catalogId !== undefined && result.warnings.some((warning) => /also fits/.test(warning))) ||
          (result.devices.length === 1 && firstOf(result).catalogId !== undefined),
        `${firstOf(result).catalogId}`,
      ),
  },
  {
    name: "the revision tells products of one id apart",
    about: /device\+revision resolves/,
    fails: async ({ files, look, result }) => {
      const other = (await look(changed(files, { revision: "0xc8" }))).result;
      return unless(
        firstOf(result).catalogId === "rx-7900-xt" && firstOf(other).catalogId === "rx-7900-xtx",
        `${firstOf(result).catalogId} and ${firstOf(other).catalogId}`,
      );
    },
  },
  {
    name: "two tools' lists are joined by who the devices are, not by position",
    about: /never join two tools by index/,
    fails: async ({ files, look }) => {
      const both = (
        await look(
          changed(files, {
            "nvidia-smi-query-gpu.csv":
              "name, memory.total [MiB], driver_version\nNVIDIA GeForce RTX 4080 Laptop GPU, 12282 MiB, 580.1\n",
          }),
        )
      ).result;
      const card = both.devices.find(({ vendor }) => vendor === "NVIDIA");
      return unless(
        both.devices.length === 2 &&
          card?.memoryTotalBytes.value === 12282 * MIB &&
          both.devices.find(({ vendor }) => vendor === "Intel")?.kind === "unified",
        both.devices.map(({ name }) => name).join(),
      );
    },
  },
  {
    name: "OpenCL's share of a card is not its size",
    about: /exposes 80% of VRAM/,
    fails: ({ expected, result }) =>
      unless(
        firstOf(result).memoryTotalBytes.value === (expected.gpus?.[0]?.vram_bytes ?? 0),
        `${firstOf(result).memoryTotalBytes.value}`,
      ),
  },
  {
    name: "the slot decides, not the word Arc",
    about: /always sits at 0000:00:02/,
    fails: ({ files }) => {
      const listings = [...files]
        .filter(([name]) => name.startsWith("lspci"))
        .flatMap(([, text]) => parseLspci(text))
        .filter(({ vendor }) => vendor === "Intel");
      return unless(
        listings.length > 0 &&
          listings.every(({ pciAddress, unified }) => (pciAddress?.startsWith("0000:00:02.") === true) === unified),
        JSON.stringify(listings.map(({ name, unified }) => [name, unified])),
      );
    },
  },
  {
    name: "a generic name needs the device id",
    about: /need device id/,
    fails: ({ catalog, result, files }) => {
      const line =
        [...files.values()].join().split("\n")[0]?.replace("[Intel Graphics]", "[Intel Graphics] [8086:e223]") ?? "";
      const [device] = parseLspci(line);
      const found = device === undefined ? undefined : matchEntry(device, catalog, 0).entry;
      return unless(
        firstOf(result).kind === "gpu" &&
          firstOf(result).catalogId !== "graphics-arrow-lake-s" &&
          found?.id === "arc-pro-b70",
        `${firstOf(result).catalogId} and ${found?.id}`,
      );
    },
  },
  {
    name: "a card's memory comes from the kernel, of all its tiles",
    about: /discrete VRAM from sysfs/,
    fails: async ({ files, look }) => {
      const sysfs = { vendor: "0x8086", device: "0x56a0", uevent: "PCI_SLOT_NAME=0000:03:00.0\n" };
      const old = (await look(changed(files, { ...sysfs, lmem_total_bytes: String(16 * GIB) }))).result;
      const tiled = (
        await look(
          changed(files, {
            ...sysfs,
            tile0_physical_vram_size_bytes: String(8 * GIB),
            tile1_physical_vram_size_bytes: String(8 * GIB),
          }),
        )
      ).result;
      const sizes = [old, tiled].map(({ devices }) => devices.find(({ kind }) => kind === "gpu")?.memoryTotalBytes);
      return unless(
        sizes.every((size) => size?.value === 16 * GIB && size.evidence === "reported"),
        JSON.stringify(sizes),
      );
    },
  },
  {
    name: "gigabytes in a name are not memory of its own",
    about: /is marketing for shared memory/,
    fails: ({ result }) =>
      unless(
        firstOf(result).kind === "unified" && firstOf(result).memoryTotalBytes.value !== 16 * GIB,
        firstOf(result).kind,
      ),
  },
  {
    name: "Microsoft's renderer is no device",
    about: /drop Microsoft Basic Render/,
    fails: ({ result }) =>
      unless(
        result.devices.every(({ name }) => !/Microsoft/.test(name)),
        "listed",
      ),
  },
  {
    name: "emulators and processors are no devices, and twins are one",
    about: /drop FPGA emulation/,
    fails: ({ expected, result }) =>
      unless(
        result.devices.length === (expected.gpu_count ?? 1) && !/FPGA|Core/.test(firstOf(result).name),
        `${result.devices.length}`,
      ),
  },
  {
    name: "a counter that wrapped is no size",
    about: /32-bit wrap/,
    fails: ({ result }) =>
      unless(
        result.devices.every(({ memoryTotalBytes }) => memoryTotalBytes.value !== 3819835392),
        "believed",
      ),
  },
  {
    name: "one device under two drivers is one",
    about: /are the same iGPU/,
    fails: ({ files, result }) =>
      unless(
        parseSyclLs([...files.values()].join()).devices.length === 1 && result.devices.length === 1,
        `${result.devices.length}`,
      ),
  },
  {
    name: "the device with the largest total is not the first choice",
    about: /do not choose the device by largest total/,
    fails: ({ result }) =>
      unless(hardwareOf(result, "idle").devices[0]?.kind === "gpu", `${hardwareOf(result, "idle").devices[0]?.name}`),
  },
  {
    name: "a listing's Mobile is the driver's Laptop GPU",
    about: /says "Mobile"/,
    fails: ({ result }) =>
      unless(
        result.devices.some(({ catalogId }) => catalogId?.endsWith("-laptop")),
        result.devices.map(({ catalogId }) => catalogId).join(),
      ),
  },
  {
    name: "every display class counts",
    about: /lists all display classes|match class 03xx/,
    fails: () => {
      const line = (kind: string): number =>
        parseLspci(`01:00.0 ${kind}: NVIDIA Corporation Example [10de:0001] (rev a1)`).length;
      return unless(
        [
          "VGA compatible controller [0300]",
          "3D controller [0302]",
          "Display controller [0380]",
          "3D controller",
        ].every((kind) => line(kind) === 1) && line("Audio device") === 0,
        "one is missed",
      );
    },
  },
  {
    name: "an id without a name is looked up",
    about: /stale pci\.ids/,
    fails: ({ result }) =>
      unless(
        result.devices.every(({ catalogId, name }) => catalogId !== undefined && !/^Device/.test(name)),
        firstOf(result).name,
      ),
  },
  {
    name: "WSL2's adapter stands for no card",
    about: /WSL2 never shows the real card/,
    fails: ({ result }) => unless(result.devices.length === 0 && result.host.setting.wsl, `${result.devices.length}`),
  },
  {
    name: "identical cards are told apart by their ids",
    about: /identical cards/,
    fails: ({ files, result }) => {
      const uuids = parseVulkaninfo([...files.values()].join("\n")).map(({ uuid }) => uuid);
      return unless(
        new Set(uuids).size === uuids.length && result.devices.filter(({ kind }) => kind === "gpu").length >= 2,
        uuids.join(),
      );
    },
  },
  {
    name: "a card's memory is its largest own heap",
    about: /largest DEVICE_LOCAL heap/,
    fails: ({ files }) => {
      const sizes = [...[...files.values()].join("\n").matchAll(/size = (\d+)/g)].map((match) => Number(match[1]));
      const own = parseVulkaninfo([...files.values()].join("\n"))[0]?.totalBytes;
      return unless(own === sizes[0] && own !== Math.max(...sizes), `${own}`);
    },
  },
  {
    name: "OpenCL's processors and emulators are no devices",
    about: /FPGA emulation/,
    fails: () =>
      unless(
        parseClinfo("`-- Device #0: Intel(R) FPGA Emulation Device\n`-- Device #0: Example(R) Core(TM) CPU\n")
          .length === 0,
        "listed",
      ),
  },
];
