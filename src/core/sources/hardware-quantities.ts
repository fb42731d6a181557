/** Quantities of a hardware expression, held against what hardware can be. */
import { InputError } from "../facts/input-error.ts";
import type { Bytes, BytesPerSecond, FlopsPerSecond } from "../units.ts";
import { parseBandwidth, parseFlops, parseMemoryBytes } from "../units-text.ts";

interface Range {
  readonly low: number;
  readonly high: number;
  readonly text: string;
}

/** From the smallest board that runs a model to racks that do not exist yet: anything outside is a slip of the pen. */
const MEMORY: Range = { low: 64 * 2 ** 20, high: 2 ** 50, text: "64MiB to 1PiB" };
const BANDWIDTH: Range = { low: 1e9, high: 1e15, text: "1GBps to 1000TBps" };
const FLOPS: Range = { low: 1e9, high: 1e18, text: "1GFLOPS to 1000PFLOPS" };

function within(value: number, range: Range, key: string): number {
  if (!(value >= range.low && value <= range.high)) throw new InputError(`${key} is out of range. Send ${range.text}.`);
  return value;
}

export function readMemory(text: string, key: string): Bytes {
  return within(parseMemoryBytes(text), MEMORY, key);
}

export function readBandwidth(text: string, key: string): BytesPerSecond {
  return within(parseBandwidth(text), BANDWIDTH, key);
}

export function readFlops(text: string, key: string): FlopsPerSecond {
  return within(parseFlops(text), FLOPS, key);
}

export function readCores(text: string): number {
  const cores = /^\d{1,4}$/.test(text.trim()) ? Number(text) : 0;
  if (cores < 1 || cores > 4096)
    throw new InputError(`"cores=${text.slice(0, 20)}" is out of range. Send a whole number from 1 to 4096.`);
  return cores;
}
