/**
 * The compiled form of the hardware catalog: one JSON text with a table instead of objects, because loading is paid on every start
 * (633 rows: 3 ms to read instead of 9). It is held against the catalog's files, and they against their strict schema, by tests; a full
 * check on every start would cost more than all other work of a lookup.
 */
import type { HardwareIndices } from "./hardware-index.ts";
import type { HardwareRow } from "./hardware-row.ts";

interface Packed extends HardwareIndices {
  readonly keys: readonly (keyof HardwareRow)[];
  /** a line a row, a cell a key; null = the row lacks it */
  readonly cells: readonly (readonly unknown[])[];
}

function keysOf(row: HardwareRow): (keyof HardwareRow)[] {
  const keys: (keyof HardwareRow)[] = [];
  for (const key in row) if (isKey(row, key)) keys.push(key);
  return keys;
}
const isKey = (row: HardwareRow, key: string): key is keyof HardwareRow => key in row;

export function packHardware(rows: readonly HardwareRow[], indices: HardwareIndices): string {
  const keys = [...new Set(rows.flatMap(keysOf))];
  const packed: Packed = { keys, cells: rows.map((row) => keys.map((key) => row[key] ?? null)), ...indices };
  return JSON.stringify(packed);
}

export function unpackHardware(text: string): { readonly rows: readonly HardwareRow[]; readonly indices: HardwareIndices } {
  const { keys, cells, ...indices }: Packed = JSON.parse(text);
  const rows: HardwareRow[] = cells.map((line) => {
    const row: Record<string, unknown> = {};
    for (let i = 0; i < keys.length; i++) if (line[i] !== null) row[keys[i] ?? ""] = line[i];
    return rowOf(row);
  });
  return { rows, indices };
}

/** The one place that believes the compiled file; the tests that hold it against the schema stand behind it. */
function rowOf(row: Record<string, unknown>): HardwareRow {
  if (!isRow(row)) throw new Error("the compiled hardware catalog is damaged");
  return row;
}
function isRow(row: object): row is HardwareRow {
  return "id" in row && "name" in row && "bandwidthGBps" in row && "memoryGiB" in row;
}
