/** Which catalog row a sighted device is: PCI id, then name, then what tells variants of one name apart. */
import { GIB } from "../../units.ts";
import type { HardwareCatalog, HardwareEntry } from "../hardware-catalog.ts";
import type { SightedDevice } from "./result.ts";

/** Keeps the candidates that pass, unless none does: a modified card must not lose its identity. */
function narrowed(candidates: readonly HardwareEntry[], passes: (entry: HardwareEntry) => boolean): readonly HardwareEntry[] {
  const kept = candidates.filter(passes);
  return kept.length > 0 ? kept : candidates;
}

const within = (value: number, wanted: number, share: number): boolean => Math.abs(value / wanted - 1) <= share;

/** Driver totals lie up to 7 % below the nominal size: ECC takes 1/16. */
function hasSize(entry: HardwareEntry, totalBytes: number): boolean {
  const sizes = [...entry.memoryBytes, ...(entry.row.moddedMemoryGiB ?? []).map((size) => size * GIB)];
  return sizes.some((size) => totalBytes <= size * 1.01 && totalBytes >= size * 0.92);
}

/** What the driver's memory clock promises: two transfers a clock as nvidia-smi counts, checked on GDDR5 to GDDR7 and HBM; users overclock by 5 %. */
function hasClock(entry: HardwareEntry, clockMHz: number): boolean {
  const bits = entry.row.memoryBusBits;
  return bits === undefined || within((clockMHz * 1e6 * 2 * bits) / 8, entry.bandwidthBytesPerSecond, 0.06);
}

/** The catalog row of a device, or undefined. `ramBytes` is the size of a device that shares the RAM. */
export function matchEntry(device: SightedDevice, catalog: HardwareCatalog, ramBytes: number): HardwareEntry | undefined {
  const byPci = device.pciId === undefined ? [] : catalog.byPciId(device.pciId, device.pciRevision);
  const byName = catalog.named(device.name.replace(/ MIG \S+$/, ""));
  const both = byPci.filter((entry) => byName.includes(entry));
  let candidates = both.length > 0 ? both : byPci.length > 0 ? byPci : byName;
  const { gpuCoreCount, memoryClockMHz, totalBytes } = device;
  if (gpuCoreCount !== undefined) candidates = narrowed(candidates, (entry) => entry.row.gpuCoreCount === gpuCoreCount);
  candidates = narrowed(candidates, (entry) => hasSize(entry, entry.kind === "unified" ? ramBytes : (totalBytes ?? 0)));
  if (memoryClockMHz !== undefined) candidates = narrowed(candidates, (entry) => hasClock(entry, memoryClockMHz));
  return [...candidates].sort((a, b) => (a.row.variant === undefined ? 0 : 1) - (b.row.variant === undefined ? 0 : 1))[0];
}
