/**
 * Devices filled to the brim: layers in consecutive runs, and of their movable parts (experts, or dense feed-forward) as many bytes as fit.
 * Parts that do not fit go to the next device or to the host. Plain numbers: what they stand for is the caller's affair.
 */
import type { Bytes, BytesPerSecond } from "../units.ts";
import { dealLayers } from "./deal.ts";

/** A part of a layer that may lie elsewhere. */
export interface Movable {
  readonly layer: number;
  readonly part: string;
  readonly bytes: Bytes;
}

export interface FillItem {
  readonly fixedBytes: Bytes;
  readonly movables: readonly Movable[];
}

export interface FillDevice {
  readonly limitBytes: Bytes;
  readonly bandwidthBytesPerSecond: BytesPerSecond;
}

export interface Filling {
  /** consecutive items of each device */
  readonly counts: readonly number[];
  readonly host: readonly Movable[];
  /** parts on a device that is not their layer's */
  readonly away: readonly { readonly movable: Movable; readonly device: number }[];
}

const total = (movables: readonly Movable[]): Bytes => movables.reduce((sum, { bytes }) => sum + bytes, 0);

/** Parts weighed against each other exactly: 2^12 subsets. */
const EXACT_PARTS = 12;

/** The subset of the greatest bytes within the room, the shortest list of several; the rest comes second. */
function heaviest(movables: readonly Movable[], roomBytes: Bytes): readonly [kept: Movable[], left: Movable[]] {
  let best: readonly Movable[] = [];
  let bestBytes = 0;
  const search = (at: number, chosen: readonly Movable[], bytes: Bytes): void => {
    if (bytes > bestBytes || (bytes === bestBytes && chosen.length < best.length)) {
      best = chosen;
      bestBytes = bytes;
    }
    for (let next = at; next < movables.length; next++) {
      const movable = movables[next];
      if (movable && bytes + movable.bytes <= roomBytes) search(next + 1, [...chosen, movable], bytes + movable.bytes);
    }
  };
  search(0, [], 0);
  return [[...best], movables.filter((movable) => !best.includes(movable))];
}

/** Which end of the stack is kept: where types differ by layer, one of the two leaves the host the cheaper parts. */
export type Kept = "last" | "first";

/** Keeps whole items from one end of the run, then the best of the parts of the next few. */
function keepWithin(
  run: readonly FillItem[],
  roomBytes: Bytes,
  end: Kept = "last",
): readonly [kept: Movable[], left: Movable[]] {
  const items = end === "last" ? run : [...run].reverse();
  const kept: Movable[] = [];
  let room = roomBytes;
  let at = items.length - 1;
  for (; at >= 0; at--) {
    const own = items[at]?.movables ?? [];
    if (total(own) > room) break;
    kept.push(...own);
    room -= total(own);
  }
  const seam: Movable[] = [];
  for (; at >= 0 && seam.length + (items[at]?.movables.length ?? 0) <= EXACT_PARTS; at--)
    seam.push(...(items[at]?.movables ?? []));
  const [best, rest] = heaviest(seam, room);
  const far = items.slice(0, at + 1).flatMap(({ movables }) => movables);
  return [
    [...kept, ...best],
    [...rest, ...far],
  ];
}

const fixed = (items: readonly FillItem[]): Bytes => items.reduce((sum, { fixedBytes }) => sum + fixedBytes, 0);

/** Parts that found no room beside their layer: on another device where there is some, else on the host. */
function placeLeft(
  counts: readonly number[],
  left: readonly (readonly Movable[])[],
  roomBytes: readonly Bytes[],
): Filling {
  const rooms = [...roomBytes];
  const host: Movable[] = [];
  const away: { movable: Movable; device: number }[] = [];
  const ordered = left.flat().sort((a, b) => b.layer - a.layer || b.bytes - a.bytes);
  for (const movable of ordered) {
    const device = rooms.findIndex((room) => room >= movable.bytes);
    if (device < 0) host.push(movable);
    else {
      rooms[device] = (rooms[device] ?? 0) - movable.bytes;
      away.push({ movable, device });
    }
  }
  return { counts, host, away };
}

const SHARE_STEPS = 12;

/** Every device keeps about the same share of its movable bytes, the largest that can be dealt, and is then filled. */
export function fillEvenly(
  items: readonly FillItem[],
  devices: readonly FillDevice[],
  end: Kept = "last",
): Filling | undefined {
  const dealt = (share: number): number[] | undefined =>
    dealLayers(
      items.map(({ fixedBytes, movables }) => fixedBytes + share * total(movables)),
      devices,
    );
  let counts = dealt(0);
  if (!counts) return undefined;
  let low = 0;
  let high = 1;
  for (let step = 0; step < SHARE_STEPS && devices.length > 1; step++) {
    const share = (low + high) / 2;
    const tried = dealt(share);
    if (tried) {
      counts = tried;
      low = share;
    } else high = share;
  }
  return fillRuns(items, devices, counts, end);
}

function fillRuns(
  items: readonly FillItem[],
  devices: readonly FillDevice[],
  counts: readonly number[],
  end: Kept,
): Filling {
  let start = 0;
  const rooms: Bytes[] = [];
  const left = counts.map((count, device) => {
    const run = items.slice(start, start + count);
    start += count;
    const room = (devices[device]?.limitBytes ?? 0) - fixed(run);
    const [kept, rest] = keepWithin(run, room, end);
    rooms.push(room - total(kept));
    return rest;
  });
  return placeLeft(counts, left, rooms);
}

/**
 * Devices filled one after another: each takes layers while they fit whole, then a last one whose parts go over to the next device; the last
 * device takes the rest. What fits by bytes then fits although no layer ends where a device does.
 */
export function fillInOrder(items: readonly FillItem[], devices: readonly FillDevice[]): Filling | undefined {
  const counts: number[] = [];
  const away: { movable: Movable; device: number }[] = [];
  let carried: Bytes = 0;
  let start = 0;
  for (let device = 0; device < devices.length - 1; device++) {
    let room = (devices[device]?.limitBytes ?? 0) - carried;
    let end = start;
    for (; end < items.length - 1; end++) {
      const item = items[end];
      const bytes = (item?.fixedBytes ?? 0) + total(item?.movables ?? []);
      if (bytes > room) break;
      room -= bytes;
    }
    carried = 0;
    const seam = items[end];
    if (seam && end < items.length - 1 && seam.movables.length > 0 && seam.fixedBytes <= room) {
      const [, rest] = heaviest(seam.movables, room - seam.fixedBytes);
      for (const movable of rest) away.push({ movable, device: device + 1 });
      carried = total(rest);
      end++;
    }
    counts.push(end - start);
    start = end;
  }
  const last = items.slice(start);
  const room = (devices.at(-1)?.limitBytes ?? 0) - carried - fixed(last);
  if (room < 0) return undefined;
  counts.push(last.length);
  const [, host] = keepWithin(last, room);
  return { counts, host, away };
}
