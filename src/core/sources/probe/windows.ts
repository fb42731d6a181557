/** Windows display adapters from the registry: no PowerShell, and sizes equal to the driver's where WMI's 32-bit counter stops at 4 GiB. */
import type { Bytes } from "../../units.ts";
import type { World } from "../world.ts";
import type { SightedDevice } from "./result.ts";

const CLASS = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}";
const VALUES = ["DriverDesc", "MatchingDeviceId", "DriverVersion", "HardwareInformation.qwMemorySize"];

const VENDORS: readonly (readonly [RegExp, SightedDevice["vendor"]])[] = [
  [/VEN_10DE|NVIDIA/i, "NVIDIA"],
  [/VEN_1002|AMD|Radeon/i, "AMD"],
  [/VEN_8086|Intel/i, "Intel"],
];

/** Values of `reg query … /s` by adapter (the four digits of its subkey). */
export function parseRegistry(text: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const adapters = new Map<string, Map<string, string>>();
  let current: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const key = /^HKEY_.*\\(\d{4})$/.exec(line.trim())?.[1];
    if (key !== undefined) {
      current = adapters.get(key) ?? new Map<string, string>();
      adapters.set(key, current);
    }
    const value = /^\s+(\S+)\s+REG_(?:SZ|QWORD)\s+(.*)$/.exec(line);
    if (value !== null) current?.set(value[1] ?? "", (value[2] ?? "").trim());
  }
  return adapters;
}

function sizeOf(text: string | undefined): Bytes | undefined {
  const size = /^0x[0-9a-f]{1,13}$/i.test(text ?? "") ? Number(text) : 0;
  return size > 0 ? size : undefined;
}

/** Adapters of vendors that run models; virtual displays come first in the registry and have neither a PCI id nor a size. */
export function registryDevices(adapters: ReturnType<typeof parseRegistry>): SightedDevice[] {
  return [...adapters.values()].flatMap((values): SightedDevice[] => {
    const name = values.get("DriverDesc") ?? "";
    const matching = values.get("MatchingDeviceId") ?? "";
    const totalBytes = sizeOf(values.get("HardwareInformation.qwMemorySize"));
    const vendor = VENDORS.find(([pattern]) => pattern.test(matching) || pattern.test(name))?.[1];
    if (vendor === undefined || /^root\\/i.test(matching) || /Microsoft|Virtual|Remote/i.test(name)) return [];
    const ids = /VEN_([0-9A-F]{4})&DEV_([0-9A-F]{4})/i.exec(matching);
    return [
      {
        name,
        vendor,
        pciAddress: undefined,
        pciId: ids === null ? undefined : `${ids[1]}:${ids[2]}`.toLowerCase(),
        pciRevision: undefined,
        totalBytes,
        freeBytes: undefined,
        reservedBytes: undefined,
        unified: totalBytes === undefined,
        computeCapability: undefined,
        driver: values.get("DriverVersion"),
        memoryClockMHz: undefined,
        gpuCoreCount: undefined,
        pcieGeneration: undefined,
        pcieLanes: undefined,
        uuid: undefined,
        visible: true,
        source: "registry, HardwareInformation.qwMemorySize",
      },
    ];
  });
}

/** All adapters; those that nvidia-smi reports better are left to it by the caller. */
export async function sightWindows(world: World, signal?: AbortSignal): Promise<readonly SightedDevice[]> {
  if (world.platform !== "win32") return [];
  const answers = await Promise.all(VALUES.map((value) => world.exec("reg.exe", ["query", CLASS, "/s", "/v", value], { timeoutMs: 4000, signal })));
  return registryDevices(parseRegistry(answers.map((answer) => (answer.outcome === "exited" ? answer.stdout : "")).join("\n")));
}
