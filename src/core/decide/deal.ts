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
  if (
    !canDeal(
      itemBytes,
      devices.map(({ limitBytes }) => limitBytes),
    )
  )
    return undefined;
  const alike = devices.every(
    ({ bandwidthBytesPerSecond }) => bandwidthBytesPerSecond === devices[0]?.bandwidthBytesPerSecond,
  );
  return alike ? dealEvenly(itemBytes, devices) : dealQuickly(itemBytes, devices);
}

/** Prefix sums: `[k]` = bytes of the first k items. */
function prefixSums(itemBytes: readonly Bytes[]): Float64Array {
  const sums = new Float64Array(itemBytes.length + 1);
  itemBytes.forEach((bytes, item) => {
    sums[item + 1] = (sums[item] ?? 0) + bytes;
  });
  return sums;
}

/** Counts from the best cut before every end, last device first. */
function countsOf(cuts: Int32Array, deviceCount: number, itemCount: number): number[] {
  const counts = new Array<number>(deviceCount).fill(0);
  let end = itemCount;
  for (let d = deviceCount - 1; d >= 0; d--) {
    const cut = cuts[d * (itemCount + 1) + end] ?? 0;
    counts[d] = end - cut;
    end = cut;
  }
  return counts;
}

/**
 * Devices of one speed: only the fullest counts. What is before a cut fills more the later the cut, what is behind it less,
 * so the best cut is where the two meet, found by bisection.
 */
function dealEvenly(itemBytes: readonly Bytes[], devices: readonly DealDevice[]): number[] {
  const count = itemBytes.length;
  const width = count + 1;
  const prefix = prefixSums(itemBytes);
  const fills = new Float64Array(devices.length * width);
  const cuts = new Int32Array(devices.length * width);
  devices.forEach(({ limitBytes }, d) => {
    const fill = (from: number, to: number): number => {
      const bytes = (prefix[to] ?? 0) - (prefix[from] ?? 0);
      return bytes === 0 ? 0 : bytes > limitBytes ? Number.POSITIVE_INFINITY : bytes / limitBytes;
    };
    const before = (cut: number): number => fills[(d - 1) * width + cut] ?? 0;
    for (let end = 0; end <= count; end++) {
      if (d === 0) {
        fills[end] = fill(0, end);
        continue;
      }
      let low = 0;
      let high = end;
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        if (before(middle) >= fill(middle, end)) high = middle;
        else low = middle + 1;
      }
      const here = Math.max(before(low), fill(low, end));
      const earlier = low > 0 ? Math.max(before(low - 1), fill(low - 1, end)) : Number.POSITIVE_INFINITY;
      fills[d * width + end] = Math.min(here, earlier);
      cuts[d * width + end] = earlier < here ? low - 1 : low;
    }
  });
  return countsOf(cuts, devices.length, count);
}

/** Least time first, then the least filled fullest device. */
function dealQuickly(itemBytes: readonly Bytes[], devices: readonly DealDevice[]): number[] {
  const count = itemBytes.length;
  const width = count + 1;
  const prefix = prefixSums(itemBytes);
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
  return countsOf(cuts, devices.length, count);
}
