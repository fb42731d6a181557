/** Recipes as file and repository names state them. */
import { recipes } from "../facts/recipe.ts";

/** Longest first, so that `Q4_K` does not stand for `Q4_K_M`. */
const patterns = [...recipes]
  .sort((a, b) => b.length - a.length)
  .map((recipe) => ({ recipe, pattern: new RegExp(`(^|[-._/])${recipe.toUpperCase()}([-.]|$)`) }));

/** A publisher's own mixes and the names they add to a recipe: `UD-Q4_K_XL`, `Q4_K_XL`, `i1-Q4_K_M` is none of them. */
const dynamicPattern = /(?:^|[-._/])(UD-[A-Z0-9_]+|I?Q\d_K_(?:XL|P)|Q\d_[01]_(?:\d_)+\d|IQ\d_KS?S?|Q\d_0_X)(?=[-.]|$)/i;

/** The recipe of llama.cpp that a file's name states: `Qwen3-8B-Q4_K_M.gguf` → `Q4_K_M`; `UD-Q4_K_XL` and `UD-Q4_K_M` are none. */
export function recipeInName(name: string): string | undefined {
  const upper = name.toUpperCase();
  if (dynamicPattern.test(upper)) return undefined;
  return patterns.find(({ pattern }) => pattern.test(upper))?.recipe;
}

/** What a file is called by those who choose it: a recipe, or a publisher's own mix. */
export function quantizationInName(name: string): string | undefined {
  return dynamicPattern.exec(name.toUpperCase())?.[1] ?? recipeInName(name);
}
