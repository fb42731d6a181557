/** Builds the devices of a described machine: from a catalog row, or from what `custom(…)` says. */
import { closestNames } from "../facts/closest.ts";
import type { Evidence, Fact } from "../facts/evidence.ts";
import { type Backend, backends, type Device } from "../facts/hardware.ts";
import { InputError } from "../facts/input-error.ts";
import type { Bytes } from "../units.ts";
import { formatBandwidth, formatFlops } from "../units-text.ts";
import { driverTotal, usableDedicated, usableShared } from "./device-memory.ts";
import { assumedBandwidth, assumedFp16 } from "./hardware-assumptions.ts";
import type { HardwareCatalog, HardwareEntry } from "./hardware-catalog.ts";
import { readBandwidth, readFlops, readMemory } from "./hardware-quantities.ts";
import type { ResolvedDevice } from "./hardware-variant.ts";

interface BuiltDevice {
  readonly device: Device;
  readonly warnings: readonly string[];
}

const STATED = "hardware expression";

/** A data-sheet rate as a fact; the catalog marks the ones that nobody published. */
export function catalogFact<T extends number>(
  entry: HardwareEntry,
  field: string,
  value: T | undefined,
): Fact<T> | undefined {
  if (value === undefined) return undefined;
  const evidence: Evidence = entry.row.estimated?.includes(field) === true ? "assumed" : "catalog";
  return { value, evidence, source: evidence === "assumed" ? `${entry.source}, estimated there` : entry.source };
}

/** A card or chip of the catalog as it is when idle. `ramTotal` is the pool of a device that shares the machine's memory. */
export function catalogDevice({ entry, memoryBytes }: ResolvedDevice, ramTotal: Fact<Bytes>): BuiltDevice {
  const backend = entry.backends[0];
  if (backend === undefined) {
    throw new InputError(
      `llama.cpp has no backend for ${entry.name}. Send another device, or describe it with custom(memory=…, bandwidth=…, fp16=…, backend=vulkan) to plan with its figures.`,
    );
  }
  const unified = entry.kind === "unified";
  const total = unified ? ramTotal : driverTotal(entry, memoryBytes ?? 0);
  const device: Device = {
    id: entry.id,
    name: entry.name,
    vendor: entry.vendor,
    kind: unified ? "unified" : "gpu",
    backend,
    memoryTotalBytes: total,
    memoryUsableBytes: unified ? usableShared(backend, total.value) : usableDedicated(entry, backend, total),
    bandwidthBytesPerSecond: catalogFact(entry, "bandwidthGBps", entry.bandwidthBytesPerSecond) ?? {
      value: 0,
      evidence: "assumed",
      source: "",
    },
    fp16FlopsPerSecond: catalogFact(entry, "fp16Tflops", entry.fp16FlopsPerSecond),
    fp32FlopsPerSecond: catalogFact(entry, "fp32Tflops", entry.fp32FlopsPerSecond),
    family: entry.family,
    computeCapability: entry.row.computeCapability ?? entry.row.gfx,
    ...(entry.row.powerW === undefined ? {} : { powerWatts: entry.row.powerW }),
    driver: undefined,
    pciAddress: undefined,
    linkBytesPerSecond: unified ? undefined : catalogFact(entry, "pcieGeneration", entry.linkBytesPerSecond),
  };
  return { device, warnings: [] };
}

function readBackend(text: string | undefined): Backend {
  const wanted = (text ?? "cuda").trim().toLowerCase();
  const backend = backends.find((name) => name === wanted);
  if (backend === undefined || backend === "cpu") {
    const nearest = closestNames(wanted, backends, 1)[0] ?? "cuda";
    const known = backends.filter((name) => name !== "cpu").join(", ");
    throw new InputError(
      `"${wanted.slice(0, 30)}" is no backend of a device. Did you mean ${nearest}? Known are ${known}; for a processor alone write "cpu, ram=64GiB".`,
    );
  }
  return backend;
}

/** `custom(memory=…, bandwidth=…, fp16=…, fp32=…, backend=…)`: all of the stated memory is usable; rates left open are assumed, with a warning. */
export function customDevice(options: ReadonlyMap<string, string>, catalog: HardwareCatalog): BuiltDevice {
  const memoryText = options.get("memory");
  if (memoryText === undefined)
    throw new InputError(
      "custom(…) does not say its memory. Write custom(memory=24GiB, bandwidth=936GBps, fp16=142TFLOPS, backend=cuda).",
    );
  const warnings: string[] = [];
  const stated = <T>(value: T): Fact<T> => ({ value, evidence: "reported", source: STATED });
  const memory = stated(readMemory(memoryText, "memory"));
  const bandwidthText = options.get("bandwidth");
  const bandwidth =
    bandwidthText === undefined
      ? assumedBandwidth(catalog, memory.value)
      : stated(readBandwidth(bandwidthText, "bandwidth"));
  if (bandwidthText === undefined)
    warnings.push(
      `The custom device's bandwidth is not given: ${formatBandwidth(bandwidth.value)} assumed (${bandwidth.source}).`,
    );
  const fp16Text = options.get("fp16");
  const fp16 =
    fp16Text === undefined ? assumedFp16(catalog, memory.value, bandwidth.value) : stated(readFlops(fp16Text, "fp16"));
  if (fp16Text === undefined)
    warnings.push(`The custom device's fp16 rate is not given: ${formatFlops(fp16.value)} assumed (${fp16.source}).`);
  const fp32Text = options.get("fp32");
  const device: Device = {
    id: "custom",
    name: "custom",
    vendor: "custom",
    kind: "gpu",
    backend: readBackend(options.get("backend")),
    memoryTotalBytes: memory,
    memoryUsableBytes: memory,
    bandwidthBytesPerSecond: bandwidth,
    fp16FlopsPerSecond: fp16,
    fp32FlopsPerSecond: fp32Text === undefined ? undefined : stated(readFlops(fp32Text, "fp32")),
    family: undefined,
    computeCapability: undefined,
    driver: undefined,
    pciAddress: undefined,
    linkBytesPerSecond: undefined,
  };
  return { device, warnings };
}
