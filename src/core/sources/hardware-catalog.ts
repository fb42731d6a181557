/**
 * The hardware catalog in base units, found by id, name, alias or PCI id. A lookup returns every row a name can mean:
 * one driver name often hides several parts, and `chooseVariant` tells them apart by what else is known.
 */
import type { Backend } from "../facts/hardware.ts";
import { type Bytes, type BytesPerSecond, type FlopsPerSecond, GIB, MIB } from "../units.ts";
import { nameKey, printedKey, readingsOf } from "./device-names.ts";
import { gapless, linesOf, rowLookup } from "./hardware-index.ts";
import { type HardwareRows, rowsOf, unpackHardware } from "./hardware-pack.ts";
import type { HardwareRow } from "./hardware-row.ts";
import { pcieBytesPerSecond } from "./pcie.ts";
import type { Profiles } from "./profiles.ts";
import type { World } from "./world.ts";

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
  /** dense, with FP16 accumulate: what kernels reach that sum in half precision; GeForce cards double their rate this way */
  readonly fp16FlopsPerSecond: FlopsPerSecond | undefined;
  /** dense, with FP32 accumulate: what llama.cpp's matrix products sum in where they ask for precision; at most the rate above */
  readonly fp16WithFp32AccumulateFlopsPerSecond: FlopsPerSecond | undefined;
  readonly fp32FlopsPerSecond: FlopsPerSecond | undefined;
  /** host link, one direction, as its generation and lanes promise */
  readonly linkBytesPerSecond: BytesPerSecond | undefined;
  /** for `Fact.source` */
  readonly source: string;
  /** the row as the catalog file has it */
  readonly row: HardwareRow;
}

export interface HardwareCatalog {
  /** every row, in the order of the files */
  readonly entries: readonly HardwareEntry[];
  /** what may stand in an expression: of every row, without reading the rows, and of a user's machines */
  readonly ids: readonly string[];
  /** the hardware expression that a user's profile stands for */
  machine(id: string): string | undefined;
  /** profiles of the user that could not be read */
  readonly warnings: readonly string[];
  byId(id: string): HardwareEntry | undefined;
  /** every entry an id, driver name or alias can mean, whole words only; empty when none */
  named(name: string): readonly HardwareEntry[];
  /** the platform of a processor, by its name or its model number as the system prints it */
  processor(model: string): HardwareEntry | undefined;
  /** `deviceId` like `10de:2684`; entries listed for that very revision win */
  byPciId(deviceId: string, revision?: string): readonly HardwareEntry[];
}

function entryOf(row: HardwareRow): HardwareEntry {
  const tera = (value: number | undefined): number | undefined =>
    value === undefined ? undefined : Math.round(value * 1e12);
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
    fp16WithFp32AccumulateFlopsPerSecond: tera(row.fp16WithFp32AccumulateTflops ?? row.fp16Tflops),
    fp32FlopsPerSecond: tera(row.fp32Tflops),
    linkBytesPerSecond: pcieBytesPerSecond(row.pcieGeneration, row.pcieLanes),
    source: `catalog ${row.id} (${row.source})`,
    row,
  };
}

/** Makes rows searchable that are already checked. */
export function hardwareCatalog(rows: readonly HardwareRow[]): HardwareCatalog {
  return catalogOf(rowsOf(rows));
}

/** An entry is made when it is first asked for: a lookup needs one or two of 633. */
export function catalogOf({ count, rowAt, indices }: HardwareRows): HardwareCatalog {
  const made: HardwareEntry[] = [];
  const entryAt = (position: number): HardwareEntry => {
    const known = made[position];
    if (known !== undefined) return known;
    const entry = entryOf(rowAt(position));
    made[position] = entry;
    return entry;
  };
  const lookup = (index: string): ((key: string) => readonly HardwareEntry[] | undefined) => {
    const find = rowLookup(index);
    return (key) => find(key)?.map(entryAt);
  };
  const [ids, printed, readings, pci] = [
    lookup(indices.ids),
    lookup(indices.printed),
    lookup(indices.readings),
    lookup(indices.pci),
  ];
  const named = (name: string): readonly HardwareEntry[] => {
    const exact = ids(name.trim().toLowerCase());
    if (exact !== undefined) return exact;
    // a table that cuts names ("RTX 4070 ...") also cuts "Ti" and "Laptop GPU": nothing can be known from it
    if (name.includes("...")) return [];
    const literal = printed(printedKey(name));
    if (literal !== undefined) return literal;
    for (const reading of readingsOf(name)) {
      const close = readings(gapless(nameKey(reading)));
      if (close !== undefined) return close;
    }
    return [];
  };
  let patterns: readonly { readonly position: number; readonly pattern: RegExp }[] | undefined;
  let entries: readonly HardwareEntry[] | undefined;
  let idList: readonly string[] | undefined;
  return {
    get entries() {
      entries ??= Array.from({ length: count }, (_, position) => entryAt(position));
      return entries;
    },
    get ids() {
      idList ??= linesOf(indices.ids).map(([id]) => id);
      return idList;
    },
    warnings: [],
    machine: () => undefined,
    byId: (id) => ids(id)?.[0],
    named,
    processor(model) {
      const plain = model
        .slice(0, 120)
        .replace(/\((R|TM)\)|[®™]/gi, "")
        .replace(/\s+/g, " ");
      const byName = named(plain).find((entry) => entry.kind === "cpu");
      if (byName !== undefined) return byName;
      patterns ??= linesOf(indices.patterns).map(([pattern, position]) => ({
        position: Number(position),
        pattern: new RegExp(pattern, "i"),
      }));
      // as people write it into an expression: epyc-9654, ryzen-9-7950x
      const spellings = [plain, plain.replaceAll("-", " ")];
      const platform = patterns.find(({ pattern }) => spellings.some((spelling) => pattern.test(spelling)));
      return platform === undefined ? undefined : entryAt(platform.position);
    },
    byPciId(deviceId, revision) {
      const id = deviceId.toLowerCase();
      const exact =
        revision === undefined ? undefined : pci(`${id}:${revision.toLowerCase().replace(/^0x/, "").padStart(2, "0")}`);
      return exact ?? pci(id) ?? [];
    },
  };
}

/** The catalog with a user's own devices and machines, which win where both answer. */
function withProfiles(catalog: HardwareCatalog, { rows, machines, warnings }: Profiles): HardwareCatalog {
  if (rows.length + machines.length + warnings.length === 0) return catalog;
  const own = hardwareCatalog(rows);
  const byMachine = new Map(machines.map(({ id, hardware }) => [id, hardware]));
  const first = (a: readonly HardwareEntry[], b: () => readonly HardwareEntry[]): readonly HardwareEntry[] =>
    a.length > 0 ? a : b();
  return {
    get entries() {
      return [...own.entries, ...catalog.entries];
    },
    get ids() {
      return [...new Set([...byMachine.keys(), ...own.ids, ...catalog.ids])];
    },
    warnings,
    machine: (id) => byMachine.get(id.trim().toLowerCase()),
    byId: (id) => own.byId(id) ?? catalog.byId(id),
    named: (name) => first(own.named(name), () => catalog.named(name)),
    processor: (model) => own.processor(model) ?? catalog.processor(model),
    byPciId: (deviceId, revision) => first(own.byPciId(deviceId, revision), () => catalog.byPciId(deviceId, revision)),
  };
}

let loaded: Promise<HardwareCatalog> | undefined;

/** The shipped catalog, read once on first use; with a `world`, the profiles of its user as they are now stand over it. */
export async function loadHardwareCatalog(world?: World): Promise<HardwareCatalog> {
  loaded ??= read();
  if (world === undefined) return loaded;
  const { loadProfiles } = await import("./profiles.ts");
  return withProfiles(await loaded, await loadProfiles(world));
}

async function read(): Promise<HardwareCatalog> {
  const { default: compiled } = await import("../../../catalog/hardware-compiled.json", { with: { type: "json" } });
  return catalogOf(unpackHardware(compiled));
}
