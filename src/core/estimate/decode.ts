/**
 * Time of one decoded token on one device: a sum over what really happens, never a single efficiency.
 *
 *   t = (A + S)/BW · e^eta + Σ_type W_type/vec · e^kap + (L + L_moe e^m + L_lin e^l) · tau + KV(d)/BW · e^kv + F(d)/vec · e^kvv
 *
 * A active weight bytes, S recurrent state, W weights unpacked, L layers, KV cache bytes and F attention flops at depth d.
 * Fitted on published llama.cpp timings (catalog/calibration/decode.json says how many rows stand behind each constant).
 */
import type { Calibration } from "../facts/calibration.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import type { Bytes, Seconds } from "../units.ts";
import { type DeviceRates, typeClass } from "./rates.ts";
import { type Factor, sumSeconds, type Term, type TermSum } from "./terms.ts";

export interface DecodeWork {
  readonly activeBytes: Bytes;
  /** of these, of routed experts */
  readonly expertBytes: Bytes;
  readonly stateBytes: Bytes;
  readonly weightsByType: ReadonlyMap<TensorType, number>;
  readonly layerCount: number;
  readonly moeLayerCount: number;
  readonly linearLayerCount: number;
  readonly cacheBytes: Bytes;
  readonly attentionFlops: number;
  readonly latent: boolean;
  readonly flashAttention: boolean;
  /** builds before October 2024: no CUDA graphs, older kernels */
  readonly oldBuild: boolean;
  /** calendar year of the build, as a fraction */
  readonly buildYear: number;
  /** key of the engine's own cost against llama-bench */
  readonly engine: string;
  /** the host computes a part of the same token */
  readonly besideHost: boolean;
}

/** The parts of the sum, in seconds; `bound` names the largest. */
export interface DecodeTime {
  readonly bandwidthSeconds: Seconds;
  readonly computeSeconds: Seconds;
  readonly overheadSeconds: Seconds;
  readonly totalSeconds: Seconds;
}

/** No honest row reads weights faster than this share of the data sheet's bandwidth. */
const BANDWIDTH_CEILING = 0.92;

/** The parts of one token on one device, with the constants that each of them takes. */
export function decodeTerms(work: DecodeWork, rates: DeviceRates): TermSum {
  const { backend, vendor, family, device } = rates;
  const old = (name: string): string[] => (work.oldBuild ? [`${name}|old|${backend}`] : []);
  const levels = (name: string): string[] => [
    name,
    `${name}|be|${backend}`,
    `${name}|vd|${vendor}`,
    `${name}|fam|${family}|${backend}`,
    `${name}|dev|${device}|${backend}`,
    ...old(name),
    ...(work.engine === "llama.cpp" ? [] : [`${name}|engine|${work.engine}`]),
    ...(work.besideHost ? [`${name}|beside`] : []),
  ];
  // launching got cheaper with every year of builds; old ones have a step of their own
  const age = work.oldBuild ? 0 : Math.max(-0.75, Math.min(1.2, work.buildYear - 2025.5));
  const tau: (string | Factor)[] = [...levels("tau"), ["tau|age", age], [`tau|age|${backend}`, age]];
  const nofa = (name: string): string[] => (work.flashAttention ? [] : [`${name}|nofa`, `${name}|nofa|${backend}`]);
  const latent = (name: string): string[] => (work.latent ? [`${name}|mla`, `${name}|mla|${backend}`] : []);
  const BW = rates.bandwidthBytesPerSecond;
  const vec = rates.vectorFlopsPerSecond;
  const terms: Term[] = [
    {
      bound: "bandwidth",
      seconds: (work.activeBytes - work.expertBytes + work.stateBytes) / BW,
      factors: levels("eta"),
    },
    { bound: "overhead", seconds: 1e-6 * work.layerCount, factors: tau },
  ];
  if (work.expertBytes > 0)
    terms.push({
      bound: "bandwidth",
      seconds: work.expertBytes / BW,
      factors: [...levels("eta"), "eta|experts", `eta|experts|${backend}`],
    });
  if (work.moeLayerCount > 0)
    terms.push({ bound: "overhead", seconds: 1e-6 * work.moeLayerCount, factors: [...tau, "tau|moe"] });
  if (work.linearLayerCount > 0)
    terms.push({ bound: "overhead", seconds: 1e-6 * work.linearLayerCount, factors: [...tau, "tau|lin"] });
  for (const [type, weights] of work.weightsByType)
    terms.push({
      bound: "compute",
      seconds: weights / vec,
      factors: [
        "kap",
        `kap|${typeClass(type)}`,
        ...old("kap"),
        ...(type === "bf16" ? ["kap|bf16", `kap|bf16|${backend}`] : []),
      ],
    });
  if (work.cacheBytes > 0)
    terms.push({
      bound: "bandwidth",
      seconds: work.cacheBytes / BW,
      factors: ["kv", `kv|be|${backend}`, ...nofa("kv"), ...latent("kv")],
    });
  if (work.attentionFlops > 0)
    terms.push({
      bound: "compute",
      seconds: work.attentionFlops / vec,
      factors: ["kvv", `kvv|be|${backend}`, ...nofa("kvv"), ...latent("kvv")],
    });
  return { terms, leastSeconds: work.activeBytes / (BANDWIDTH_CEILING * BW) };
}

export function decodeTime(work: DecodeWork, rates: DeviceRates, calibration: Calibration): DecodeTime {
  const times = sumSeconds(decodeTerms(work, rates), calibration.decode);
  return {
    bandwidthSeconds: times.bandwidth,
    computeSeconds: times.compute,
    overheadSeconds: times.overhead,
    totalSeconds: times.total,
  };
}
