/** What a client waits for, of the built program: the first answer against bare Node, the list of tools, each tool warm; memory. */
import { readFileSync } from "node:fs";
import { calls } from "../test/clients/calls.ts";
import { median, StdioSession, timeToFirstLineMs } from "../test/clients/program.ts";

const RUNS = 10;
const WARM_RUNS = 5;

const bare: number[] = [];
const ours: number[] = [];
for (let run = 0; run < RUNS; run++) {
  bare.push(await timeToFirstLineMs("bare"));
  ours.push(await timeToFirstLineMs("ours"));
}
const rows: [string, string][] = [
  ["bare Node, first line", `${median(bare).toFixed(0)} ms`],
  ["initialize", `${median(ours).toFixed(0)} ms`],
];

const session = new StdioSession();
await session.initialize();
await session.request("tools/list");
rows.push(["memory after tools/list", `${(residentBytes(session.child.pid) / 1024 ** 2).toFixed(0)} MiB`]);
for (const { tool, args } of calls) {
  const tookMs: number[] = [];
  for (let run = 0; run <= WARM_RUNS; run++) {
    const startMs = performance.now();
    await session.call(tool, args);
    tookMs.push(performance.now() - startMs);
  }
  const [cold = 0, ...warm] = tookMs;
  rows.push([`${tool} ${JSON.stringify(args)}`, `first ${cold.toFixed(0)} ms, then ${median(warm).toFixed(1)} ms`]);
}
await session.end();
for (const [what, value] of rows) process.stdout.write(`${what.padEnd(110)} ${value}\n`);

/** 0 where the system has no /proc */
function residentBytes(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
