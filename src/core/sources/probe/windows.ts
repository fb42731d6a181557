/** Windows display adapters: the registry first (no PowerShell, sizes equal to the driver's), WMI's list where it says nothing. */
import { type Bytes, GIB } from "../../units.ts";
import type { World } from "../world.ts";
import { isRecord, jsonAfterNoise } from "./amd-smi.ts";
import { isIntegratedName, isPretended, type SightedDevice, sighted, vendorOf } from "./sighting.ts";
import { printed } from "./tools.ts";

const CLASS = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}";
const VALUES = ["DriverDesc", "MatchingDeviceId", "DriverVersion", "HardwareInformation.qwMemorySize"];
const RUNNING = ["NVIDIA", "AMD", "Intel", "Qualcomm", "Moore Threads"];

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
    const value = /^[ \t]+(\S+)\s+(REG_(?:SZ|QWORD|DWORD|BINARY))\s+(.*)$/.exec(line);
    if (value !== null)
      current?.set(value[1] ?? "", value[2] === "REG_BINARY" ? littleEndian(value[3] ?? "") : (value[3] ?? "").trim());
  }
  return adapters;
}

/** `00F0FF7F` holds 0x7FFFF000: bytes, the lowest first. */
function littleEndian(text: string): string {
  const bytes = text.trim().match(/[0-9a-f]{2}/gi) ?? [];
  return `0x${[...bytes].reverse().join("")}`;
}

function sizeOf(text: string | undefined): Bytes | undefined {
  const size = /^0x[0-9a-f]{1,13}$/i.test(text ?? "") ? Number(text) : 0;
  return size > 0 ? size : undefined;
}

/** `32.0.15.9186` of an NVIDIA adapter is driver 591.86: the last five digits. */
export function driverVersion(vendor: string, version: string | undefined): string | undefined {
  const digits = version?.replaceAll(".", "") ?? "";
  return vendor === "NVIDIA" && /^\d+(\.\d+){3}$/.test(version ?? "") && digits.length >= 5
    ? `${Number(digits.slice(-5, -2))}.${digits.slice(-2)}`
    : version;
}

interface Adapter {
  readonly name: string;
  readonly plugAndPlayId: string | undefined;
  readonly ownBytes: Bytes | undefined;
  readonly driver: string | undefined;
}

/** Virtual displays have no id on the PCI bus; the graphics inside a processor has no memory of its own, only a reservation. */
function adapterDevice({ name, plugAndPlayId, ownBytes, driver }: Adapter, source: string): SightedDevice[] {
  const ids = /VEN_([0-9A-F]{4})&DEV_([0-9A-F]{4})/i.exec(plugAndPlayId ?? "");
  const vendor = vendorOf(ids?.[1] ?? name);
  if (!RUNNING.includes(vendor) || isPretended(name) || (plugAndPlayId !== undefined && !/^PCI\\/i.test(plugAndPlayId)))
    return [];
  const integrated = isIntegratedName(name) || (vendor === "Intel" && ownBytes === undefined);
  return [
    sighted({
      vendor,
      name,
      source,
      pciId: ids === null ? undefined : `${ids[1]}:${ids[2]}`.toLowerCase(),
      pciRevision: /REV_([0-9A-F]{2})/i.exec(plugAndPlayId ?? "")?.[1]?.toLowerCase(),
      // beside shared memory this is what the firmware set aside
      totalBytes: ownBytes,
      unified: integrated ? true : undefined,
      driver: driverVersion(vendor, driver),
    }),
  ];
}

export function registryDevices(adapters: ReturnType<typeof parseRegistry>): SightedDevice[] {
  return [...adapters.values()].flatMap((values) =>
    adapterDevice(
      {
        name: values.get("DriverDesc") ?? "",
        plugAndPlayId: values.get("MatchingDeviceId"),
        ownBytes: sizeOf(values.get("HardwareInformation.qwMemorySize")),
        driver: values.get("DriverVersion"),
      },
      "registry, HardwareInformation.qwMemorySize",
    ),
  );
}

/** WMI counts memory in 32 bits and stops at 4 GiB less 1 MiB: at that value a card has at least 4 GiB, nobody knows how much. */
const SATURATED = 4 * GIB - 2 * 1024 * 1024;

const adapterRam = (bytes: number | undefined): Bytes | undefined =>
  bytes === undefined || !Number.isSafeInteger(bytes) || bytes <= 0 || bytes >= SATURATED ? undefined : bytes;

/** `Win32_VideoController` as JSON (PowerShell), as `wmic`'s table, or as its `Name=value` list. */
export function parseVideoControllers(text: string): SightedDevice[] {
  const json = jsonAfterNoise(text);
  const rows = (Array.isArray(json) ? json : isRecord(json) ? [json] : []).filter(isRecord);
  const adapters: Adapter[] = rows.map((row) => {
    const string = (key: string): string | undefined => (typeof row[key] === "string" ? row[key] : undefined);
    return {
      name: string("Name") ?? "",
      plugAndPlayId: string("PNPDeviceID"),
      ownBytes: adapterRam(typeof row["AdapterRAM"] === "number" ? row["AdapterRAM"] : undefined),
      driver: string("DriverVersion"),
    };
  });
  return (adapters.length > 0 ? adapters : [...listed(text), ...tabled(text)]).flatMap((adapter) =>
    // WMI's figure for graphics inside a processor is a reservation of any size
    adapterDevice(adapter, "Win32_VideoController").map((device) =>
      device.unified === true ? { ...device, totalBytes: undefined } : device,
    ),
  );
}

function listed(text: string): Adapter[] {
  const keys = /(?=\b(?:Name|DriverVersion|AdapterRAM|PNPDeviceID)(?:[=~]| {0,40}: ))/;
  // a paragraph each, its keys in any order; without blank lines, a line each
  const blocks = text
    .split(/\r?\n\s*\r?\n/)
    .flatMap((part) => ((part.match(/\bName(?:[=~]| {0,40}: )/g) ?? []).length > 1 ? part.split("\n") : [part]));
  return blocks.flatMap((block): Adapter[] => {
    const fields = new Map(
      block.split(keys).map((part) => {
        const [key = "", ...value] = part.split(/[=~]| {0,40}: /);
        return [key.trim(), value.join("=").trim()] as const;
      }),
    );
    const name = fields.get("Name")?.split("\n")[0]?.trim();
    const ram = fields.get("AdapterRAM");
    return name === undefined || name === ""
      ? []
      : [
          {
            name,
            plugAndPlayId: fields.get("PNPDeviceID"),
            ownBytes: adapterRam(/^\d+$/.test(ram ?? "") ? Number(ram) : undefined),
            driver: /^[\d.]+/.exec(fields.get("DriverVersion") ?? "")?.[0],
          },
        ];
  });
}

function commaSeparated(header: string, lines: readonly string[]): Adapter[] {
  const names = header.split(",").map((name) => name.trim());
  return lines.flatMap((line): Adapter[] => {
    const cells = line.split(",").map((cell) => cell.trim());
    const cell = (name: string): string | undefined => (names.includes(name) ? cells[names.indexOf(name)] : undefined);
    return cells.length === names.length
      ? [
          {
            name: cell("Name") ?? "",
            plugAndPlayId: cell("PNPDeviceID"),
            ownBytes: adapterRam(Number(cell("AdapterRAM"))),
            driver: cell("DriverVersion"),
          },
        ]
      : [];
  });
}

/** Columns begin where the header's words begin. */
function tabled(text: string): Adapter[] {
  const [header = "", ...lines] = text.trimStart().split(/\r?\n/);
  if (/,AdapterRAM,|^AdapterRAM,/.test(header)) return commaSeparated(header, lines);
  const starts = [...header.matchAll(/\S+(?:\s\S+)*/g)].map((match) => ({ name: match[0], at: match.index }));
  if (!starts.some(({ name }) => name === "Name") || !starts.some(({ name }) => name === "AdapterRAM")) return [];
  return lines
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const cell = (wanted: string): string | undefined => {
        const i = starts.findIndex(({ name }) => name === wanted);
        return i < 0 ? undefined : line.slice(starts[i]?.at, starts[i + 1]?.at).trim();
      };
      return {
        name: cell("Name") ?? "",
        plugAndPlayId: cell("PNPDeviceID"),
        ownBytes: adapterRam(Number(cell("AdapterRAM"))),
        driver: cell("DriverVersion"),
      };
    });
}

const CONTROLLERS =
  "[Console]::OutputEncoding=[Text.Encoding]::UTF8; Get-CimInstance Win32_VideoController | Select-Object Name,PNPDeviceID,AdapterRAM,DriverVersion | ConvertTo-Json -Compress";

/** All adapters; those that nvidia-smi reports better are joined by the caller. */
export async function sightWindows(world: World, signal?: AbortSignal): Promise<readonly SightedDevice[]> {
  if (world.platform !== "win32") return [];
  const answers = await Promise.all(
    VALUES.map((value) =>
      printed(world, "reg.exe", ["query", CLASS, "/s", "/v", value], { timeoutMs: 4000, signal, lasting: true }),
    ),
  );
  const devices = registryDevices(parseRegistry(answers.join("\n")));
  if (devices.length > 0) return devices;
  return parseVideoControllers(
    await printed(world, "powershell.exe", ["-NoProfile", "-NonInteractive", "-Command", CONTROLLERS], {
      timeoutMs: 15_000,
      signal,
      lasting: true,
    }),
  );
}
