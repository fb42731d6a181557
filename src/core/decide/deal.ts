/**
 * Contiguous layers over devices: an exact dynamic program. Least decode time first (Σ bytes / bandwidth), then the least
 * filled fullest device. Costs and limits are plain numbers; what they stand for is the caller's affair.
 */
import type { Bytes, BytesPerSecond } from "../units.ts";

export interface DealDevice {
  readonly limitBytes: Bytes;
  readonly bandwidthBytesPerSecond: BytesPerSecond;
}

const TIE = 1e-9;

function better(seconds: number, fill: number, heldSeconds: number, heldFill: number): boolean {
  if (Math.abs(seconds - heldSeconds) > TIE * Math.max(seconds, heldSeconds)) return seconds < heldSeconds;
  return fill < heldFill;
}

/** Whether consecutive items can be dealt at all: each device in turn takes what it holds. */
export function canDeal(itemBytes: readonly Bytes[], limits: readonly Bytes[]): boolean {
  let next = 0;
  for (const limit of limits) {
    let held = 0;
    while (next < itemBytes.length && held + (itemBytes[next] ?? 0) <= limit) held += itemBytes[next++] ?? 0;
  }
  return next === itemBytes.length;
}

/**
 * Counts of consecutive items per device, in device order; undefined when they do not fit.
 * At `d * width + k` of each table: the best way to deal the first k items to devices 0…d.
 */
export function dealLayers(itemBytes: readonly Bytes[], devices: readonly DealDevice[]): number[] | undefined {
  const count = itemBytes.length;
  const width = count + 1;
  const prefix = new Float64Array(width);
  for (let item = 0; item < count; item++) prefix[item + 1] = (prefix[item] ?? 0) + (itemBytes[item] ?? 0);
  const seconds = new Float64Array(devices.length * width).fill(Number.POSITIVE_INFINITY);
  const fills = new Float64Array(devices.length * width);
  const cuts = new Int32Array(devices.length * width);
  devices.forEach(({ limitBytes, bandwidthBytesPerSecond }, d) => {
    for (let end = 0; end <= count; end++) {
      let bestSeconds = Number.POSITIVE_INFINITY;
      let bestFill = 0;
      let bestCut = 0;
      // a longer tail only costs more, so the first one that is too long ends the search; the first device takes all before `end`
      for (let cut = d === 0 ? 0 : end; cut >= 0; cut--) {
        const bytes = (prefix[end] ?? 0) - (prefix[cut] ?? 0);
        if (bytes > limitBytes) break;
        const before = d === 0 ? 0 : (seconds[(d - 1) * width + cut] ?? Number.POSITIVE_INFINITY);
        if (before === Number.POSITIVE_INFINITY) continue;
        const total = before + bytes / bandwidthBytesPerSecond;
        const fill = Math.max(d === 0 ? 0 : (fills[(d - 1) * width + cut] ?? 0), bytes > 0 ? bytes / limitBytes : 0);
        if (bestSeconds !== Number.POSITIVE_INFINITY && !better(total, fill, bestSeconds, bestFill)) continue;
        bestSeconds = total;
        bestFill = fill;
        bestCut = cut;
      }
      seconds[d * width + end] = bestSeconds;
      fills[d * width + end] = bestFill;
      cuts[d * width + end] = bestCut;
    }
  });
  if (seconds[(devices.length - 1) * width + count] === Number.POSITIVE_INFINITY) return undefined;
  const counts = new Array<number>(devices.length).fill(0);
  let end = count;
  for (let d = devices.length - 1; d >= 0; d--) {
    const cut = cuts[d * width + end] ?? 0;
    counts[d] = end - cut;
    end = cut;
  }
  return counts;
}
