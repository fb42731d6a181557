/** Which model to run here. */
import type { z } from "zod";
import { rankModelsInput, rankModelsOutput } from "./schemas/rank-models.ts";
import type { Tool } from "./tool.ts";

export const rankModels: Tool<typeof rankModelsInput, typeof rankModelsOutput> = {
  name: "rank_models",
  title: "Which model should I run?",
  description:
    "Rank the catalog's open-weight models for a use case on one machine: each at its best recipe and placement, scored for quality, speed, fit and context. Filters, free-text requirements, paging.",
  input: rankModelsInput,
  output: rankModelsOutput,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  run: async (args, context): Promise<z.input<typeof rankModelsOutput>> =>
    (await import("../answers/rank.ts")).rankAnswer(args, context),
};
