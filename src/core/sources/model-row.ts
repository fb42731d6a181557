/** The catalog's rows as they may be written: strict, so that a wrong word is an error and not a silence. */
import * as z from "zod";
import { catalogUseCases, modelTraits } from "../facts/catalog-model.ts";
import { isRecipe } from "../facts/recipe.ts";

const count = z.number().int().nonnegative();
const repo = z.string().regex(/^[\w.-]+\/[\w.-]+$/);
const scalar = z.union([z.string(), z.number(), z.boolean()]);

const layout = z.strictObject({
  tiedEmbeddings: z.boolean().optional(),
  ropeFactors: z.boolean().optional(),
  attentionBias: z.boolean().optional(),
  attentionOutputBias: z.boolean().optional(),
  feedForwardBias: z.boolean().optional(),
  outputBias: z.boolean().optional(),
  normBias: z.boolean().optional(),
  queryKeyNorm: z.boolean().optional(),
  feedForwardGate: z.boolean().optional(),
  routerBias: z.boolean().optional(),
  nextnHead: z.boolean().optional(),
  positionEmbedding: z.boolean().optional(),
  tokenTypes: z.boolean().optional(),
  attentionGate: z.enum(["none", "head", "element"]).optional(),
  secondNorm: z.boolean().optional(),
  expertLayers: z.strictObject({ period: count, offset: count }).optional(),
});

export const architectureSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/),
  architecture: z.string(),
  keys: z.record(z.string(), z.union([scalar, z.array(scalar)])),
  layout,
  parameterCount: count.min(1_000_000),
  activeParameterCount: count.optional(),
  cannotLoad: z.string().min(10).optional(),
  nextnParameterCount: count.optional(),
  evidence: z.enum(["A", "B", "C"]),
  basis: z.string().min(3),
  source: z.string().min(3),
});

export const modelSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/),
  repo,
  name: z.string().min(1),
  family: z.string().min(1),
  architectureId: z.string(),
  base: z.string().optional(),
  released: z
    .string()
    .regex(/^20\d\d(-(0[1-9]|1[0-2]))?$/)
    .optional(),
  license: z.string().optional(),
  commercialUse: z.enum(["allowed", "conditional", "not-allowed"]).optional(),
  useCases: z.array(z.enum(catalogUseCases)),
  traits: z.array(z.enum(modelTraits)).optional(),
  unranked: z.literal(true).optional(),
  nativeFormat: z
    .strictObject({
      name: z.enum(["mxfp4", "int4", "fp8"]),
      weights: z.enum(["experts", "linear"]),
      recipe: z.string().refine(isRecipe).optional(),
    })
    .optional(),
  capabilities: z.strictObject({
    tools: z.literal(true).optional(),
    thinking: z.literal(true).optional(),
    vision: z.literal(true).optional(),
    infill: z.literal(true).optional(),
    embedding: z.literal(true).optional(),
    reranking: z.literal(true).optional(),
  }),
  trainedContextTokens: count.max(20_000_000),
  vocabularyCount: count.min(1).optional(),
  totalParameterCount: count.optional(),
  aliases: z.array(repo).optional(),
  ggufRepos: z.array(repo).optional(),
  mlxRepos: z.array(repo).optional(),
  quantizedRepos: z.array(repo).optional(),
  ollama: z.string().optional(),
  popularity: z.strictObject({ downloadCount: count, likeCount: count.optional(), date: z.iso.date() }).optional(),
  source: z.string().min(3),
});
