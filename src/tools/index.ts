/** The tools, in the order clients list them: look, judge, choose, plan, compare. */
import { fitModel } from "./fit-model.ts";
import { paretoFrontier } from "./pareto-frontier.ts";
import { planConfig } from "./plan-config.ts";
import { probeHardware } from "./probe-hardware.ts";
import { rankModels } from "./rank-models.ts";
import type { Tool } from "./tool.ts";

export const tools: readonly Tool[] = [probeHardware, fitModel, rankModels, planConfig, paretoFrontier];
