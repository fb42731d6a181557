/** The CSV that `nvidia-smi --query-gpu` prints, and why a call failed. Pure: running it is nvidia.ts. */
import { type Bytes, MIB } from "../../units.ts";
import type { ToolStatus } from "./result.ts";
import { pciAddressOf, type SightedDevice, sighted } from "./sighting.ts";

/** Printed instead of a value; localised builds do not exist. */
const MISSING =
  /^\[?(N\/A|Not Supported|Not Available|Unknown Error|GPU is lost|GPU requires reset|Insufficient Permissions|ERR!|Unknown|None)\]?$/i;

/** A printed value, or undefined where a placeholder stands. */
export function knownValue(text: string | undefined): string | undefined {
  const trimmed = text?.trim() ?? "";
  return trimmed === "" || MISSING.test(trimmed) ? undefined : trimmed;
}

/** A card that is there and does not answer. */
const BROKEN = /Unknown Error|GPU is lost|requires reset|ERR!/i;

/** Key of a row whose memory is an error, not absent. */
const MEMORY_ERROR = "memory.error";

export const isBroken = (memoryTotal: string | undefined): boolean => BROKEN.test(memoryTotal ?? "");

/** One GPU: field of `--query-gpu` → text, without the missing ones. */
export type SmiRow = ReadonlyMap<string, string>;

const FIELD =
  /^(index|name|uuid|count|serial|compute_cap|addressing_mode|driver_version|display_\w+|temperature\.\w+|(memory|pci|clocks|power|pcie|mig|utilization|ecc|fan|gpu_\w+)[\w.]*)$/;

/**
 * CSV of `--query-gpu=<fields> --format=csv`, with or without header and units. Lines that do not have every field are no rows:
 * messages come on the same stream.
 */
export function parseQuery(text: string, fields: readonly string[]): SmiRow[] {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const header = lines[0]?.split(/,\s*/).map((name) => name.replace(/ \[.*\]$/, ""));
  const hasHeader = header?.every((name) => FIELD.test(name)) === true;
  const names = hasHeader && header !== undefined ? header : fields;
  return (hasHeader ? lines.slice(1) : lines).flatMap((line) => {
    const values = line.split(/,\s*/);
    if (values.length !== names.length) return [];
    return [
      new Map(
        names.flatMap((name, i): [string, string][] => {
          const value = knownValue(values[i]);
          if (value !== undefined) return [[name, value]];
          return name === "memory.total" && isBroken(values[i]) ? [[MEMORY_ERROR, "yes"]] : [];
        }),
      ),
    ];
  });
}

/** A number with or without its unit ("24564", "24564 MiB", "2619 MHz"). */
function numberIn(text: string | undefined): number | undefined {
  const match = /^(\d{1,9}(?:\.\d+)?)(?:\s*[A-Za-z%]+)?$/.exec(text?.trim() ?? "");
  return match === null ? undefined : Number(match[1]);
}

export function mebibytesIn(text: string | undefined): Bytes | undefined {
  const value = numberIn(text);
  return value === undefined ? undefined : Math.round(value * MIB);
}

const numberOf = (row: SmiRow, name: string): number | undefined => numberIn(row.get(name));

/** `0x268410DE`, `268410DE` → `10de:2684`. */
export function pciIdOf(text: string | undefined): string | undefined {
  const match = /^(?:0x)?([0-9a-f]{4})10de$/i.exec(text ?? "");
  return match === null ? undefined : `10de:${match[1]}`.toLowerCase();
}

/**
 * Memory that the card shares with the system. No total is a sign only beside an address mode that maps the system's memory, or
 * where nothing else is broken: HMM alone stands on ordinary cards, ATS alone on a GH200 with memory of its own.
 */
function sharesMemory(row: SmiRow): boolean | undefined {
  if (row.has("memory.total") || row.has(MEMORY_ERROR)) return undefined;
  return /^(ATS|HMM)$/i.test(row.get("addressing_mode") ?? "") || row.has("name") ? true : undefined;
}

/** One GPU's row, all queries joined, as a device. */
export function nvidiaDevice(row: SmiRow, source = "nvidia-smi"): SightedDevice {
  const total = mebibytesIn(row.get("memory.total"));
  const used = mebibytesIn(row.get("memory.used"));
  const reserved = mebibytesIn(row.get("memory.reserved"));
  const free =
    mebibytesIn(row.get("memory.free")) ??
    (total === undefined || used === undefined ? undefined : Math.max(0, total - used - (reserved ?? 0)));
  return sighted({
    vendor: "NVIDIA",
    source,
    name: row.get("name") ?? "",
    pciAddress: pciAddressOf(row.get("pci.bus_id")),
    pciId: pciIdOf(row.get("pci.device_id")),
    totalBytes: total,
    freeBytes: free,
    reservedBytes: reserved,
    unified: sharesMemory(row),
    computeCapability: row.get("compute_cap"),
    driver: row.get("driver_version"),
    memoryClockMHz: numberOf(row, "clocks.max.memory"),
    pcieGeneration: numberOf(row, "pcie.link.gen.max"),
    pcieLanes: numberOf(row, "pcie.link.width.max"),
    uuid: row.get("uuid"),
    visible: !row.has(MEMORY_ERROR),
  });
}

export type SmiFailure =
  | "driver-unreachable"
  | "no-devices"
  | "driver-broken"
  | "gpu-error"
  | "unknown-field"
  | "failed";

/** Why a call failed, from its exit code and text: the message for a missing driver comes on stdout. */
export function failureOf(exitCode: number, output: string): SmiFailure {
  if (/No devices were found/i.test(output)) return "no-devices";
  if (/couldn't communicate with the NVIDIA driver/i.test(output)) return "driver-unreachable";
  if (/version mismatch|Failed to initialize NVML/i.test(output)) return "driver-broken";
  if (/Unable to determine the device handle|GPU is lost|requires reset/i.test(output)) return "gpu-error";
  if (/not a valid field to query/i.test(output)) return "unknown-field";
  return exitCode === 9
    ? "driver-unreachable"
    : exitCode === 6
      ? "no-devices"
      : exitCode === 18
        ? "driver-broken"
        : "failed";
}

export const STATUS_OF: Readonly<Record<SmiFailure, ToolStatus>> = {
  "driver-unreachable": "driver-unreachable",
  "no-devices": "no-visible-device",
  "driver-broken": "driver-broken",
  "gpu-error": "gpu-error",
  "unknown-field": "failed",
  failed: "failed",
};
