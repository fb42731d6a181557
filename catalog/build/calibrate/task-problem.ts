/** One fit per task: devices, devices beside a host, and processors alone together, because they share constants. */
import type { Observation } from "./observation.ts";
import { compile, type Problem } from "./fit.ts";
import type { Point } from "./points.ts";
import { devicePrior } from "./priors.ts";

export type Task = Observation["task"];

/** Two sources of one configuration differ by 5 % in decode (median), more in prefill. */
const sigmas: Readonly<Record<Task, number>> = { decode: 0.1, prefill: 0.15 };

export function taskProblem(points: readonly Point[], task: Task): { readonly points: readonly Point[]; readonly problem: Problem } {
  const own = points.filter(({ observation }) => observation.task === task);
  const rows = own.map(({ sum, observedSeconds, device, observation }) => ({ sum, observedSeconds, device: `${device}|${observation.offload}`, weight: observation.counted ? 1 : 0.3 }));
  return { points: own, problem: compile(rows, { prior: devicePrior, fixed: {}, sigma: sigmas[task], freedom: 4 }) };
}
