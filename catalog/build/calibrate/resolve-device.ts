/** Names in published timings → rows of the hardware catalog. A name with several variants is told apart by the bandwidth the row states. */
import type { HardwareCatalog, HardwareEntry } from "../../../src/core/sources/hardware-catalog.ts";
import type { PublishedRow } from "./published.ts";

/** As written, without what stands in brackets, and each of the names that a slash joins. */
function readings(name: string): string[] {
  const bare = name.replace(/\s*\(CPU\)/gi, "").trim();
  const short = bare.replace(/\s*\([^()]*\)/g, "").trim();
  return [
    ...new Set([bare, short, ...short.split("/").map((part) => part.trim()), short.replace(/(\S+)\/\S+/, "$1")]),
  ].filter((part) => part !== "");
}

function closest(entries: readonly HardwareEntry[], row: PublishedRow): HardwareEntry | undefined {
  const stated = (row.device_bw_gbps ?? 0) * 1e9;
  const laptop = /laptop|mobile|max-q/i.test(row.device);
  const distance = (entry: HardwareEntry) =>
    (stated > 0 ? Math.abs(Math.log(entry.bandwidthBytesPerSecond / stated)) : 0) +
    ((entry.row.form === "laptop") === laptop ? 0 : 0.02);
  const size = /(\d+)\s*GB/.exec(row.device)?.[1];
  const sized =
    size === undefined
      ? []
      : entries.filter(({ memoryBytes }) => memoryBytes.some((bytes) => Math.round(bytes / 2 ** 30) === Number(size)));
  return [...(sized.length > 0 ? sized : entries)].sort((a, b) => distance(a) - distance(b))[0];
}

export function resolveDevice(row: PublishedRow, catalog: HardwareCatalog): HardwareEntry | undefined {
  for (const name of readings(row.device)) {
    const entry = closest(catalog.named(name), row);
    if (entry) return entry;
  }
  return undefined;
}

/** The processor of a CPU-only row: the device itself, or the `cpu` field where the device is a card. */
export function resolveProcessor(row: PublishedRow, catalog: HardwareCatalog): HardwareEntry | undefined {
  const device = resolveDevice(row, catalog);
  const names = device?.kind === "gpu" ? [row.cpu ?? ""] : [row.device, row.cpu ?? ""];
  for (const name of names.flatMap(readings)) {
    const entry =
      catalog.processor(name) ??
      closest(
        catalog.named(name).filter(({ kind }) => kind !== "gpu"),
        row,
      );
    if (entry) return entry;
  }
  return undefined;
}
