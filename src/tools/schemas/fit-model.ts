/** Input and output of `fit_model` (contract.md). */
import * as z from "zod";
import {
  brief,
  bytes,
  count,
  evidenceRow,
  hardwareFacts,
  interval,
  list,
  memory,
  modelFacts,
  resolvedRun,
  scores,
  speed,
  step,
  summary,
  texts,
} from "./parts.ts";
import { fitLevels, runModes, shared, usabilities } from "./words.ts";

export const fitModelInput = z.object({
  model: shared.model,
  hardware: shared.hardware,
  memoryBasis: shared.memoryBasis,
  run: shared.run,
  useCase: shared.useCase,
  promptTokens: shared.promptTokens,
  outputTokens: shared.outputTokens,
  engine: shared.engine,
  engineDate: shared.engineDate,
  marginMiB: shared.marginMiB,
  memoryBudgetMiB: shared.memoryBudgetMiB,
  detail: shared.detail,
});

const engine = z.object({
  name: z.string(),
  minimumVersion: z.string().optional(),
  canLoad: z.boolean(),
  note: z.string().optional(),
});

/** what would make it fit, the cheapest first */
const option = z.object({
  change: z.string(),
  cost: z.string(),
  kind: z.string().optional(),
  run: z.string().optional(),
  hardware: z.string().optional(),
  extraBytes: bytes.optional(),
  recipe: z.string().optional(),
  contextTokens: count.optional(),
  decodeTokensPerSecond: interval.optional(),
});

const recipeRow = z.object({
  recipe: z.string(),
  fileBytes: bytes.optional(),
  memoryBytes: bytes,
  runMode: z.enum(runModes),
  maxContextTokens: count,
  decodeTokensPerSecond: interval.optional(),
  expectedPerplexityIncreaseFraction: z.number().optional(),
});

const tensorGroups = z.object({
  attention: bytes,
  denseFfn: bytes,
  experts: bytes,
  sharedExperts: bytes,
  embedding: bytes,
  output: bytes,
  norm: bytes,
  other: bytes,
});

const firstToken = z.object({
  tokenizeSeconds: z.number(),
  prefillSeconds: z.number(),
  transitionSeconds: z.number(),
  firstDecodeSeconds: z.number(),
  samplingSeconds: z.number(),
});

export const fitModelOutput = z.object({
  summary,
  model: modelFacts.describe("What was judged"),
  hardware: hardwareFacts.describe("On what"),
  run: resolvedRun.describe("Every setting as resolved"),
  runMode: z.enum(runModes).describe("Where the weights are"),
  fitLevel: z.enum(fitLevels).describe("How comfortably it fits"),
  memory: memory.describe("As llama.cpp's memory breakdown, per device"),
  speed: speed.optional().describe("80 % intervals; absent when it does not fit"),
  maxContextTokens: count.describe("Largest context that still fits this way"),
  usability: z.enum(usabilities).describe("Fast enough to use"),
  score: z.number().describe("0 to 100 for the use case"),
  scores: scores.describe("Its parts, 0 to 100"),
  bestRecipe: z.string().optional().describe("Best recipe that fits here"),
  engine: engine.describe("Engine judged for"),
  installed: z.boolean().describe("Found on this machine"),
  notes: texts.describe("Facts people look for"),
  warnings: texts.optional().describe("Doubts about the input"),
  evidence: list(evidenceRow).meta(brief("How the deciding values are known")),
  whyNot: z
    .object({ shortfallBytes: bytes, options: list(option) })
    .optional()
    .describe("When it does not fit: what would make it fit, cheapest first"),
  tensorGroups: tensorGroups.optional().meta(brief("Weights by role (detailed)")),
  activeBytesPerToken: bytes.optional().describe("Weights read per token (detailed)"),
  recipes: list(recipeRow).optional().meta(brief("Every recipe (detailed)")),
  decodeAtDepth: list(z.object({ depthTokens: count, decodeTokensPerSecond: interval }))
    .optional()
    .meta(brief("Decode speed at 0, 8k, 32k live tokens (detailed)")),
  firstToken: firstToken.optional().meta(brief("Parts of the first token's time (detailed)")),
  steps: list(step).optional().meta(brief("How the numbers come about (detailed)")),
});
