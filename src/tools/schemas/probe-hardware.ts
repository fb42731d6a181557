/** Input and output of `probe_hardware` (contract.md). Numbers are plain; `evidence[]` beside them says how each is known. */
import * as z from "zod";
import { bytes, count, evidenceRow, fraction, list, summary, texts } from "./parts.ts";
import { shared } from "./words.ts";

export const probeHardwareInput = z.object({
  refresh: z.boolean().optional().describe("Probe again instead of reusing the last probe. Default false. e.g. true"),
  measure: z
    .boolean()
    .optional()
    .describe("Also measure bandwidth and compute (seconds long). Default false. e.g. true"),
  detail: shared.detail,
});

const host = z.object({
  os: z.string(),
  arch: z.string(),
  cpuModel: z.string(),
  physicalCoreCount: count,
  isa: texts,
  ramTotalBytes: bytes,
  ramAvailableBytes: bytes,
  ramLimitBytes: bytes.optional(),
  limitSource: z.string().optional(),
  ramBandwidthBytesPerSecond: z.number(),
  cpuLoadFraction: fraction.optional(),
  evidence: list(evidenceRow),
});

const device = z.object({
  index: count,
  id: z.string(),
  name: z.string(),
  vendor: z.string(),
  kind: z.enum(["gpu", "unified", "cpu"]),
  backends: texts,
  memoryTotalBytes: bytes,
  memoryFreeBytes: bytes.optional(),
  memoryUsableBytes: bytes,
  heldByOthersBytes: bytes.optional(),
  bandwidthBytesPerSecond: z.number(),
  fp16FlopsPerSecond: z.number().optional(),
  computeCapability: z.string().optional(),
  driver: z.string().optional(),
  catalogId: z.string().optional(),
  visible: z.boolean(),
  evidence: list(evidenceRow),
});

const link = z.object({
  from: z.string(),
  to: z.string(),
  kind: z.string(),
  bandwidthBytesPerSecond: z.number(),
  evidence: z.string().optional(),
  source: z.string().optional(),
});

const disk = z.object({
  path: z.string(),
  kind: z.string().optional(),
  freeBytes: bytes.optional(),
  readBytesPerSecond: z.number().optional(),
  evidence: z.string().optional(),
  source: z.string().optional(),
});

const runtime = z.object({
  name: z.string(),
  version: z.string().optional(),
  path: z.string().optional(),
  endpoint: z.string().optional(),
  running: z.boolean(),
});

const installedModel = z.object({
  name: z.string(),
  runtime: z.string().optional(),
  path: z.string().optional(),
  recipe: z.string().optional(),
  fileBytes: bytes.optional(),
});

export const probeHardwareOutput = z.object({
  summary,
  host: host.describe("CPU, RAM and what limits it"),
  devices: list(device).describe("GPUs and unified memory in llama.cpp's order"),
  links: list(link).describe("Paths between devices and host"),
  disks: list(disk).describe("Where models are read from"),
  runtimes: list(runtime).describe("Engines found"),
  installedModels: list(installedModel).describe("Models found on disk"),
  installedModelCount: count.optional().describe("All installed models, where the list is cut"),
  warnings: texts.describe("What could not be read, or looks wrong"),
});
