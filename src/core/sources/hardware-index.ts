/**
 * The indices of the hardware catalog: key of a name or PCI id → positions of the rows it can mean. Made when the catalog is
 * compiled; made again only for rows of a user's own.
 */
import { nameKey, printedKey, readingsOfCatalogName } from "./device-names.ts";
import type { HardwareRow } from "./hardware-row.ts";

/** One line a key: `key=1,17`, the positions of its rows. Text, because a lookup needs one key of thousands. */
export interface HardwareIndices {
  readonly ids: string;
  /** names as printed (`printedKey`) */
  readonly printed: string;
  /** readings of names by their identifying words, without gaps */
  readonly readings: string;
  /** `vendor:device:revision`, and `vendor:device` for lookups that know no revision */
  readonly pci: string;
  /** regular expressions of processor rows */
  readonly patterns: string;
}

/** Positions of the rows under a key; undefined where the index has no such key. */
export type RowLookup = (key: string) => readonly number[] | undefined;

/** Searched as text: 20 µs a lookup, and nothing to build beforehand, which would cost more than all lookups of a question. */
export function rowLookup(index: string): RowLookup {
  const text = `\n${index}\n`;
  return (key) => {
    const at = key === "" || key.includes("\n") ? -1 : text.indexOf(`\n${key}=`);
    if (at < 0) return undefined;
    const from = at + key.length + 2;
    return text.slice(from, text.indexOf("\n", from)).split(",").map(Number);
  };
}

/** Keys with the positions of their rows, in the order of the rows. */
export function linesOf(index: string): [key: string, positions: string][] {
  if (index === "") return [];
  return index.split("\n").map((line) => [line.slice(0, line.lastIndexOf("=")), line.slice(line.lastIndexOf("=") + 1)]);
}

/** "rtx 4090" and "rtx4090" are one key: the whole name without its gaps, never a part of it. */
export function gapless(key: string): string {
  return key.replaceAll(" ", "");
}

function indexOf(rows: readonly HardwareRow[], keysOf: (row: HardwareRow) => readonly string[]): string {
  const index = new Map<string, number[]>();
  rows.forEach((row, position) => {
    for (const key of new Set(keysOf(row))) {
      if (key === "") continue;
      const known = index.get(key);
      if (known === undefined) index.set(key, [position]);
      else known.push(position);
    }
  });
  return [...index].map(([key, positions]) => `${key}=${positions.join(",")}`).join("\n");
}

const namesOf = (row: HardwareRow): string[] => [row.id, row.name, row.variant ?? "", ...(row.aliases ?? [])];

/** What a row is printed as: its short id and variant are names of ours, which only the looser index knows. */
const printedNamesOf = (row: HardwareRow): string[] => [row.name, ...(row.aliases ?? [])];

export function indicesOf(rows: readonly HardwareRow[]): HardwareIndices {
  return {
    ids: indexOf(rows, (row) => [row.id]),
    printed: indexOf(rows, (row) => printedNamesOf(row).map(printedKey)),
    readings: indexOf(rows, (row) =>
      namesOf(row).flatMap((name) => readingsOfCatalogName(name).map((reading) => gapless(nameKey(reading)))),
    ),
    pci: indexOf(rows, (row) => (row.pciIds ?? []).flatMap((id) => [id, id.split(":").slice(0, 2).join(":")])),
    patterns: indexOf(rows, (row) => (row.modelPattern === undefined ? [] : [row.modelPattern])),
  };
}
