/** What 64 sessions and 20,000 mixed calls over HTTP do to the built program: answer times by kind, and memory before and after. */
import { residentBytes, runLoad } from "../test/clients/load.ts";
import { startHttp } from "../test/clients/program.ts";

const [sessionCount = 64, callCount = 20_000] = process.argv.slice(2).map(Number);
const program = await startHttp(["--http", "0"]);
await runLoad(program.url, sessionCount, 500);
const before = residentBytes(program.pid);
const startMs = performance.now();
const { failures, tookMs } = await runLoad(program.url, sessionCount, callCount);
const seconds = (performance.now() - startMs) / 1000;
const mib = (bytes: number) => (bytes / 1024 ** 2).toFixed(0);
const lines = [
  `${callCount} calls over ${sessionCount} sessions in ${seconds.toFixed(1)} s, ${failures.length} failed`,
];
for (const [kind, times] of tookMs) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (fraction: number) => (sorted[Math.floor(fraction * (sorted.length - 1))] ?? 0).toFixed(1).padStart(7);
  lines.push(`${kind.padEnd(10)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms, ${times.length} calls`);
}
await new Promise((resolve) => setTimeout(resolve, 5000));
lines.push(`resident ${mib(before)} MiB before, ${mib(residentBytes(program.pid))} MiB after`, ...failures.slice(0, 5));
process.stdout.write(`${lines.join("\n")}\n`);
await program.stop();
