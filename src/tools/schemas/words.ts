/** The closed vocabularies of the contract and the input fields that several tools share. */
import * as z from "zod";

export const useCases = [
  "general",
  "coding",
  "reasoning",
  "chat",
  "summarization",
  "long-context",
  "multimodal",
  "embedding",
  "reranking",
  "tool-use",
] as const;
export const engines = ["auto", "llama.cpp", "ollama", "vllm", "mlx", "transformers"] as const;
export const runModes = ["gpu", "moe-offload", "cpu-offload", "cpu", "disk-offload", "does-not-fit"] as const;
export const fitLevels = ["perfect", "good", "marginal", "too-tight"] as const;
export const usabilities = ["usable", "slow", "impractical", "infeasible"] as const;
export const evidences = ["measured", "reported", "catalog", "assumed"] as const;
export const bounds = ["bandwidth", "compute", "link", "overhead"] as const;

/** Bounds that no honest request reaches; they keep arithmetic far from 2^53 and arrays small. */
export const MAX_TOKENS = 100_000_000;
const MAX_MIB = 1_000_000_000;
const MAX_LIST = 64;

export const tokens = (least: number) => z.int().min(least).max(MAX_TOKENS);
export const names = (description: string) =>
  z.array(z.string().min(1).max(200)).max(MAX_LIST).optional().describe(description);
const mebibytes = (description: string) =>
  z.array(z.number().min(0).max(MAX_MIB)).max(MAX_LIST).optional().describe(description);

/** Fields that mean the same in every tool; a tool picks what it takes. */
export const shared = {
  model: z
    .string()
    .min(1)
    .max(1024)
    .describe("Catalog id, Hub repo, GGUF file, folder or ollama:name, with optional :RECIPE. e.g. qwen3-8b:Q4_K_M"),
  hardware: z
    .string()
    .max(2000)
    .optional()
    .describe("Default local. e.g. 2x rtx-3090, ram=64GiB; custom(memory=24GiB, bandwidth=936GBps)"),
  memoryBasis: z
    .enum(["now", "idle"])
    .optional()
    .describe("Memory free now, or as if idle. Default now for local, else idle."),
  run: z
    .string()
    .max(4096)
    .optional()
    .describe("llama.cpp flags. Default: use case's context, 1 slot. e.g. -c 8192 -ctk q8_0 -ctv q8_0"),
  useCase: z.enum(useCases).optional().describe("Sets lengths, context, speed target. Default general."),
  promptTokens: tokens(1).optional().describe("Prompt tokens. Default: use case's. e.g. 1024"),
  outputTokens: tokens(1).optional().describe("Answer tokens. Default 256, reasoning 4096. e.g. 512"),
  engine: z.enum(engines).optional().describe("Default llama.cpp; auto = the fastest."),
  engineDate: z
    .string()
    .regex(/^\d{4}-(0[1-9]|1[0-2])$/)
    .optional()
    .describe("Month of the build. Default now. e.g. 2026-03"),
  marginMiB: mebibytes("MiB left free per device. Default 1024. e.g. [512]"),
  memoryBudgetMiB: mebibytes("Most MiB to use per device. Default all. e.g. [8192]"),
  minDecodeTokensPerSecond: z.number().min(0).max(1e6).optional().describe("Least decode tok/s. Default none. e.g. 20"),
  detail: z.enum(["concise", "detailed"]).optional().describe("Default concise; detailed adds tables."),
} as const;
