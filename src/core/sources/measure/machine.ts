/** `probe_hardware` with measure=true: everything that is measured on this machine, stored when done. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { formatBandwidth } from "../../units-text.ts";
import { userCacheFolder } from "../user-folder.ts";
import type { World } from "../world.ts";
import { measureDisk } from "./disk.ts";
import { measureEngine } from "./engine.ts";
import { MOST_NOISE } from "./measured.ts";
import { measureMemory } from "./memory.ts";
import type { Machine, Measurement } from "./record.ts";
import { storeMeasurement } from "./store.ts";

export interface MeasuredMachine {
  readonly host: Machine & { readonly ramAvailableBytes: number };
  /** an installed model to read from disk; without one a file is made and removed */
  readonly modelPath: string | undefined;
}

export type Progress = (done: number, total: number | undefined, message: string) => void;

/** Steps by their usual share of the time. */
const STEPS = { memory: 4, disk: 2, engine: 14 } as const;
const TOTAL = STEPS.memory + STEPS.disk + STEPS.engine;

export interface MeasuredAndStored {
  readonly measurement: Measurement;
  readonly path: string;
}

/**
 * Reads memory with one and with all threads, the disk past its cache, and runs `llama-bench` on two small made-up models where it is on the
 * PATH: about 4 s without it (10 on a busy machine), up to a minute with it. Cancelled by `signal`, whose reason it throws; nothing is stored then.
 */
export async function measureMachine(
  world: World,
  { host, modelPath }: MeasuredMachine,
  signal: AbortSignal,
  progress: Progress,
): Promise<MeasuredAndStored> {
  const { ramAvailableBytes, ...machine } = host;
  const warnings: string[] = [];
  progress(0, TOTAL, "reading memory");
  const memory = await measureMemory({
    threadCount: machine.physicalCoreCount,
    budgetBytes: ramAvailableBytes / 4,
    signal,
    progress: (done) => progress(done * STEPS.memory, TOTAL, "reading memory"),
  });
  if (memory.allThreads.noiseFraction > MOST_NOISE) {
    const noise = Math.round(memory.allThreads.noiseFraction * 100);
    warnings.push(
      `Memory bandwidth came out at ${formatBandwidth(memory.allThreads.value)} but its repetitions differ by ${noise} %: other programs were using the machine. It is kept and not used; measure again when it is idle.`,
    );
  }
  progress(STEPS.memory, TOTAL, "reading from disk");
  const scratch = join(userCacheFolder(world), `disk-${randomUUID()}.bin`);
  const disk = await measureDisk(modelPath, scratch, world.platform, signal);
  if (disk === undefined)
    warnings.push("The disk was not measured: this file system or system does not read past its cache.");
  progress(STEPS.memory + STEPS.disk, TOTAL, "running llama-bench");
  const engine = await measureEngine(world, signal, (done, message) =>
    progress(STEPS.memory + STEPS.disk + done * STEPS.engine, TOTAL, message),
  );
  warnings.push(...engine.warnings);
  signal.throwIfAborted();
  const measurement: Measurement = {
    machine,
    date: new Date(world.now()).toISOString(),
    memory: {
      threadCount: memory.threadCount,
      allThreadsBytesPerSecond: memory.allThreads,
      oneThreadBytesPerSecond: memory.oneThread,
    },
    ...(disk === undefined ? {} : { disk }),
    ...(engine.run === undefined ? {} : { engine: engine.run }),
    warnings,
  };
  const path = await storeMeasurement(world, measurement);
  progress(TOTAL, TOTAL, "stored");
  return { measurement, path };
}
