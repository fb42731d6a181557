/**
 * Measured quantization losses (quant_loss.jsonl) → catalog/quality/loss.json: per storage type the divergence against the curve of bits and
 * size, per tensor role its share of the divergence over its share of the weights, and the ends of the stack against its middle. Deterministic.
 * Run: npx tsx catalog/build/loss.ts [folder with the file]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { isTensorType, tensorTypes } from "../../src/core/facts/tensor-type.ts";
import { qualityConstants } from "../../src/core/sources/calibration.ts";

const FOLDER = process.argv[2] ?? join(import.meta.dirname, "../../../shared/quality");
const OUT = join(import.meta.dirname, "../quality/loss.json");

const row = z.object({
  model: z.string(),
  type: z.string().nullish(),
  bpw: z.number().nullish(),
  metric: z.string(),
  value: z.number(),
  recipe: z.string().nullish(),
  note: z.string().nullish(),
  params_b: z.number().nullish(),
  params_active_b: z.number().nullish(),
});

const rows = readFileSync(join(FOLDER, "quant_loss.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => row.parse(JSON.parse(line)));

/** Not usable: no chat template (perplexity 1955 on raw text), and a divergence ten times any other without a reason. */
const excluded = new Set(["google/gemma-4-31B-it", "zai-org/GLM-4.7-Flash"]);
/** Measured against bf16 weights: others start from a loss of their own. */
const fullPrecisionBase =
  /^Qwen\/(Qwen3\.5-(0\.8B|2B|4B|9B|27B|35B-A3B|122B-A10B)|Qwen3-4B-(Instruct|Thinking)-2507|Qwen3\.6-(27B|35B-A3B)|Qwen3\.8-27B)$|GLM-4\.5-Air$/;
const mixtures = /-A\d|Air|GLM-4\.[67]|GLM-5|Kimi|DeepSeek|MiniMax/;

const round = (value: number): number => Number(value.toPrecision(3));
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

const k = qualityConstants.klDivergence;
function curve(bits: number, activeBillions: number, totalBillions: number): number {
  const over = bits - 4;
  return (
    k.intercept +
    k.bits * over +
    k.bitsSquared * over * over +
    k.activeBillionsLog10 * (Math.log10(activeBillions) - 1) +
    k.totalBillionsLog10 * (Math.log10(totalBillions) - 1)
  );
}

const pure = rows.flatMap((item) => {
  const { metric, recipe, type, model, value, params_b, params_active_b } = item;
  const name = Object.keys(tensorTypes).find((known) => known.toLowerCase() === type?.toLowerCase());
  if (metric !== "mean_kld" || !recipe?.startsWith("pure (all") || value <= 0 || !fullPrecisionBase.test(model))
    return [];
  if (name === undefined || !isTensorType(name) || !params_b || !params_active_b) return [];
  const { blockBytes, blockWeights } = tensorTypes[name];
  return [{ name, residual: Math.log(value) - curve((8 * blockBytes) / blockWeights, params_active_b, params_b) }];
});
const types = Object.fromEntries(
  [...groupBy(pure, ({ name }) => name)]
    .filter(([, items]) => items.length >= 5)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, items]) => [
      name,
      { factor: round(Math.exp(median(items.map(({ residual }) => residual)))), n: items.length },
    ]),
);

const single = rows.flatMap(({ metric, recipe, note, model }) => {
  const share = /share_of_kld=([\d.]+) share_of_params=([\d.]+)/.exec(note ?? "");
  const role = /role=(.+)$/.exec(recipe ?? "")?.[1];
  const parameters = Number(share?.[2] ?? 0);
  if (metric !== "tensor_kld_mean" || role === undefined || parameters <= 0 || excluded.has(model)) return [];
  return [{ kind: mixtures.test(model) ? "moe" : "dense", role, ratio: Number(share?.[1]) / parameters }];
});
const roles = Object.fromEntries(
  ["dense", "moe"].map((kind) => [
    kind,
    Object.fromEntries(
      [
        ...groupBy(
          single.filter((item) => item.kind === kind),
          ({ role }) => role,
        ),
      ]
        .filter(([, items]) => items.length >= 3)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([role, items]) => [role, { factor: round(median(items.map(({ ratio }) => ratio))), n: items.length }]),
    ),
  ]),
);

const ends = rows.flatMap(({ metric, recipe, value, model }) =>
  metric === "layer_kld_ratio" && !excluded.has(model)
    ? [{ end: recipe?.includes("first") ? "first" : "last", small: /-[0-9](\.\d+)?B/.test(model), value }]
    : [],
);
const depth = Object.fromEntries(
  ["small", "large"].map((size) => [
    size,
    Object.fromEntries(
      ["first", "last"].map((end) => {
        const values = ends.filter((item) => item.end === end && item.small === (size === "small"));
        return [end, { factor: round(Math.max(1, median(values.map(({ value }) => value)))), n: values.length }];
      }),
    ),
  ]),
);

const file = {
  source:
    "published KL divergences of pure quantized files and of files with one tensor quantized (Thireus/GGUF-Tool-Suite and others); medians over models",
  uncertaintyFactor: 2,
  types,
  roles,
  depth,
};
writeFileSync(OUT, `${JSON.stringify(file, undefined, 2)}\n`);
