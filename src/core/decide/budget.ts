/** What a candidate may use: capacity less the caller's margin or the reserve, whichever is larger, device by device. */
import { desktopReserveBytes, deviceReserve, hostReserve, type ReserveRow, reserveBytes } from "../estimate/reserve.ts";
import type { Hardware } from "../facts/hardware.ts";
import { InputError } from "../facts/input-error.ts";
import { type MemoryBreakdown, totalBytes } from "../facts/memory.ts";
import type { Model } from "../facts/model.ts";
import type { Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import { type Bytes, MIB } from "../units.ts";

/** llama.cpp's `--fit-target` */
export const DEFAULT_MARGIN_BYTES = 1024 * MIB;

export interface Limits {
  /** per device; the last one given holds for the devices after it */
  readonly marginBytes: readonly Bytes[];
  /** absolute ceiling per device, as the caller set it */
  readonly budgetBytes: readonly Bytes[];
  /** what else the run loads: per device and on the host (estimate/companions.ts) */
  readonly takenBytes?: readonly Bytes[];
  readonly hostTakenBytes?: Bytes;
}

export const defaultLimits: Limits = { marginBytes: [], budgetBytes: [] };

const MAX_MIB = 2 ** 27;

/** @throws InputError for values that are no amount of memory */
export function readLimits(
  marginMiB: readonly number[] | null | undefined,
  memoryBudgetMiB: readonly number[] | null | undefined,
): Limits {
  const read = (name: string, values: readonly number[]): Bytes[] =>
    values.map((value) => {
      if (!(value >= 0 && value <= MAX_MIB))
        throw new InputError(
          `${name} ${value} is not an amount of memory from 0 to ${MAX_MIB} MiB. Send one number per device, for example 1024.`,
        );
      return Math.round(value * MIB);
    });
  return {
    marginBytes: read("marginMiB", marginMiB ?? []),
    budgetBytes: read("memoryBudgetMiB", memoryBudgetMiB ?? []),
  };
}

export interface DeviceRoom {
  readonly name: string;
  readonly capacityBytes: Bytes;
  readonly reserve: readonly ReserveRow[];
  readonly reserveBytes: Bytes;
  /** capacity − max(margin, reserve), at most the caller's budget */
  readonly allowedBytes: Bytes;
}

export interface Room {
  readonly devices: readonly DeviceRoom[];
  readonly host: { readonly capacityBytes: Bytes; readonly reserveBytes: Bytes; readonly allowedBytes: Bytes };
  /** device and host draw on one pool of memory */
  readonly unified: boolean;
}

export function roomFor(hardware: Hardware, model: Model, run: Run, placement: Placement, limits: Limits): Room {
  const devices = hardware.devices.map((device, index) => {
    const capacityBytes = device.memoryUsableBytes.value;
    const reserve = deviceReserve(device, index, model, run, placement);
    const margin = limits.marginBytes[index] ?? limits.marginBytes.at(-1) ?? DEFAULT_MARGIN_BYTES;
    const budget = limits.budgetBytes[index] ?? limits.budgetBytes.at(-1) ?? Number.POSITIVE_INFINITY;
    const free = Math.min(budget, capacityBytes - Math.max(margin, reserveBytes(reserve)));
    const allowedBytes = Math.max(0, free - (limits.takenBytes?.[index] ?? 0));
    return { name: device.name, capacityBytes, reserve, reserveBytes: reserveBytes(reserve), allowedBytes };
  });
  const { host } = hardware;
  const limit = host.ramLimitBytes?.value ?? Number.POSITIVE_INFINITY;
  const capacityBytes = Math.min(host.ramAvailableBytes.value, limit);
  const held = reserveBytes(hostReserve);
  const kept = desktopReserveBytes(host.ramTotalBytes.value);
  return {
    devices,
    host: {
      capacityBytes,
      reserveBytes: held,
      allowedBytes: Math.max(
        0,
        Math.min(capacityBytes - held, host.ramTotalBytes.value - kept) - (limits.hostTakenBytes ?? 0),
      ),
    },
    unified: hardware.devices.some(({ kind }) => kind === "unified"),
  };
}

export interface Shortfall {
  readonly devices: readonly Bytes[];
  readonly host: Bytes;
  readonly totalBytes: Bytes;
}

/** Bytes missing on every device and on the host; all zero when it fits. */
export function shortfallOf(memory: MemoryBreakdown, room: Room): Shortfall {
  const devices = memory.devices.map((use, index) =>
    Math.max(0, totalBytes(use) - (room.devices[index]?.allowedBytes ?? 0)),
  );
  const pooled = room.unified ? memory.devices.reduce((sum, use) => sum + totalBytes(use), 0) : 0;
  const host = Math.max(0, totalBytes(memory.host) + pooled - room.host.allowedBytes);
  return { devices, host, totalBytes: devices.reduce((sum, bytes) => sum + bytes, 0) + host };
}

/** Least ratio of what is allowed to what is needed over the places in use. */
export function slackRatio(memory: MemoryBreakdown, room: Room, includeHost: boolean): number {
  let ratio = Number.POSITIVE_INFINITY;
  memory.devices.forEach((use, index) => {
    const need = totalBytes(use);
    if (need > 0) ratio = Math.min(ratio, (room.devices[index]?.allowedBytes ?? 0) / need);
  });
  const pooled = room.unified ? memory.devices.reduce((sum, use) => sum + totalBytes(use), 0) : 0;
  const hostNeed = totalBytes(memory.host) + pooled;
  if (includeHost && hostNeed > 0) ratio = Math.min(ratio, room.host.allowedBytes / hostNeed);
  return ratio;
}
