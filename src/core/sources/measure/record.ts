/** What was measured on a machine, as it is stored and as a facts file gives it: plain JSON, strict when read. */
import * as z from "zod";
import { InputError } from "../../facts/input-error.ts";
import type { World } from "../world.ts";

const rate = z.number().positive().max(1e15);
const measured = z.strictObject({ value: rate, noiseFraction: z.number().min(0).max(1) });
const duration = z.strictObject({ value: z.number().positive().max(3600), noiseFraction: z.number().min(0).max(1) });

const machine = z.strictObject({
  os: z.string().max(100),
  arch: z.string().max(100),
  cpuModel: z.string().max(300),
  physicalCoreCount: z.number().int().positive().max(4096),
  ramTotalBytes: z
    .number()
    .int()
    .positive()
    .max(2 ** 50),
});
export type Machine = z.output<typeof machine>;

const engineRun = z.strictObject({
  /** as llama-bench names it: CPU, CUDA, ROCm, Metal, Vulkan … */
  backend: z.string().max(100),
  device: z.string().max(300),
  build: z.string().max(100),
  /** bytes of weights a second that decoding draws from memory, launch overhead taken out */
  decodeBytesPerSecond: measured,
  /** what each layer costs beside its bytes */
  layerOverheadSeconds: duration.optional(),
  /** by micro-batch: operations a second, two for each weight and token */
  prefill: z.array(z.strictObject({ ubatchTokens: z.number().int().positive(), flopsPerSecond: measured })).max(64),
  /** decode of the dense model at some depths: what reading the cache takes */
  depthTokensPerSecond: z
    .array(z.strictObject({ contextTokens: z.number().int().min(0), tokensPerSecond: measured }))
    .max(64),
});
export type EngineRun = z.output<typeof engineRun>;

export const measurementRecord = z.strictObject({
  machine,
  /** ISO 8601 */
  date: z.iso.datetime(),
  memory: z
    .strictObject({
      threadCount: z.number().int().positive().max(4096),
      allThreadsBytesPerSecond: measured,
      oneThreadBytesPerSecond: measured,
    })
    .optional(),
  disk: z.strictObject({ path: z.string().max(4096), readBytesPerSecond: measured }).optional(),
  engine: engineRun.optional(),
  warnings: z.array(z.string().max(1000)).max(20),
});
export type Measurement = z.output<typeof measurementRecord>;

const MAX_FACTS_BYTES = 1_000_000;

/**
 * A saved facts file (`--facts FILE`): one record as `measureMachine` returns it, or a whole store of them, whose newest counts. Throws
 * `InputError` that names the file and the first field that is wrong.
 */
export async function readFacts(world: Pick<World, "readFile">, path: string): Promise<Measurement> {
  const shown = path.slice(0, 200);
  const text = await world.readFile(path, MAX_FACTS_BYTES);
  if (text === undefined)
    throw new InputError(
      `The facts file ${shown} cannot be read. Send the path of a file that probe_hardware with measure=true stored.`,
    );
  const found = measurementRecord.safeParse(newestOf(jsonOf(text)));
  if (found.success) return found.data;
  const issue = found.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? "its top level" : issue.path.join(".");
  throw new InputError(
    `The facts file ${shown} is not one of ours: ${where}: ${issue?.message ?? "no JSON"}. Measure again with probe_hardware measure=true and send what it stored.`,
  );
}

/** Stores hold the newest record first. */
function newestOf(json: unknown): unknown {
  const store = z.object({ machines: z.array(z.unknown()).min(1) }).safeParse(json);
  return store.success ? store.data.machines[0] : json;
}

/** undefined for text that is no JSON */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
