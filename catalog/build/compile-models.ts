/**
 * Compiles `catalog/models/*.json` into `catalog/models-compiled.json`, which is all that the program loads: one string.
 * Run after each change of the rows (catalog/build/models.ts does): `npx tsx catalog/build/compile-models.ts`. A test holds it against them.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelFamily } from "../../src/core/facts/catalog-model.ts";
import { type CatalogRows, packModels } from "../../src/core/sources/model-pack.ts";

function isFamily(value: unknown): value is ModelFamily {
  return typeof value === "object" && value !== null && "architectures" in value && "models" in value;
}

/** All rows of the catalog's files, in the order of file names. */
export function catalogRows(folder: string): CatalogRows {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "known-missing.json");
  const families = names
    .sort()
    .map((name): unknown => JSON.parse(readFileSync(join(folder, name), "utf8")))
    .filter(isFamily);
  return {
    architectures: families.flatMap((family) => family.architectures),
    models: families.flatMap((family) => family.models),
  };
}

export function compiledModels(folder: string): string {
  return `${JSON.stringify(packModels(catalogRows(folder)))}\n`;
}

export function compileModels(catalogFolder: string): number {
  const text = compiledModels(join(catalogFolder, "models"));
  writeFileSync(join(catalogFolder, "models-compiled.json"), text);
  return Buffer.byteLength(text);
}

if (process.argv[1] === import.meta.filename)
  process.stdout.write(`${compileModels(join(import.meta.dirname, ".."))} bytes compiled\n`);
