/** How busy other programs keep the processors while this one waits. */
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fraction } from "../../units.ts";

const SAMPLE_MS = 400;

interface Times {
  readonly idle: number;
  readonly all: number;
}

function times(): Times {
  let [idle, all] = [0, 0];
  for (const { times: spent } of cpus()) {
    idle += spent.idle;
    all += spent.idle + spent.user + spent.nice + spent.sys + spent.irq;
  }
  return { idle, all };
}

/** Share of all processors' time that was not idle; 0 where the system does not tell. */
export async function busyFraction(signal: AbortSignal): Promise<Fraction> {
  const before = times();
  await sleep(SAMPLE_MS, undefined, { signal });
  const after = times();
  const all = after.all - before.all;
  return all > 0 ? Math.min(1, Math.max(0, 1 - (after.idle - before.idle) / all)) : 0;
}
