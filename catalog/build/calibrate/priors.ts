/**
 * How far each constant may lie from the level above it before the data must insist (ln). Widths are those of the reference's ablation,
 * within which results hardly change; means of the first levels are orders of magnitude.
 */
import type { Prior } from "./fit.ts";

/** The longest prefix that fits wins. */
const widths: readonly (readonly [prefix: string, mean: number, deviation: number])[] = [
  ["eta", 0, 0.2],
  ["eta|be", 0, 0.15],
  ["eta|vd", 0, 0.1],
  ["eta|fam", 0, 0.15],
  ["eta|dev", 0, 0.12],
  ["eta|old", 0, 0.15],
  ["eta|experts", 0.2, 0.3],
  ["eta|experts|", 0, 0.2],
  ["eta|engine", 0, 0.1],
  ["kap", 1.39, 0.4],
  ["kap|", 0, 0.5],
  ["kap|bf16", 0, 0.8],
  ["kap|old", 0, 0.4],
  ["tau", 4.7, 0.8],
  ["tau|be", 0, 0.6],
  ["tau|vd", 0, 0.4],
  ["tau|fam", 0, 0.4],
  ["tau|dev", 0, 0.25],
  ["tau|old", 0, 0.4],
  ["tau|engine", 0, 0.3],
  ["tau|age", -0.1, 0.2],
  ["tau|age|", 0, 0.2],
  ["tau|moe", -1.3, 0.5],
  ["tau|lin", 0, 0.7],
  ["kv", 0.3, 0.4],
  ["kv|be", 0, 0.5],
  ["kv|nofa", 0, 0.9],
  ["kv|mla", 0, 0.6],
  ["kvv", 0.2, 0.7],
  ["kvv|be", 0, 0.7],
  ["kvv|nofa", 0, 1.2],
  ["kvv|mla", 0, 0.8],
  ["phi", 0.7, 0.5],
  ["phi|be", 0, 0.4],
  ["phi|vd", 0, 0.3],
  ["phi|fam", 0, 0.4],
  ["phi|dev", 0, 0.2],
  ["phi|type", 0, 0.35],
  ["phi|era", 0, 0.15],
  ["phi|engine", 0, 0.2],
  ["phi|moe", 0.3, 0.5],
  ["phi|vkbf16", 0, 0.5],
  ["chi", 1.7, 0.7],
  ["chi|be", 0, 0.7],
  ["chi|nofa", 0, 0.8],
  ["chi|", 0, 0.5],
  ["ptau", 6.9, 0.6],
  ["ptau|", 0, 0.5],
  ["plin", 6.8, 0.7],
  ["plin|", 0, 0.5],
  ["psi", -1, 1],
  ["psi|be", 0, 0.5],
  ["phi|moe|era", 0, 0.3],
  ["phi|power", 0, 0.5],
  ["wr", 0, 0.4],
  ["eta|beside", 0, 0.15],
  ["tau|beside", 0, 0.3],
  ["oc", 0.5, 0.2],
  ["oc|type", 0, 0.2],
  ["ocl", 3.5, 1],
  ["onx", 1.6, 1],
  ["ospl", 4.2, 0.7],
  ["olink", 0.2, 0.3],
  ["olink|experts", -0.1, 0.4],
  ["phi|moe|link", 0.5, 0.4],
  ["ceta", 0.2, 0.15],
  ["ceta|isa", 0, 0.15],
  ["ceta|dev", 0, 0.2],
  ["ck", -1.5, 0.3],
  ["ck|isa|avx512", -1.05, 0.4],
  ["ck|isa|avx2", -0.84, 0.4],
  ["ck|isa|neon", 0.06, 0.4],
  ["ck|isa|apple", -0.4, 0.5],
  ["ck|isa|neon0", 1.5, 0.5],
  ["ck|isa|rvv", 1.2, 0.5],
  ["ck|t", 0, 0.5],
  ["ck|old", 0, 0.5],
  ["ck|dev", 0, 0.35],
  ["cp", -2.7, 0.7],
  ["cp|isa", 0, 0.8],
  ["cp|t", 0, 0.4],
  ["cp|old", 0, 0.5],
  ["cp|dev", 0, 0.4],
];

/** A first level by its own name; deviations by the longest family of keys they belong to, around 0. */
export function devicePrior(key: string): Prior | undefined {
  let best: Prior | undefined;
  let length = -1;
  for (const [prefix, mean, deviation] of widths) {
    if (key === prefix) return { mean, deviation };
    const family = prefix.endsWith("|") ? prefix : `${prefix}|`;
    if (key.startsWith(family) && prefix.length > length && prefix.includes("|")) {
      best = { mean: 0, deviation };
      length = prefix.length;
    }
  }
  return best;
}
