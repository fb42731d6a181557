/** Two fits per task: devices, alone and beside a host, share constants; processors alone have their own. */

import { compile, type Problem } from "./fit.ts";
import type { Observation } from "./observation.ts";
import type { Point } from "./points.ts";
import { devicePrior } from "./priors.ts";

export type Task = Observation["task"];

/** Processors alone: clocks, channels and cooling are hardly ever stated. */
const CPU_SIGMA = 0.15;

/** Two sources of one configuration differ by 5 % in decode (median), more in prefill. */
const sigmas: Readonly<Record<Task, number>> = { decode: 0.08, prefill: 0.11 };

export interface TaskProblem {
  readonly task: Task;
  readonly points: readonly Point[];
  readonly problem: Problem;
}

export function taskProblems(points: readonly Point[]): readonly TaskProblem[] {
  const split = (task: Task, cpu: boolean) =>
    problemOf(
      points.filter(({ observation }) => observation.task === task && (observation.offload === "cpu") === cpu),
      task,
    );
  return [split("decode", false), split("decode", true), split("prefill", false), split("prefill", true)];
}

function problemOf(own: readonly Point[], task: Task): TaskProblem {
  const rows = own.map(({ sum, observedSeconds, device, observation, spills }) => ({
    sum,
    observedSeconds,
    device: `${device}|${observation.offload}`,
    weight: spills ? 0 : observation.counted ? 1 : 0.3,
  }));
  return {
    task,
    points: own,
    problem: compile(rows, {
      prior: devicePrior,
      fixed: {},
      sigma: own[0]?.observation.offload === "cpu" ? CPU_SIGMA : sigmas[task],
      freedom: 4,
    }),
  };
}
