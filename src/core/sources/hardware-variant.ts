/** Which catalog row, with which memory size, a written device name means. */
import { closestNames } from "../facts/closest.ts";
import { InputError } from "../facts/input-error.ts";
import { type Bytes, GIB } from "../units.ts";
import { nameKey } from "./device-names.ts";
import type { HardwareCatalog, HardwareEntry } from "./hardware-catalog.ts";

export interface ResolvedDevice {
  readonly entry: HardwareEntry;
  /** undefined where the machine's RAM decides */
  readonly memoryBytes: Bytes | undefined;
  /** the size stands in the name, as in `m3-max-64gb` */
  readonly sizeNamed: boolean;
  /** what was chosen among several readings */
  readonly warning: string | undefined;
}

const inGiB = (sizes: readonly Bytes[]): string => `${sizes.map((size) => size / GIB).join(" or ")} GiB`;

const allSizes = (entry: HardwareEntry): readonly Bytes[] => [
  ...entry.memoryBytes,
  ...(entry.row.moddedMemoryGiB ?? []).map((size) => size * GIB),
];

/** The plain part of a name before its variants; among chips of one name the fullest; else the slowest, so that no promise is too high. */
function preferred(entries: readonly HardwareEntry[]): HardwareEntry | undefined {
  const rank = (entry: HardwareEntry): number => (entry.row.variant === undefined ? 0 : 1);
  const order = (a: HardwareEntry, b: HardwareEntry): number =>
    rank(a) - rank(b) ||
    (b.row.gpuCoreCount ?? 0) - (a.row.gpuCoreCount ?? 0) ||
    a.bandwidthBytesPerSecond - b.bandwidthBytesPerSecond;
  return [...entries].sort(order)[0];
}

function unknownDevice(name: string, catalog: HardwareCatalog): InputError {
  const { ids } = catalog;
  const prefix = `${nameKey(name).replaceAll(" ", "-")}-`;
  const group = ids.filter((id) => id.startsWith(prefix)).slice(0, 8);
  const shown = name.slice(0, 60);
  if (group.length > 0) return new InputError(`"${shown}" can be several devices. Send one of ${group.join(", ")}.`);
  const nearest = closestNames(name, ids, 5);
  const advice = nearest.length > 0 ? `Closest are ${nearest.join(", ")}` : "Send a catalog id such as rtx-4090";
  return new InputError(
    `The hardware catalog has no "${shown}". ${advice}; or describe it with custom(memory=24GiB, bandwidth=936GBps, fp16=142TFLOPS, backend=cuda).`,
  );
}

/**
 * `rtx-3060-12gb`, `m3-max-64gb`, `NVIDIA GeForce RTX 4090`. `ramBytes`, where stated, is the size of a part that shares the RAM. Throws `InputError` that lists the closest ids or the sizes it comes with.
 */
export function resolveDevice(name: string, catalog: HardwareCatalog, ramBytes?: Bytes): ResolvedDevice {
  const named = catalog.named(name);
  const platform = named.length > 0 ? undefined : catalog.processor(name);
  const whole = platform === undefined ? named : [platform];
  if (whole.length > 0) {
    // without a size in the name, the stated RAM of a shared pool tells the variants apart and is the size
    const pooled = ramBytes !== undefined && whole.every((entry) => entry.kind !== "gpu");
    const sold = pooled ? whole.filter((entry) => entry.memoryBytes.includes(ramBytes)) : [];
    const chosen = choose(name, sold.length > 0 ? sold : whole, sold.length > 0 ? ramBytes : undefined);
    return pooled ? { ...chosen, memoryBytes: ramBytes, sizeNamed: false } : chosen;
  }
  const sized = /^(.*?)[\s-]+(\d{1,4}(?:\.\d)?)\s?(?:gib|gb|g)$/i.exec(name.trim());
  const base = sized === null ? [] : catalog.named(sized[1] ?? "");
  if (sized === null || base.length === 0) throw unknownDevice(name, catalog);
  return choose(name, base, Number(sized[2]) * GIB);
}

function choose(name: string, candidates: readonly HardwareEntry[], wantedBytes: Bytes | undefined): ResolvedDevice {
  const fitting =
    wantedBytes === undefined
      ? candidates
      : candidates.filter(
          (entry) => allSizes(entry).includes(wantedBytes) || (entry.kind !== "gpu" && entry.memoryBytes.length === 0),
        );
  const entry = preferred(fitting);
  if (entry === undefined) {
    const sizes = [...new Set(candidates.flatMap(allSizes))].sort((a, b) => a - b);
    throw new InputError(
      `"${name.slice(0, 60)}" is not sold with that memory. Send one of its sizes: ${inGiB(sizes)}.`,
    );
  }
  const memoryBytes = wantedBytes ?? entry.memoryBytes[0];
  const others = fitting.filter(
    (other) => other.id !== entry.id && other.bandwidthBytesPerSecond !== entry.bandwidthBytesPerSecond,
  );
  const choices: string[] = [];
  if (others.length > 0)
    choices.push(`${name} is taken as ${entry.id}; it can also be ${others.map((other) => other.id).join(", ")}`);
  if (wantedBytes === undefined && entry.memoryBytes.length > 1) {
    choices.push(
      `${entry.id} comes with ${inGiB(entry.memoryBytes)}; the smallest is assumed, name another as ${entry.id}-${(entry.memoryBytes[1] ?? 0) / GIB}gb`,
    );
  }
  return {
    entry,
    memoryBytes,
    sizeNamed: wantedBytes !== undefined,
    warning: choices.length > 0 ? `${choices.join(". ")}.` : undefined,
  };
}
