/** How fast this machine's processors read memory: threads that each read a large array of their own, over and over, for short windows. */
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import * as z from "zod";
import { type Bytes, type BytesPerSecond, type Fraction, MIB } from "../../units.ts";
import { type Measured, measuredBest } from "./measured.ts";
import { readModule } from "./read-module.ts";
import { readWorker } from "./read-worker.ts";

/** A window is long against a scheduler's slice of a few ms, and short enough that some of them fall between a neighbour's loads. */
const WINDOW_SECONDS = 0.12;
const FEWEST_WINDOWS = 7;
/** A busy machine is given more chances, 4 s of them. */
const MOST_WINDOWS = 32;
/** Repetitions that agree this well need no more. */
const GOOD_NOISE: Fraction = 0.05;
/** Several times the largest level-3 cache of one core's group (32 MiB, 96 with a stacked die). */
const LARGEST_ARRAY: Bytes = 256 * MIB;
const SMALLEST_ARRAY: Bytes = 64 * MIB;
/** More threads than this read no faster on any machine that the catalog knows. */
const MOST_THREADS = 64;

const report = z.object({ bytes: z.number(), seconds: z.number().positive() });

export interface MemoryRates {
  readonly threadCount: number;
  readonly allThreads: Measured<BytesPerSecond>;
  readonly oneThread: Measured<BytesPerSecond>;
}

export interface MemoryOptions {
  readonly threadCount: number;
  /** what may be taken for the arrays together */
  readonly budgetBytes: Bytes;
  readonly signal: AbortSignal;
  /** fraction done */
  readonly progress: (done: number) => void;
}

/** Array of one thread: 256 MiB, less where many threads or little memory are; a multiple of the worker's step of 4 MiB. */
export function arrayBytes(threadCount: number, budgetBytes: Bytes): Bytes {
  const wanted = Math.min(
    LARGEST_ARRAY,
    Math.max(SMALLEST_ARRAY, (2048 * MIB) / threadCount),
    budgetBytes / threadCount,
  );
  return Math.max(1, Math.floor(wanted / (4 * MIB))) * 4 * MIB;
}

/** Best of as many windows as it takes to agree, for one thread and for all; throws the signal's reason when cancelled. */
export async function measureMemory({
  threadCount,
  budgetBytes,
  signal,
  progress,
}: MemoryOptions): Promise<MemoryRates> {
  const count = Math.max(1, Math.min(threadCount, MOST_THREADS));
  const one = await measureThreads(1, arrayBytes(1, budgetBytes), signal, (done) => progress(done / 2));
  if (count === 1) return { threadCount: 1, allThreads: one, oneThread: one };
  const all = await measureThreads(count, arrayBytes(count, budgetBytes), signal, (done) => progress(0.5 + done / 2));
  return { threadCount: count, allThreads: all, oneThread: one };
}

async function measureThreads(
  count: number,
  bytes: Bytes,
  signal: AbortSignal,
  progress: (done: number) => void,
): Promise<Measured<BytesPerSecond>> {
  signal.throwIfAborted();
  const go = new Int32Array(new SharedArrayBuffer(4));
  const module = readModule();
  const workers = Array.from(
    { length: count },
    () => new Worker(readWorker, { eval: true, workerData: { go, module, bytes } }),
  );
  try {
    await Promise.all(workers.map((worker) => nextMessage(worker, signal)));
    const windows: Window[] = [];
    for (let window = 0; window < MOST_WINDOWS; window++) {
      const reports = Promise.all(workers.map((worker) => nextMessage(worker, signal)));
      // a rejection while sleeping is handled below, where the reports are awaited
      reports.catch(() => {});
      const before = process.cpuUsage();
      announce(go, 2 * window + 1);
      await sleep(WINDOW_SECONDS * 1000, undefined, { signal });
      announce(go, 2 * window + 2);
      const reads = (await reports).map((message) => report.parse(message));
      const used = process.cpuUsage(before);
      windows.push({
        bytesPerSecond: reads.reduce((sum, read) => sum + read.bytes / read.seconds, 0),
        processorFraction: (used.user + used.system) / 1e6 / reads.reduce((sum, read) => sum + read.seconds, 0),
      });
      progress(Math.min(1, (window + 1) / FEWEST_WINDOWS));
      if (windows.length >= FEWEST_WINDOWS && bestWindow(windows).noiseFraction <= GOOD_NOISE) break;
    }
    return bestWindow(windows);
  } finally {
    announce(go, -1);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

interface Window {
  readonly bytesPerSecond: BytesPerSecond;
  /** of the time that the threads read, how much they were given a processor */
  readonly processorFraction: Fraction;
}

/** A steady neighbour slows every window alike, and only the processor time that it takes shows it: that counts as noise too. */
export function bestWindow(windows: readonly Window[]): Measured<BytesPerSecond> {
  const best = measuredBest(windows.map(({ bytesPerSecond }) => bytesPerSecond));
  const given = windows.find(({ bytesPerSecond }) => bytesPerSecond === best.value)?.processorFraction ?? 1;
  return { ...best, noiseFraction: Math.max(best.noiseFraction, Math.round((1 - Math.min(1, given)) * 1e4) / 1e4) };
}

function announce(go: Int32Array, round: number): void {
  Atomics.store(go, 0, round);
  Atomics.notify(go, 0);
}

function nextMessage(worker: Worker, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      worker.off("message", onMessage);
      worker.off("error", onError);
      signal.removeEventListener("abort", onAbort);
    };
    const onMessage = (message: unknown): void => {
      done();
      resolve(message);
    };
    const onError = (error: Error): void => {
      done();
      reject(error);
    };
    const onAbort = (): void => onError(signal.reason);
    if (signal.aborted) return reject(signal.reason);
    worker.on("message", onMessage);
    worker.on("error", onError);
    signal.addEventListener("abort", onAbort);
  });
}
