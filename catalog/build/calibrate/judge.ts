/** Every vote predicted by constants that know less than the shipped ones: without its model, or without its device. */
import { inSample, leaveOut, wholeFit } from "./folds.ts";
import type { Point } from "./points.ts";
import type { Task, TaskProblem } from "./task-problem.ts";

/**
 * What such a prediction knows of the device. `known`: other models were measured on it; `unseen`: at least five configurations of other
 * devices of its family on that backend are left; `strange`: fewer.
 */
export const ownBases = ["in-sample", "known", "unseen", "strange"] as const;
export type OwnBasis = (typeof ownBases)[number];

/** Configurations of other devices that make a family known on a backend; the estimate asks for as many. */
const FAMILY_ROWS = 5;

export interface Judged {
  readonly task: Task;
  readonly point: Point;
  readonly basis: OwnBasis;
  /** ln(observed / predicted) of the rate */
  readonly residual: number;
}

function sameDevice(one: Point, other: Point): boolean {
  return (
    one.device === other.device &&
    one.observation.backend === other.observation.backend &&
    one.observation.offload === other.observation.offload
  );
}

/** Processors alone are one family an instruction set. */
export function familyOf(point: Point): string {
  return point.observation.offload === "cpu"
    ? `cpu ${point.setting.hostRates.isa}`
    : `${point.family}${point.observation.offload === "partial" ? " beside a host" : ""}`;
}

export function judge({ task, points, problem }: TaskProblem): Judged[] {
  const whole = wholeFit(problem);
  const judged: Judged[] = [];
  const add = (residuals: readonly number[], basisOf: (point: Point) => OwnBasis | undefined) =>
    residuals.forEach((residual, number) => {
      const point = points[number];
      const basis = point?.observation.counted && Number.isFinite(residual) ? basisOf(point) : undefined;
      if (point && basis) judged.push({ task, point, basis, residual });
    });
  add(inSample(problem, whole), () => "in-sample");
  add(
    leaveOut(problem, (number) => points[number]?.architecture ?? "", whole),
    (point) =>
      points.some((other) => sameDevice(other, point) && other.architecture !== point.architecture)
        ? "known"
        : undefined,
  );
  add(
    leaveOut(problem, (number) => points[number]?.device ?? "", whole),
    (point) =>
      points.filter((other) => other.device !== point.device && familyOf(other) === familyOf(point)).length >=
      FAMILY_ROWS
        ? "unseen"
        : "strange",
  );
  return judged;
}
