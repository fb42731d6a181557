/** What a probe found: the machine as the operating system and its tools report it, each deciding value with its evidence. */
import type { Fact } from "../../facts/evidence.ts";
import type { Backend } from "../../facts/hardware.ts";
import type { Bytes, BytesPerSecond, FlopsPerSecond, Fraction } from "../../units.ts";

export interface ProbedHost {
  readonly os: string;
  readonly arch: string;
  readonly cpuModel: string;
  readonly physicalCoreCount: Fact<number>;
  readonly isa: readonly string[];
  readonly ramTotalBytes: Fact<Bytes>;
  readonly ramAvailableBytes: Fact<Bytes>;
  /** container limit below the total */
  readonly ramLimitBytes: Fact<Bytes> | undefined;
  readonly ramBandwidthBytesPerSecond: Fact<BytesPerSecond>;
  readonly cpuLoadFraction: Fraction | undefined;
}

export interface ProbedDevice {
  /** position among the devices a runtime may use */
  readonly index: number;
  /** catalog id, or made from the name */
  readonly id: string;
  readonly name: string;
  readonly vendor: string;
  readonly kind: "gpu" | "unified" | "cpu";
  /** the best first; empty when nothing here can drive it */
  readonly backends: readonly Backend[];
  readonly memoryTotalBytes: Fact<Bytes>;
  readonly memoryFreeBytes: Fact<Bytes>;
  /** when nothing else uses the device */
  readonly memoryUsableBytes: Fact<Bytes>;
  /** in use by other programs now, beyond what the driver keeps */
  readonly heldByOthersBytes: Bytes;
  readonly bandwidthBytesPerSecond: Fact<BytesPerSecond>;
  readonly fp16FlopsPerSecond: Fact<FlopsPerSecond> | undefined;
  readonly fp32FlopsPerSecond: Fact<FlopsPerSecond> | undefined;
  readonly family: string | undefined;
  readonly computeCapability: string | undefined;
  readonly driver: string | undefined;
  readonly catalogId: string | undefined;
  readonly pciAddress: string | undefined;
  readonly linkBytesPerSecond: Fact<BytesPerSecond> | undefined;
  /** false when the environment hides it from runtimes, or its driver does not answer */
  readonly visible: boolean;
}

export interface ProbedLink {
  readonly from: string;
  readonly to: string;
  readonly bytesPerSecond: Fact<BytesPerSecond>;
}

export interface ProbedDisk {
  readonly path: string;
  readonly totalBytes: Bytes;
  readonly freeBytes: Bytes;
}

export interface ProbedRuntime {
  readonly name: string;
  readonly version: string | undefined;
  readonly path: string | undefined;
  readonly endpoint: string | undefined;
  readonly running: boolean;
}

export interface InstalledModel {
  readonly name: string;
  readonly runtime: string;
  /** the file with the weights, where there is one */
  readonly path: string | undefined;
  readonly fileBytes: Bytes;
}

export interface ProbeResult {
  readonly host: ProbedHost;
  readonly devices: readonly ProbedDevice[];
  readonly links: readonly ProbedLink[];
  readonly disks: readonly ProbedDisk[];
  readonly runtimes: readonly ProbedRuntime[];
  readonly installedModels: readonly InstalledModel[];
  readonly warnings: readonly string[];
}

/** A device as a vendor's source names it, before the catalog is asked. */
export interface SightedDevice {
  readonly name: string;
  readonly vendor: "NVIDIA" | "AMD" | "Intel" | "Apple";
  /** normalised `0000:01:00.0` */
  readonly pciAddress: string | undefined;
  /** `10de:2684` */
  readonly pciId: string | undefined;
  readonly pciRevision: string | undefined;
  /** undefined: the device shares the machine's RAM, or nobody says */
  readonly totalBytes: Bytes | undefined;
  readonly freeBytes: Bytes | undefined;
  /** kept by the driver even when idle */
  readonly reservedBytes: Bytes | undefined;
  /** known from the source itself; undefined = the catalog decides */
  readonly unified: boolean | undefined;
  readonly computeCapability: string | undefined;
  readonly driver: string | undefined;
  readonly memoryClockMHz: number | undefined;
  readonly gpuCoreCount: number | undefined;
  readonly pcieGeneration: number | undefined;
  readonly pcieLanes: number | undefined;
  readonly uuid: string | undefined;
  readonly visible: boolean;
  /** what said so, for `Fact.source` */
  readonly source: string;
}

/** What one vendor's prober saw, and what it could not. */
export interface Sighting {
  readonly devices: readonly SightedDevice[];
  readonly warnings: readonly string[];
}

export const nothingSighted: Sighting = { devices: [], warnings: [] };
