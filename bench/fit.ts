/**
 * What an answer takes once the program is warm, in process: the median of many calls with the same arguments, and of calls whose
 * context, cache or machine changes each time, so that nothing but tables of the model can be remembered.
 */
import { performance } from "node:perf_hooks";
import { type FitArguments, fitAnswer } from "../src/answers/fit.ts";
import { type FrontierArguments, frontierAnswer } from "../src/answers/frontier.ts";
import type { Optional } from "../src/answers/gather.ts";
import { type PlanArguments, planAnswer } from "../src/answers/plan.ts";
import { fakeWorld } from "../test/fake-world.ts";

const context = { world: fakeWorld({}) };
const fit = (args: Optional<FitArguments> & { readonly model: string }) => fitAnswer(args.model, args, context);
const plan = (args: Optional<PlanArguments> & { readonly model: string }) => planAnswer(args.model, args, context);
const frontier = (args: Optional<FrontierArguments>) => frontierAnswer(args, context);
const ROUNDS = Number(process.argv[2] ?? 30);

interface Row {
  readonly what: string;
  readonly targetMs: number;
  readonly call: (round: number) => Promise<unknown>;
}

const turn = <T>(list: readonly [T, ...T[]], round: number): T => list[round % list.length] ?? list[0];

function fitRows(model: string, hardware: string): Row[] {
  return [
    { what: `fit ${model} on ${hardware}`, targetMs: 1, call: () => fit({ model, hardware }) },
    {
      what: "  another context each time",
      targetMs: 1,
      call: (round) => fit({ model, hardware, run: `-c ${4096 + 256 * round}` }),
    },
    {
      what: "  another cache and micro-batch each time",
      targetMs: 1,
      call: (round) =>
        fit({
          model,
          hardware,
          run: `-c ${8192 + 512 * round} -ctk ${turn(["q8_0", "f16"], round)} -ub ${256 * (1 + (round % 7))}`,
        }),
    },
    {
      what: "  another placement each time",
      targetMs: 1,
      call: (round) => fit({ model, hardware, run: `-c 8192 --n-cpu-moe ${round % 40} -ngl ${99 - (round % 20)}` }),
    },
    {
      what: "  another machine each time",
      targetMs: 1,
      call: (round) => fit({ model, hardware: `${turn(["4x", "3x", "2x"], round)} rtx-4090, ram=${128 + round}GiB` }),
    },
  ];
}

const rows: Row[] = [
  ...fitRows("qwen3-8b:Q4_K_M", "rtx-4090, ram=64GiB"),
  ...fitRows("qwen3-235b-a22b:Q4_K_M", "4x rtx-4090, ram=256GiB"),
  {
    what: "fit qwen3-235b-a22b, recipe left open",
    targetMs: 1,
    call: (round) =>
      fit({ model: "qwen3-235b-a22b", hardware: "4x rtx-4090, ram=256GiB", run: `-c ${8192 + 256 * round}` }),
  },
  {
    what: "plan llama-3.3-70b-instruct, four devices",
    targetMs: 10,
    call: (round) =>
      plan({ model: "llama-3.3-70b-instruct", hardware: "4x rtx-3090, ram=128GiB", run: `-c ${8192 + 256 * round}` }),
  },
  {
    what: "plan deepseek-r1, four devices",
    targetMs: 10,
    call: (round) =>
      plan({ model: "deepseek-r1", hardware: "4x rtx-4090, ram=512GiB", run: `-c ${8192 + 256 * round}` }),
  },
  {
    what: "frontier qwen3-30b-a3b",
    targetMs: 30,
    call: (round) => frontier({ model: "qwen3-30b-a3b", hardware: `rtx-4090, ram=${64 + round}GiB` }),
  },
];

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const only = process.argv[3];
for (const { what, targetMs, call } of rows) {
  if (only && !what.includes(only)) continue;
  const tookMs: number[] = [];
  let coldMs = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const startMs = performance.now();
    await call(round);
    const took = performance.now() - startMs;
    if (round === 0) coldMs = took;
    else tookMs.push(took);
  }
  process.stdout.write(
    `${what.padEnd(64)} first ${coldMs.toFixed(0).padStart(5)} ms, then ${median(tookMs).toFixed(2).padStart(8)} ms (least ${Math.min(...tookMs).toFixed(2)}), target ${targetMs}\n`,
  );
}
