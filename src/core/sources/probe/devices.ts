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
import type { ProbedDevice, SightedDevice } from "./result.ts";

/** The machine's memory, which a device may share. */
export interface SharedMemory {
  readonly totalBytes: Bytes;
  readonly availableBytes: Bytes;
  readonly source: string;
  /** limit that the system sets for its GPU (AMD's GTT, Apple's wired limit) */
  readonly gpuLimit: Fact<Bytes> | undefined;
}

const VENDOR_BACKENDS: Readonly<Record<SightedDevice["vendor"], readonly Backend[]>> = {
  NVIDIA: ["cuda", "vulkan"],
  AMD: ["rocm", "vulkan"],
  Intel: ["sycl", "vulkan"],
  Apple: ["metal"],
};

/** Family of an NVIDIA part that the catalog does not know. Source: CUDA's table of compute capabilities. */
const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^5\./, "nvidia-maxwell"], [/^6\./, "nvidia-pascal"], [/^7\.0/, "nvidia-volta"], [/^7\.5/, "nvidia-turing"], [/^8\.0/, "nvidia-a100"],
  [/^8\.6/, "nvidia-ampere"], [/^8\.7/, "nvidia-jetson"], [/^8\.9/, "nvidia-ada"], [/^9\./, "nvidia-hopper"], [/^10\./, "nvidia-blackwell-data-center"],
  [/^12\.0/, "nvidia-blackwell"], [/^12\.1/, "nvidia-gb10"],
];

interface DeviceMemory {
  readonly total: Fact<Bytes>;
  readonly free: Fact<Bytes>;
  readonly usable: Fact<Bytes>;
}

function sharedMemory(backend: Backend, ram: SharedMemory): DeviceMemory {
  const total: Fact<Bytes> = { value: ram.totalBytes, evidence: "reported", source: ram.source };
  const idle = usableShared(backend, ram.totalBytes);
  // Metal's own default is a limit too; elsewhere the system's need bounds what a large GPU limit would allow
  const usable = ram.gpuLimit === undefined ? idle : backend === "metal" ? ram.gpuLimit : { ...ram.gpuLimit, value: Math.min(ram.gpuLimit.value, idle.value) };
  return {
    total: ram.gpuLimit !== undefined && backend !== "metal" ? { ...ram.gpuLimit, value: Math.min(ram.gpuLimit.value, ram.totalBytes) } : total,
    free: { value: Math.min(usable.value, ram.availableBytes), evidence: "reported", source: `available RAM (${ram.source}), at most what the GPU may use` },
    usable: { ...usable, value: Math.min(usable.value, ram.totalBytes) },
  };
}

function dedicatedMemory(device: SightedDevice, entry: HardwareEntry | undefined, backend: Backend): DeviceMemory {
  const reported = device.totalBytes === undefined ? undefined : ({ value: device.totalBytes, evidence: "reported", source: device.source } as const);
  const total = reported ?? (entry === undefined ? ({ value: 0, evidence: "assumed", source: "nobody says" } as const) : driverTotal(entry, entry.memoryBytes[0] ?? 0));
  const usable: Fact<Bytes> =
    device.reservedBytes === undefined
      ? usableDedicated(entry, backend, total)
      : { value: Math.max(0, total.value - device.reservedBytes), evidence: "reported", source: `${device.source}, total less what the driver keeps` };
  const free: Fact<Bytes> = device.freeBytes === undefined ? { ...usable, evidence: "assumed", source: "free memory is not reported: as if idle" } : { value: device.freeBytes, evidence: "reported", source: device.source };
  return { total, free, usable };
}

/** PCIe as the card and slot reach at most; tools report the current state of a sleeping card, which is no use. */
function linkOf(device: SightedDevice, entry: HardwareEntry | undefined): ProbedDevice["linkBytesPerSecond"] {
  const reported = pcieBytesPerSecond(device.pcieGeneration, device.pcieLanes);
  if (reported !== undefined) return { value: reported, evidence: "reported", source: `${device.source}, PCIe ${device.pcieGeneration} x${device.pcieLanes}` };
  return entry === undefined ? undefined : catalogFact(entry, "pcieGeneration", entry.linkBytesPerSecond);
}

const madeUpId = (name: string): string => name.toLowerCase().match(/[a-z0-9]+/g)?.join("-").slice(0, 60) ?? "gpu";

export interface IdentifiedDevice {
  readonly device: ProbedDevice;
  readonly warnings: readonly string[];
}

export function identifyDevice(sighted: SightedDevice, index: number, catalog: HardwareCatalog, ram: SharedMemory): IdentifiedDevice {
  const entry = matchEntry(sighted, catalog, ram.totalBytes + GIB);
  const unified = entry === undefined ? sighted.unified === true : entry.kind === "unified";
  const backends = entry?.backends ?? VENDOR_BACKENDS[sighted.vendor];
  const backend = backends[0] ?? "vulkan";
  const memory = unified ? sharedMemory(backend, ram) : dedicatedMemory(sighted, entry, backend);
  const warnings: string[] = [];
  const known = entry === undefined ? undefined : catalogFact(entry, "bandwidthGBps", entry.bandwidthBytesPerSecond);
  // a MIG slice has its share of the card's memory channels and of its multiprocessors
  const share = / MIG /.test(sighted.name) && entry !== undefined ? Math.min(1, memory.total.value / (entry.memoryBytes[0] ?? memory.total.value)) : 1;
  const scaled = <T extends Fact<number> | undefined>(fact: T): T => (fact === undefined || share === 1 ? fact : { ...fact, value: Math.round(fact.value * share), evidence: "assumed", source: `${fact.source}, by the slice's share` });
  const bandwidth = known ?? assumedBandwidth(catalog, memory.total.value);
  if (known === undefined) {
    warnings.push(`${sighted.name} is not in the hardware catalog: ${formatBandwidth(bandwidth.value)} of memory bandwidth assumed (${bandwidth.source}). Describe it with custom(…) to plan with its own figures.`);
  }
  const device: ProbedDevice = {
    index,
    id: entry?.id ?? madeUpId(sighted.name),
    name: sighted.name.startsWith(`${sighted.vendor} `) && sighted.pciId !== undefined && sighted.name.endsWith(sighted.pciId) ? (entry?.name ?? sighted.name) : sighted.name,
    vendor: sighted.vendor,
    kind: unified ? "unified" : "gpu",
    backends,
    memoryTotalBytes: memory.total,
    memoryFreeBytes: memory.free,
    memoryUsableBytes: memory.usable,
    heldByOthersBytes: Math.max(0, memory.usable.value - memory.free.value),
    bandwidthBytesPerSecond: scaled(bandwidth),
    fp16FlopsPerSecond: entry === undefined ? undefined : scaled(catalogFact(entry, "fp16Tflops", entry.fp16FlopsPerSecond)),
    fp32FlopsPerSecond: entry === undefined ? undefined : scaled(catalogFact(entry, "fp32Tflops", entry.fp32FlopsPerSecond)),
    family: entry?.family ?? FAMILIES.find(([pattern]) => pattern.test(sighted.computeCapability ?? ""))?.[1],
    computeCapability: sighted.computeCapability ?? entry?.row.computeCapability ?? entry?.row.gfx,
    driver: sighted.driver,
    catalogId: entry?.id,
    pciAddress: sighted.pciAddress,
    linkBytesPerSecond: unified ? undefined : linkOf(sighted, entry),
    visible: sighted.visible,
  };
  return { device, warnings };
}
