/** Which catalog row a sighted device is: PCI id, then name, then what tells variants of one name apart. */
import { GIB } from "../../units.ts";
import { identifyingWords } from "../device-names.ts";
import type { HardwareCatalog, HardwareEntry } from "../hardware-catalog.ts";
import { isIntegratedName, type SightedDevice } from "./sighting.ts";

/** Keeps the candidates that pass, unless none does: a modified card must not lose its identity. */
function narrowed(
  candidates: readonly HardwareEntry[],
  passes: (entry: HardwareEntry) => boolean,
): readonly HardwareEntry[] {
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

/** A table cut the name: what begins like it and has this memory, if that is one device alone. */
function completions(
  start: string,
  totalBytes: number | undefined,
  catalog: HardwareCatalog,
): readonly HardwareEntry[] {
  const beginning = start.slice(0, -3).trimEnd().toLowerCase();
  const longer = catalog.entries.filter(
    (entry) =>
      `${entry.name.toLowerCase()} `.startsWith(`${beginning} `) ||
      (entry.name.toLowerCase().startsWith(beginning) && entry.name.length > beginning.length),
  );
  const fitting = longer.filter(
    (entry) => entry.name.length > beginning.length && totalBytes !== undefined && hasSize(entry, totalBytes),
  );
  return new Set(fitting.map(({ name }) => name)).size === 1 ? fitting : [];
}

export interface Match {
  readonly entry: HardwareEntry | undefined;
  /** further rows that what is known does not tell apart from it, with other figures */
  readonly others: readonly HardwareEntry[];
}

/** The catalog row of a device. `ramBytes` is the size of a device that shares the RAM; `board` the module it sits on. */
export function matchEntry(device: SightedDevice, catalog: HardwareCatalog, ramBytes: number, board?: string): Match {
  const byBoard = board === undefined || device.vendor !== "NVIDIA" ? [] : catalog.named(board);
  const byPci = device.pciId === undefined ? [] : catalog.byPciId(device.pciId, device.pciRevision);
  const byName = device.name.endsWith("...")
    ? completions(device.name, device.totalBytes, catalog)
    : identifyingWords(device.name).length === 0
      ? []
      : catalog.named(device.name);
  const both = byPci.filter((entry) => byName.includes(entry));
  const onBoard = byName.filter((entry) => byBoard.includes(entry));
  let candidates = onBoard.length > 0 ? onBoard : both.length > 0 ? both : byPci.length > 0 ? byPci : byName;
  // a card at its own slot is no processor's graphics, and the other way round, whatever the name says
  const integrated = device.unified ?? (isIntegratedName(device.name) && byPci.length === 0 ? true : undefined);
  if (integrated !== undefined) candidates = candidates.filter((entry) => (entry.kind === "unified") === integrated);
  const { gpuCoreCount, memoryClockMHz } = device;
  const totalBytes = device.slice?.cardTotalBytes ?? device.totalBytes;
  if (gpuCoreCount !== undefined) candidates = narrowed(candidates, (entry) => entry.row.gpuCoreCount === gpuCoreCount);
  candidates = narrowed(candidates, (entry) =>
    entry.kind === "unified" ? hasSize(entry, ramBytes) : totalBytes === undefined || hasSize(entry, totalBytes),
  );
  if (memoryClockMHz !== undefined) candidates = narrowed(candidates, (entry) => hasClock(entry, memoryClockMHz));
  // the plain part before its variants, and old drivers print a laptop part like the card: the card is what is sold more
  const rank = ({ row }: HardwareEntry): number =>
    (row.variant === undefined ? 0 : 2) + (row.form === "laptop" && !/laptop|mobile|max-q/i.test(device.name) ? 1 : 0);
  const [entry, ...rest] = [...candidates].sort((a, b) => rank(a) - rank(b));
  return { entry, others: rest.filter((other) => other.bandwidthBytesPerSecond !== entry?.bandwidthBytesPerSecond) };
}
