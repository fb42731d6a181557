/**
 * The host's share of a token: weights read from RAM and multiplied by the CPU. Two fitted forms, the slower one holds:
 * a bandwidth form from partially offloaded runs, and a core form (cycles a weight by storage type and instruction set) from CPU-only runs.
 */
import { type Calibration, multiplier } from "../facts/calibration.ts";
import type { Host } from "../facts/hardware.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import type { Seconds } from "../units.ts";
import { typeClass } from "./rates.ts";
import type { Traffic } from "./traffic.ts";

export interface HostRates {
  readonly isa: "avx512" | "avx2" | "neon" | "neon0" | "rvv";
  readonly threads: number;
  readonly clockHz: number;
  readonly bandwidthBytesPerSecond: number;
  /** what the threads together can draw, at most the bandwidth */
  readonly cappedBandwidthBytesPerSecond: number;
}

function isaOf(host: Host): HostRates["isa"] {
  const isa = host.isa.map((name) => name.toLowerCase());
  if (isa.some((name) => name.startsWith("avx512"))) return "avx512";
  if (/arm|aarch/.test(host.arch)) return isa.length > 0 && !isa.some((name) => /dotprod|asimddp|i8mm/.test(name)) ? "neon0" : "neon";
  return host.arch.startsWith("riscv") ? "rvv" : "avx2";
}

export function hostRates(host: Host, threads: number | undefined, calibration: Calibration): HostRates {
  const isa = isaOf(host);
  const apple = /apple/i.test(host.cpuModel);
  const cap = calibration.cpu.coreCapBytesPerSecond[apple ? "apple" : isa.startsWith("avx") ? "x86" : "arm"];
  const count = Math.max(1, threads ?? host.physicalCoreCount.value);
  const bandwidth = host.ramBandwidthBytesPerSecond.value;
  return { isa, threads: count, clockHz: calibration.cpu.clockHz, bandwidthBytesPerSecond: bandwidth, cappedBandwidthBytesPerSecond: Math.min(bandwidth, count * cap) };
}

/** `q4_K` → `Q4_K`, the spelling of the fitted constants. */
function constantName(type: TensorType): string {
  return type === "f32" ? "F16" : type.toUpperCase();
}

function cyclesPerWeight(constants: Readonly<Record<string, number>>, base: string, type: TensorType, isa: string): number {
  const name = constantName(type);
  const at = (key: string): number => constants[key] ?? 0;
  return Math.exp(at(base) + at(`${base}|t|${name}`) + at(`${base}|isa|${isa}`) + at(`${base}|t|${name}|${isa}`));
}

export function hostDecodeSeconds(traffic: Traffic, cacheBytes: number, usedExperts: number, rates: HostRates, calibration: Calibration): Seconds {
  const { offload, cpu } = calibration;
  let bandwidthForm = 0;
  for (const [type, bytes] of traffic.bytesByType) bandwidthForm += (bytes / rates.bandwidthBytesPerSecond) * multiplier(offload, ["oc", `oc|type|${typeClass(type)}`]);
  bandwidthForm += ((traffic.stateBytes + cacheBytes) / rates.bandwidthBytesPerSecond) * multiplier(offload, ["oc"]);
  const readBytes = traffic.activeBytes + traffic.stateBytes + cacheBytes;
  let coreForm = (readBytes / rates.cappedBandwidthBytesPerSecond) * Math.exp(cpu.decode["ceta"] ?? 0);
  for (const [type, weights] of traffic.weightsByType) coreForm += (weights * cyclesPerWeight(cpu.decode, "ck", type, rates.isa)) / (rates.threads * rates.clockHz);
  const expertLayers = traffic.guestExpertLayerCount + traffic.moeLayerCount;
  const dispatch = traffic.guestExpertLayerCount * multiplier(offload, ["ospl"]) + traffic.layerCount * multiplier(offload, ["ocl"]) + expertLayers * usedExperts * multiplier(offload, ["onx"]);
  return Math.max(bandwidthForm, coreForm) + dispatch * 1e-6;
}

/** One prompt token computed by the CPU itself (batches under 32, or no device that takes host weights over). */
export function hostPrefillSeconds(traffic: Traffic, attentionFlops: number, rates: HostRates, calibration: Calibration): Seconds {
  const weights = traffic.denseWeights + traffic.expertWeights;
  const total = [...traffic.weightsByType.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  let cycles = 0;
  for (const [type, count] of traffic.weightsByType) cycles += count * cyclesPerWeight(calibration.cpu.prefill, "cp", type, rates.isa);
  // attention runs at the pace of an f16 product: two flops a weight
  const attention = (attentionFlops / 2) * cyclesPerWeight(calibration.cpu.prefill, "cp", "f16", rates.isa);
  return (cycles * (weights / total) + attention) / (rates.threads * rates.clockHz);
}
