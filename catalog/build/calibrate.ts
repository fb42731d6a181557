/**
 * `npm run calibrate` refits every constant of the speed model on catalog/calibration/observations.json. With `-- --from FOLDER` it first
 * condenses that folder's speed.jsonl into the observations. Deterministic: the same observations give the same files.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Constant } from "../../src/core/facts/calibration.ts";
import { calibration } from "../../src/core/sources/calibration.ts";
import { loadHardwareCatalog } from "../../src/core/sources/hardware-catalog.ts";
import { loadModelCatalog } from "../../src/core/sources/model-catalog.ts";
import { condense } from "./calibrate/condense.ts";
import { fit, type Problem, standardErrors } from "./calibrate/fit.ts";
import { fitIntervals } from "./calibrate/intervals.ts";
import { judge } from "./calibrate/judge.ts";
import { measuredObservations } from "./calibrate/measured.ts";
import { type Observation, observationFile, packed, unpack } from "./calibrate/observation.ts";
import { type Point, pointOf } from "./calibrate/points.ts";
import { readPublished } from "./calibrate/published.ts";
import { taskProblems } from "./calibrate/task-problem.ts";

const folder = fileURLToPath(new URL("../calibration/", import.meta.url));

function writeRows(
  file: string,
  head: Readonly<Record<string, unknown>>,
  name: string,
  rows: readonly string[],
  brackets: "[]" | "{}",
): void {
  const lines = Object.entries(head).map(([key, value]) => ` ${JSON.stringify(key)}: ${JSON.stringify(value)},`);
  writeFileSync(
    `${folder}${file}`,
    `{\n${lines.join("\n")}\n ${JSON.stringify(name)}: ${brackets[0]}\n${rows.map((row) => `  ${row}`).join(",\n")}\n ${brackets[1]}\n}\n`,
  );
}

const meaning =
  "what published timings of one configuration agree on (their median): rows measurements, spread = largest over smallest; fileBytes as stated, year of the build, depthTokens cached when the measured tokens begin";

async function gather(from: string | undefined): Promise<readonly Observation[]> {
  if (from === undefined)
    return unpack(observationFile.parse(JSON.parse(readFileSync(`${folder}observations.json`, "utf8"))));
  const { observations, failures } = condense(
    readPublished(from),
    await loadHardwareCatalog(),
    await loadModelCatalog(),
  );
  for (const { id, reason } of failures) console.info(`left out ${id}: ${reason}`);
  const rounded = [...observations, ...measuredObservations(`${from}/../speed/calibration.json`)].map((row) => ({
    ...row,
    year: Math.round(row.year * 100) / 100,
    spread: Math.round(row.spread * 100) / 100,
    tokensPerSecond: Number(row.tokensPerSecond.toPrecision(4)),
  }));
  const sources = [...new Set(rounded.map(({ source }) => source))].sort();
  writeRows(
    "observations.json",
    { meaning, sources },
    "observations",
    rounded.map((row) => JSON.stringify(packed(row, sources))),
    "[]",
  );
  return rounded;
}

function constantsOf(problem: Problem, points: readonly Point[]): readonly (readonly [string, Constant])[] {
  const { theta, lower } = fit(
    problem,
    problem.rows.map(() => true),
    20,
  );
  const errors = standardErrors(lower, problem.keys.length);
  const rows = new Map<number, Set<number>>();
  problem.rows.forEach((row, number) => {
    for (const term of row.terms)
      for (const index of term.indices) rows.set(index, (rows.get(index) ?? new Set()).add(number));
  });
  const round = (value: number) => Math.round(value * 1e4) / 1e4;
  return problem.keys
    .map((key, index) => {
      const numbers = [...(rows.get(index) ?? [])];
      return [
        key,
        {
          ln: round(theta[index] ?? 0),
          se: round(errors[index] ?? 0),
          n: numbers.length,
          devices: new Set(numbers.map((number) => points[number]?.device)).size,
        },
      ] as const;
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

const isHost = (key: string) => /^(oc|ocl|onx|ospl|olink|ceta|ck|cp)(\||$)/.test(key);

const { values } = parseArgs({ options: { from: { type: "string" } } });
const observations = await gather(values.from);
const [hardware, models] = [await loadHardwareCatalog(), await loadModelCatalog()];
const points = observations.map((row) => pointOf(row, hardware, models, calibration));
const problems = taskProblems(points);
const fits = problems.map(({ task, points: own, problem }) => ({ task, own, constants: constantsOf(problem, own) }));
const line = ([key, value]: readonly [string, Constant]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
const byKey = ([a]: readonly [string, Constant], [b]: readonly [string, Constant]) => (a < b ? -1 : 1);
for (const task of ["decode", "prefill"] as const) {
  const fitted = fits.filter((row) => row.task === task);
  const own = fitted.flatMap((row) => row.own);
  const years = own.map(({ observation }) => observation.year);
  const head = {
    source: `maximum a posteriori fit on observations.json: ${own.length} configurations of ${new Set(own.map(({ device }) => device)).size} devices, builds of ${Math.floor(Math.min(...years))} to ${Math.floor(Math.max(...years))}`,
    unit: "ln of a cost multiplier; se = its standard error, n = configurations and devices it rests on",
  };
  const constants = fitted.flatMap((row) => row.constants).filter(([key]) => !isHost(key));
  writeRows(`${task}.json`, head, "constants", constants.sort(byKey).map(line), "{}");
}
const host = fits.flatMap((row) => row.constants).filter(([key]) => isHost(key));
writeRows(
  "host.json",
  {
    source: "the same fits: the host beside a device, and processors alone",
    unit: "ln of a cost multiplier; ocl, onx, ospl: ln microseconds; ck, cp: ln cycles a weight",
  },
  "constants",
  host.sort(byKey).map(line),
  "{}",
);

const { quantiles, widths } = fitIntervals(problems.flatMap(judge));
const intervals = {
  source:
    "quantiles of ln(observed / predicted tokens per second) of predictions without the model (A: the device is known), without the device (C: its family is) or with neither (D)",
  quantiles: Object.fromEntries(Object.entries(quantiles).sort(([a], [b]) => (a < b ? -1 : 1))),
  widths,
};
writeFileSync(`${folder}intervals.json`, `${JSON.stringify(intervals, undefined, 1)}\n`);
