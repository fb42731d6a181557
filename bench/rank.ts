/**
 * Ranking the whole catalog × recipes for one machine, in process: warm with a machine of its own each round, so that no answer is
 * remembered; and the sorting alone at 1, 4 and 16 times the catalog, whose cost must grow no faster than the catalog.
 */
import { performance } from "node:perf_hooks";
import { gatherHardware, gatherRun, questionOf } from "../src/answers/gather.ts";
import { judgeCatalog } from "../src/answers/rank-catalog.ts";
import { rank } from "../src/library.ts";
import { fakeWorld } from "../test/fake-world.ts";

const context = { world: fakeWorld({}) };
const ROUNDS = Number(process.argv[2] ?? 40);
const machine = (round: number): string =>
  `${["rtx-4090", "rtx-3060-12gb", "m4-max-64gb", "cpu"][round % 4]}, ram=${48 + round}GiB`.replace(
    /(m4-max-64gb), ram=.*/,
    "$1",
  );
const useCases = ["general", "coding", "chat", "reasoning"] as const;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function measure(what: string, call: (round: number) => Promise<unknown>): Promise<void> {
  const tookMs: number[] = [];
  const usedMs: number[] = [];
  const startMs = performance.now();
  await call(0);
  const coldMs = performance.now() - startMs;
  for (let round = 1; round <= ROUNDS; round++) {
    const roundMs = performance.now();
    const before = process.cpuUsage();
    await call(round);
    const { user, system } = process.cpuUsage(before);
    tookMs.push(performance.now() - roundMs);
    // on a busy machine the processor's own time says more than the clock; helper threads count too
    usedMs.push((user + system) / 1000);
  }
  process.stdout.write(
    `${what.padEnd(52)} first ${coldMs.toFixed(1)} ms, median ${median(tookMs).toFixed(1)} ms (${median(usedMs).toFixed(1)} of CPU), worst ${Math.max(...tookMs).toFixed(1)} ms\n`,
  );
}

await measure("rank, another machine and use case each time", (round) =>
  rank({ hardware: machine(round), useCase: useCases[round % 3] ?? "general" }, context),
);
await measure("rank, the same question", () => rank({ hardware: "rtx-4090, ram=64GiB", useCase: "general" }, context));
for (const copies of [1, 4, 16])
  await measure(`sorting ${copies}x the catalog`, async (round) => {
    const { hardware } = await gatherHardware(machine(round), undefined, context);
    await judgeCatalog(
      questionOf({ useCase: "general" }, context.world),
      hardware,
      gatherRun(undefined),
      {},
      context,
      11,
      copies,
    );
  });
