/** Does this model run here, how well, how fast. */
import type { z } from "zod";
import { fitModelInput, fitModelOutput } from "./schemas/fit-model.ts";
import type { Tool } from "./tool.ts";

export const fitModel: Tool<typeof fitModelInput, typeof fitModelOutput> = {
  name: "fit_model",
  title: "Does this model fit?",
  description:
    "Judge one open-weight model on one machine: memory per device as llama.cpp allocates it, where the weights go, decode and first-token speed with intervals, largest context, and if it does not fit, what would make it. Needs no download.",
  input: fitModelInput,
  output: fitModelOutput,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  run: async (args, context): Promise<z.input<typeof fitModelOutput>> =>
    (await import("../answers/fit.ts")).fitAnswer(args.model, args, context),
};
