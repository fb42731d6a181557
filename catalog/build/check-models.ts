/** What must hold of the model and quality catalogs: strict shapes, names that are unique, references that lead somewhere, counts that add up. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readHyperparameters } from "../../src/core/facts/hyperparameters.ts";
import { layoutTensors } from "../../src/core/facts/layout.ts";
import { weightCount } from "../../src/core/facts/tensor.ts";
import { asMetadata } from "../../src/core/sources/gguf-keys.ts";
import { architectureSchema, modelSchema } from "../../src/core/sources/model-row.ts";
import { compiledModels } from "./compile-models.ts";

const count = z.number().int().nonnegative();
const familySchema = z.strictObject({
  family: z.string(),
  architectures: z.array(architectureSchema),
  models: z.array(modelSchema),
});

const fitted = z.tuple([z.number().min(-8).max(8), z.number().positive().max(3), count]);
const abilityRow = z.strictObject({
  coding: fitted.optional(),
  reasoning: fitted.optional(),
  general: fitted.optional(),
  chat: fitted.optional(),
  tool: fitted.optional(),
  multimodal: fitted.optional(),
  embedding: fitted.optional(),
});
const theta = z.number().min(-8).max(8);
const abilitiesSchema = z.strictObject({
  source: z.string(),
  date: z.string().regex(/^20\d\d-(0[1-9]|1[0-2])(-\d\d)?$/),
  unit: z.string(),
  domains: z.array(z.enum(["coding", "reasoning", "general", "chat", "tool", "multimodal"])),
  /** how much less a thinking model can do when it answers at once */
  thinkingOff: z.record(z.string(), theta),
  models: z.record(z.string(), abilityRow),
  /** scores, those of leaderboards, month of the newest */
  backing: z.record(z.string(), z.tuple([count, count, z.string().regex(/^(20\d\d(-\d\d)?)?/)])),
  inherited: z.record(z.string(), z.strictObject({ from: z.string(), minimumSd: z.number().min(0.35).max(1) })),
  /** by domain, then the deviation: what size, age and kind let one expect of a model without scores */
  expected: z.record(z.string(), z.array(theta).length(7)),
});

type Family = z.infer<typeof familySchema>;
type Architecture = z.infer<typeof architectureSchema>;
type Model = z.infer<typeof modelSchema>;

/** Fewer current models than this and the catalog has lost something. */
const MIN_CURRENT_MODELS = 60;
const CURRENT_FROM = "2024-06";

function duplicates(names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return names.filter((name) => {
    const key = name.toLowerCase();
    if (seen.has(key)) return true;
    seen.add(key);
    return false;
  });
}

/** The stored count is the layout's own; a change in a layout or a key shows here. */
function architectureProblems(entry: Architecture): readonly string[] {
  const { id, architecture, keys, layout: options, parameterCount, activeParameterCount } = entry;
  const problems: string[] = [];
  try {
    const defined = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    const counted = layoutTensors(readHyperparameters(asMetadata(architecture, keys), undefined), defined).reduce(
      (sum, tensor) => sum + weightCount(tensor),
      0,
    );
    if (counted !== parameterCount)
      problems.push(`architecture ${id}: lays out ${counted} weights, says ${parameterCount}`);
  } catch (error) {
    problems.push(`architecture ${id}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (activeParameterCount !== undefined && activeParameterCount > parameterCount * 1.05)
    problems.push(`architecture ${id}: ${activeParameterCount} active of ${parameterCount} weights`);
  return problems;
}

function modelProblems(
  model: Model,
  ids: ReadonlyMap<string, Model>,
  architectures: ReadonlyMap<string, Architecture>,
): readonly string[] {
  const problems: string[] = [];
  const architecture = architectures.get(model.architectureId);
  if (architecture === undefined) problems.push(`model ${model.id}: no architecture ${model.architectureId}`);
  if (model.base !== undefined && !ids.has(model.base))
    problems.push(`model ${model.id}: its base ${model.base} is not in the catalog`);
  for (let at = model.base, steps = 0; at !== undefined; at = ids.get(at)?.base, steps++)
    if (at === model.id || steps > 20) {
      problems.push(`model ${model.id}: its bases lead in a circle`);
      break;
    }
  if (model.trainedContextTokens < 64)
    problems.push(`model ${model.id}: a trained context of ${model.trainedContextTokens} tokens`);
  return problems;
}

function parse<T>(schema: z.ZodType<T>, path: string, problems: string[]): T | undefined {
  const parsed = schema.safeParse(JSON.parse(readFileSync(path, "utf8")));
  if (parsed.success) return parsed.data;
  problems.push(
    ...parsed.error.issues.slice(0, 10).map((issue) => `${path}: ${issue.path.join(".")}: ${issue.message}`),
  );
  return undefined;
}

function qualityProblems(path: string, ids: ReadonlyMap<string, Model>, problems: string[]): void {
  const abilities = parse(abilitiesSchema, path, problems);
  if (abilities === undefined) return;
  const { models, backing, inherited, expected } = abilities;
  for (const id of new Set([models, backing, inherited, expected].flatMap((rows) => Object.keys(rows))))
    if (!ids.has(id)) problems.push(`abilities: ${id} is not in the catalog`);
  for (const [id, { from }] of Object.entries(abilities.inherited)) {
    if (abilities.models[id]) problems.push(`abilities: ${id} has scores of its own and inherits from ${from}`);
    if (!abilities.models[from]) problems.push(`abilities: ${id} inherits from ${from}, which has no scores`);
  }
}

/** What the catalog holds and every exception it makes, a line each. */
export function summarizeModels(catalogFolder: string): readonly string[] {
  const folder = join(catalogFolder, "models");
  const files = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "known-missing.json");
  const families = files.map((name) => familySchema.parse(JSON.parse(readFileSync(join(folder, name), "utf8"))));
  const models = families.flatMap((family) => family.models);
  const architectures = families.flatMap((family) => family.architectures);
  const missing = z
    .array(z.object({ architectureId: z.string(), repos: z.array(z.string()), reason: z.string() }))
    .parse(JSON.parse(readFileSync(join(folder, "known-missing.json"), "utf8")));
  const tally = <T>(items: readonly T[], keyOf: (item: T) => string | undefined): string => {
    const counts = new Map<string, number>();
    for (const item of items) {
      const key = keyOf(item);
      if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, size]) => `${key} ${size}`)
      .join(", ");
  };
  const having = (wanted: (model: Model) => unknown): number => models.filter((model) => wanted(model)).length;
  const aliases = models.reduce((sum, model) => sum + (model.aliases?.length ?? 0), 0);
  return [
    `${models.length} models (${aliases} more names of the same weights) in ${files.length} families: ${having((model) => model.base)} tunes, ${having((model) => model.unranked)} of them out of rankings`,
    `${architectures.length} architectures of ${new Set(architectures.map(({ architecture }) => architecture)).size} llama.cpp architectures; evidence ${tally(architectures, ({ evidence }) => evidence)}`,
    `released ${tally(models, ({ released }) => released?.slice(0, 4) ?? "unknown")}`,
    `use cases ${tally(
      models.flatMap(({ useCases }) => useCases),
      (name) => name,
    )}; traits ${tally(
      models.flatMap(({ traits }) => traits ?? []),
      (name) => name,
    )}`,
    `licence known of ${having((model) => model.license)}, commercial use of ${having((model) => model.commercialUse)}; GGUF ${having((model) => model.ggufRepos)}, MLX ${having((model) => model.mlxRepos)}, otherwise quantized ${having((model) => model.quantizedRepos)}, Ollama ${having((model) => model.ollama)}, popularity ${having((model) => model.popularity)}`,
    `published in another format than 16 bits: ${tally(models, ({ nativeFormat }) => nativeFormat?.name)}`,
    ...architectures.flatMap(({ id, cannotLoad }) =>
      cannotLoad === undefined ? [] : [`exception: ${id} cannot be loaded: ${cannotLoad}`],
    ),
    ...missing.map(
      ({ architectureId, repos, reason }) => `known missing: ${architectureId} (${repos.join(", ")}): ${reason}`,
    ),
  ];
}

/** Every problem of `catalog/models` and `catalog/quality`, in words; empty when all is well. */
export function checkModels(catalogFolder: string): readonly string[] {
  const problems: string[] = [];
  const folder = join(catalogFolder, "models");
  const files = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "known-missing.json");
  const families = files.flatMap((name): Family[] => {
    const family = parse(familySchema, join(folder, name), problems);
    return family ? [family] : [];
  });
  const models = families.flatMap((family) => family.models);
  const architectureList = families.flatMap((family) => family.architectures);
  const ids = new Map(models.map((model) => [model.id, model]));
  const architectures = new Map(architectureList.map((entry) => [entry.id, entry]));
  for (const name of duplicates(models.map((model) => model.id))) problems.push(`two models have the id ${name}`);
  for (const name of duplicates(models.flatMap((model) => [model.repo, ...(model.aliases ?? [])])))
    problems.push(`two models have the repository ${name}`);
  for (const name of duplicates(architectureList.map((entry) => entry.id)))
    problems.push(`two architectures have the id ${name}`);
  const used = new Set(models.map((model) => model.architectureId));
  for (const { id } of architectureList) if (!used.has(id)) problems.push(`architecture ${id} has no model`);
  problems.push(
    ...architectureList.flatMap(architectureProblems),
    ...models.flatMap((model) => modelProblems(model, ids, architectures)),
  );
  const current = models.filter(
    ({ released = "", base }) =>
      released >= CURRENT_FROM || (base !== undefined && (ids.get(base)?.released ?? "") >= CURRENT_FROM),
  );
  if (current.length < MIN_CURRENT_MODELS) problems.push(`only ${current.length} models since ${CURRENT_FROM}`);
  const compiled = readFileSync(join(catalogFolder, "models-compiled.json"), "utf8");
  if (compiled !== compiledModels(folder))
    problems.push("models-compiled.json is not of these files: run catalog/build/compile-models.ts");
  qualityProblems(join(catalogFolder, "quality", "abilities.json"), ids, problems);
  return problems;
}
