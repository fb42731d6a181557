/** Input and output of `rank_models` (contract.md). */
import * as z from "zod";
import { brief, bytes, count, fraction, hardwareFacts, interval, list, scores, summary, texts } from "./parts.ts";
import { fitLevels, names, runModes, shared, tokens } from "./words.ts";

export const rankModelsInput = z.object({
  useCase: shared.useCase,
  hardware: shared.hardware,
  memoryBasis: shared.memoryBasis,
  limit: z.int().min(1).max(50).optional().describe("Models to return, 1 to 50. Default 10. e.g. 5"),
  sort: z
    .enum(["score", "quality", "speed", "fit", "context", "memory", "parameters", "released"])
    .optional()
    .describe("Order. Default score."),
  models: names("Only these, also those that do not fit. Default all. e.g. [qwen3-8b]"),
  contextTokens: tokens(1)
    .optional()
    .describe("Context at which memory is judged, tokens. Default: use case's. e.g. 8192"),
  minDecodeTokensPerSecond: shared.minDecodeTokensPerSecond,
  minContextTokens: tokens(1).optional().describe("Least context, tokens. Default none. e.g. 32768"),
  maxMemoryGiB: z.number().min(0).max(1e6).optional().describe("Most memory to use, GiB. Default all. e.g. 8"),
  minParametersB: z.number().min(0).max(1e6).optional().describe("Least parameters, billions. Default none. e.g. 3"),
  maxParametersB: z.number().min(0).max(1e6).optional().describe("Most parameters, billions. Default none. e.g. 32"),
  family: z.string().max(200).optional().describe("Model family. Default any. e.g. qwen3"),
  license: z.string().max(200).optional().describe("Licence id. Default any. e.g. apache-2.0"),
  capabilities: names("All must be present. Default any. e.g. [vision, tools]"),
  recipes: names("Recipes to consider. Default all published. e.g. [Q4_K_M]"),
  engine: shared.engine,
  installedFirst: z.boolean().optional().describe("Put installed models first. Default false. e.g. true"),
  installedOnly: z.boolean().optional().describe("Only installed models. Default false. e.g. true"),
  includeUnfit: z.boolean().optional().describe("Also list what does not fit. Default false. e.g. true"),
  requirements: z
    .string()
    .max(2000)
    .optional()
    .describe("Free text. Default none. e.g. min 20 tok/s, max 8 GB RAM, apache-2.0"),
  together: names("Use cases whose models stay loaded side by side. Default none. e.g. [coding, embedding]"),
  promptTokens: shared.promptTokens,
  outputTokens: shared.outputTokens,
  scoreWeights: z
    .array(z.number().min(0).max(1000))
    .min(4)
    .max(4)
    .optional()
    .describe("Weights of quality, speed, fit, context. Default: use case's. e.g. [4,3,2,1]"),
  targetDecodeTokensPerSecond: z
    .number()
    .min(0.01)
    .max(1e6)
    .optional()
    .describe("Decode tok/s that earns full marks. Default: use case's. e.g. 40"),
  cursor: z.string().max(500).optional().describe("nextCursor of the last answer. Default: first page. e.g. 10"),
  detail: shared.detail,
});

const rankedModel = z.object({
  rank: count,
  id: z.string(),
  repo: z.string().optional(),
  recipe: z.string(),
  contextTokens: count,
  runMode: z.enum(runModes),
  fitLevel: z.enum(fitLevels),
  memoryBytes: bytes,
  utilizationFraction: fraction,
  decodeTokensPerSecond: interval.optional(),
  timeToFirstTokenSeconds: interval.optional(),
  score: z.number(),
  scores,
  qualityBasis: z.enum(["measured", "inherited"]),
  installed: z.boolean(),
  why: z.string(),
  parameterCount: count.optional(),
  activeParameterCount: count.optional(),
  license: z.string().optional(),
  released: z.string().optional(),
});

const together = z.object({
  members: list(
    z.object({
      useCase: z.string(),
      id: z.string(),
      recipe: z.string(),
      contextTokens: count,
      memoryBytes: bytes,
      runMode: z.enum(runModes).optional(),
      decodeTokensPerSecond: interval.optional(),
      score: z.number().optional(),
    }),
  ),
  memoryBytes: bytes,
  fits: z.boolean().optional(),
  note: z.string().optional(),
});

export const rankModelsOutput = z.object({
  summary,
  models: list(rankedModel).describe("Best first"),
  consideredCount: count.describe("Models judged"),
  matchedCount: count.optional().describe("Models that passed all filters"),
  rejected: list(z.object({ reason: z.string(), count, nearest: z.string().optional() })).describe(
    "Why others are not here",
  ),
  set: together.optional().describe("Models that fit side by side"),
  unreadRequirements: texts.optional().describe("Parts of requirements not understood"),
  notes: texts.optional().describe("What to know"),
  catalogDate: z.string().describe("Date of the model catalog"),
  nextCursor: z.string().optional().describe("Send as cursor for more"),
  hardware: hardwareFacts.meta(brief("On what")),
});
