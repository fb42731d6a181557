/**
 * The hardware catalog in base units, found by id, name, alias or PCI id. A lookup returns every row a name can mean:
 * one driver name often hides several parts, and `chooseVariant` tells them apart by what else is known.
 */
import type { Backend } from "../facts/hardware.ts";
import { type Bytes, type BytesPerSecond, type FlopsPerSecond, GIB, MIB } from "../units.ts";
import { nameKey, readingsOf } from "./device-names.ts";
import { type HardwareRow, hardwareFile } from "./hardware-row.ts";

export interface HardwareEntry {
  readonly id: string;
  readonly name: string;
  readonly vendor: string;
  readonly kind: "gpu" | "unified" | "cpu";
  readonly backends: readonly Backend[];
  readonly family: string | undefined;
  readonly memoryBytes: readonly Bytes[];
  /** what the driver prints as total, where seen */
  readonly driverMemoryBytes: readonly Bytes[];
  readonly cudaMemoryBytes: readonly Bytes[];
  readonly bandwidthBytesPerSecond: BytesPerSecond;
  readonly fp16FlopsPerSecond: FlopsPerSecond | undefined;
  readonly fp32FlopsPerSecond: FlopsPerSecond | undefined;
  /** host link, one direction, as its generation and lanes promise */
  readonly linkBytesPerSecond: BytesPerSecond | undefined;
  /** for `Fact.source` */
  readonly source: string;
  /** the row as the catalog file has it */
  readonly row: HardwareRow;
}

export interface HardwareCatalog {
  readonly entries: readonly HardwareEntry[];
  byId(id: string): HardwareEntry | undefined;
  /** every entry an id, driver name or alias can mean, whole words only; empty when none */
  named(name: string): readonly HardwareEntry[];
  /** `deviceId` like `10de:2684`; entries listed for that very revision win */
  byPciId(deviceId: string, revision?: string): readonly HardwareEntry[];
}

/** GB/s of one lane in one direction after line coding, by generation. Source: PCI Express base specifications 1.0 to 6.0. */
const LANE_GBPS: Readonly<Record<number, number>> = { 1: 0.25, 2: 0.5, 3: 0.985, 4: 1.969, 5: 3.938, 6: 7.563 };

function entryOf(row: HardwareRow): HardwareEntry {
  const lane = LANE_GBPS[row.pcieGeneration ?? 0];
  const tera = (value: number | undefined): number | undefined => (value === undefined ? undefined : value * 1e12);
  return {
    id: row.id,
    name: row.name,
    vendor: row.vendor,
    kind: row.kind,
    backends: row.backends,
    family: row.family,
    memoryBytes: row.memoryGiB.map((size) => size * GIB),
    driverMemoryBytes: (row.driverMemoryMiB ?? []).map((size) => size * MIB),
    cudaMemoryBytes: (row.cudaMemoryMiB ?? []).map((size) => size * MIB),
    bandwidthBytesPerSecond: row.bandwidthGBps * 1e9,
    fp16FlopsPerSecond: tera(row.fp16Tflops),
    fp32FlopsPerSecond: tera(row.fp32Tflops),
    linkBytesPerSecond: lane === undefined || row.pcieLanes === undefined ? undefined : lane * row.pcieLanes * 1e9,
    source: `catalog ${row.id} (${row.source})`,
    row,
  };
}

function add(index: Map<string, HardwareEntry[]>, key: string, entry: HardwareEntry): void {
  if (key === "") return;
  const known = index.get(key);
  if (known === undefined) index.set(key, [entry]);
  else if (!known.includes(entry)) known.push(entry);
}

/** Builds the indices over rows that are already checked. */
export function hardwareCatalog(rows: readonly HardwareRow[]): HardwareCatalog {
  const entries = rows.map(entryOf);
  const ids = new Map(entries.map((entry) => [entry.id, entry]));
  const names = new Map<string, HardwareEntry[]>();
  const fused = new Map<string, HardwareEntry[]>();
  const pci = new Map<string, HardwareEntry[]>();
  const anyRevision = new Map<string, HardwareEntry[]>();
  for (const entry of entries) {
    for (const name of [entry.id, entry.name, entry.row.variant ?? "", ...(entry.row.aliases ?? [])]) {
      for (const reading of new Set(readingsOf(name))) add(names, nameKey(reading), entry);
    }
    for (const id of entry.row.pciIds ?? []) {
      add(pci, id, entry);
      add(anyRevision, id.split(":").slice(0, 2).join(":"), entry);
    }
  }
  // "rtx4090" for "rtx 4090": the whole name without its gaps, never a part of it
  for (const [key, found] of names) for (const entry of found) add(fused, key.replaceAll(" ", ""), entry);
  return {
    entries,
    byId: (id) => ids.get(id),
    named(name) {
      const exact = ids.get(name.trim().toLowerCase());
      if (exact !== undefined) return [exact];
      // a table that cuts names ("RTX 4070 ...") also cuts "Ti" and "Laptop GPU": nothing can be known from it
      if (name.includes("...")) return [];
      for (const reading of readingsOf(name)) {
        const key = nameKey(reading);
        const found = names.get(key) ?? fused.get(key.replaceAll(" ", ""));
        if (found !== undefined) return found;
      }
      return [];
    },
    byPciId(deviceId, revision) {
      const id = deviceId.toLowerCase();
      const exact = revision === undefined ? undefined : pci.get(`${id}:${revision.toLowerCase().replace(/^0x/, "").padStart(2, "0")}`);
      return exact ?? pci.get(id) ?? anyRevision.get(id) ?? [];
    },
  };
}

let loaded: Promise<HardwareCatalog> | undefined;

/** The shipped catalog, read and checked once on first use. */
export function loadHardwareCatalog(): Promise<HardwareCatalog> {
  loaded ??= read();
  return loaded;
}

async function read(): Promise<HardwareCatalog> {
  const { hardwareFiles } = await import("./hardware-files.ts");
  return hardwareCatalog((await hardwareFiles()).flatMap((file) => hardwareFile.parse(file)));
}
