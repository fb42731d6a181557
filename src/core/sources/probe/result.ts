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
  readonly topology: Topology;
  readonly memoryModules: MemoryModules | undefined;
  /** what kind of machine, where it is none of the usual: a Linux guest of Windows, a virtual machine, a container, a board by its name */
  readonly setting: Setting;
}

/** Sockets and core kinds; undefined = nobody says. */
export interface Topology {
  readonly socketCount: number | undefined;
  readonly numaNodeCount: number | undefined;
  readonly performanceCoreCount: number | undefined;
  readonly efficiencyCoreCount: number | undefined;
}

export interface MemoryModules {
  readonly memoryType: string | undefined;
  readonly configuredMegatransfers: number | undefined;
  readonly populatedCount: number;
  readonly slotCount: number | undefined;
  readonly channelCount: number | undefined;
  readonly soldered: boolean | undefined;
}

export interface Setting {
  readonly wsl: boolean;
  readonly virtualMachine: boolean;
  readonly board: string | undefined;
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
  /** memory that a driver calls the device's own and that is none: a BIOS carve-out, a reservation */
  readonly carveOutBytes: Bytes | undefined;
  /** RAM that the driver may map for the device */
  readonly mappableBytes: Bytes | undefined;
  readonly gpuCoreCount: number | undefined;
  readonly gfx: string | undefined;
  readonly uuid: string | undefined;
  readonly pciId: string | undefined;
  /** what engines say is there, each with its own budget */
  readonly engineTotals: readonly EngineTotal[];
  /** the card that a MIG slice is part of */
  readonly slice:
    | { readonly profile: string; readonly cardName: string; readonly cardTotalBytes: Bytes | undefined }
    | undefined;
  /** false when the environment hides it from runtimes, or its driver does not answer */
  readonly visible: boolean;
}

export interface EngineTotal {
  readonly backend: Backend;
  readonly totalBytes: Bytes;
  readonly freeBytes: Bytes | undefined;
}

/** A program that holds memory of a device. */
export interface MemoryHolder {
  readonly processName: string;
  readonly heldBytes: Bytes;
}

/** A neural processor: listed so that nobody wonders, with what here could use it. */
export interface ProbedNpu {
  readonly name: string;
  readonly usedBy: readonly string[];
}

export type ToolStatus =
  | "answered"
  | "hung"
  | "driver-broken"
  | "driver-unreachable"
  | "no-visible-device"
  | "gpu-error"
  | "failed";

/** A vendor tool that was asked and is there. */
export interface ProbedTool {
  readonly name: string;
  readonly status: ToolStatus;
}

interface ProbedLink {
  readonly from: string;
  readonly to: string;
  readonly bytesPerSecond: Fact<BytesPerSecond>;
}

export interface ProbedDisk {
  readonly path: string;
  readonly totalBytes: Bytes;
  readonly freeBytes: Bytes;
  readonly kind: "nvme" | "ssd" | "hard-disk" | "network" | "memory" | undefined;
}

export interface ProbedRuntime {
  readonly name: string;
  readonly version: string | undefined;
  readonly path: string | undefined;
  readonly endpoint: string | undefined;
  readonly running: boolean;
  /** llama.cpp's own words for what it was built with: CUDA, ROCm, Vulkan, SYCL, Metal; undefined = it does not say */
  readonly backends?: readonly string[];
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
  readonly npus: readonly ProbedNpu[];
  readonly holders: readonly MemoryHolder[];
  readonly tools: readonly ProbedTool[];
  readonly warnings: readonly string[];
}
