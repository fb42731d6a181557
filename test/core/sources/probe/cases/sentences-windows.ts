/** Sentences about Windows' adapters. */
import {
  driverVersion,
  parseRegistry,
  parseVideoControllers,
  registryDevices,
} from "../../../../../src/core/sources/probe/windows.ts";
import { MIB } from "../../../../../src/core/units.ts";
import { type NamedTest, unless } from "./subject.ts";

const controllers = (rows: readonly object[]) => parseVideoControllers(JSON.stringify(rows));

export const windowsTests: readonly NamedTest[] = [
  {
    name: "the registry's size is the driver's to the byte",
    about: /= exactly nvidia-smi|= nvidia-smi value|equals nvidia-smi to the byte/,
    fails: ({ result }) => {
      const card = result.devices.find(({ kind }) => kind === "gpu");
      return unless(
        card !== undefined &&
          card.memoryTotalBytes.value % MIB === 0 &&
          card.memoryTotalBytes.evidence === "reported" &&
          card.memoryTotalBytes.value >= 2048 * MIB,
        `${card?.memoryTotalBytes.value}`,
      );
    },
  },
  {
    name: "values are joined by subkey, and virtual displays dropped",
    about: /virtual displays come first/,
    fails: ({ expected, result }) =>
      unless(result.devices.length === (expected.gpu_count ?? 1), result.devices.map(({ name }) => name).join()),
  },
  {
    name: "a reservation in bytes is no memory",
    about: /is little endian/,
    fails: ({ files, result }) => {
      const values = [...parseRegistry([...files.values()].join("\n")).values()].map((adapter) =>
        adapter.get("HardwareInformation.MemorySize"),
      );
      return unless(
        values.includes("0x7ffff000") || values.includes("0x7FFFF000")
          ? result.devices.every(({ memoryTotalBytes }) => memoryTotalBytes.value !== 0x7ffff000)
          : false,
        JSON.stringify(values),
      );
    },
  },
  {
    name: "adapters outside the PCI bus are virtual",
    about: /drop MatchingDeviceId|does not start with PCI/,
    fails: ({ result }) => {
      const key = "HKEY_LOCAL_MACHINE\\x\\{4d36e968}\\0001";
      const virtual = ["root\\thing", "SWD\\thing", "USB\\thing"].flatMap((id) =>
        registryDevices(
          parseRegistry(
            `${key}\r\n    DriverDesc    REG_SZ    AMD Radeon RX 7600\r\n    MatchingDeviceId    REG_SZ    ${id}\r\n`,
          ),
        ),
      );
      return unless(virtual.length === 0 && result.devices.every(({ name }) => !/spacedesk/i.test(name)), "listed");
    },
  },
  {
    name: "adapters are paired by who they are, never by position",
    about: /never by order/,
    fails: ({ result }) =>
      unless(
        result.devices.some(({ vendor, kind }) => vendor === "NVIDIA" && kind === "gpu") &&
          result.devices.some(({ vendor, kind }) => vendor === "AMD" && kind === "unified"),
        result.devices.map(({ name, kind }) => `${name} ${kind}`).join(),
      ),
  },
  {
    name: "a counter at its end says nothing",
    about: /saturated/,
    fails: ({ result }) => {
      const [card, graphics] = controllers([
        { Name: "NVIDIA GeForce RTX 4090", PNPDeviceID: "PCI\\VEN_10DE&DEV_2684", AdapterRAM: 4293918720 },
        { Name: "Intel(R) UHD Graphics 770", PNPDeviceID: "PCI\\VEN_8086&DEV_4680", AdapterRAM: 1073741824 },
      ]);
      const believed = result.devices.find(
        ({ memoryTotalBytes }) =>
          memoryTotalBytes.evidence === "reported" &&
          memoryTotalBytes.value <= 4096 * MIB &&
          memoryTotalBytes.value > 4000 * MIB,
      );
      return unless(
        card?.totalBytes === undefined &&
          graphics?.totalBytes === undefined &&
          graphics?.unified === true &&
          believed === undefined,
        `${believed?.name}`,
      );
    },
  },
  {
    name: "an emulator's display is dropped, and a driver's number read from Windows' own",
    about: /last five digits/,
    fails: ({ result }) =>
      unless(
        result.devices.every(({ name }) => !/MuMu/.test(name)) &&
          driverVersion("NVIDIA", "32.0.15.9186") === "591.86" &&
          driverVersion("AMD", "32.0.21036.11002") === "32.0.21036.11002",
        result.devices.map(({ name }) => name).join(),
      ),
  },
];
