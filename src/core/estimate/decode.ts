/**
 * Time of one decoded token on one device: a sum over what really happens, never a single efficiency.
 *
 *   t = (A + S)/BW · e^eta + Σ_type W_type/vec · e^kap + (L + L_moe e^m + L_lin e^l) · tau + KV(d)/BW · e^kv + F(d)/vec · e^kvv
 *
 * A active weight bytes, S recurrent state, W weights unpacked, L layers, KV cache bytes and F attention flops at depth d.
 * Fitted on published llama.cpp timings (catalog/calibration/decode.json says how many rows stand behind each constant).
 */
import { type Calibration, multiplier } from "../facts/calibration.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import type { Bytes, Seconds } from "../units.ts";
import { type DeviceRates, typeClass } from "./rates.ts";

export interface DecodeWork {
  readonly activeBytes: Bytes;
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
  /** engine's own cost against llama-bench */
  readonly engine: { readonly bandwidthEfficiency: number; readonly layerTime: number };
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

export function decodeTime(work: DecodeWork, rates: DeviceRates, calibration: Calibration): DecodeTime {
  const c = calibration.decode;
  const { backend, vendor, family, device } = rates;
  const old = (name: string): string[] => (work.oldBuild ? [`${name}|old|${backend}`] : []);
  const eta = multiplier(c, ["eta", `eta|be|${backend}`, `eta|vd|${vendor}`, `eta|fam|${family}|${backend}`, `eta|dev|${device}|${backend}`, ...old("eta")]);
  const tau = multiplier(c, ["tau", `tau|be|${backend}`, `tau|vd|${vendor}`, `tau|fam|${family}|${backend}`, `tau|dev|${device}|${backend}`, ...old("tau")]);
  const nofa = (name: string): string[] => (work.flashAttention ? [] : [`${name}|nofa`]);
  const kvKeys = ["kv", `kv|be|${backend}`, ...nofa("kv"), ...(work.flashAttention ? [] : [`kv|nofa|${backend}`]), ...(work.latent ? ["kv|mla", `kv|mla|${backend}`] : [])];
  const kvvKeys = ["kvv", `kvv|be|${backend}`, ...nofa("kvv"), ...(work.latent ? ["kvv|mla"] : [])];

  const BW = rates.bandwidthBytesPerSecond;
  const vec = rates.vectorFlopsPerSecond;
  const weightBytes = work.activeBytes + work.stateBytes;
  const weightSeconds = ((weightBytes / BW) * eta) / work.engine.bandwidthEfficiency;
  let unpackSeconds = 0;
  for (const [type, weights] of work.weightsByType) unpackSeconds += (weights / vec) * multiplier(c, ["kap", `kap|${typeClass(type)}`, ...old("kap")]);
  const layers = work.layerCount + work.moeLayerCount * multiplier(c, ["tau|moe"]) + work.linearLayerCount * multiplier(c, ["tau|lin"]);
  const overheadSeconds = 1e-6 * tau * layers * work.engine.layerTime;
  const cacheSeconds = (work.cacheBytes / BW) * multiplier(c, kvKeys);
  const attentionSeconds = (work.attentionFlops / vec) * multiplier(c, kvvKeys);

  const computeSeconds = unpackSeconds + attentionSeconds;
  const sum = weightSeconds + cacheSeconds + computeSeconds + overheadSeconds;
  const floor = work.activeBytes / (BANDWIDTH_CEILING * BW);
  const totalSeconds = Math.max(sum, floor);
  return { bandwidthSeconds: weightSeconds + cacheSeconds + (totalSeconds - sum), computeSeconds, overheadSeconds, totalSeconds };
}
