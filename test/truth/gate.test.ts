/**
 * Ceilings on the error against llama.cpp's own figures. A row of the truth that cannot be estimated fails. Ceilings only ever get
 * tighter; the cause column says what the rest is.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { type Comparison, compareRow, type PlacementKind } from "./compare-memory.ts";
import { allMemoryRows, type MemoryMeasurement, measureMemory, measureWeights, memoryFigures, weightsFigures } from "./measure.ts";
import { modelReader, readFitRows, readMemoryRows, truthFolder } from "./rows.ts";
import { errorFraction, figures } from "./statistics.ts";
import { MIB } from "../../src/core/units.ts";

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
  expect(rows).toBe(371);
  expect(exactFraction).toBeGreaterThanOrEqual(0.98);
  expect(worstAbsFraction).toBeLessThanOrEqual(0.005);
});

test("model and context bytes, device and host", () => {
  for (const measured of [memoryFigures(memory), memoryFigures(fitted)])
    expect([measured.modelExactFraction, measured.contextExactFraction]).toEqual([1, 1]);
  expect(memoryFigures(fitted).rows).toBe(795);
});

interface Ceiling {
  readonly name: string;
  readonly rows: (comparison: Comparison) => boolean;
  readonly minimumCount: number;
  readonly exactFraction: number;
  readonly medianAbsFraction: number;
  readonly p95AbsFraction: number;
  readonly cause: string;
}

const isPlaced = (kind: PlacementKind) => (comparison: Comparison) => comparison.placement === kind;

const ceilings: readonly Ceiling[] = [
  {
    name: "compute, fully offloaded, as llama-server runs it",
    rows: ({ row, placement }) => row.program === "llama-server" && placement === "full",
    minimumCount: 500,
    exactFraction: 0.95,
    medianAbsFraction: 0,
    p95AbsFraction: 0,
    cause: "none known",
  },
  ...(["full", "partial", "overrides", "experts-on-cpu", "ffn-on-cpu", "several-devices", "cpu"] as const).map((kind) => ({
    name: `compute, ${kind}`,
    rows: isPlaced(kind),
    minimumCount: 50,
    exactFraction: 0.9,
    medianAbsFraction: 0.03,
    p95AbsFraction: 0.15,
    cause: "to be tightened",
  })),
];

describe("compute bytes, device and host", () => {
  test.for(ceilings)("$name", (ceiling) => {
    const errors = [...memory.comparisons, ...fitted.comparisons].filter(ceiling.rows).map(({ compute }) => errorFraction(compute));
    const measured = figures(errors);
    expect(measured.count).toBeGreaterThanOrEqual(ceiling.minimumCount);
    expect(measured.exactFraction).toBeGreaterThanOrEqual(ceiling.exactFraction);
    expect(measured.medianAbsFraction).toBeLessThanOrEqual(ceiling.medianAbsFraction);
    expect(measured.p95AbsFraction).toBeLessThanOrEqual(ceiling.p95AbsFraction);
  });
});

describe("what a device must hold in all", () => {
  test("median within 0.2 %, worst within max(3 %, 32 MiB), never under by more than max(1 %, 16 MiB)", () => {
    const totals = memory.comparisons.filter(({ device }) => device >= 0).map(({ total }) => total);
    const measured = figures(totals.map(errorFraction));
    expect(measured.medianAbsFraction).toBeLessThanOrEqual(0.002);
    const off = totals.filter(({ estimated, measured: truth }) => Math.abs(estimated - truth) > Math.max(0.03 * truth, 32 * MIB));
    const under = totals.filter(({ estimated, measured: truth }) => truth - estimated > Math.max(0.01 * truth, 16 * MIB));
    expect([off.length, under.length]).toEqual([0, 0]);
  });

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

test("a wrong formula is noticed: one layer more moves the figures", async () => {
  const [row] = readMemoryRows(truthFolder, "memory.jsonl");
  if (row === undefined) throw new Error("no rows");
  const model = await modelReader(truthFolder)(row.model, row.recipe);
  const [layer] = model.hyper.layers;
  if (layer === undefined) throw new Error("no layers");
  const hyper = { ...model.hyper, layers: [...model.hyper.layers, { ...layer, index: model.hyper.layerCount }], layerCount: model.hyper.layerCount + 1 };
  const [device] = compareRow(row, { ...model, hyper });
  expect(device && errorFraction(device.context)).toBeGreaterThan(0.02);
});
