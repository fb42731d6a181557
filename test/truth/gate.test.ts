/**
 * Ceilings on the error against llama.cpp's own figures. A row of the truth that cannot be estimated fails. Ceilings only ever get
 * tighter; the cause column says what the rest is.
 */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { accuracyTable } from "./accuracy-table.ts";
import { compareRow, type PlacementKind } from "./compare-memory.ts";
import {
  allMemoryRows,
  type MemoryMeasurement,
  measureMemory,
  measureWeights,
  memoryFigures,
  weightsFigures,
} from "./measure.ts";
import { modelReader, readFitRows, readMemoryRows, truthFolder } from "./rows.ts";
import { errorFraction, figures } from "./statistics.ts";

let memory: MemoryMeasurement = { comparisons: [], failures: [] };
let fitted: MemoryMeasurement = { comparisons: [], failures: [] };
beforeAll(async () => {
  memory = await measureMemory(truthFolder, allMemoryRows(truthFolder));
  fitted = await measureMemory(truthFolder, readFitRows(truthFolder));
}, 120_000);

test("every row of the truth is estimated", () => {
  expect(memory.failures).toEqual([]);
  expect(memoryFigures(memory).rows).toBe(1375);
});

test("weights from hyper-parameters alone", async () => {
  const { rows, exactFraction, worstAbsFraction } = weightsFigures(await measureWeights(truthFolder));
  expect({ rows, exactFraction, worstAbsFraction }).toEqual({ rows: 371, exactFraction: 1, worstAbsFraction: 0 });
});

test("model and context bytes, device and host", () => {
  for (const measured of [memoryFigures(memory), memoryFigures(fitted)])
    expect([measured.modelExactFraction, measured.contextExactFraction]).toEqual([1, 1]);
  expect(memoryFigures(fitted).rows).toBe(795);
});

/** Every kind of placement has enough rows to mean something, and each is exact: nothing is fitted, so nothing may drift. */
const kinds: readonly (readonly [PlacementKind, number])[] = [
  ["full", 1400],
  ["partial", 2000],
  ["overrides", 280],
  ["experts-on-cpu", 110],
  ["ffn-on-cpu", 150],
  ["several-devices", 550],
  ["cpu", 100],
];

describe("compute bytes, device and host", () => {
  test.for(kinds)("%s", ([kind, minimumCount]) => {
    const errors = [...memory.comparisons, ...fitted.comparisons]
      .filter(({ placement }) => placement === kind)
      .map(({ compute }) => errorFraction(compute));
    expect(errors.length).toBeGreaterThanOrEqual(minimumCount);
    expect(figures(errors)).toMatchObject({ exactFraction: 1, worstAbsFraction: 0 });
  });
});

describe("what a device must hold in all", () => {
  test("at capacities 2, 5 and 10 % around the real need: F1 ≥ 0.99, said fits and did not: 0", () => {
    let truePositives = 0;
    let falsePositives = 0;
    let falseNegatives = 0;
    for (const { total } of memory.comparisons.filter(({ device }) => device >= 0)) {
      for (const share of [0.9, 0.95, 0.98, 1.02, 1.05, 1.1]) {
        const capacity = share * total.measured;
        const fits = total.measured <= capacity;
        const saidFits = total.estimated <= capacity;
        if (fits && saidFits) truePositives++;
        if (!fits && saidFits) falsePositives++;
        if (fits && !saidFits) falseNegatives++;
      }
    }
    expect(truePositives).toBeGreaterThan(3000);
    expect((2 * truePositives) / (2 * truePositives + falsePositives + falseNegatives)).toBeGreaterThanOrEqual(0.99);
    expect(falsePositives).toBe(0);
  });
});

test("the README's accuracy table is today's", async () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  expect(readme).toContain(await accuracyTable());
}, 60_000);

test("a wrong estimate is noticed: the same row at twice its context", async () => {
  const [row] = readMemoryRows(truthFolder, "memory.jsonl");
  if (row === undefined) throw new Error("no rows");
  const model = await modelReader(truthFolder)(row.model, row.recipe);
  const [right] = compareRow(row, model);
  const [wrong] = compareRow({ ...row, args: "-c 8192" }, model);
  expect(row.args).toBe("-c 4096");
  expect([right && errorFraction(right.context), wrong && errorFraction(wrong.context)]).toEqual([0, 1]);
});
