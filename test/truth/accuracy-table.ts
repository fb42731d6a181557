/** The README's accuracy table, from the same comparisons that the gate reads. */
import type { Hyperparameters } from "../../src/core/facts/model.ts";
import type { Comparison } from "./compare-memory.ts";
import { allMemoryRows, measureMemory, measureWeights, weightsFigures } from "./measure.ts";
import { modelReader, readFitRows, truthFolder } from "./rows.ts";
import { errorFraction, figures } from "./statistics.ts";

export const families = [
  "dense",
  "mixture of experts",
  "sliding window",
  "latent attention",
  "recurrent",
  "hybrid",
  "encoder",
] as const;
export type Family = (typeof families)[number];

/** One family a model, the rarest trait first: a hybrid with experts is a hybrid. */
export function familyOf(hyper: Hyperparameters): Family {
  if (!hyper.hasCache) return "encoder";
  const recurrent = hyper.layers.some((layer) => layer.recurrent);
  const attention = hyper.layers.some((layer) => layer.attention);
  if (recurrent) return attention ? "hybrid" : "recurrent";
  if (hyper.latent) return "latent attention";
  if (hyper.layers.some((layer) => layer.windowTokens > 0)) return "sliding window";
  return hyper.experts ? "mixture of experts" : "dense";
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(fraction === 0 || fraction === 1 ? 0 : 2)} %`;
}

/** n, exact share and worst signed error of what one device or the host must hold, per family and placement. */
export async function accuracyTable(): Promise<string> {
  const readModel = modelReader(truthFolder);
  const measurements = [
    await measureMemory(truthFolder, allMemoryRows(truthFolder)),
    await measureMemory(truthFolder, readFitRows(truthFolder)),
  ];
  const failures = measurements.reduce((count, measured) => count + measured.failures.length, 0);
  const groups = new Map<string, Comparison[]>();
  for (const comparison of measurements.flatMap(({ comparisons }) => comparisons)) {
    const family = familyOf((await readModel(comparison.row.model, comparison.row.recipe)).hyper);
    groups.set(family, [...(groups.get(family) ?? []), comparison]);
  }
  const rows = families.map((family) => {
    const comparisons = groups.get(family) ?? [];
    const part = (name: "model" | "context" | "compute") =>
      percent(figures(comparisons.map((row) => errorFraction(row[name]))).exactFraction);
    const total = figures(comparisons.map((row) => errorFraction(row.total)));
    const models = new Set(comparisons.map(({ row }) => row.model)).size;
    const placements = new Set(comparisons.map(({ placement }) => placement)).size;
    return `| ${family} | ${models} | ${placements} | ${comparisons.length} | ${part("model")} | ${part("context")} | ${part("compute")} | ${percent(total.worstAbsFraction)} | ${percent(total.worstUnderFraction)} |`;
  });
  const weights = weightsFigures(await measureWeights(truthFolder));
  return [
    "Memory, against what llama.cpp v0.5.0 itself reports for the same command line (one figure = one device or the host of one run):",
    "",
    "| family | models | kinds of placement | figures | weights exact | cache exact | compute buffers exact | worst total | worst under |",
    "|---|---|---|---|---|---|---|---|---|",
    ...rows,
    "",
    `Runs that could not be estimated: ${failures}. File sizes from hyper-parameters alone, ${weights.rows} model × recipe: ${percent(weights.exactFraction)} exact, worst ${percent(weights.worstAbsFraction)}.`,
  ].join("\n");
}
