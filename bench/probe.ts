/** What probe_hardware takes: without vendor tools, with tools that answer in 50 ms, and with an nvidia-smi that hangs. Stubs are real programs. */
import { probe as probeTool, type World } from "../src/library.ts";
import { answering, stubMachine } from "../test/core/sources/probe/stubs.ts";

const RUNS = 7;

const cases: readonly (readonly [string, Readonly<Record<string, string>>, number])[] = [
  ["no vendor tools", {}, RUNS],
  ["tools that answer in 50 ms", answering("0.05"), RUNS],
  ["nvidia-smi sleeps", { ...answering("0.05"), "nvidia-smi": "sleep 30" }, 1],
  [
    "nvidia-smi ignores SIGTERM",
    { ...answering("0.05"), "nvidia-smi": "trap '' TERM INT HUP\nsleep 30 & wait\nsleep 30" },
    1,
  ],
];

async function onceMs(world: World): Promise<number> {
  const startMs = performance.now();
  await probeTool({ refresh: true }, { world });
  return performance.now() - startMs;
}

for (const [name, scripts, runs] of cases) {
  const tookMs: number[] = [];
  for (let run = 0; run < runs; run++) {
    const { world, remove } = stubMachine(scripts);
    tookMs.push(await onceMs(world));
    remove();
  }
  const [first = 0, ...rest] = tookMs;
  const middle = [...rest].sort((a, b) => a - b)[Math.floor(rest.length / 2)];
  process.stdout.write(
    `${name.padEnd(30)} first ${first.toFixed(0)} ms${middle === undefined ? "" : `, then ${middle.toFixed(0)} ms (middle of ${rest.length})`}\n`,
  );
}
