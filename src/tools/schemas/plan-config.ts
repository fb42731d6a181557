/** Input and output of `plan_config` (contract.md). */
import * as z from "zod";
import {
  brief,
  bytes,
  count,
  hardwareFacts,
  interval,
  list,
  memory,
  modelFacts,
  resolvedRun,
  speed,
  step,
  summary,
  texts,
} from "./parts.ts";
import { names, runModes, shared, tokens, usabilities } from "./words.ts";

export const planConfigInput = z.object({
  model: shared.model,
  hardware: shared.hardware,
  memoryBasis: shared.memoryBasis,
  run: shared.run,
  objective: z
    .enum(["balanced", "quality", "speed", "context", "memory"])
    .optional()
    .describe("What to favour. Default balanced."),
  minContextTokens: tokens(1).optional().describe("Least context, tokens. Default 4096. e.g. 16384"),
  maxContextTokens: tokens(1).optional().describe("Most context, tokens. Default: trained. e.g. 65536"),
  minDecodeTokensPerSecond: shared.minDecodeTokensPerSecond,
  recipe: z
    .string()
    .max(100)
    .optional()
    .describe("auto (best published), mixed (per tensor) or a name. Default auto. e.g. Q5_K_M"),
  minRecipe: z.string().max(100).optional().describe("Coarsest recipe allowed. Default none. e.g. IQ3_M"),
  cacheTypes: names("Cache types allowed. Default [f16,q8_0]. e.g. [f16]"),
  runModes: names("Run modes allowed. Default all. e.g. [gpu]"),
  imatrixPath: z.string().max(1024).optional().describe("Importance matrix file. Default none. e.g. imatrix.gguf"),
  engines: names("Engines to write commands for. Default [engine]. e.g. [ollama]"),
  hosts: names("Hardware of further machines. Default none. e.g. [rtx-4090]"),
  linkGbps: z.number().min(0.001).max(1e5).optional().describe("Network between hosts, Gbit/s. Default 1. e.g. 10"),
  linkLatencyMs: z.number().min(0).max(1e5).optional().describe("Network latency, ms. Default 0.2. e.g. 1"),
  marginMiB: shared.marginMiB,
  memoryBudgetMiB: shared.memoryBudgetMiB,
  useCase: shared.useCase,
  promptTokens: shared.promptTokens,
  outputTokens: shared.outputTokens,
  engine: shared.engine,
  engineDate: shared.engineDate,
  detail: shared.detail,
});

const placement = z.object({
  devices: list(
    z.object({ name: z.string(), layerCount: count, partialLayerCount: count, host: z.string().optional() }),
  ),
  hostLayerCount: count,
  diskLayerCount: count,
  tensorSplit: list(z.number()),
  overrides: list(z.object({ pattern: z.string(), buffer: z.string() })),
});

const plan = z.object({
  recipe: z.string(),
  tensorTypeCounts: list(z.object({ type: z.string(), count })),
  run: resolvedRun,
  placement,
});

const quality = z.object({ expectedPerplexityIncreaseFraction: interval, basis: z.string() });

/** a whole configuration in one line, to compare with */
const rival = z.object({
  label: z.string().optional(),
  recipe: z.string(),
  feasible: z.boolean().optional(),
  runMode: z.enum(runModes).optional(),
  contextTokens: count.optional(),
  memoryBytes: bytes.optional(),
  decodeTokensPerSecond: interval.optional(),
  expectedPerplexityIncreaseFraction: z.number().optional(),
  gains: z.string().optional(),
  loses: z.string().optional(),
});

const command = z.object({
  engine: z.string(),
  host: z.string(),
  step: z.enum(["get", "quantize", "create", "serve", "verify"]),
  argv: texts,
  command: z.string(),
  files: list(z.object({ path: z.string(), text: z.string() })).optional(),
  expected: z.object({ memory: bytes.optional(), speed: interval.optional() }).optional(),
  lost: texts.optional(),
  note: z.string().optional(),
});

export const planConfigOutput = z.object({
  summary,
  feasible: z.boolean().describe("A plan within all limits exists"),
  model: modelFacts.optional().meta(brief("What was planned")),
  hardware: hardwareFacts.optional().meta(brief("On what")),
  plan: plan.optional().describe("The configuration"),
  runMode: z.enum(runModes).optional().describe("Where the weights are"),
  memory: memory.optional().meta(brief("As llama.cpp's memory breakdown, per device")),
  speed: speed.optional().meta(brief("80 % intervals")),
  reachesMinDecode: z.enum(["likely", "possible", "no"]).optional().describe("Against minDecodeTokensPerSecond"),
  quality: quality.optional().describe("Loss against the unquantized model"),
  usability: z.enum(usabilities).describe("Fast enough to use"),
  baseline: rival.optional().describe("The same model planned the usual way"),
  alternatives: list(rival).meta(brief("What else is possible: gains and losses")),
  commands: list(command).describe("In order; argv runs as it stands"),
  endpoint: z.object({ baseUrl: z.string(), modelName: z.string() }).optional().describe("Where the server answers"),
  downloadBytes: bytes.optional().describe("To fetch first"),
  fallback: list(z.object({ change: z.string(), flags: z.string().optional(), freedBytes: bytes.optional() })).describe(
    "What to change, in order, if memory runs out",
  ),
  whyNot: z
    .object({ shortfallBytes: bytes.optional(), reason: z.string(), options: texts })
    .optional()
    .describe("When nothing is feasible"),
  notes: texts.describe("What to know"),
  tensorTypes: list(z.object({ name: z.string(), type: z.string() }))
    .optional()
    .meta(brief("Type of each tensor (detailed)")),
  steps: list(step).optional().meta(brief("How the plan was found (detailed)")),
});
