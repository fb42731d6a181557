/** What each use case asks of a model: data with its reasons. Callers override every number. */
import type { Domain } from "../facts/ability.ts";
import type { Tokens, TokensPerSecond } from "../units.ts";

export interface ScoreWeights {
  readonly quality: number;
  readonly speed: number;
  readonly fit: number;
  readonly context: number;
}

export interface UseCaseRow {
  /** context a model should offer, and what a run without `-c` gets */
  readonly contextTokens: Tokens;
  /** already read when the answer begins */
  readonly promptTokens: Tokens;
  readonly outputTokens: Tokens;
  readonly targetDecodeTokensPerSecond: TokensPerSecond;
  readonly weights: ScoreWeights;
  readonly domain: Domain;
  /** a model must claim it, or is not considered */
  readonly capability: string | undefined;
  readonly reason: string;
}

const chatLengths = { contextTokens: 8192, promptTokens: 1024, outputTokens: 256, targetDecodeTokensPerSecond: 40 };

export const useCases = {
  general: {
    ...chatLengths,
    weights: { quality: 0.45, speed: 0.3, fit: 0.15, context: 0.1 },
    domain: "general",
    capability: undefined,
    reason: "mixed short tasks, read as they are written",
  },
  coding: {
    contextTokens: 32768,
    promptTokens: 16384,
    outputTokens: 256,
    targetDecodeTokensPerSecond: 40,
    weights: { quality: 0.5, speed: 0.2, fit: 0.15, context: 0.15 },
    domain: "coding",
    capability: undefined,
    reason: "several files of context before each edit",
  },
  reasoning: {
    contextTokens: 16384,
    promptTokens: 1024,
    outputTokens: 4096,
    targetDecodeTokensPerSecond: 25,
    weights: { quality: 0.55, speed: 0.15, fit: 0.15, context: 0.15 },
    domain: "reasoning",
    capability: undefined,
    reason: "thousands of thinking tokens behind a short question",
  },
  chat: {
    ...chatLengths,
    weights: { quality: 0.4, speed: 0.35, fit: 0.15, context: 0.1 },
    domain: "chat",
    capability: undefined,
    reason: "conversation: the first token and the pace are felt most",
  },
  summarization: {
    contextTokens: 16384,
    promptTokens: 8192,
    outputTokens: 256,
    targetDecodeTokensPerSecond: 40,
    weights: { quality: 0.4, speed: 0.25, fit: 0.15, context: 0.2 },
    domain: "general",
    capability: undefined,
    reason: "long documents in, a short text out",
  },
  "long-context": {
    contextTokens: 131072,
    promptTokens: 65536,
    outputTokens: 256,
    targetDecodeTokensPerSecond: 25,
    weights: { quality: 0.4, speed: 0.25, fit: 0.15, context: 0.2 },
    domain: "general",
    capability: undefined,
    reason: "books and repositories read in one piece",
  },
  multimodal: {
    ...chatLengths,
    weights: { quality: 0.5, speed: 0.2, fit: 0.15, context: 0.15 },
    domain: "multimodal",
    capability: "vision",
    reason: "images beside text; the projector comes on top",
  },
  embedding: {
    contextTokens: 512,
    promptTokens: 512,
    outputTokens: 1,
    targetDecodeTokensPerSecond: 200,
    weights: { quality: 0.3, speed: 0.4, fit: 0.2, context: 0.1 },
    domain: "embedding",
    capability: "embedding",
    reason: "passages by the thousand: prefill is the work",
  },
  reranking: {
    contextTokens: 512,
    promptTokens: 512,
    outputTokens: 1,
    targetDecodeTokensPerSecond: 200,
    weights: { quality: 0.3, speed: 0.4, fit: 0.2, context: 0.1 },
    domain: "embedding",
    capability: "reranking",
    reason: "query and passage pairs: prefill is the work",
  },
  "tool-use": {
    contextTokens: 32768,
    promptTokens: 16384,
    outputTokens: 256,
    targetDecodeTokensPerSecond: 40,
    weights: { quality: 0.5, speed: 0.2, fit: 0.15, context: 0.15 },
    domain: "tool",
    capability: undefined,
    reason: "tool descriptions and results fill the context; arguments must be exact",
  },
} as const satisfies Readonly<Record<string, UseCaseRow>>;

export type UseCase = keyof typeof useCases;

export function isUseCase(name: string): name is UseCase {
  return Object.hasOwn(useCases, name);
}
