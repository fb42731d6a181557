/**
 * Devices as one source names them, and how sources are laid over one another: the same device is found by its PCI address, then by
 * its unique id, then by what it is; a lower source fills holes and never overwrites.
 */
import type { Bytes } from "../../units.ts";
import { nameKey, readingsOf } from "../device-names.ts";
import type { EngineTotal, MemoryHolder, MemoryModules, ProbedNpu, ProbedTool, Setting, Topology } from "./result.ts";

export type Vendor =
  | "NVIDIA"
  | "AMD"
  | "Intel"
  | "Apple"
  | "Huawei"
  | "Moore Threads"
  | "Qualcomm"
  | "Broadcom"
  | "other";

/** A device as a source names it, before the catalog is asked. */
export interface SightedDevice {
  /** empty = the source has no name for it; ends in "..." where a table cut it */
  readonly name: string;
  readonly vendor: Vendor;
  /** normalised `0000:01:00.0` */
  readonly pciAddress: string | undefined;
  /** `10de:2684` */
  readonly pciId: string | undefined;
  readonly pciRevision: string | undefined;
  /** memory of its own; undefined: it shares the machine's RAM, or nobody says */
  readonly totalBytes: Bytes | undefined;
  readonly freeBytes: Bytes | undefined;
  /** kept by the driver even when idle */
  readonly reservedBytes: Bytes | undefined;
  /** RAM that the driver may map for it (AMD's GTT, Windows' shared memory, Apple's wired limit) */
  readonly mappableBytes: Bytes | undefined;
  /** known from the source itself; undefined = the catalog decides */
  readonly unified: boolean | undefined;
  readonly computeCapability: string | undefined;
  readonly gfx: string | undefined;
  readonly driver: string | undefined;
  readonly memoryClockMHz: number | undefined;
  readonly gpuCoreCount: number | undefined;
  readonly pcieGeneration: number | undefined;
  readonly pcieLanes: number | undefined;
  readonly uuid: string | undefined;
  /** /dev/nvidiaN */
  readonly minorNumber: number | undefined;
  readonly engineTotals: readonly EngineTotal[];
  readonly slice:
    | { readonly profile: string; readonly cardName: string; readonly cardTotalBytes: Bytes | undefined }
    | undefined;
  readonly visible: boolean;
  /** what said so, for `Fact.source` */
  readonly source: string;
}

/** What one source saw, and what it could not. */
export interface Sighting {
  readonly devices: readonly SightedDevice[];
  readonly warnings: readonly string[];
  readonly tools?: readonly ProbedTool[];
  readonly holders?: readonly MemoryHolder[];
  readonly npus?: readonly ProbedNpu[];
  /** the machine's memory, where the source prints it */
  readonly memory?:
    | { readonly totalBytes: Bytes; readonly availableBytes: Bytes | undefined; readonly source: string }
    | undefined;
  readonly cpuModel?: string | undefined;
  readonly coreCount?: number | undefined;
  readonly topology?: Partial<Topology>;
  readonly memoryModules?: MemoryModules | undefined;
  readonly setting?: Partial<Setting>;
}

export const nothingSighted: Sighting = { devices: [], warnings: [] };

const BLANK: Omit<SightedDevice, "vendor" | "source"> = {
  name: "",
  pciAddress: undefined,
  pciId: undefined,
  pciRevision: undefined,
  totalBytes: undefined,
  freeBytes: undefined,
  reservedBytes: undefined,
  mappableBytes: undefined,
  unified: undefined,
  computeCapability: undefined,
  gfx: undefined,
  driver: undefined,
  memoryClockMHz: undefined,
  gpuCoreCount: undefined,
  pcieGeneration: undefined,
  pcieLanes: undefined,
  uuid: undefined,
  minorNumber: undefined,
  engineTotals: [],
  slice: undefined,
  visible: true,
};

/** A device of which only these facts are known. */
export function sighted(facts: Partial<SightedDevice> & Pick<SightedDevice, "vendor" | "source">): SightedDevice {
  return { ...BLANK, ...facts };
}

const VENDOR_WORDS: readonly (readonly [RegExp, Vendor])[] = [
  [/\bnvidia\b|\bgeforce\b|\bquadro\b|\btesla\b|\brtx\b|\bgtx\b|\b10de\b|nvgpu/i, "NVIDIA"],
  [/\bamd\b|\bati\b|radeon|instinct|firepro|advanced micro devices|\b1002\b|^gfx\d/i, "AMD"],
  [/\bintel\b|\b8086\b/i, "Intel"],
  [/\bapple\b/i, "Apple"],
  [/ascend|huawei/i, "Huawei"],
  [/moore threads|\bmtt\b/i, "Moore Threads"],
  [/adreno|qualcomm/i, "Qualcomm"],
  [/\bv3d\b|broadcom|videocore/i, "Broadcom"],
];

export function vendorOf(text: string): Vendor {
  return VENDOR_WORDS.find(([pattern]) => pattern.test(text))?.[1] ?? "other";
}

/** `00000000:01:00.0`, `0000:01:00.0` and `01:00.0` are the same address. */
export function pciAddressOf(text: string | undefined): string | undefined {
  const match = /^(?:0*([0-9a-f]{4}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/i.exec(text?.trim() ?? "");
  return match === null ? undefined : `${match[1] ?? "0000"}:${match[2]}`.toLowerCase();
}

/**
 * No device of its own: software renderers, remote and virtual displays, emulators, management controllers. By the words that such
 * adapters carry, not by product.
 */
export function isPretended(name: string): boolean {
  return /llvmpipe|lavapipe|swiftshader|softpipe|basic render|basic display|direct3d12|remote display|virtual|indirect display|\bidd\b|spacedesk|parsec|emulat|mirage driver|meta virtual|aspeed|matrox/i.test(
    name,
  );
}

/**
 * Names that say "the graphics inside the processor": a product line without a model of its own, or with the letter that mobile
 * graphics carry (680M, 8060S, 140V).
 */
export function isIntegratedName(name: string): boolean {
  const plain = name
    .replace(/\((r|tm|c)\)|[®™]/gi, " ")
    .replace(/\([^)]*\)/g, " ")
    .replace(/\s+/g, " ")
    .trim();
  if (/\b(u?hd|iris|gma)\b/i.test(plain) && /intel|graphics|^iris/i.test(plain)) return true;
  if (
    /^(intel )?(arc )?graphics$/i.test(plain) ||
    /\barc (\d{3}[vt])\b/i.test(plain) ||
    /\[intel arc graphics\]/i.test(name)
  )
    return true;
  if (/(^|amd |ati )radeon (vega \d+ )?graphics$/i.test(plain)) return true;
  return /\bradeon (6[1-9]|7[4-8]|8[4-9])0m\b|\bradeon 80[456]0s\b|\b610m\b/i.test(plain);
}

const truncated = (name: string): string | undefined =>
  name.endsWith("...") ? name.slice(0, -3).trimEnd().toLowerCase() : undefined;

function sameName(a: string, b: string): boolean {
  if (a === "" || b === "") return true;
  const start = truncated(a);
  if (start !== undefined) return b.toLowerCase().startsWith(start);
  const other = truncated(b);
  if (other !== undefined) return a.toLowerCase().startsWith(other);
  const keys = new Set(readingsOf(a).map(nameKey));
  return readingsOf(b).some(
    (reading) => keys.has(nameKey(reading)) && (nameKey(reading) !== "" || nameKey(a) === nameKey(b)),
  );
}

/** How surely two sightings are one device: 3 by address, 2 by unique id, 1 by what it is; 0 = not. */
function likeness(a: SightedDevice, b: SightedDevice): number {
  if (a.vendor !== b.vendor && a.vendor !== "other" && b.vendor !== "other") return 0;
  if (a.pciAddress !== undefined && b.pciAddress !== undefined)
    return a.pciAddress === b.pciAddress && (a.slice?.profile ?? "") === (b.slice?.profile ?? a.slice?.profile ?? "")
      ? 3
      : 0;
  if (a.uuid !== undefined && b.uuid !== undefined) return a.uuid === b.uuid ? 2 : 0;
  if (a.pciId !== undefined && b.pciId !== undefined) return a.pciId === b.pciId ? 1 : 0;
  return sameName(a.name, b.name) ? 1 : 0;
}

const nameWeight = (name: string): number => (name === "" ? 0 : truncated(name) !== undefined ? 1 : 2);

/** `upper` with its holes filled from `lower`. */
function filled(upper: SightedDevice, lower: SightedDevice): SightedDevice {
  const known = Object.fromEntries(Object.entries(upper).filter(([, value]) => value !== undefined));
  const backends = new Set(upper.engineTotals.map(({ backend }) => backend));
  return {
    ...lower,
    ...known,
    name: nameWeight(upper.name) >= nameWeight(lower.name) ? upper.name : lower.name,
    engineTotals: [...upper.engineTotals, ...lower.engineTotals.filter(({ backend }) => !backends.has(backend))],
    visible: upper.visible && lower.visible,
  };
}

/** Lists by precedence, the surest first, as one list. Each list's devices are distinct among themselves. */
export function mergeSightings(lists: readonly (readonly SightedDevice[])[]): readonly SightedDevice[] {
  let merged: SightedDevice[] = [];
  for (const list of lists) {
    const taken = new Set<number>();
    const fresh: SightedDevice[] = [];
    const partners = list.map((device) => {
      const ranked = merged
        .map((known, i) => ({ i, score: taken.has(i) ? 0 : likeness(known, device) }))
        .sort((a, b) => b.score - a.score || a.i - b.i);
      const best = ranked[0];
      if (best === undefined || best.score === 0) return undefined;
      taken.add(best.i);
      return best.i;
    });
    const spare = merged.flatMap((known, i) => (taken.has(i) ? [] : [{ known, i }]));
    for (const [position, device] of list.entries()) {
      // one device of a vendor on either side, and nothing that contradicts: the same one under another name
      const alone = spare.filter(({ known }) => known.vendor === device.vendor);
      const single =
        alone.length === 1 &&
        list.filter((other, j) => other.vendor === device.vendor && partners[j] === undefined).length === 1 &&
        compatible(alone[0]?.known, device)
          ? alone[0]?.i
          : undefined;
      const index = partners[position] ?? single;
      const known = index === undefined ? undefined : merged[index];
      if (index === undefined || known === undefined) fresh.push(device);
      else merged = merged.map((other, i) => (i === index ? filled(known, device) : other));
    }
    merged = [...merged, ...fresh];
  }
  return merged;
}

/** Nothing says that these are two: addresses and kinds agree or are unknown, and one of them has no telling name. */
function compatible(a: SightedDevice | undefined, b: SightedDevice): boolean {
  if (a === undefined) return false;
  if (a.pciAddress !== undefined && b.pciAddress !== undefined) return false;
  if (a.unified !== undefined && b.unified !== undefined && a.unified !== b.unified) return false;
  return nameKey(a.name) === "" || nameKey(b.name) === "" || a.pciId !== undefined || b.pciId !== undefined;
}
