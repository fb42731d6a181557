/**
 * `npm run truth` prints every meter; `-- --dir DIR` reads another folder of the same formats, `--json` prints one JSON object.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Comparison } from "./compare-memory.ts";
import { allMemoryRows, measureMemory, measureWeights, memoryFigures, weightsFigures } from "./measure.ts";
import { measurePlacement, placementFigures } from "./placement.ts";
import { readFitRows, truthFolder } from "./rows.ts";
import { printSpeed, speedReport } from "./speed-report.ts";
import { errorFraction, figures } from "./statistics.ts";

const percent = (fraction: number) => `${(100 * fraction).toFixed(fraction < 0.1 ? 2 : 1)} %`;

function printTable(title: string, groups: ReadonlyMap<string, readonly Comparison[]>): void {
  console.info(
    `\n${title.padEnd(44)} ${"n".padStart(5)} ${"model=".padStart(8)} ${"context=".padStart(8)} ${"compute=".padStart(8)} ${"median".padStart(8)} ${"p95".padStart(8)} ${"worst".padStart(8)} ${"under".padStart(8)}`,
  );
  for (const [name, rows] of groups) {
    const part = (key: "model" | "context" | "compute") => figures(rows.map((row) => errorFraction(row[key])));
    const compute = part("compute");
    const cells = [
      part("model").exactFraction,
      part("context").exactFraction,
      compute.exactFraction,
      compute.medianAbsFraction,
      compute.p95AbsFraction,
      compute.worstAbsFraction,
      compute.worstUnderFraction,
    ];
    console.info(
      `${name.padEnd(44)} ${String(rows.length).padStart(5)} ${cells.map((cell) => percent(cell).padStart(8)).join(" ")}`,
    );
  }
}

function groupBy(
  comparisons: readonly Comparison[],
  key: (comparison: Comparison) => string,
): Map<string, Comparison[]> {
  const groups = new Map<string, Comparison[]>();
  for (const comparison of comparisons)
    groups.set(key(comparison), [...(groups.get(key(comparison)) ?? []), comparison]);
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const { values } = parseArgs({
  options: { dir: { type: "string" }, json: { type: "boolean" }, worst: { type: "string" } },
});
const folder = values.dir ?? truthFolder;
if (!existsSync(folder)) {
  console.error(`There is no folder ${folder}. Send one that holds weights.jsonl, memory.jsonl, … and gguf/.`);
  process.exit(2);
}
const weights = await measureWeights(folder);
const memory = await measureMemory(folder, allMemoryRows(folder));
const fitted = await measureMemory(folder, readFitRows(folder));
// speed's own rows are condensed in the catalog; a foreign folder is judged by its own rows alone
const hasSpeed = values.dir === undefined || existsSync(join(folder, "speed.jsonl"));
const speed = hasSpeed ? await speedReport(folder) : undefined;
const placement = existsSync(join(folder, "fit.jsonl")) ? placementFigures(await measurePlacement(folder)) : undefined;
/** A section that the folder has no rows for is left out: nothing was compared, so nothing was exact. */
const summary = {
  ...(weights.length > 0 ? { weights: weightsFigures(weights) } : {}),
  ...(memory.comparisons.length + memory.failures.length > 0 ? { memory: memoryFigures(memory) } : {}),
  ...(fitted.comparisons.length + fitted.failures.length > 0 ? { fitted: memoryFigures(fitted) } : {}),
  ...(speed ? { speed: speed.summary } : {}),
  ...(placement ? { placement } : {}),
};

if (values.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
else {
  const comparisons = [...memory.comparisons, ...fitted.comparisons];
  const failures = [...memory.failures, ...fitted.failures];
  printTable(
    "device or host, by placement",
    groupBy(
      comparisons,
      ({ placement, device, row }) =>
        `${row.program.replace("llama-", "")} ${placement} ${device < 0 ? "host" : "device"}`,
    ),
  );
  printTable(
    "by architecture",
    groupBy(comparisons, ({ row }) => row.architecture),
  );
  for (const failure of new Set(failures.map(({ row, reason }) => `${row.model}: ${reason}`)))
    console.info(`FAILED ${failure}`);
  for (const failure of new Set(weights.flatMap(({ row, failure }) => (failure ? [`${row.model}: ${failure}`] : []))))
    console.info(`FAILED weights ${failure}`);
  const inexact = weights.filter(({ worstTypeFraction }) => worstTypeFraction > 1e-4);
  for (const { row, errorFraction: error } of inexact.slice(0, 40))
    console.info(`weights ${row.model} ${row.quant}: ${percent(error)}`);
  if (speed) printSpeed(speed);
  if (values.worst) {
    const key =
      values.worst === "model" || values.worst === "context" || values.worst === "total" ? values.worst : "compute";
    const worst = comparisons
      .filter((row) => Math.abs(errorFraction(row[key])) > 1e-4)
      .sort((a, b) => Math.abs(errorFraction(b[key])) - Math.abs(errorFraction(a[key])));
    for (const comparison of worst.slice(0, 60))
      console.info(
        `${key} ${comparison.row.program} ${comparison.row.model} dev ${comparison.device}/${comparison.row.devices.length} np ${comparison.row.sequences ?? "-"} ${comparison.row.args}: ${comparison[key].estimated} for ${comparison[key].measured} (${percent(errorFraction(comparison[key]))})`,
      );
  }
  console.info(JSON.stringify(summary, undefined, 2));
}
