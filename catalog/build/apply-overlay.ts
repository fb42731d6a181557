/**
 * What `modelfit-mcp catalog refresh` brought → catalog/models: newer popularity, further repositories, new models in their makers' files.
 * Run: npx tsx catalog/build/apply-overlay.ts <catalog-overlay.json>, then npm run catalog:check.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import type { ArchitectureEntry, ModelEntry } from "../../src/core/facts/catalog-model.ts";
import { architectureSchema, modelSchema } from "../../src/core/sources/model-row.ts";
import { overlaySchema } from "../../src/core/sources/user-models.ts";
import { compileModels } from "./compile-models.ts";
import { familyText } from "./family-text.ts";

const CATALOG = join(import.meta.dirname, "..");
const familySchema = z.strictObject({
  family: z.string(),
  architectures: z.array(architectureSchema),
  models: z.array(modelSchema),
});
interface Family {
  readonly family: string;
  architectures: ArchitectureEntry[];
  models: ModelEntry[];
}

/** The file as it is written, not as the schema gives it back: its order of fields stays. */
function readFamily(path: string): Family {
  const family: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (!isFamily(family)) throw new Error(`${path} is no family: ${familySchema.safeParse(family).error?.message}`);
  return family;
}
function isFamily(value: unknown): value is Family {
  return familySchema.safeParse(value).success;
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("usage: apply-overlay.ts <catalog-overlay.json>");
const overlay = overlayOf(readFileSync(path, "utf8"));

const folder = join(CATALOG, "models");
const names = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "known-missing.json");
const families = new Map<string, Family>(names.map((name) => [name, readFamily(join(folder, name))]));
const ownerOf = (repo: string): string => repo.slice(0, repo.indexOf("/"));

/** The file that holds most models of this maker. */
function fileOf(owner: string): string {
  let best = ["other.json", 0] as readonly [string, number];
  for (const [name, { models }] of families) {
    const count = models.filter(({ repo }) => ownerOf(repo) === owner).length;
    if (count > best[1]) best = [name, count];
  }
  return best[0];
}

for (const family of families.values())
  family.models = family.models.map((model) => {
    const counted = overlay.popularity[model.repo];
    const more = overlay.ggufRepos[model.id] ?? [];
    return {
      ...model,
      ...(counted === undefined ? {} : { popularity: { ...counted, date: overlay.date } }),
      ...(more.length === 0 ? {} : { ggufRepos: [...new Set([...(model.ggufRepos ?? []), ...more])].sort() }),
    };
  });
for (const model of overlay.models) {
  const family = families.get(fileOf(ownerOf(model.repo)));
  const architecture = overlay.architectures.find(({ id }) => id === model.architectureId);
  if (family === undefined || architecture === undefined) continue;
  family.models.push({ ...model, family: family.family });
  family.architectures.push(architecture);
}
/** Its rows are in the catalog's own words once the schema has passed them. */
function overlayOf(text: string) {
  const { architectures, models, ...rest } = overlaySchema.parse(JSON.parse(text));
  const [architectureRows, modelRows]: readonly (readonly unknown[])[] = [architectures, models];
  return {
    ...rest,
    architectures: (architectureRows ?? []).filter(isArchitecture),
    models: (modelRows ?? []).filter(isModel),
  };
}
function isArchitecture(row: unknown): row is ArchitectureEntry {
  return architectureSchema.safeParse(row).success;
}
function isModel(row: unknown): row is ModelEntry {
  return modelSchema.safeParse(row).success;
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);
for (const [name, { family, architectures, models }] of families)
  writeFileSync(join(folder, name), familyText(family, architectures.sort(byId), models.sort(byId)));
compileModels(CATALOG);
process.stdout.write(
  `${Object.keys(overlay.popularity).length} popularities of ${overlay.date}, ${overlay.models.length} new models\n`,
);
