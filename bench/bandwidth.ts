/**
 * Measured memory read bandwidth against a native one: a STREAM-like read loop in C, compiled here with gcc for this very processor, run by
 * turns with ours so that both meet the same neighbours. Prints each round, the medians' ratio, and what plain typed arrays would reach.
 * `npx tsx bench/bandwidth.ts [rounds]`
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, freemem, tmpdir } from "node:os";
import { join } from "node:path";
import { measureMemory } from "../src/core/sources/measure/memory.ts";

/** As STREAM does it: passes over 256 MiB a thread, begun together, the best counts; eight sums that the compiler turns into vectors. */
const program = `
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
static double seconds(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
enum { PASSES = 100 };
static const size_t BYTES = 256u << 20;
static pthread_barrier_t gate;
static double best;
static int threads;
struct reader { int index; uint64_t sum; };
static uint64_t read_all(const uint64_t *p) {
  uint64_t s[8] = {0};
  for (size_t i = 0; i < BYTES / 8; i += 8) for (int k = 0; k < 8; k++) s[k] ^= p[i + k];
  return s[0] ^ s[1] ^ s[2] ^ s[3] ^ s[4] ^ s[5] ^ s[6] ^ s[7];
}
static void *run(void *argument) {
  struct reader *me = argument;
  uint64_t *array = malloc(BYTES);
  memset(array, 0x5a, BYTES);
  for (int pass = 0; pass < PASSES; pass++) {
    pthread_barrier_wait(&gate);
    double start = seconds();
    me->sum ^= read_all(array);
    pthread_barrier_wait(&gate);
    double rate = threads * (double)BYTES / (seconds() - start);
    if (me->index == 0 && rate > best) best = rate;
  }
  return 0;
}
int main(int count, char **words) {
  threads = count > 1 ? atoi(words[1]) : 1;
  pthread_t *ids = calloc(threads, sizeof *ids);
  struct reader *readers = calloc(threads, sizeof *readers);
  pthread_barrier_init(&gate, 0, threads);
  for (int i = 0; i < threads; i++) { readers[i].index = i; pthread_create(&ids[i], 0, run, &readers[i]); }
  uint64_t sum = 0;
  for (int i = 0; i < threads; i++) { pthread_join(ids[i], 0); sum ^= readers[i].sum; }
  printf("%.0f %d\\n", best, (int)(sum & 1));
  return 0;
}
`;

/** `CC` names another compiler that takes gcc's flags. */
const compiler = process.env["CC"] ?? "gcc";

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** What the plainest JavaScript reaches on one thread, best of 9 passes. */
function typedArrayRate(): number {
  const words = new Float64Array(2 ** 25).fill(1);
  let best = 0;
  for (let pass = 0; pass < 9; pass++) {
    const sums = [0, 0, 0, 0];
    const start = performance.now();
    let [a = 0, b = 0, c = 0, d = 0] = sums;
    for (let i = 0; i < words.length; i += 4) {
      a += words[i] ?? 0;
      b += words[i + 1] ?? 0;
      c += words[i + 2] ?? 0;
      d += words[i + 3] ?? 0;
    }
    best = Math.max(best, (words.byteLength / (performance.now() - start)) * 1000 + (a + b + c + d) * 0);
  }
  return best;
}

async function main(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bandwidth-"));
  try {
    writeFileSync(join(folder, "read.c"), program);
    const compiled = spawnSync(
      compiler,
      ["-O3", "-march=native", "-pthread", join(folder, "read.c"), "-o", join(folder, "read")],
      { encoding: "utf8" },
    );
    if (compiled.status !== 0) {
      console.warn(`no gcc that works here: nothing to compare with\n${compiled.stderr ?? ""}`);
      return;
    }
    const native = (threads: number): number =>
      Number(spawnSync(join(folder, "read"), [String(threads)], { encoding: "utf8" }).stdout.split(" ")[0]);
    const count = availableParallelism();
    const rows: { readonly one: number; readonly all: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      const ours = await measureMemory({
        threadCount: count,
        budgetBytes: freemem() / 4,
        signal: new AbortController().signal,
        progress: () => {},
      });
      const [one, all] = [native(1), native(count)];
      rows.push({ one: ours.oneThread.value / one, all: ours.allThreads.value / all });
      const gigabytes = (rate: number): string => (rate / 1e9).toFixed(1);
      console.warn(
        `round ${round + 1}: one thread ${gigabytes(ours.oneThread.value)} of ${gigabytes(one)} GB/s, ${count} threads ${gigabytes(ours.allThreads.value)} of ${gigabytes(all)} GB/s, noise ${ours.allThreads.noiseFraction}`,
      );
    }
    console.warn(
      `ours ÷ native, median: one thread ${median(rows.map((row) => row.one)).toFixed(3)}, ${count} threads ${median(rows.map((row) => row.all)).toFixed(3)}`,
    );
    console.warn(`typed arrays ÷ native, one thread: ${(typedArrayRate() / native(1)).toFixed(3)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main(Number(process.argv[2] ?? 5));
