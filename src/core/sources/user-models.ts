/**
 * What a user adds to the catalog: private rows in a folder, in the catalog's own schema, and what `catalog refresh` brought from the Hub.
 * Both lie in the user's folders; the package is never written to. Private rows win over the catalog's, the refreshed ones only add.
 */
import { join } from "node:path";
import * as z from "zod";
import type { ArchitectureEntry, ModelEntry } from "../facts/catalog-model.ts";
import { readHyperparameters } from "../facts/hyperparameters.ts";
import { InputError } from "../facts/input-error.ts";
import { layoutTensors } from "../facts/layout.ts";
import { weightCount } from "../facts/tensor.ts";
import { asMetadata } from "./gguf-keys.ts";
import { loadModelCatalog, loadPackedModels, type ModelCatalog, makeCatalog } from "./model-catalog.ts";
import type { PackedRows } from "./model-pack.ts";
import { architectureSchema, modelSchema } from "./model-row.ts";
import { userConfigFolder, userDataFolder } from "./user-folder.ts";
import type { World } from "./world.ts";

const MAX_FILES = 200;
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_ROWS = 5000;

/** A user's row may leave out what only the catalog's builders can know. */
const privateArchitecture = architectureSchema.partial({
  layout: true,
  parameterCount: true,
  evidence: true,
  basis: true,
  source: true,
});
const privateModel = modelSchema.partial({
  name: true,
  family: true,
  useCases: true,
  capabilities: true,
  source: true,
});
const privateFile = z.strictObject({
  architectures: z.array(privateArchitecture).optional(),
  models: z.array(privateModel),
});

const counts = z.strictObject({
  downloadCount: z.number().int().nonnegative(),
  likeCount: z.number().int().nonnegative(),
});
export const overlaySchema = z.strictObject({
  /** the day it was finished */
  date: z.iso.date(),
  /** by the makers' repository */
  popularity: z.record(z.string(), counts),
  /** repositories of GGUF files that the catalog does not name, by catalog id */
  ggufRepos: z.record(z.string(), z.array(z.string().regex(/^[\w.-]+\/[\w.-]+$/)).max(100)),
  architectures: z.array(architectureSchema),
  models: z.array(modelSchema),
});
export type Overlay = z.output<typeof overlaySchema>;

/** `$MODELFIT_MODELS`, else `models/` in the user's configuration. */
export function userModelsFolder(world: Pick<World, "env" | "homeDir" | "platform">): string {
  return world.env["MODELFIT_MODELS"] || join(userConfigFolder(world), "models");
}

export function overlayPath(world: Pick<World, "env" | "homeDir" | "platform">): string {
  return join(userDataFolder(world), "catalog-overlay.json");
}

/** Without the fields that are undefined: zod gives optional ones that way. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.assign(
    Object.create(Object.prototype),
    Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)),
  );
}

function architectureEntry(row: z.output<typeof privateArchitecture>, file: string): ArchitectureEntry {
  const layout = defined(row.layout ?? {});
  const shapes = layoutTensors(readHyperparameters(asMetadata(row.architecture, row.keys), undefined), layout);
  const parameterCount = shapes.reduce((sum, tensor) => sum + weightCount(tensor), 0);
  if (row.parameterCount !== undefined && Math.abs(row.parameterCount / parameterCount - 1) > 0.005)
    throw new InputError(
      `architecture ${row.id} lays out ${parameterCount} weights and says ${row.parameterCount}. Correct its keys, or leave parameterCount out.`,
    );
  return {
    ...defined(row),
    layout,
    parameterCount,
    evidence: row.evidence ?? "B",
    basis: row.basis ?? "the user's own row",
    source: row.source ?? file,
  };
}

function modelEntry(row: z.output<typeof privateModel>, file: string): ModelEntry {
  const { capabilities = {}, nativeFormat, popularity, ...rest } = row;
  return {
    ...defined(rest),
    name: row.name ?? row.id,
    family: row.family ?? "Private",
    useCases: row.useCases ?? ["general", "chat"],
    capabilities: defined(capabilities),
    source: row.source ?? file,
    ...(nativeFormat === undefined ? {} : { nativeFormat: defined(nativeFormat) }),
    ...(popularity === undefined ? {} : { popularity: defined(popularity) }),
  };
}

interface Additions {
  readonly architectures: ReadonlyMap<string, ArchitectureEntry>;
  readonly models: ReadonlyMap<string, ModelEntry>;
  readonly overlay: Overlay | undefined;
  /** files that could not be read, and why */
  readonly warnings: readonly string[];
}

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    return issue === undefined ? "it is not as expected" : `${issue.path.join(".")}: ${issue.message}`;
  }
  return error instanceof Error ? error.message : String(error);
}

async function readOverlay(world: World): Promise<Overlay | undefined> {
  const text = await world.readFile(overlayPath(world), MAX_FILE_BYTES);
  return text === undefined ? undefined : overlaySchema.parse(JSON.parse(text));
}

async function readAdditions(world: World): Promise<Additions> {
  const warnings: string[] = [];
  const architectures = new Map<string, ArchitectureEntry>();
  const models = new Map<string, ModelEntry>();
  const attempt = async (file: string, read: () => Promise<void>): Promise<void> => {
    try {
      await read();
    } catch (error) {
      // one damaged file never takes the others away
      warnings.push(`${file} was not read: ${reasonOf(error).slice(0, 300)}`);
    }
  };
  let overlay: Overlay | undefined;
  await attempt("catalog-overlay.json", async () => {
    overlay = await readOverlay(world);
    for (const row of overlay?.architectures ?? [])
      architectures.set(row.id, architectureEntry(row, "catalog refresh"));
    for (const row of overlay?.models ?? []) models.set(row.id, modelEntry(row, "catalog refresh"));
  });
  const folder = userModelsFolder(world);
  const names = (await world.listDir(folder)).map(({ name }) => name).filter((name) => name.endsWith(".json"));
  if (names.length > MAX_FILES) warnings.push(`${folder} holds ${names.length} files; ${MAX_FILES} are read.`);
  for (const name of names.slice(0, MAX_FILES))
    await attempt(name, async () => {
      const text = (await world.readFile(join(folder, name), MAX_FILE_BYTES)) ?? "";
      const file = privateFile.parse(JSON.parse(text));
      for (const row of file.architectures ?? []) architectures.set(row.id, architectureEntry(row, name));
      for (const row of file.models) if (models.size < MAX_ROWS) models.set(row.id, modelEntry(row, name));
    });
  return { architectures, models, overlay, warnings };
}

/** A catalog row with what was refreshed: newer popularity, more repositories of files. */
function refreshed(entry: ModelEntry, { date, popularity, ggufRepos }: Overlay): ModelEntry {
  const counted = Object.hasOwn(popularity, entry.repo) ? popularity[entry.repo] : undefined;
  const more = Object.hasOwn(ggufRepos, entry.id) ? (ggufRepos[entry.id] ?? []) : [];
  if (counted === undefined && more.length === 0) return entry;
  return {
    ...entry,
    ...(counted === undefined ? {} : { popularity: { ...counted, date } }),
    ...(more.length === 0 ? {} : { ggufRepos: [...new Set([...(entry.ggufRepos ?? []), ...more])].sort() }),
  };
}

function withAdditions(rows: PackedRows, { architectures, models, overlay }: Additions): PackedRows {
  const made = new Map<string, ModelEntry>();
  const shipped = (id: string): ModelEntry | undefined => {
    const entry = rows.model(id);
    if (entry === undefined || overlay === undefined) return entry;
    const held = made.get(id) ?? refreshed(entry, overlay);
    made.set(id, held);
    return held;
  };
  return {
    modelIds: [...new Set([...rows.modelIds, ...models.keys()])],
    architectureIds: [...new Set([...rows.architectureIds, ...architectures.keys()])],
    model: (id) => models.get(id) ?? shipped(id),
    architecture: (id) => architectures.get(id) ?? rows.architecture(id),
  };
}

export interface UserCatalog {
  readonly catalog: ModelCatalog;
  readonly warnings: readonly string[];
}

/** Names, sizes and times of what a user adds: unchanged, it need not be read again. */
async function stateOf(world: World): Promise<string> {
  const folder = userModelsFolder(world);
  const names = (await world.listDir(folder)).map(({ name }) => name).filter((name) => name.endsWith(".json"));
  const paths = [overlayPath(world), ...names.slice(0, MAX_FILES).map((name) => join(folder, name))];
  const facts = await Promise.all(paths.map((path) => world.stat(path)));
  return facts.some((fact) => fact !== undefined) ? JSON.stringify([paths, facts]) : "";
}

const held = new WeakMap<World, { readonly state: string; readonly user: UserCatalog }>();

/** The catalog that ships, with the user's own rows and the refreshed figures. Damaged files are warnings. */
export async function userCatalog(world: World): Promise<UserCatalog> {
  const state = await stateOf(world);
  if (state === "") return { catalog: await loadModelCatalog(), warnings: [] };
  const last = held.get(world);
  if (last?.state === state) return last.user;
  const additions = await readAdditions(world);
  const warnings = [...additions.warnings];
  const rows = withAdditions(await loadPackedModels(), additions);
  const usable = new Set(
    [...additions.models.values()].flatMap(({ id, architectureId }) => (rows.architecture(architectureId) ? [id] : [])),
  );
  for (const { id, architectureId } of additions.models.values())
    if (!usable.has(id)) warnings.push(`The model ${id} was left out: there is no architecture ${architectureId}.`);
  const models = new Map([...additions.models].filter(([id]) => usable.has(id)));
  const user = { catalog: makeCatalog(withAdditions(await loadPackedModels(), { ...additions, models })), warnings };
  held.set(world, { state, user });
  return user;
}
