/**
 * The compiled form of the hardware catalog: text, a row a line, from which a lookup parses the rows it needs. Loading is paid on every
 * start, and parsing all rows beforehand costs three times as much. The text is held against the catalog's files, and they against their
 * strict schema, by tests; a full check on every start would cost more than all other work of a lookup.
 */
import { type HardwareIndices, indicesOf } from "./hardware-index.ts";
import type { HardwareRow } from "./hardware-row.ts";

/** Rows by position, with what finds them. */
export interface HardwareRows {
  readonly count: number;
  rowAt(position: number): HardwareRow;
  readonly indices: HardwareIndices;
}

const SECTION = "\n\n";

export function packHardware(rows: readonly HardwareRow[]): string {
  const { ids, printed, readings, pci, patterns } = indicesOf(rows);
  return [rows.map((row) => JSON.stringify(row)).join("\n"), ids, printed, readings, pci, patterns].join(SECTION);
}

export function unpackHardware(text: string): HardwareRows {
  const [rows = "", ids = "", printed = "", readings = "", pci = "", patterns = ""] = text.split(SECTION);
  const lines = rows.split("\n");
  return {
    count: lines.length,
    rowAt: (position) => parseRow(lines[position] ?? ""),
    indices: { ids, printed, readings, pci, patterns },
  };
}

/** Rows that are already checked, such as a user's own. */
export function rowsOf(rows: readonly HardwareRow[]): HardwareRows {
  const rowAt = (position: number): HardwareRow => {
    const row = rows[position];
    if (row === undefined) throw new Error(`no row ${position}`);
    return row;
  };
  return { count: rows.length, rowAt, indices: indicesOf(rows) };
}

/** The one place that believes the compiled text. */
function parseRow(line: string): HardwareRow {
  const row: unknown = JSON.parse(line);
  if (!isRow(row)) throw new Error("the compiled hardware catalog is damaged");
  return row;
}
function isRow(row: unknown): row is HardwareRow {
  return (
    typeof row === "object" &&
    row !== null &&
    "id" in row &&
    "name" in row &&
    "bandwidthGBps" in row &&
    "memoryGiB" in row
  );
}
