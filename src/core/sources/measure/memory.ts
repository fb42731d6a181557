/** How fast this machine's processors read memory: threads that each read a large array of their own, over and over, for short windows. */
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import * as z from "zod";
import { type Bytes, type BytesPerSecond, type Fraction, MIB } from "../../units.ts";
import { type Measured, measuredBest } from "./measured.ts";
import { readModule } from "./read-module.ts";
import { readWorker, STEP_BYTES } from "./read-worker.ts";
import { type BestWindow, bestWindow } from "./timeline.ts";

/**
 * Each round looks for its best window: 12 ms hold some 300 pieces on a desktop, a scheduler often leaves them undisturbed, and in a quiet
 * round they read 2 % more than 64 ms do.
 */
const WINDOW_SECONDS = 0.012;
const ROUND_SECONDS = 0.12;
const FEWEST_ROUNDS = 7;
/** A busy machine is given more chances, 4 s of them. */
const MOST_ROUNDS = 32;
/** Repetitions that agree this well need no more. */
const GOOD_NOISE: Fraction = 0.05;
/** Several times the largest level-3 cache of one core's group (32 MiB, 96 with a stacked die). */
const LARGEST_ARRAY: Bytes = 256 * MIB;
const SMALLEST_ARRAY: Bytes = 64 * MIB;
/** More threads than this read no faster on any machine that the catalog knows. */
const MOST_THREADS = 64;

const report = z.object({ stamps: z.instanceof(Float64Array) });

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

/** Array of one thread: 256 MiB, less where many threads or little memory are; a multiple of 4 MiB. */
export function arrayBytes(threadCount: number, budgetBytes: Bytes): Bytes {
  const wanted = Math.min(
    LARGEST_ARRAY,
    Math.max(SMALLEST_ARRAY, (2048 * MIB) / threadCount),
    budgetBytes / threadCount,
  );
  return Math.max(1, Math.floor(wanted / (4 * MIB))) * 4 * MIB;
}

/** Best of as many rounds as it takes to agree, for one thread and for all; throws the signal's reason when cancelled. */
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
    const rounds: BestWindow[] = [];
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const reports = Promise.all(workers.map((worker) => nextMessage(worker, signal)));
      // a rejection while sleeping is handled below, where the reports are awaited
      reports.catch(() => {});
      announce(go, 2 * round + 1);
      await sleep(ROUND_SECONDS * 1000, undefined, { signal });
      announce(go, 2 * round + 2);
      const stamps = (await reports).map((message) => report.parse(message).stamps);
      const best = bestWindow(stamps, STEP_BYTES, WINDOW_SECONDS);
      if (best !== undefined) rounds.push(best);
      progress(Math.min(1, (round + 1) / FEWEST_ROUNDS));
      if (rounds.length >= FEWEST_ROUNDS && bestRound(rounds).noiseFraction <= GOOD_NOISE) break;
    }
    return bestRound(rounds);
  } finally {
    announce(go, -1);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** The best round. A steady neighbour slows every round alike; that threads stood still meanwhile betrays it, and counts as noise. */
export function bestRound(rounds: readonly BestWindow[]): Measured<BytesPerSecond> {
  const best = measuredBest(rounds.map(({ bytesPerSecond }) => bytesPerSecond));
  const stalled = rounds.find(({ bytesPerSecond }) => bytesPerSecond === best.value)?.stalledFraction ?? 0;
  return { ...best, noiseFraction: Math.max(best.noiseFraction, Math.round(stalled * 1e4) / 1e4) };
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
