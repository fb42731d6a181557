/** What `nvidia-smi` prints, as data. Pure: running it is nvidia.ts. */
import { type Bytes, MIB } from "../../units.ts";

/** Printed instead of a value; localised builds do not exist. */
const MISSING = /^\[?(N\/A|Not Supported|Unknown Error|GPU is lost|GPU requires reset|Insufficient Permissions|ERR!|Unknown|None)\]?$/i;

/** One GPU: field of `--query-gpu` → text, without the missing ones. */
export type SmiRow = ReadonlyMap<string, string>;

/**
 * CSV of `--query-gpu=<fields> --format=csv`, with or without header and units. Lines that do not have every field are no rows:
 * messages come on the same stream.
 */
export function parseQuery(text: string, fields: readonly string[]): SmiRow[] {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const header = lines[0]?.split(/,\s*/).map((name) => name.replace(/ \[.*\]$/, ""));
  const hasHeader = header !== undefined && /^(index|name|uuid|memory\.\w+|pci\.\w+|driver_version)$/.test(header[0] ?? "");
  const names = hasHeader ? header : fields;
  return (hasHeader ? lines.slice(1) : lines).flatMap((line) => {
    const values = line.split(/,\s*/);
    if (values.length !== names.length) return [];
    return [new Map(names.flatMap((name, i): [string, string][] => (MISSING.test(values[i] ?? "") ? [] : [[name, values[i] ?? ""]])))];
  });
}

/** A number with or without its unit ("24564", "24564 MiB", "2619 MHz"). */
export function numberOf(row: SmiRow, name: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d+)?)(?: \w+)?$/.exec(row.get(name) ?? "");
  return match === null ? undefined : Number(match[1]);
}

export function mebibytesOf(row: SmiRow, name: string): Bytes | undefined {
  const value = numberOf(row, name);
  return value === undefined ? undefined : value * MIB;
}

/** `00000000:01:00.0` and `0000:01:00.0` are the same address. */
export function pciAddressOf(text: string | undefined): string | undefined {
  const match = /^(?:0*([0-9a-f]{4}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/i.exec(text ?? "");
  return match === null ? undefined : `${match[1] ?? "0000"}:${match[2]}`.toLowerCase();
}

/** `0x268410DE` → `10de:2684`. */
export function pciIdOf(text: string | undefined): string | undefined {
  const match = /^0x([0-9a-f]{4})10de$/i.exec(text ?? "");
  return match === null ? undefined : `10de:${match[1]}`.toLowerCase();
}

export type SmiFailure = "driver-unreachable" | "no-devices" | "driver-broken" | "gpu-error" | "unknown-field" | "failed";

/** Why a call failed, from its exit code and text: the message for a missing driver comes on stdout. */
export function failureOf(exitCode: number, output: string): SmiFailure {
  if (/No devices were found/i.test(output)) return "no-devices";
  if (/couldn't communicate with the NVIDIA driver/i.test(output)) return "driver-unreachable";
  if (/version mismatch|Failed to initialize NVML/i.test(output)) return "driver-broken";
  if (/Unable to determine the device handle|GPU is lost|requires reset/i.test(output)) return "gpu-error";
  if (/not a valid field to query/i.test(output)) return "unknown-field";
  return exitCode === 9 ? "driver-unreachable" : exitCode === 6 ? "no-devices" : exitCode === 18 ? "driver-broken" : "failed";
}

export interface MigSlice {
  readonly gpuIndex: number;
  readonly profile: string;
  readonly uuid: string;
}

/** The slices of `nvidia-smi -L`, in the order that CUDA counts them. */
export function parseMigList(text: string): MigSlice[] {
  const slices: MigSlice[] = [];
  let gpuIndex = -1;
  for (const line of text.split("\n")) {
    const gpu = /^GPU (\d{1,3}):/.exec(line);
    if (gpu !== null) gpuIndex = Number(gpu[1]);
    const slice = /^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)/.exec(line);
    if (slice !== null) slices.push({ gpuIndex, profile: slice[1] ?? "", uuid: slice[2] ?? "" });
  }
  return slices;
}

/** Used and total memory of the slices, from the MIG table of plain `nvidia-smi`, in the order of `-L`. */
export function parseMigTable(text: string): { readonly gpuIndex: number; readonly usedBytes: Bytes; readonly totalBytes: Bytes }[] {
  const rows = text.matchAll(/^\|\s+(\d+)\s+\d+\s+\d+\s+\d+\s+\|\s*(\d+)MiB\s*\/\s*(\d+)MiB/gm);
  return [...rows].map((row) => ({ gpuIndex: Number(row[1]), usedBytes: Number(row[2]) * MIB, totalBytes: Number(row[3]) * MIB }));
}
