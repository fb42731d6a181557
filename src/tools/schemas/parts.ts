/**
 * Output parts that several tools share. The schemas are complete; what clients are shown of them is cut at one level below
 * the top (`advertise.ts`). Lists are readonly so that core types fit without copies.
 */
import * as z from "zod";
import { bounds, evidences } from "./words.ts";

export const list = <Item extends z.ZodType>(item: Item) => z.array(item).readonly();
export const count = z.int().min(0);
export const bytes = z.int().min(0);
/** may be negative: what is missing */
export const signedBytes = z.int();
export const fraction = z.number();
export const texts = list(z.string());
export const summary = z.string().describe("The verdict for a person");

/** Words for a field whose inner shape `tools/list` leaves out to stay small. */
export const brief = (description: string) => ({ description, brief: true });

/** The same for nested fields, which carry no words. */
export const more = { brief: true };

/** 80 % interval */
export const interval = z.object({ low: z.number(), mid: z.number(), high: z.number() });

export const evidenceRow = z.object({
  /** the field it speaks of, e.g. `devices[0].memoryTotalBytes` */
  field: z.string(),
  evidence: z.enum(evidences),
  source: z.string(),
  noiseFraction: fraction.optional(),
});

export const modelFacts = z.object({
  id: z.string().optional(),
  repo: z.string().optional(),
  file: z.string().optional(),
  architecture: z.string(),
  recipe: z.string().optional(),
  parameterCount: count,
  activeParameterCount: count,
  tensorBytes: bytes,
  fileBytes: bytes,
  trainedContextTokens: count,
});

export const hardwareFacts = z.object({
  name: z.string(),
  memoryBasis: z.enum(["now", "idle"]),
  devices: list(
    z.object({
      id: z.string(),
      name: z.string(),
      backend: z.string(),
      memoryTotalBytes: bytes,
      memoryUsableBytes: bytes,
      /** under the other memory basis, where it differs */
      memoryUsableNowBytes: bytes.optional(),
      memoryUsableIdleBytes: bytes.optional(),
      bandwidthBytesPerSecond: z.number().optional(),
    }),
  ),
  ramTotalBytes: bytes,
  ramUsableBytes: bytes,
  ramBandwidthBytesPerSecond: z.number().optional().meta(more),
});

/** `core/facts/run.ts` as resolved */
export const resolvedRun = z.object({
  contextTokens: count,
  sequences: count,
  unifiedCache: z.boolean(),
  cacheTypeK: z.string(),
  cacheTypeV: z.string(),
  batchTokens: count,
  ubatchTokens: count,
  flashAttention: z.boolean(),
  offloadedLayers: count,
  cpuMoeLayers: count,
  cpuFfnLayers: count,
  tensorSplit: list(z.number()),
  overrides: list(z.object({ pattern: z.string(), buffer: z.string() }))
    .optional()
    .meta(more),
  splitMode: z.string().optional().meta(more),
  mainDevice: z.int().optional().meta(more),
  cacheOffload: z.boolean().optional().meta(more),
  swaFull: z.boolean().optional().meta(more),
  outputs: z.string().optional().meta(more),
  threads: count.optional().meta(more),
  loadMode: z.string().optional().meta(more),
  promptCacheBytes: bytes.optional().meta(more),
});

export const memoryUse = z.object({ modelBytes: bytes, contextBytes: bytes, computeBytes: bytes, totalBytes: bytes });

export const memory = z.object({
  devices: list(
    memoryUse.extend({
      name: z.string(),
      capacityBytes: bytes,
      reserveBytes: bytes,
      headroomBytes: signedBytes,
      utilizationFraction: fraction,
    }),
  ),
  host: memoryUse,
  /** draft model, multi-token prediction, projector: rows of their own */
  extras: list(memoryUse.extend({ name: z.string(), device: z.string() }))
    .optional()
    .meta(more),
});

export const speed = z.object({
  decodeTokensPerSecond: interval.optional(),
  prefillTokensPerSecond: interval,
  timeToFirstTokenSeconds: interval,
  warmTurnSeconds: interval.optional(),
  loadSeconds: interval.optional(),
  bound: z.enum(bounds),
});

export const scores = z.object({ quality: z.number(), speed: z.number(), fit: z.number(), context: z.number() });
export const step = z.object({ name: z.string(), value: z.string(), why: z.string().optional() });
