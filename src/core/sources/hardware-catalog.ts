/**
 * The hardware catalog in base units, found by id, name, alias or PCI id. A lookup returns every row a name can mean:
 * one driver name often hides several parts, and `chooseVariant` tells them apart by what else is known.
 */
import type { Backend } from "../facts/hardware.ts";
import { type Bytes, type BytesPerSecond, type FlopsPerSecond, GIB, MIB } from "../units.ts";
import { nameKey, readingsOf } from "./device-names.ts";
import type { HardwareRow } from "./hardware-row.ts";
import { pcieBytesPerSecond } from "./pcie.ts";

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
  /** the platform of a processor, by its name or its model number as the system prints it */
  processor(model: string): HardwareEntry | undefined;
  /** `deviceId` like `10de:2684`; entries listed for that very revision win */
  byPciId(deviceId: string, revision?: string): readonly HardwareEntry[];
}

function entryOf(row: HardwareRow): HardwareEntry {
  const tera = (value: number | undefined): number | undefined => (value === undefined ? undefined : Math.round(value * 1e12));
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
    bandwidthBytesPerSecond: Math.round(row.bandwidthGBps * 1e9),
    fp16FlopsPerSecond: tera(row.fp16Tflops),
    fp32FlopsPerSecond: tera(row.fp32Tflops),
    linkBytesPerSecond: pcieBytesPerSecond(row.pcieGeneration, row.pcieLanes),
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

type Index = ReadonlyMap<string, readonly HardwareEntry[]>;

function nameIndex(entries: readonly HardwareEntry[]): Index {
  const index = new Map<string, HardwareEntry[]>();
  for (const entry of entries) {
    for (const name of [entry.id, entry.name, entry.row.variant ?? "", ...(entry.row.aliases ?? [])]) {
      for (const reading of readingsOf(name)) {
        const key = nameKey(reading);
        add(index, key, entry);
        // "rtx4090" for "rtx 4090": the whole name without its gaps, never a part of it
        add(index, key.replaceAll(" ", ""), entry);
      }
    }
  }
  return index;
}

/** By `vendor:device:revision` and, for lookups that know no revision, by `vendor:device`. */
function pciIndex(entries: readonly HardwareEntry[]): Index {
  const index = new Map<string, HardwareEntry[]>();
  for (const entry of entries) {
    for (const id of entry.row.pciIds ?? []) {
      add(index, id, entry);
      add(index, id.split(":").slice(0, 2).join(":"), entry);
    }
  }
  return index;
}

/** Makes rows that are already checked searchable; the indices are built when first needed. */
export function hardwareCatalog(rows: readonly HardwareRow[]): HardwareCatalog {
  const entries = rows.map(entryOf);
  const ids = new Map(entries.map((entry) => [entry.id, entry]));
  let names: Index | undefined;
  let pci: Index | undefined;
  const named = (name: string): readonly HardwareEntry[] => {
    const exact = ids.get(name.trim().toLowerCase());
    if (exact !== undefined) return [exact];
    // a table that cuts names ("RTX 4070 ...") also cuts "Ti" and "Laptop GPU": nothing can be known from it
    if (name.includes("...")) return [];
    names ??= nameIndex(entries);
    for (const reading of readingsOf(name)) {
      const key = nameKey(reading);
      const found = names.get(key) ?? names.get(key.replaceAll(" ", ""));
      if (found !== undefined) return found;
    }
    return [];
  };
  return {
    entries,
    byId: (id) => ids.get(id),
    named,
    processor(model) {
      const plain = model.slice(0, 120).replace(/\((R|TM)\)|[®™]/gi, "").replace(/\s+/g, " ");
      const byName = named(plain).find((entry) => entry.kind === "cpu");
      return byName ?? entries.find(({ row }) => row.modelPattern !== undefined && new RegExp(row.modelPattern, "i").test(plain));
    },
    byPciId(deviceId, revision) {
      pci ??= pciIndex(entries);
      const id = deviceId.toLowerCase();
      const exact = revision === undefined ? undefined : pci.get(`${id}:${revision.toLowerCase().replace(/^0x/, "").padStart(2, "0")}`);
      return exact ?? pci.get(id) ?? [];
    },
  };
}

let loaded: Promise<HardwareCatalog> | undefined;

/** The shipped catalog, read and checked once on first use. */
export function loadHardwareCatalog(): Promise<HardwareCatalog> {
  loaded ??= read();
  return loaded;
}

/**
 * The shipped files are held against their strict schema when they are built and tested; a full check on every start would cost
 * more than all other work of a lookup, so here only their shape is.
 */
function isRows(file: unknown): file is HardwareRow[] {
  return Array.isArray(file) && file.every((row) => typeof row === "object" && row !== null && "id" in row && "bandwidthGBps" in row);
}

async function read(): Promise<HardwareCatalog> {
  const { hardwareFiles } = await import("./hardware-files.ts");
  const files = await hardwareFiles();
  if (!files.every(isRows)) throw new Error("a file of catalog/hardware is damaged");
  return hardwareCatalog(files.flat());
}
