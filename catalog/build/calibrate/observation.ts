/**
 * One vote of the calibration: what several published timings of one configuration agree on, in our own terms. Devices and models are
 * catalog ids, so a vote needs nothing but the catalogs to become a prediction.
 */
import * as z from "zod";
import { backends } from "../../../src/core/facts/hardware.ts";

const observation = z.strictObject({
  task: z.enum(["decode", "prefill"]),
  /** hardware catalog id; of the processor where `offload` is `cpu` */
  device: z.string(),
  backend: z.enum(backends),
  /** model catalog id */
  model: z.string(),
  /** as its file was labelled */
  recipe: z.string(),
  fileBytes: z.number().positive().optional(),
  offload: z.enum(["full", "partial", "cpu"]).default("full"),
  offloadedLayers: z.number().int().optional(),
  hostExpertLayers: z.number().int().optional(),
  engine: z.string().default("llama.cpp"),
  /** of the build, as a fraction; the middle of what is known */
  year: z.number(),
  flashAttention: z.boolean().default(true),
  /** what is cached when the measured tokens begin */
  depthTokens: z.number().default(0),
  /** generated, or read in one go */
  tokens: z.number(),
  ubatchTokens: z.number().default(512),
  cacheType: z.enum(["f16", "q8_0"]).default("f16"),
  threads: z.number().int().optional(),
  ramGiB: z.number().optional(),
  /** where it was measured; the catalog's otherwise */
  ramBandwidthGBps: z.number().optional(),
  tokensPerSecond: z.number().positive(),
  /** measurements behind it, and their largest over their smallest */
  rows: z.number().int().default(1),
  spread: z.number().default(1),
  /** counted in the gates: high or medium quality */
  counted: z.boolean().default(true),
  source: z.string(),
});

export type Observation = z.output<typeof observation>;

const defaults: Readonly<Record<string, unknown>> = {
  offload: "full",
  engine: "llama.cpp",
  ubatchTokens: 512,
  cacheType: "f16",
  rows: 1,
  spread: 1,
  counted: true,
  flashAttention: true,
  depthTokens: 0,
};

/** A row without what the schema puts back, its source by number. */
export function packed(row: Observation, sources: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(row).flatMap(([key, value]) =>
      key === "source"
        ? [[key, sources.indexOf(row.source)]]
        : value === undefined || defaults[key] === value
          ? []
          : [[key, value]],
    ),
  );
}

export const observationFile = z.strictObject({
  meaning: z.string(),
  sources: z.array(z.string()),
  observations: z.array(observation.extend({ source: z.number().int().min(0) })),
});

/** Sources spelled out again. */
export function unpack({ sources, observations }: z.output<typeof observationFile>): Observation[] {
  return observations.map((row) => ({ ...row, source: sources[row.source] ?? "" }));
}

const depthEdges = [1100, 3000, 6000, 12_000, 24_000, 48_000, 96_000];

/** Class of live context: everything up to 1,100 tokens is one. */
export function depthBin(depthTokens: number): number {
  return depthEdges.filter((edge) => depthTokens > edge).length;
}

/** Mean live context while the measured tokens pass. */
export function meanDepthTokens({ depthTokens, tokens }: Observation): number {
  return depthTokens + tokens / 2;
}

/** What shares one vote in the gates. */
export function voteKey(row: Observation): string {
  const era = row.year < 2024.75 ? "old" : String(Math.floor(2 * row.year) / 2);
  return [
    row.task,
    row.device,
    row.backend,
    row.model,
    row.recipe,
    era,
    row.flashAttention,
    depthBin(meanDepthTokens(row)),
    row.offload,
    row.hostExpertLayers ?? "",
    row.offloadedLayers ?? "",
    row.offload === "cpu" ? (row.threads ?? "") : "",
    row.counted,
    row.task === "prefill" ? row.ubatchTokens : "",
  ].join("|");
}
