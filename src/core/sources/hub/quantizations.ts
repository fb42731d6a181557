/** The models among a repository's files: GGUF files by recipe, the shards of a split one together, projectors apart. */
import { InputError } from "../../facts/input-error.ts";
import type { Bytes } from "../../units.ts";
import { quantizationInName, recipeInName } from "../recipe-name.ts";

export interface HubFile {
  readonly path: string;
  readonly sizeBytes: Bytes;
}

/** One model of a repository: a GGUF file, or all the shards of one. */
export interface Quantization {
  readonly paths: readonly string[];
  /** all shards together */
  readonly sizeBytes: Bytes;
  /** llama.cpp's recipe that the name states */
  readonly recipe: string | undefined;
  /** that, or the publisher's own name for its mix: `UD-Q4_K_XL` */
  readonly name: string;
}

const shardPattern = /-(\d{5})-of-(\d{5})\.gguf$/;
const noModel = /(^|[-._/])(mmproj|imatrix)/i;

export function projectorsOf(files: readonly HubFile[]): readonly HubFile[] {
  return files.filter(({ path }) => path.endsWith(".gguf") && /(^|[-._/])mmproj/i.test(path));
}

/** Smallest first. @throws InputError when shards are missing */
export function quantizationsOf(files: readonly HubFile[]): readonly Quantization[] {
  const groups = new Map<string, HubFile[]>();
  for (const file of files) {
    if (!file.path.endsWith(".gguf") || noModel.test(file.path)) continue;
    const key = file.path.replace(shardPattern, "");
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  const found = [...groups.values()].map((parts): Quantization => {
    const sorted = [...parts].sort((a, b) => (a.path < b.path ? -1 : 1));
    const first = sorted[0]?.path ?? "";
    const expected = Number(shardPattern.exec(first)?.[2] ?? 1);
    if (expected !== sorted.length)
      throw new InputError(
        `${first} is one of ${expected} shards, of which the repository has ${sorted.length}. Send another file or repository.`,
      );
    const whole = first.replace(shardPattern, ".gguf");
    return {
      paths: sorted.map((file) => file.path),
      sizeBytes: sorted.reduce((sum, file) => sum + file.sizeBytes, 0),
      recipe: recipeInName(whole),
      name: quantizationInName(whole) ?? whole,
    };
  });
  return found.sort((a, b) => a.sizeBytes - b.sizeBytes);
}

/** What llama.cpp's `-hf` takes when no quantization is named. */
const usual = ["Q4_K_M", "Q4_0"];

/** The file that a tag means; without one the usual, else the smallest. @throws InputError naming what there is */
export function pickQuantization(repo: string, all: readonly Quantization[], tag: string | undefined): Quantization {
  const wanted = tag?.toLowerCase();
  const found =
    wanted === undefined
      ? (usual.map((recipe) => all.find((one) => one.recipe === recipe)).find((one) => one !== undefined) ?? all[0])
      : (all.find((one) => one.recipe?.toLowerCase() === wanted || one.name.toLowerCase() === wanted) ??
        all.find((one) => one.paths[0]?.toLowerCase().includes(wanted)));
  if (found) return found;
  const names = [...new Set(all.map(({ name }) => name))].slice(0, 12).join(", ");
  throw new InputError(
    `${repo} has no file "${tag?.slice(0, 40)}". It has ${names}: send one of these, or leave the recipe out.`,
  );
}
