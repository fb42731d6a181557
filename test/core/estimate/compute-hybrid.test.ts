/** Compute buffers of hybrid, latent and other unusual architectures against what llama.cpp measured. */
import { describe, expect, test } from "vitest";
import { type Comparison, compareRow } from "../../truth/compare-memory.ts";
import { modelReader, readMemoryRows, truthFolder } from "../../truth/rows.ts";

const architectures = [
  "mamba",
  "granitehybrid",
  "nemotron_h",
  "lfm2",
  "qwen3next",
  "qwen35",
  "deepseek2",
  "gemma4",
  "llama4",
];

const readModel = modelReader(truthFolder);
const rows = [...readMemoryRows(truthFolder, "memory.jsonl"), ...readMemoryRows(truthFolder, "memory_server.jsonl")];

async function comparisonsOf(architecture: string): Promise<Comparison[]> {
  const own = rows.filter((row) => row.architecture === architecture);
  const lists = await Promise.all(own.map(async (row) => compareRow(row, await readModel(row.model, row.recipe))));
  return lists.flat();
}

const errorOf = ({ compute: { estimated, measured } }: Comparison): number =>
  measured === 0 ? Math.min(1, estimated) : (estimated - measured) / measured;

function figures(comparisons: readonly Comparison[]) {
  const errors = comparisons.map((comparison) => Math.abs(errorOf(comparison))).sort((a, b) => a - b);
  const at = (fraction: number): number =>
    errors[Math.min(errors.length - 1, Math.floor(errors.length * fraction))] ?? 0;
  return {
    count: errors.length,
    exact: errors.filter((error) => error === 0).length / Math.max(1, errors.length),
    median: at(0.5),
    p95: at(0.95),
    worst: errors[errors.length - 1] ?? 0,
  };
}

describe.each(architectures)("compute buffers of %s", (architecture) => {
  test("equal the measured ones", async () => {
    const comparisons = await comparisonsOf(architecture);
    const full = figures(
      comparisons.filter(({ placement }) => placement === "full" || placement === "several-devices"),
    );
    const rest = figures(
      comparisons.filter(({ placement }) => placement !== "full" && placement !== "several-devices"),
    );
    const percent = (value: number): string => `${(value * 100).toFixed(2)} %`;
    for (const [name, part] of Object.entries({ full, rest }))
      console.warn(
        `${architecture} ${name}: n ${part.count}, exact ${percent(part.exact)}, median ${percent(part.median)}, p95 ${percent(part.p95)}, worst ${percent(part.worst)}`,
      );
    expect(full.count).toBeGreaterThan(20);
    expect(full.exact).toBe(1);
    expect(rest.exact).toBe(1);
  }, 120_000);
});
