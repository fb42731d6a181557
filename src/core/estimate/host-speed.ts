/**
 * The host's share of a token: weights read from RAM and multiplied by the CPU. Two fitted forms, the slower one holds:
 * a bandwidth form from partially offloaded runs, and a core form (cycles a weight by storage type and instruction set) from CPU-only runs.
 */
import type { Calibration } from "../facts/calibration.ts";
import type { Host } from "../facts/hardware.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import { typeClass } from "./rates.ts";
import type { Term, TermSum } from "./terms.ts";
import type { Traffic } from "./traffic.ts";

export interface HostRates {
  readonly isa: "avx512" | "avx2" | "apple" | "neon" | "neon0" | "rvv";
  /** the processor, as its name is: key of its own constants */
  readonly cpu: string;
  readonly threads: number;
  readonly clockHz: number;
  readonly bandwidthBytesPerSecond: number;
  /** what the threads together can draw, at most the bandwidth */
  readonly cappedBandwidthBytesPerSecond: number;
}

function isaOf(host: Host): HostRates["isa"] {
  if (/apple/i.test(host.cpuModel)) return "apple";
  const isa = host.isa.map((name) => name.toLowerCase());
  if (isa.some((name) => name.startsWith("avx512"))) return "avx512";
  if (/arm|aarch/.test(host.arch))
    return isa.length > 0 && !isa.some((name) => /dotprod|asimddp|i8mm/.test(name)) ? "neon0" : "neon";
  return host.arch.startsWith("riscv") ? "rvv" : "avx2";
}

export function hostRates(host: Host, threads: number | undefined, calibration: Calibration): HostRates {
  const isa = isaOf(host);
  const cap = calibration.coreCapBytesPerSecond[isa === "apple" ? "apple" : isa.startsWith("avx") ? "x86" : "arm"];
  const count = Math.max(1, threads ?? host.physicalCoreCount.value);
  const bandwidth = host.ramBandwidthBytesPerSecond.value;
  return {
    isa,
    cpu: host.cpuModel,
    threads: count,
    clockHz: calibration.assumedClockHz,
    bandwidthBytesPerSecond: bandwidth,
    cappedBandwidthBytesPerSecond: Math.min(bandwidth, count * cap),
  };
}

/** Storage types whose instruction cost the cores were timed with; f32 multiplies as f16 does. */
function coreKeys(base: "ck" | "cp", type: TensorType, { isa, cpu }: HostRates, oldBuild: boolean): string[] {
  const name = type === "f32" ? "f16" : type;
  return [
    base,
    `${base}|isa|${isa}`,
    `${base}|dev|${cpu}`,
    `${base}|t|${name}`,
    `${base}|t|${name}|${isa}`,
    ...(oldBuild ? [`${base}|old|${isa}`] : []),
  ];
}

/** Beside devices: the host's part of a token, as partially offloaded runs have it. */
export function offloadDecodeTerms(
  traffic: Traffic,
  cacheBytes: number,
  usedExperts: number,
  rates: HostRates,
): TermSum {
  const BW = rates.bandwidthBytesPerSecond;
  const terms: Term[] = [];
  for (const [type, bytes] of traffic.bytesByType)
    terms.push({ bound: "bandwidth", seconds: bytes / BW, factors: ["oc", `oc|type|${typeClass(type)}`] });
  if (traffic.stateBytes + cacheBytes > 0)
    terms.push({ bound: "bandwidth", seconds: (traffic.stateBytes + cacheBytes) / BW, factors: ["oc"] });
  return { terms: [...terms, ...dispatchTerms(traffic, usedExperts)], leastSeconds: 0 };
}

/** Going over to the host and back, and starting its layers; microseconds. */
function dispatchTerms(traffic: Traffic, usedExperts: number): Term[] {
  const guests = traffic.guestExpertLayerCount;
  return [
    { bound: "overhead", seconds: 1e-6 * guests, factors: ["ospl"] },
    { bound: "overhead", seconds: 1e-6 * traffic.layerCount, factors: ["ocl"] },
    { bound: "overhead", seconds: 1e-6 * (guests + traffic.moeLayerCount) * usedExperts, factors: ["onx"] },
  ];
}

/** Alone: reads limited by what the threads draw, and the instructions of every weight. */
export function coreDecodeTerms(traffic: Traffic, cacheBytes: number, rates: HostRates, oldBuild: boolean): TermSum {
  const readBytes = traffic.activeBytes + traffic.stateBytes + cacheBytes;
  const terms: Term[] = [
    {
      bound: "bandwidth",
      seconds: readBytes / rates.cappedBandwidthBytesPerSecond,
      factors: ["ceta", `ceta|isa|${rates.isa}`, `ceta|dev|${rates.cpu}`],
    },
  ];
  for (const [type, weights] of traffic.weightsByType)
    terms.push({
      bound: "compute",
      seconds: weights / (rates.threads * rates.clockHz),
      factors: coreKeys("ck", type, rates, oldBuild),
    });
  return { terms, leastSeconds: 0 };
}

/** One prompt token computed by the CPU itself (batches under 32, or no device that takes host weights over). */
export function corePrefillTerms(
  traffic: Traffic,
  attentionFlops: number,
  rates: HostRates,
  oldBuild: boolean,
): TermSum {
  const used = traffic.denseWeights + traffic.expertWeights;
  const total = [...traffic.weightsByType.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) return { terms: [], leastSeconds: 0 };
  const cycle = 1 / (rates.threads * rates.clockHz);
  const terms: Term[] = [];
  for (const [type, count] of traffic.weightsByType)
    terms.push({
      bound: "compute",
      seconds: count * (used / total) * cycle,
      factors: coreKeys("cp", type, rates, oldBuild),
    });
  // attention runs at the pace of an f16 product: two flops a weight
  if (attentionFlops > 0)
    terms.push({
      bound: "compute",
      seconds: (attentionFlops / 2) * cycle,
      factors: coreKeys("cp", "f16", rates, oldBuild),
    });
  return { terms, leastSeconds: 0 };
}
