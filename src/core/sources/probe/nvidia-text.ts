/**
 * What `nvidia-smi` prints for people: the plain table, `-L`, `-q` and `-q -x`. Asked where the query fails, and for MIG slices,
 * which the query does not show. The table cuts names ("GeForce RTX 4070 ..."), so its names are only beginnings.
 */
import { type Bytes, GIB, MIB } from "../../units.ts";
import { isBroken, knownValue, mebibytesIn, nvidiaDevice, type SmiRow } from "./nvidia-smi.ts";
import { pciAddressOf, type SightedDevice } from "./sighting.ts";

export interface MigSlice {
  readonly gpuIndex: number;
  readonly profile: string;
  readonly uuid: string | undefined;
}

/** The cards of `nvidia-smi -L` and their slices, in the order that CUDA counts them. */
export function parseList(text: string): {
  readonly cards: readonly { readonly index: number; readonly name: string; readonly uuid: string }[];
  readonly slices: readonly MigSlice[];
} {
  const cards: { index: number; name: string; uuid: string }[] = [];
  const slices: MigSlice[] = [];
  for (const line of text.split("\n")) {
    const gpu = /^GPU (\d{1,3}): (.*?) \(UUID: (GPU-[^)]+)\)/.exec(line);
    if (gpu !== null) cards.push({ index: Number(gpu[1]), name: gpu[2] ?? "", uuid: gpu[3] ?? "" });
    const slice = /^[ \t]+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)/.exec(line);
    if (slice !== null)
      slices.push({ gpuIndex: cards.at(-1)?.index ?? 0, profile: slice[1] ?? "", uuid: slice[2] ?? "" });
  }
  return { cards, slices };
}

export interface SliceSize {
  readonly gpuIndex: number;
  readonly usedBytes: Bytes;
  readonly totalBytes: Bytes;
}

/** Used and total memory of the slices, from the MIG table of plain `nvidia-smi`, in the order of `-L`. */
export function parseMigTable(text: string): SliceSize[] {
  const rows = text.matchAll(/^\|\s+(\d+)\s+\d+\s+\d+\s+\d+\s+\|\s*(\d+)MiB\s*\/\s*(\d+)MiB/gm);
  return [...rows].map((row) => ({
    gpuIndex: Number(row[1]),
    usedBytes: Number(row[2]) * MIB,
    totalBytes: Number(row[3]) * MIB,
  }));
}

/** The cards of the plain table. Unified parts print "Not Supported" where the memory stands. */
export function parseTable(text: string): SightedDevice[] {
  const driver = /Driver Version:[ \t]*([\d.]+)/.exec(text)?.[1];
  const rows: Map<string, string>[] = [];
  for (const line of text.split("\n")) {
    const card =
      /^\|\s+(\d{1,3})\s{2}(\S.*?)\s+(?:On|Off|N\/A|WDDM|TCC|MCDM)\s*\|\s*([0-9A-Fa-f:.]+|N\/A)\s+(?:On|Off|N\/A)\s*\|/.exec(
        line,
      ) ?? /^GPU (\d{1,3}): (.+?)(?: \((?:WDDM|TCC|MCDM|UUID.*)\))?$/.exec(line.trim());
    if (card !== null) {
      const row = new Map([
        ["index", card[1] ?? ""],
        ["name", (card[2] ?? "").trim()],
      ]);
      const address = pciAddressOf(card[3]);
      if (address !== undefined) row.set("pci.bus_id", address);
      if (driver !== undefined) row.set("driver_version", driver);
      rows.push(row);
      continue;
    }
    const current = rows.at(-1);
    const memory = /(\d+)\s?MiB\s*\/\s*(\d+)\s?MiB/.exec(line);
    if (
      current !== undefined &&
      memory !== null &&
      !current.has("memory.total") &&
      !/^\|\s+\d+\s+\d+\s+\d+\s+\d+/.test(line)
    ) {
      current.set("memory.used", memory[1] ?? "");
      current.set("memory.total", memory[2] ?? "");
    }
  }
  return rows.map((row) => nvidiaDevice(row, "nvidia-smi, table"));
}

/** Lines `Key : value` of `-q`, with the section they stand in, from one GPU's part. */
function longFields(block: string): SmiRow {
  const fields = new Map<string, string>();
  const path: string[] = [];
  for (const line of block.split("\n")) {
    const match = /^([ \t]*)([^:]+?)\s*(?::[ \t]*(.*))?$/.exec(line);
    if (match === null) continue;
    const depth = Math.floor((match[1] ?? "").length / 4);
    path.length = depth;
    path[depth] = match[2] ?? "";
    if (match[3] !== undefined) fields.set(path.slice(1).join("/"), match[3].trim());
  }
  return fields;
}

/** `nvidia-smi -q`: any field may hold a placeholder, the name too. */
export function parseLong(text: string): SightedDevice[] {
  const driver = /^Driver Version\s*:[ \t]*(\S+)/m.exec(text)?.[1];
  const blocks = text.split(/^(?=GPU [0-9A-Fa-f]{4,8}:)/m).slice(1);
  return blocks.map((block) => {
    const fields = longFields(block);
    const row = new Map<string, string>();
    const put = (name: string, value: string | undefined): void => {
      const known = knownValue(value);
      if (known !== undefined) row.set(name, known);
    };
    put("name", fields.get("Product Name"));
    put("uuid", fields.get("GPU UUID"));
    put("pci.bus_id", /^GPU ([0-9A-Fa-f:.]+)/.exec(block)?.[1]);
    put("pci.device_id", fields.get("PCI/Device Id"));
    put("memory.total", fields.get("FB Memory Usage/Total"));
    if (isBroken(fields.get("FB Memory Usage/Total"))) row.set("memory.error", "yes");
    put("memory.reserved", fields.get("FB Memory Usage/Reserved"));
    put("memory.used", fields.get("FB Memory Usage/Used"));
    put("memory.free", fields.get("FB Memory Usage/Free"));
    put("clocks.max.memory", fields.get("Max Clocks/Memory"));
    put("addressing_mode", fields.get("Addressing Mode"));
    put("driver_version", driver);
    const device = nvidiaDevice(row, "nvidia-smi -q");
    // a card whose name is an error is broken, not unified
    return row.has("name") ? device : { ...device, unified: undefined };
  });
}

const inside = (xml: string, tag: string): string | undefined =>
  new RegExp(`<${tag}(?:\\s[^>]*)?>([\\s\\S]*?)</${tag}>`).exec(xml)?.[1];
const field = (xml: string | undefined, ...tags: readonly string[]): string | undefined =>
  knownValue(tags.reduce<string | undefined>((part, tag) => (part === undefined ? undefined : inside(part, tag)), xml));

/** `nvidia-smi -q -x`: cards, or their slices where MIG is on. The schema grew from v10 to v13; absent elements are holes. */
export function parseXml(text: string): SightedDevice[] {
  const driver = field(text, "driver_version");
  return [...text.matchAll(/<gpu\s+id="([^"]*)">([\s\S]*?)<\/gpu>/g)].flatMap((match) => {
    const gpu = (match[2] ?? "").replace(/<mig_devices>[\s\S]*?<\/mig_devices>/, "");
    const slices = [
      ...(inside(match[2] ?? "", "mig_devices") ?? "").matchAll(/<mig_device>([\s\S]*?)<\/mig_device>/g),
    ].map((slice) => slice[1] ?? "");
    const row = new Map<string, string>();
    const put = (name: string, ...tags: readonly string[]): void => {
      const value = field(gpu, ...tags);
      if (value !== undefined) row.set(name, value);
    };
    put("name", "product_name");
    put("uuid", "uuid");
    put("pci.device_id", "pci", "pci_device_id");
    row.set("pci.bus_id", match[1] ?? "");
    for (const part of ["total", "reserved", "used", "free"]) put(`memory.${part}`, "fb_memory_usage", part);
    put("clocks.max.memory", "max_clocks", "mem_clock");
    put("pcie.link.gen.max", "pci", "pci_gpu_link_info", "pcie_gen", "max_link_gen");
    put("pcie.link.width.max", "pci", "pci_gpu_link_info", "link_widths", "max_link_width");
    put("addressing_mode", "addressing_mode");
    const lanes = row.get("pcie.link.width.max");
    if (lanes !== undefined) row.set("pcie.link.width.max", lanes.replace(/x$/, ""));
    if (driver !== undefined) row.set("driver_version", driver);
    const minor = field(gpu, "minor_number");
    const card = {
      ...nvidiaDevice(row, "nvidia-smi -q -x"),
      minorNumber: minor === undefined ? undefined : Number(minor),
    };
    if (field(gpu, "mig_mode", "current_mig") !== "Enabled") return [card];
    return slices.map((slice) =>
      sliceOf(
        card,
        { profile: field(slice, "name") ?? "slice", gpuIndex: 0, uuid: field(slice, "uuid") },
        {
          gpuIndex: 0,
          totalBytes: mebibytesIn(field(slice, "fb_memory_usage", "total")) ?? 0,
          usedBytes: mebibytesIn(field(slice, "fb_memory_usage", "used")) ?? 0,
        },
        "nvidia-smi -q -x",
      ),
    );
  });
}

/** `3g.40gb` → 40 GiB, when the exact sizes are not to be had. */
const profileBytes = (profile: string): Bytes => Number(/\.(\d{1,4})gb/.exec(profile)?.[1] ?? 0) * GIB;

export function sliceOf(
  card: SightedDevice,
  slice: MigSlice,
  size: SliceSize | undefined,
  source = "nvidia-smi MIG table",
): SightedDevice {
  const total = size === undefined || size.totalBytes === 0 ? profileBytes(slice.profile) : size.totalBytes;
  return {
    ...card,
    totalBytes: total,
    freeBytes: total - (size?.usedBytes ?? 0),
    reservedBytes: 0,
    unified: false,
    uuid: slice.uuid,
    slice: { profile: slice.profile, cardName: card.name, cardTotalBytes: card.totalBytes },
    source: size === undefined ? "nvidia-smi -L (profile's nominal size)" : source,
  };
}
