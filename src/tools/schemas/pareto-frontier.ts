/** Input and output of `pareto_frontier` (contract.md). */
import * as z from "zod";
import { brief, bytes, count, hardwareFacts, interval, list, resolvedRun, summary, texts } from "./parts.ts";
import { runModes, shared, tokens } from "./words.ts";

const objectives = ["quality", "decode", "prefill", "memory", "context"] as const;

export const paretoFrontierInput = z.object({
  model: shared.model
    .optional()
    .describe("One model's configurations. Default: the catalog for useCase. e.g. qwen3-8b"),
  useCase: shared.useCase,
  hardware: shared.hardware,
  memoryBasis: shared.memoryBasis,
  run: shared.run,
  objectives: z
    .array(z.enum(objectives))
    .min(2)
    .max(3)
    .optional()
    .describe("2 or 3 goals. Default quality, decode. e.g. [quality, memory]"),
  minDecodeTokensPerSecond: shared.minDecodeTokensPerSecond,
  minContextTokens: tokens(1).optional().describe("Least context, tokens. Default 4096. e.g. 16384"),
  maxMemoryGiB: z.number().min(0).max(1e6).optional().describe("Most memory to use, GiB. Default all. e.g. 8"),
  maxPoints: z.int().min(2).max(100).optional().describe("Points to return, 2 to 100. Default 20. e.g. 10"),
  chart: z.boolean().optional().describe("Attach an SVG chart. Default false. e.g. true"),
  promptTokens: shared.promptTokens,
  outputTokens: shared.outputTokens,
  engine: shared.engine,
  engineDate: shared.engineDate,
  marginMiB: shared.marginMiB,
  memoryBudgetMiB: shared.memoryBudgetMiB,
  detail: shared.detail,
});

const point = z.object({
  id: z.string(),
  model: z.string(),
  recipe: z.string(),
  /** the whole run when detailed, else the flags that reproduce it in `runFlags` */
  run: resolvedRun.partial().optional(),
  runFlags: z.string().optional(),
  runMode: z.enum(runModes).optional(),
  memoryBytes: bytes,
  decodeTokensPerSecond: interval,
  prefillTokensPerSecond: interval.optional(),
  /** higher is better; `qualityBasis` says what it counts */
  quality: z.number(),
  contextTokens: count,
  knee: z.boolean(),
  label: z.string(),
});

export const paretoFrontierOutput = z.object({
  summary,
  points: list(point).describe("None is worse than another in every goal"),
  dominatedCount: count.describe("Configurations that lose to a point"),
  objectives: list(z.enum(objectives)).describe("Goals compared"),
  qualityBasis: z.string().optional().describe("What quality counts"),
  omittedCount: count.optional().describe("Frontier points cut by maxPoints"),
  chart: z.object({ uri: z.string(), mimeType: z.string() }).optional().describe("The attached chart"),
  hardware: hardwareFacts.meta(brief("On what")),
  notes: texts.optional().describe("What to know"),
});
