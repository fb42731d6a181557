/** How to run this model here. */
import type { z } from "zod";
import { planConfigInput, planConfigOutput } from "./schemas/plan-config.ts";
import type { Tool } from "./tool.ts";

export const planConfig: Tool<typeof planConfigInput, typeof planConfigOutput> = {
  name: "plan_config",
  title: "How do I run it?",
  description:
    "Plan how to run one model on one machine: recipe or tensor mix, cache types, context, exact layer and expert placement; with ready commands for every engine, alternatives, and what to change if memory runs out.",
  input: planConfigInput,
  output: planConfigOutput,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  run: async (args, context): Promise<z.input<typeof planConfigOutput>> =>
    (await import("../answers/plan.ts")).planAnswer(args.model, args, context),
};
