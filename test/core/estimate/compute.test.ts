/** Compute buffers against llama.cpp's own: every measured row whose architecture has a graph here, per family. */
import { beforeAll, describe, expect, it } from "vitest";
import { graphOf } from "../../../src/core/estimate/graph/models/index.ts";
import { type Comparison, compareRow } from "../../truth/compare-memory.ts";
import { modelReader, readMemoryRows, truthFolder } from "../../truth/rows.ts";
import { errorFraction, figures } from "../../truth/statistics.ts";

const comparisons: Comparison[] = [];

beforeAll(async () => {
  const read = modelReader(truthFolder);
  for (const file of ["memory.jsonl", "memory_server.jsonl"] as const) {
    for (const row of readMemoryRows(truthFolder, file)) {
      const model = await read(row.model, row.recipe);
      if (graphOf(model.hyper)) comparisons.push(...compareRow(row, model));
    }
  }
}, 60_000);

const errorsOf = (list: readonly Comparison[]) => list.map(({ compute }) => errorFraction(compute));

describe("compute buffers", () => {
  it("meets the measured rows of every architecture, family by family", () => {
    const families = [...new Set(comparisons.map(({ row }) => row.architecture))].sort();
    expect(families.length).toBeGreaterThanOrEqual(20);
    for (const family of families) {
      const { count, exactFraction, medianAbsFraction, p95AbsFraction, worstUnderFraction } = figures(
        errorsOf(comparisons.filter(({ row }) => row.architecture === family)),
      );
      console.info(
        `${family.padEnd(14)} n=${count} exact=${(100 * exactFraction).toFixed(1)}% median=${(100 * medianAbsFraction).toFixed(2)}% p95=${(100 * p95AbsFraction).toFixed(2)}% under=${(100 * worstUnderFraction).toFixed(2)}%`,
      );
      expect(exactFraction, family).toBe(1);
    }
  });
});
