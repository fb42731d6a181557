/**
 * The speed meter. The project's own observations are predicted by constants refitted without their model (`known`: other models were
 * measured on the device) or without their device (`unseen`: at least five configurations of its family on that backend are left;
 * `strange`: fewer). A foreign folder's rows are predicted by the constants that ship, into which no row of it went.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { condense } from "../../catalog/build/calibrate/condense.ts";
import { judge, type OwnBasis, ownBases } from "../../catalog/build/calibrate/judge.ts";
import { type Observation, observationFile, unpack } from "../../catalog/build/calibrate/observation.ts";
import { type Point, pointOf } from "../../catalog/build/calibrate/points.ts";
import { isCounted, readPublished } from "../../catalog/build/calibrate/published.ts";
import { type Task, taskProblems } from "../../catalog/build/calibrate/task-problem.ts";
import { predictedRate } from "../../src/core/estimate/speed.ts";
import { sumSeconds } from "../../src/core/estimate/terms.ts";
import { calibration } from "../../src/core/sources/calibration.ts";
import { loadHardwareCatalog } from "../../src/core/sources/hardware-catalog.ts";
import { loadModelCatalog } from "../../src/core/sources/model-catalog.ts";
import { type SpeedError, type SpeedFigures, speedFigures } from "./speed-figures.ts";

export interface SpeedPrediction extends SpeedError {
  readonly point: Point;
  readonly low: number;
  readonly mid: number;
  readonly high: number;
}

export type Basis = OwnBasis | "shipped";

export interface SpeedMeasurement {
  readonly basis: Basis;
  readonly predictions: readonly SpeedPrediction[];
  readonly failures: readonly { readonly id: string; readonly reason: string }[];
}

const observationsPath = fileURLToPath(new URL("../../catalog/calibration/observations.json", import.meta.url));

export function ownObservations(): readonly Observation[] {
  return unpack(observationFile.parse(JSON.parse(readFileSync(observationsPath, "utf8"))));
}

async function pointsOf(rows: readonly Observation[]): Promise<Point[]> {
  const [hardware, models] = [await loadHardwareCatalog(), await loadModelCatalog()];
  return rows.map((row) => pointOf(row, hardware, models, calibration));
}

function predictionOf(
  point: Point,
  { low, mid, high }: { readonly low: number; readonly mid: number; readonly high: number },
): SpeedPrediction {
  const observed = point.observation.tokensPerSecond;
  return {
    point,
    device: point.device,
    low,
    mid,
    high,
    errorFraction: mid / observed - 1,
    covered: observed >= low && observed <= high,
  };
}

/** Evidence that a prediction of each basis has: its interval is that of the level. */
const levels = { "in-sample": "A", known: "A", unseen: "C", strange: "D" } as const;

/** Our own rows, each predicted without its group. */
export async function measureOwnSpeed(): Promise<readonly SpeedMeasurement[]> {
  const judged = taskProblems(await pointsOf(ownObservations())).flatMap(judge);
  return ownBases.map((basis) => ({
    basis,
    predictions: judged
      .filter((row) => row.basis === basis)
      .map(({ point, task, residual }) =>
        predictionOf(
          point,
          predictedRate(point.setting, task, point.observedSeconds * Math.exp(residual), levels[basis]),
        ),
      ),
    failures: [],
  }));
}

/** Rows of a folder by the constants that ship. */
const constants = {
  decode: { ...calibration.decode, ...calibration.host },
  prefill: { ...calibration.prefill, ...calibration.host },
};

export async function measureFolderSpeed(folder: string): Promise<SpeedMeasurement> {
  const [hardware, models] = [await loadHardwareCatalog(), await loadModelCatalog()];
  const { observations, failures } = condense(readPublished(folder), hardware, models, isCounted);
  const predictions = (await pointsOf(observations)).map((point) =>
    predictionOf(
      point,
      predictedRate(
        point.setting,
        point.observation.task,
        sumSeconds(point.sum, point.observation.task === "decode" ? constants.decode : constants.prefill).total,
        undefined,
      ),
    ),
  );
  return { basis: "shipped", predictions, failures };
}

/** Weight of one own run; `speed-intervals.ts` uses the same. */
const OWN_RUN_WEIGHT = 0.8;

/** Every configuration of a device that was left out, corrected by each other one of the same device and backend as if it were an own run. */
function afterOneOwnRun(predictions: readonly SpeedPrediction[]): SpeedError[] {
  const groups = new Map<string, SpeedPrediction[]>();
  for (const prediction of predictions) {
    const key = `${prediction.device}|${prediction.point.observation.backend}`;
    groups.set(key, [...(groups.get(key) ?? []), prediction]);
  }
  return [...groups.values()]
    .filter((group) => group.length >= 3)
    .flatMap((group) =>
      group.flatMap((one) =>
        group
          .filter((own) => own !== one)
          .map((own) => ({
            device: one.device,
            errorFraction: (1 + one.errorFraction) * (1 + own.errorFraction) ** -OWN_RUN_WEIGHT - 1,
            covered: one.covered,
          })),
      ),
    );
}

export interface SpeedSection {
  /** `decode` of devices with at least three configurations, after one own run */
  readonly decodeAfterOwnRun: SpeedFigures;
  readonly decode: SpeedFigures;
  readonly decodeDeep: SpeedFigures;
  readonly offload: SpeedFigures;
  readonly cpu: SpeedFigures;
  readonly moe: SpeedFigures;
  readonly prefill: SpeedFigures;
  readonly firstToken: SpeedFigures;
  readonly warmTurn: SpeedFigures;
  readonly offloadPrefill: SpeedFigures;
  readonly cpuArm: SpeedFigures;
  readonly cpuPrefill: SpeedFigures;
  readonly failedRows: number;
}

/** tg at depth over tg on an empty cache, where both were measured: what depth costs, apart from everything else. */
function slowdowns(predictions: readonly SpeedPrediction[]): SpeedError[] {
  const key = ({ point: { observation: row } }: SpeedPrediction) =>
    [row.device, row.backend, row.model, row.recipe, row.year, row.flashAttention].join("|");
  const shallow = new Map(
    predictions.filter(({ point }) => !point.deep).map((prediction) => [key(prediction), prediction]),
  );
  return predictions.flatMap((prediction) => {
    const base = prediction.point.deep ? shallow.get(key(prediction)) : undefined;
    if (!base) return [];
    const predicted = prediction.mid / base.mid;
    const observed = prediction.point.observation.tokensPerSecond / base.point.observation.tokensPerSecond;
    return [{ device: prediction.device, errorFraction: predicted / observed - 1, covered: prediction.covered }];
  });
}

export function speedSection({ predictions, failures }: SpeedMeasurement): SpeedSection {
  const select = (task: Task, offload: Observation["offload"], also: (point: Point) => boolean = () => true) =>
    predictions.filter(
      ({ point }) => point.observation.task === task && point.observation.offload === offload && also(point),
    );
  const decode = select("decode", "full");
  const x86 = ({ setting }: Point) => setting.hostRates.isa.startsWith("avx");
  return {
    decode: speedFigures(decode),
    decodeAfterOwnRun: speedFigures(afterOneOwnRun(decode)),
    decodeDeep: speedFigures(slowdowns(decode)),
    offload: speedFigures(select("decode", "partial")),
    cpu: speedFigures(select("decode", "cpu", x86)),
    moe: speedFigures(decode.filter(({ point }) => point.moe)),
    prefill: speedFigures(select("prefill", "full")),
    firstToken: speedFigures([]),
    warmTurn: speedFigures([]),
    offloadPrefill: speedFigures(select("prefill", "partial")),
    cpuArm: speedFigures(select("decode", "cpu", (point) => !x86(point))),
    cpuPrefill: speedFigures(select("prefill", "cpu")),
    failedRows: failures.length,
  };
}

export function hasSpeedRows(folder: string): boolean {
  return existsSync(join(folder, "speed.jsonl"));
}
