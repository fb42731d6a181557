/** What a model is for, where its facts name no use case: by what its makers call it. */
import type { ArchitectureEntry, ModelEntry, ModelTrait } from "../../src/core/facts/catalog-model.ts";
import type { OfficialRow, TuneRow } from "./facts-row.ts";
import { diffusionArchitectures, diffusionModels } from "./loading.ts";

const shortName = (repo: string): string => repo.slice(repo.indexOf("/") + 1).toLowerCase();

/** The words makers add to a model that follows instructions. */
const instructed = /[-_.](instruct|it|chat)(?=[-_.]|$)/;
const pretrained = /[-_.](base|pt|pretrain)(?=[-_.]|$)/;

/** `owner name`, without the words that tell a tuned model from its base. */
const stem = (row: Pick<TuneRow, "repo">): string =>
  `${row.repo.split("/")[0]?.toLowerCase()} ${shortName(row.repo).replace(instructed, "").replace(pretrained, "")}`;

/** Stems of official models that exist both as a base and tuned to follow instructions. */
export function baseNames(official: readonly OfficialRow[]): ReadonlySet<string> {
  return new Set(official.filter(({ repo }) => instructed.test(shortName(repo))).map(stem));
}

const byName: readonly (readonly [ModelTrait, RegExp])[] = [
  ["ocr", /ocr|docling/],
  ["translation", /translat/],
  ["reward", /[-_.](reward|rm|prm|orm)([-_.]|$)|^(reward|prm)/],
];

export function traitsOf(
  row: TuneRow,
  { id, architecture }: ArchitectureEntry,
  bases: ReadonlySet<string>,
): readonly ModelTrait[] {
  const name = shortName(row.repo);
  // "base" is a size among encoders
  const isEncoder = row.modality === "embedding" || row.modality === "reranker";
  const isBase = row.use_cases.includes("base") || (!isEncoder && isPretrained(row, name, bases));
  return [
    ...(isBase ? (["base"] as const) : []),
    ...(row.use_cases.includes("safety") ? (["safety"] as const) : []),
    ...byName.filter(([, pattern]) => pattern.test(name)).map(([trait]) => trait),
    ...(diffusionArchitectures.has(architecture) || Object.hasOwn(diffusionModels, id) ? (["diffusion"] as const) : []),
  ];
}

function isPretrained(row: TuneRow, name: string, bases: ReadonlySet<string>): boolean {
  return (
    /[-_.](base|pretrain)$/.test(name) || (row.finetune !== true && !instructed.test(name) && bases.has(stem(row)))
  );
}

/** Downloads in the month of the figures; about 1 in 5 tunes of 2023 has more. */
const POPULAR_DOWNLOADS = 10_000;

/** Tunes that nobody can be shown to run (no GGUF files, no Ollama name, no download figures), and those of 2023 that few still do. */
export function isOfTheCrowd(
  { released, popularity, ggufRepos, ollama }: Pick<ModelEntry, "released" | "popularity" | "ggufRepos" | "ollama">,
  rootReleased: string | undefined,
): boolean {
  if (ggufRepos === undefined && ollama === undefined && popularity === undefined) return true;
  const of2023 = (released ?? rootReleased ?? "9999") < "2024";
  return of2023 && (popularity?.downloadCount ?? 0) < POPULAR_DOWNLOADS;
}
