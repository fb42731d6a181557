/**
 * Compiles `catalog/hardware/*.json` with its indices into `catalog/hardware-compiled.json`, which is all that a lookup loads: one string.
 * Run after each change of the rows: `npx tsx catalog/build/compile-hardware.ts`. A test holds it against them.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packHardware } from "../../src/core/sources/hardware-pack.ts";
import { type HardwareRow, hardwareFile } from "../../src/core/sources/hardware-row.ts";

/** All rows of the catalog's files, held against their schema, in the order of file names. */
export function hardwareRows(folder: string): HardwareRow[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "sources.json");
  return files.sort().flatMap((name) => hardwareFile.parse(JSON.parse(readFileSync(join(folder, name), "utf8"))));
}

export function compiledHardware(rows: readonly HardwareRow[]): string {
  return `${JSON.stringify(packHardware(rows))}\n`;
}

if (process.argv[1] === import.meta.filename) {
  const catalog = join(import.meta.dirname, "..");
  const rows = hardwareRows(join(catalog, "hardware"));
  writeFileSync(join(catalog, "hardware-compiled.json"), compiledHardware(rows));
  process.stdout.write(`${rows.length} devices compiled\n`);
}
