/** Values for what a hardware expression leaves open. Each is marked assumed and says what it stands on. */
import type { Fact } from "../facts/evidence.ts";
import { type Bytes, type BytesPerSecond, type FlopsPerSecond, GIB } from "../units.ts";
import { formatBytes } from "../units-text.ts";
import type { HardwareCatalog, HardwareEntry } from "./hardware-catalog.ts";

const middle = (values: readonly number[]): number | undefined =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];

/** Dedicated cards with a memory size within a quarter of `memoryBytes`; where none is, all of them. */
function cardsLike(catalog: HardwareCatalog, memoryBytes: Bytes): readonly HardwareEntry[] {
  const cards = catalog.entries.filter((entry) => entry.kind === "gpu");
  const near = cards.filter((entry) =>
    entry.memoryBytes.some((size) => Math.abs(size - memoryBytes) <= memoryBytes / 4),
  );
  return near.length > 0 ? near : cards;
}

/** A custom device's bandwidth: the median of cards with about as much memory (half of them are slower). */
export function assumedBandwidth(catalog: HardwareCatalog, memoryBytes: Bytes): Fact<BytesPerSecond> {
  const cards = cardsLike(catalog, memoryBytes);
  const value = middle(cards.map((entry) => entry.bandwidthBytesPerSecond)) ?? 100e9;
  return {
    value,
    evidence: "assumed",
    source: `median of ${cards.length} catalog cards with about ${formatBytes(memoryBytes)}`,
  };
}

/** A custom device's compute: the FP16 rate per byte of bandwidth that cards with about as much memory have in the median. */
export function assumedFp16(
  catalog: HardwareCatalog,
  memoryBytes: Bytes,
  bandwidth: BytesPerSecond,
): Fact<FlopsPerSecond> {
  const ratios = cardsLike(catalog, memoryBytes).flatMap((entry) => {
    const rate = Math.max(entry.fp16FlopsPerSecond ?? 0, entry.fp32FlopsPerSecond ?? 0);
    return rate > 0 ? [rate / entry.bandwidthBytesPerSecond] : [];
  });
  return {
    value: Math.round((middle(ratios) ?? 50) * bandwidth),
    evidence: "assumed",
    source: `bandwidth × the median FP16 rate per byte of ${ratios.length} catalog cards with about ${formatBytes(memoryBytes)}`,
  };
}

/** RAM beside dedicated cards: 32 GiB, and in a server at least as much as its cards have. */
export function assumedRam(entries: readonly HardwareEntry[], deviceBytes: Bytes): Fact<Bytes> {
  const server = entries.some((entry) => entry.row.form === "server");
  const value = server ? Math.max(32 * GIB, deviceBytes) : 32 * GIB;
  return {
    value,
    evidence: "assumed",
    source: server ? "a server with as much RAM as its devices have memory" : "an ordinary computer of 32 GiB",
  };
}

/** The memory configuration of the catalog that is usual for a machine of that kind and age. */
export function assumedRamBandwidth(catalog: HardwareCatalog, entries: readonly HardwareEntry[]): Fact<BytesPerSecond> {
  const server = entries.some((entry) => entry.row.form === "server");
  const newest = Math.max(0, ...entries.map((entry) => entry.row.releaseYear ?? 0));
  const id = server ? "ddr4-3200-8-channel" : newest >= 2023 ? "ddr5-5600-2-channel" : "ddr4-3200-2-channel";
  const entry = catalog.byId(id);
  if (entry === undefined) throw new Error(`the catalog lost ${id}`);
  return {
    value: entry.bandwidthBytesPerSecond,
    evidence: "assumed",
    source: `${entry.name}, usual for such a machine`,
  };
}

/** Physical cores: 8, as most desktop and laptop processors of the last years; 16 in a server. */
export function assumedCores(entries: readonly HardwareEntry[]): Fact<number> {
  const server = entries.some((entry) => entry.row.form === "server");
  return {
    value: server ? 16 : 8,
    evidence: "assumed",
    source: server ? "a small server processor" : "a usual desktop or laptop processor",
  };
}
