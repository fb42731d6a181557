/** All meters over one folder of truth: comparisons and their figures. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Model } from "../../src/core/facts/model.ts";
import { readGgufFile } from "../../src/core/sources/gguf/read.ts";
import { type Comparison, compareRow } from "./compare-memory.ts";
import { compareWeights, type WeightsComparison } from "./compare-weights.ts";
import { type MemoryRow, modelReader, readMemoryRows, readRows, type WeightsRow } from "./rows.ts";
import { EXACT_FRACTION, errorFraction, figures } from "./statistics.ts";

export interface MemoryMeasurement {
  readonly comparisons: readonly Comparison[];
  /** rows that could not be estimated at all */
  readonly failures: readonly { readonly row: MemoryRow; readonly reason: string }[];
}

export function allMemoryRows(folder: string): MemoryRow[] {
  return [...readMemoryRows(folder, "memory.jsonl"), ...readMemoryRows(folder, "memory_server.jsonl")];
}

export async function measureMemory(folder: string, rows: readonly MemoryRow[]): Promise<MemoryMeasurement> {
  const readModel = modelReader(folder);
  const comparisons: Comparison[] = [];
  const failures: { row: MemoryRow; reason: string }[] = [];
  for (const row of rows) {
    try {
      comparisons.push(...compareRow(row, await readModel(row.model, row.recipe)));
    } catch (error) {
      failures.push({ row, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { comparisons, failures };
}

/** Any recipe's header of a model does: only its key-values are used. */
async function headersByModel(folder: string, rows: readonly WeightsRow[]): Promise<Map<string, Model>> {
  const files = readdirSync(join(folder, "gguf"));
  const headers = new Map<string, Model>();
  for (const name of new Set(rows.map(({ model }) => model))) {
    const file = files.find((candidate) =>
      rows.some(({ model, quant }) => model === name && candidate === `${model}-${quant}.gguf`),
    );
    if (file !== undefined) headers.set(name, await readGgufFile(join(folder, "gguf", file)));
  }
  return headers;
}

export async function measureWeights(folder: string): Promise<WeightsComparison[]> {
  const rows = readRows<WeightsRow>(folder, "weights.jsonl");
  if (rows.length === 0) return [];
  const headers = await headersByModel(folder, rows);
  return rows.map((row) => {
    const header = headers.get(row.model);
    return header === undefined
      ? { row, estimatedBytes: 0, errorFraction: -1, worstTypeFraction: 1, failure: "no header of this model in gguf/" }
      : compareWeights(row, header);
  });
}

export function weightsFigures(comparisons: readonly WeightsComparison[]) {
  const exact = comparisons.filter(({ worstTypeFraction }) => worstTypeFraction <= EXACT_FRACTION).length;
  return {
    rows: comparisons.length,
    exactFraction: comparisons.length === 0 ? 1 : exact / comparisons.length,
    worstAbsFraction: comparisons.reduce((worst, { errorFraction: error }) => Math.max(worst, Math.abs(error)), 0),
  };
}

/** A failed row counts as wrong in every part. */
export function memoryFigures({ comparisons, failures }: MemoryMeasurement) {
  const failed = failures.map(() => -1);
  const part = (name: "model" | "context" | "compute" | "total") =>
    figures([...comparisons.map((comparison) => errorFraction(comparison[name])), ...failed]);
  const compute = part("compute");
  // a total is what one device (not the host) must hold
  const totals = figures([
    ...comparisons.filter(({ device }) => device >= 0).map(({ total }) => errorFraction(total)),
    ...failed,
  ]);
  return {
    rows: new Set(comparisons.map(({ row }) => row)).size + failures.length,
    failedRows: failures.length,
    modelExactFraction: part("model").exactFraction,
    contextExactFraction: part("context").exactFraction,
    computeExactFraction: compute.exactFraction,
    computeMedianAbsFraction: compute.medianAbsFraction,
    computeP95AbsFraction: compute.p95AbsFraction,
    totalMedianAbsFraction: totals.medianAbsFraction,
    totalWorstAbsFraction: totals.worstAbsFraction,
    totalWorstUnderFraction: totals.worstUnderFraction,
  };
}
