/**
 * Contiguous layers over devices: an exact dynamic program. Least decode time first (Σ bytes / bandwidth), then the least
 * filled fullest device. Costs and limits are plain numbers; what they stand for is the caller's affair.
 */
import type { Bytes, BytesPerSecond } from "../units.ts";

export interface DealDevice {
  readonly limitBytes: Bytes;
  readonly bandwidthBytesPerSecond: BytesPerSecond;
}

interface Best {
  readonly seconds: number;
  readonly fill: number;
  readonly cut: number;
}

const TIE = 1e-9;
const nothing = { seconds: 0, fill: 0 };

function better(a: Best, b: Best | undefined): boolean {
  if (!b) return true;
  if (Math.abs(a.seconds - b.seconds) > TIE * Math.max(a.seconds, b.seconds)) return a.seconds < b.seconds;
  return a.fill < b.fill;
}

/**
 * Counts of consecutive items per device, in device order; undefined when they do not fit.
 * `table[d][k]` = best way to deal the first k items to devices 0…d.
 */
export function dealLayers(itemBytes: readonly Bytes[], devices: readonly DealDevice[]): number[] | undefined {
  const prefix = [0];
  for (const bytes of itemBytes) prefix.push((prefix.at(-1) ?? 0) + bytes);
  const count = itemBytes.length;
  const table: (Best | undefined)[][] = [];
  devices.forEach((device, d) => {
    const row: (Best | undefined)[] = new Array<Best | undefined>(count + 1).fill(undefined);
    for (let end = 0; end <= count; end++)
      // a longer tail only costs more, so the first one that is too long ends the search
      for (let cut = end; cut >= 0; cut--) {
        const bytes = (prefix[end] ?? 0) - (prefix[cut] ?? 0);
        if (bytes > device.limitBytes) break;
        const before = d === 0 ? (cut === 0 ? nothing : undefined) : table[d - 1]?.[cut];
        if (!before) continue;
        const candidate = {
          seconds: before.seconds + bytes / device.bandwidthBytesPerSecond,
          fill: Math.max(before.fill, bytes > 0 ? bytes / device.limitBytes : 0),
          cut,
        };
        if (better(candidate, row[end])) row[end] = candidate;
      }
    table.push(row);
  });
  const counts = new Array<number>(devices.length).fill(0);
  let end = count;
  for (let d = devices.length - 1; d >= 0; d--) {
    const best = table[d]?.[end];
    if (!best) return undefined;
    counts[d] = end - best.cut;
    end = best.cut;
  }
  return counts;
}
