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
  ["eta|engine", 0, 0.1],
  ["kap", 1.39, 0.4],
  ["kap|", 0, 0.5],
  ["kap|old", 0, 0.4],
  ["tau", 4.7, 0.8],
  ["tau|be", 0, 0.6],
  ["tau|vd", 0, 0.4],
  ["tau|fam", 0, 0.4],
  ["tau|dev", 0, 0.25],
  ["tau|old", 0, 0.4],
  ["tau|engine", 0, 0.3],
  ["tau|moe", 0, 0.7],
  ["tau|lin", 0, 0.7],
  ["kv", 0.3, 0.4],
  ["kv|", 0, 0.5],
  ["kvv", 0.2, 0.7],
  ["kvv|", 0, 0.4],
  ["phi", 0.7, 0.5],
  ["phi|be", 0, 0.4],
  ["phi|vd", 0, 0.3],
  ["phi|fam", 0, 0.4],
  ["phi|dev", 0, 0.2],
  ["phi|type", 0, 0.2],
  ["phi|era", 0, 0.15],
  ["phi|engine", 0, 0.2],
  ["phi|moe", 0.3, 0.5],
  ["phi|vkbf16", 0, 0.5],
  ["chi", 1.7, 0.7],
  ["chi|", 0, 0.5],
  ["ptau", 6.9, 0.6],
  ["ptau|", 0, 0.5],
  ["plin", 6.8, 0.7],
  ["plin|", 0, 0.5],
  ["wr", 0, 0.4],
  ["eta|beside", 0, 0.15],
  ["tau|beside", 0, 0.3],
  ["oc", 0.5, 0.2],
  ["oc|type", 0, 0.2],
  ["ocl", 3.5, 1],
  ["onx", 1.6, 1],
  ["ospl", 4.2, 0.7],
  ["olink", 0.4, 0.3],
  ["ceta", 0.2, 0.3],
  ["ceta|", 0, 0.25],
  ["ck", -1.5, 0.7],
  ["ck|isa", 0, 0.8],
  ["ck|t", 0, 0.5],
  ["ck|old", 0, 0.5],
  ["ck|dev", 0, 0.3],
  ["cp", -2.7, 0.7],
  ["cp|isa", 0, 0.8],
  ["cp|t", 0, 0.4],
  ["cp|old", 0, 0.5],
  ["cp|dev", 0, 0.3],
];

export function devicePrior(key: string): Prior | undefined {
  let best: Prior | undefined;
  let length = -1;
  for (const [prefix, mean, deviation] of widths) {
    const fits = key === prefix || key.startsWith(prefix.endsWith("|") ? prefix : `${prefix}|`);
    if (fits && prefix.length > length) {
      best = { mean, deviation };
      length = prefix.length;
    }
  }
  return best;
}
