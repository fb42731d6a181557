/** Sighted devices with the catalog's facts: bandwidth and compute from the table, memory always from the driver. */
import type { Fact } from "../../facts/evidence.ts";
import type { Backend } from "../../facts/hardware.ts";
import { type Bytes, GIB } from "../../units.ts";
import { formatBandwidth } from "../../units-text.ts";
import { driverTotal, usableDedicated, usableShared } from "../device-memory.ts";
import { assumedBandwidth } from "../hardware-assumptions.ts";
import type { HardwareCatalog, HardwareEntry } from "../hardware-catalog.ts";
import { catalogFact } from "../hardware-device.ts";
import { pcieBytesPerSecond } from "../pcie.ts";
import { matchEntry } from "./match.ts";
import type { EngineTotal, ProbedDevice } from "./result.ts";
import type { SightedDevice, Vendor } from "./sighting.ts";

/** The machine's memory, which a device may share. */
interface SharedMemory {
  readonly totalBytes: Bytes;
  /** of the container, below the total */
  readonly limitBytes: Bytes | undefined;
  /** what the system lends to graphics where nothing says more */
  readonly lentBytes: Bytes | undefined;
  readonly availableBytes: Bytes;
  readonly source: string;
}

const VENDOR_BACKENDS: Readonly<Record<Vendor, readonly Backend[]>> = {
  NVIDIA: ["cuda", "vulkan"],
  AMD: ["rocm", "vulkan"],
  Intel: ["sycl", "vulkan"],
  Apple: ["metal"],
  Huawei: ["cann"],
  "Moore Threads": ["musa", "vulkan"],
  Qualcomm: ["opencl", "vulkan"],
  // slower than the processor beside it: listed, never planned with
  Broadcom: [],
  other: [],
};

/** Family of an NVIDIA part that the catalog does not know. Source: CUDA's table of compute capabilities. */
const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^5\./, "nvidia-maxwell"],
  [/^6\./, "nvidia-pascal"],
  [/^7\.0/, "nvidia-volta"],
  [/^7\.5/, "nvidia-turing"],
  [/^8\.0/, "nvidia-a100"],
  [/^8\.6/, "nvidia-ampere"],
  [/^8\.7/, "nvidia-jetson"],
  [/^8\.9/, "nvidia-ada"],
  [/^9\./, "nvidia-hopper"],
  [/^10\./, "nvidia-blackwell-data-center"],
  [/^12\.0/, "nvidia-blackwell"],
  [/^12\.1/, "nvidia-gb10"],
];

interface DeviceMemory {
  readonly total: Fact<Bytes>;
  readonly free: Fact<Bytes>;
  readonly usable: Fact<Bytes>;
}

/** What an engine here reports for the backend that would be used, or for any other where that one says nothing. */
function engineTotal(device: SightedDevice, backend: Backend): EngineTotal | undefined {
  return device.engineTotals.find((total) => total.backend === backend) ?? device.engineTotals[0];
}

const engineSource = ({ backend }: EngineTotal): string => `total that an engine here reports (${backend})`;

/** The part of the RAM that may be planned with: an engine's total, the driver's limit or the usual share, within what the system can spare. */
function sharedMemory(device: SightedDevice, backend: Backend, ram: SharedMemory): DeviceMemory {
  // memory that the device maps is charged to the container that asked for it
  const poolBytes = Math.min(ram.totalBytes, ram.limitBytes ?? ram.totalBytes);
  const idle = usableShared(backend, poolBytes);
  const engine = engineTotal(device, backend);
  const limit: Fact<Bytes> | undefined =
    engine !== undefined
      ? { value: engine.totalBytes, evidence: "reported", source: engineSource(engine) }
      : device.mappableBytes === undefined
        ? ram.lentBytes === undefined || backend === "metal"
          ? undefined
          : { value: ram.lentBytes, evidence: "assumed", source: "half of the RAM, which Windows lends to graphics" }
        : {
            value: Math.max(device.mappableBytes, device.totalBytes ?? 0),
            evidence: "reported",
            source: `${device.source}, RAM that the driver may map`,
          };
  // Metal's limit is the system's own and may be raised by its user; elsewhere a limit may exceed what the system can spare
  const ceiling = backend === "metal" ? poolBytes : idle.value;
  const usable =
    limit === undefined
      ? idle
      : {
          ...limit,
          value: Math.min(limit.value, ceiling),
          source: limit.value > ceiling ? `${limit.source}, within ${idle.source}` : limit.source,
        };
  const total: Fact<Bytes> =
    limit?.evidence === "reported" && engine === undefined && backend !== "metal"
      ? { ...limit, value: Math.min(limit.value, ram.totalBytes) }
      : { value: ram.totalBytes, evidence: "reported", source: ram.source };
  return {
    total,
    free: {
      value: Math.min(usable.value, ram.availableBytes),
      evidence: "reported",
      source: `available RAM (${ram.source}), at most what the GPU may use`,
    },
    usable: { ...usable, value: Math.min(usable.value, ram.totalBytes) },
  };
}

function dedicatedMemory(device: SightedDevice, entry: HardwareEntry | undefined, backend: Backend): DeviceMemory {
  const engine = engineTotal(device, backend);
  const reported: Fact<Bytes> | undefined =
    device.totalBytes !== undefined
      ? { value: device.totalBytes, evidence: "reported", source: device.source }
      : engine === undefined
        ? undefined
        : { value: engine.totalBytes, evidence: "reported", source: engineSource(engine) };
  const total =
    reported ??
    (entry === undefined
      ? ({ value: 0, evidence: "assumed", source: "nobody says" } as const)
      : driverTotal(entry, entry.memoryBytes[0] ?? 0));
  const usable: Fact<Bytes> =
    engine !== undefined
      ? { value: Math.min(engine.totalBytes, total.value), evidence: "reported", source: engineSource(engine) }
      : device.reservedBytes === undefined
        ? usableDedicated(entry, backend, total)
        : {
            value: Math.max(0, total.value - device.reservedBytes),
            evidence: "reported",
            source: `${device.source}, total less what the driver keeps`,
          };
  const freeBytes = device.freeBytes ?? engine?.freeBytes;
  const free: Fact<Bytes> =
    freeBytes === undefined
      ? { ...usable, evidence: "assumed", source: "free memory is not reported: as if idle" }
      : {
          value: freeBytes,
          evidence: "reported",
          source: device.freeBytes === undefined ? "an engine's device list" : device.source,
        };
  return { total, free, usable };
}

/** PCIe as the card and slot reach at most; tools report the current state of a sleeping card, which is no use. */
function linkOf(device: SightedDevice, entry: HardwareEntry | undefined): ProbedDevice["linkBytesPerSecond"] {
  const reported = pcieBytesPerSecond(device.pcieGeneration, device.pcieLanes);
  if (reported !== undefined)
    return {
      value: reported,
      evidence: "reported",
      source: `${device.source}, PCIe ${device.pcieGeneration} x${device.pcieLanes}`,
    };
  return entry === undefined ? undefined : catalogFact(entry, "pcieGeneration", entry.linkBytesPerSecond);
}

const madeUpId = (name: string): string =>
  name
    .toLowerCase()
    .match(/[a-z0-9]+/g)
    ?.join("-")
    .slice(0, 60) ?? "gpu";

/** Memory that belongs to the chip although processor and GPU share it: then the driver's figure is the pool itself, not a carve-out. */
const hasOwnPool = (entry: HardwareEntry | undefined): boolean => /^HBM/i.test(entry?.row.memoryType ?? "");

/** Compute capabilities of NVIDIA's parts that have no memory of their own: Jetson TX1 to Thor, and GB10. Source: CUDA's table. */
const SHARED_CAPABILITIES = ["5.3", "6.2", "7.2", "8.7", "11.0", "12.1"];

/** Shares the RAM: by what the source says, by the catalog, or because a driver that works has no memory to print. */
function isUnified(device: SightedDevice, entry: HardwareEntry | undefined): boolean {
  return entry === undefined
    ? device.unified === true || SHARED_CAPABILITIES.includes(device.computeCapability ?? "")
    : entry.kind === "unified" || (device.unified === true && entry.kind !== "gpu");
}

/** The name for people: the driver's own, unless it is none, cut off, a code name, or a bus listing's. */
function nameFor(device: SightedDevice, entry: HardwareEntry | undefined, catalog: HardwareCatalog): string {
  const poor =
    device.name === "" ||
    device.name.endsWith("...") ||
    device.name.includes("[") ||
    (entry !== undefined &&
      device.pciId !== undefined &&
      catalog.named(device.name).length === 0 &&
      !/^(AMD |Intel|NVIDIA )/i.test(device.name));
  return poor
    ? (entry?.name ?? (device.name === "" ? `${device.vendor} ${device.pciId ?? "GPU"}` : device.name))
    : device.name;
}

/**
 * The architecture of an AMD chip: the catalog's, else what the runtime claims, unless an override is set or no chip of that kind has it.
 */
function gfxOf(
  device: SightedDevice,
  entry: HardwareEntry | undefined,
  catalog: HardwareCatalog,
  overridden: boolean,
): string | undefined {
  if (entry?.row.gfx !== undefined) return entry.row.gfx;
  const alike = catalog.entries.filter(({ row }) => row.gfx === device.gfx);
  const impossible = device.unified === true && alike.length > 0 && alike.every(({ kind }) => kind === "gpu");
  return overridden || impossible ? undefined : device.gfx;
}

export interface IdentifiedDevice {
  readonly device: ProbedDevice;
  readonly warnings: readonly string[];
}

/** What holds for the whole machine. */
export interface Surroundings {
  readonly ram: SharedMemory;
  readonly board: string | undefined;
  /** HSA_OVERRIDE_GFX_VERSION is set: what HIP claims about chips is no fact */
  readonly gfxOverridden: boolean;
}

export function identifyDevice(
  sighted: SightedDevice,
  index: number,
  catalog: HardwareCatalog,
  { ram, board, gfxOverridden }: Surroundings,
): IdentifiedDevice {
  const { entry, others } = matchEntry(sighted, catalog, ram.totalBytes + GIB, board);
  const unified = isUnified(sighted, entry);
  const backends = entry?.backends ?? VENDOR_BACKENDS[sighted.vendor];
  const backend = backends[0] ?? "vulkan";
  const pooled = unified && !(hasOwnPool(entry) && sighted.totalBytes !== undefined);
  const memory = pooled ? sharedMemory(sighted, backend, ram) : dedicatedMemory(sighted, entry, backend);
  const name = nameFor(sighted, entry, catalog);
  const warnings: string[] = [];
  const known = entry === undefined ? undefined : catalogFact(entry, "bandwidthGBps", entry.bandwidthBytesPerSecond);
  // a MIG slice has its share of the card's memory channels and of its multiprocessors
  const share =
    sighted.slice === undefined || entry === undefined
      ? 1
      : Math.min(1, memory.total.value / (entry.memoryBytes[0] ?? memory.total.value));
  const scaled = <T extends Fact<number> | undefined>(fact: T): T =>
    fact === undefined || share === 1
      ? fact
      : {
          ...fact,
          value: Math.round(fact.value * share),
          evidence: "assumed",
          source: `${fact.source}, by the slice's share`,
        };
  const bandwidth = known ?? assumedBandwidth(catalog, memory.total.value);
  if (known === undefined && backends.length > 0 && sighted.visible) {
    warnings.push(
      `${name} is not in the hardware catalog: ${formatBandwidth(bandwidth.value)} of memory bandwidth assumed (${bandwidth.source}). Describe it with custom(…) to plan with its own figures.`,
    );
  }
  if (entry !== undefined && others.length > 0)
    warnings.push(
      `${name} is taken as ${entry.id}; what it reports also fits ${others
        .slice(0, 4)
        .map(({ id }) => id)
        .join(", ")}.`,
    );
  if (backends.length === 0)
    warnings.push(`${name} is listed but not planned with: no engine runs faster on it than on the processor.`);
  const gfx = sighted.vendor === "AMD" ? gfxOf(sighted, entry, catalog, gfxOverridden) : undefined;
  const device: ProbedDevice = {
    index,
    id: entry?.id ?? madeUpId(name),
    name: sighted.slice === undefined ? name : `${name} MIG ${sighted.slice.profile}`,
    vendor: sighted.vendor,
    kind: unified ? "unified" : "gpu",
    backends,
    memoryTotalBytes: memory.total,
    memoryFreeBytes: memory.free,
    memoryUsableBytes: memory.usable,
    heldByOthersBytes: Math.max(0, memory.usable.value - memory.free.value),
    bandwidthBytesPerSecond: scaled(bandwidth),
    fp16FlopsPerSecond:
      entry === undefined ? undefined : scaled(catalogFact(entry, "fp16Tflops", entry.fp16FlopsPerSecond)),
    fp32FlopsPerSecond:
      entry === undefined ? undefined : scaled(catalogFact(entry, "fp32Tflops", entry.fp32FlopsPerSecond)),
    family: entry?.family ?? FAMILIES.find(([pattern]) => pattern.test(sighted.computeCapability ?? ""))?.[1],
    computeCapability: sighted.computeCapability ?? entry?.row.computeCapability ?? gfx,
    driver: sighted.driver,
    catalogId: entry?.id,
    pciAddress: sighted.pciAddress,
    linkBytesPerSecond: unified ? undefined : linkOf(sighted, entry),
    carveOutBytes: pooled ? sighted.totalBytes : undefined,
    mappableBytes: sighted.mappableBytes,
    gpuCoreCount: sighted.gpuCoreCount,
    gfx,
    uuid: sighted.uuid,
    pciId: sighted.pciId,
    engineTotals: sighted.engineTotals,
    slice: sighted.slice,
    visible: sighted.visible,
  };
  return { device, warnings };
}
