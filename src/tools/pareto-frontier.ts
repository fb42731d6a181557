/** What is worth trading for what. */
import type { z } from "zod";
import { paretoFrontierInput, paretoFrontierOutput } from "./schemas/pareto-frontier.ts";
import type { Tool } from "./tool.ts";

export const paretoFrontier: Tool<typeof paretoFrontierInput, typeof paretoFrontierOutput> = {
  name: "pareto_frontier",
  title: "What are the trade-offs?",
  description:
    "Configurations of one model, or models of the catalog, of which none is worse than another in every chosen goal (quality, decode, prefill, memory, context), with the knee marked; optionally an SVG chart.",
  input: paretoFrontierInput,
  output: paretoFrontierOutput,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  view: "ui://modelfit/frontier.html",
  run: async (args, context): Promise<z.input<typeof paretoFrontierOutput>> =>
    (await import("../answers/frontier.ts")).frontierAnswer(args, context),
};
