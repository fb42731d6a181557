/**
 * Time of one prompt token on one device, read in micro-batches:
 *
 *   t = F_dense/peak · e^phi + F_exp/peak · e^(phi+moe) + touched/ubatch/BW · e^wr + L/ubatch · ptau + F_attn/peak · e^chi + L_lin · D · plin
 *
 * F = 2 flops per weight; `touched` the weight bytes that a micro-batch needs at all (experts that any of its tokens picks).
 * Constants and their evidence: catalog/calibration/prefill.json.
 */
import { type Calibration, multiplier } from "../facts/calibration.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import type { Bytes, Seconds, Tokens } from "../units.ts";
import { type DeviceRates, typeClass } from "./rates.ts";

export interface PrefillWork {
  readonly denseWeights: number;
  /** routed expert weights that one token uses */
  readonly expertWeights: number;
  readonly activeBytes: Bytes;
  readonly expertBytes: Bytes;
  readonly expertFraction: number;
  /** type most of the weights are stored in */
  readonly baseType: TensorType;
  readonly layerCount: number;
  readonly moeLayerCount: number;
  readonly linearLayerCount: number;
  readonly embeddingLength: number;
  /** flops at the mean depth of the prompt, per token */
  readonly attentionFlops: number;
  readonly latent: boolean;
  readonly flashAttention: boolean;
  readonly oldBuild: boolean;
  /** calendar year of the build, as a fraction */
  readonly buildYear: number;
  readonly ubatchTokens: Tokens;
  /** replaces the fitted expert factor where expert weights cross the link */
  readonly expertFactor: number | undefined;
}

/** Share of a peak that no kernel passes. */
const PEAK_CEILING = 0.9;

/** Expected share of the experts that any of `tokens` tokens touches (each picks `fraction` of them independently). */
export function touchedShare(fraction: number, tokens: Tokens): number {
  return fraction < 1 ? 1 - (1 - fraction) ** tokens : 1;
}

export interface PrefillTime {
  readonly computeSeconds: Seconds;
  readonly bandwidthSeconds: Seconds;
  readonly overheadSeconds: Seconds;
  readonly totalSeconds: Seconds;
}

/** @param peakCeiling the share of the peak that the matrix terms are held to; the fit itself was made without it */
export function prefillTime(work: PrefillWork, rates: DeviceRates, calibration: Calibration, peakCeiling = PEAK_CEILING): PrefillTime {
  const c = calibration.prefill;
  const { backend, vendor, family, device } = rates;
  // builds older or newer than the rows are held at the edge of what was seen
  const age = Math.max(-1.5, Math.min(1.6, work.buildYear - 2025));
  const era = multiplier(c, ["phi|era", `phi|era|${backend}`]) ** age;
  const type = work.baseType === "bf16" ? "bf16" : typeClass(work.baseType);
  const phiKeys = ["phi", `phi|be|${backend}`, `phi|vd|${vendor}`, `phi|fam|${family}|${backend}`, `phi|dev|${device}|${backend}`, `phi|type|${type}`];
  if (backend === "vulkan" && type === "bf16") phiKeys.push("phi|vkbf16");
  const phi = multiplier(c, phiKeys) * era;
  const moe = work.expertFactor ?? multiplier(c, ["phi|moe", `phi|moe|${backend}`]);
  const peak = rates.peakFlopsPerSecond;
  const wide = type === "f16" || type === "bf16";
  const floor = (wide && /geforce/i.test(device) ? 2 : 1) / peakCeiling;
  const matmulSeconds = ((2 * work.denseWeights) / peak) * Math.max(phi, floor) + ((2 * work.expertWeights) / peak) * Math.max(phi * moe, floor);

  const touched = work.expertBytes * touchedShare(work.expertFraction, work.ubatchTokens) + (work.activeBytes - work.expertBytes * work.expertFraction);
  const bandwidthSeconds = (touched / work.ubatchTokens / rates.bandwidthBytesPerSecond) * multiplier(c, ["wr"]);

  const L = Math.max(1, work.layerCount);
  const kinds = Math.exp(((c["ptau|moe"]?.ln ?? 0) * work.moeLayerCount + (c["ptau|lin"]?.ln ?? 0) * work.linearLayerCount) / L);
  const ptau = multiplier(c, ["ptau", `ptau|be|${backend}`, `ptau|fam|${family}|${backend}`, ...(work.oldBuild ? ["ptau|old"] : [])]);
  const overheadSeconds = ((1e-6 * work.layerCount) / work.ubatchTokens) * ptau * kinds;

  const nofa = work.flashAttention ? [] : ["chi|nofa", `chi|nofa|${backend}`];
  const chi = multiplier(c, ["chi", `chi|be|${backend}`, `chi|fam|${family}|${backend}`, ...nofa, ...(work.latent ? ["chi|mla"] : [])]) * multiplier(c, ["chi|era"]) ** age;
  const attentionSeconds = (work.attentionFlops / peak) * chi;
  const linearSeconds = work.linearLayerCount * work.embeddingLength * 1e-12 * multiplier(c, ["plin", `plin|be|${backend}`]);

  const computeSeconds = matmulSeconds + attentionSeconds + linearSeconds;
  return { computeSeconds, bandwidthSeconds, overheadSeconds, totalSeconds: computeSeconds + bandwidthSeconds + overheadSeconds };
}
