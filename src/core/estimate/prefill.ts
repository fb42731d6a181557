/**
 * Time of one prompt token on one device, read in micro-batches:
 *
 *   t = F_dense/peak · e^phi + F_exp/peak · e^(phi+moe) + touched/ubatch/BW · e^wr + L/ubatch · ptau + F_attn/peak · e^chi + L_lin · D · plin
 *
 * F = 2 flops per weight; `touched` the weight bytes that a micro-batch needs at all (experts that any of its tokens picks).
 * Constants and their evidence: catalog/calibration/prefill.json.
 */
import type { Calibration } from "../facts/calibration.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import type { Bytes, Seconds, Tokens } from "../units.ts";
import { type DeviceRates, typeClass } from "./rates.ts";
import { type Factor, sumSeconds, type Term, type TermSum } from "./terms.ts";

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
  /** the weights lie on the host and cross the link for every micro-batch: the expert factor is another one */
  readonly crossesLink: boolean;
  readonly engine: string;
}

/** fp32 on the data sheet over the board's power limit, in the middle of today's cards. */
const TYPICAL_FLOPS_PER_WATT = 0.2e12;
/** Rows of a matrix tile, in the order of magnitude: its fitted factor says how much of it is felt. */
const TILE_TOKENS = 32;
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

/**
 * The parts of one prompt token on one device, with the constants that each of them takes.
 * @param peakCeiling the share of the peak that the matrix terms are held to; the fit itself is made without it
 */
export function prefillTerms(work: PrefillWork, rates: DeviceRates, peakCeiling = PEAK_CEILING): TermSum {
  const { backend, vendor, family, device } = rates;
  // builds older or newer than the rows are held at the edge of what was seen
  const age = Math.max(-1.5, Math.min(1.6, work.buildYear - 2025));
  const type = work.baseType === "bf16" ? "bf16" : typeClass(work.baseType);
  const phi: (string | Factor)[] = [
    "phi",
    `phi|be|${backend}`,
    `phi|vd|${vendor}`,
    `phi|fam|${family}|${backend}`,
    `phi|dev|${device}|${backend}`,
    `phi|type|${type}`,
    ["phi|era", age],
    [`phi|era|${backend}`, age],
  ];
  if (work.engine !== "llama.cpp") phi.push(`phi|engine|${work.engine}`);
  if (backend === "vulkan" && type === "bf16") phi.push("phi|vkbf16");
  const peak = rates.peakFlopsPerSecond;
  const wide = type === "f16" || type === "bf16";
  const floor = (wide && /geforce/i.test(rates.name) ? 2 : 1) / peakCeiling;
  const matmul = (weights: number, factors: readonly (string | Factor)[]): Term => ({
    bound: "compute",
    seconds: (2 * weights) / peak,
    factors,
    leastSeconds: ((2 * weights) / peak) * floor,
  });
  const terms: Term[] = [matmul(work.denseWeights, phi)];
  // boards that promise much for their power hold it least
  if (rates.flopsPerWatt !== undefined) phi.push(["phi|power", Math.log(rates.flopsPerWatt / TYPICAL_FLOPS_PER_WATT)]);
  if (work.expertWeights > 0) {
    const experts = work.crossesLink ? ["phi|moe|link"] : ["phi|moe", `phi|moe|${backend}`];
    terms.push(matmul(work.expertWeights, [...phi, ...experts, ["phi|moe|era", age], [`phi|moe|era|${backend}`, age]]));
    // a tile is computed whole, however few of its rows an expert got
    const tokensPerExpert = work.ubatchTokens * work.expertFraction;
    terms.push({
      bound: "compute",
      seconds: ((2 * work.expertWeights) / peak) * (TILE_TOKENS / tokensPerExpert),
      factors: [...phi, "psi", `psi|be|${backend}`],
      needs: "psi",
    });
  }

  const touched =
    work.expertBytes * touchedShare(work.expertFraction, work.ubatchTokens) +
    (work.activeBytes - work.expertBytes * work.expertFraction);
  terms.push({
    bound: "bandwidth",
    seconds: touched / work.ubatchTokens / rates.bandwidthBytesPerSecond,
    factors: ["wr"],
  });

  const L = Math.max(1, work.layerCount);
  const ptau: (string | Factor)[] = [
    "ptau",
    `ptau|be|${backend}`,
    `ptau|fam|${family}|${backend}`,
    ["ptau|moe", work.moeLayerCount / L],
    ["ptau|lin", work.linearLayerCount / L],
  ];
  if (work.oldBuild) ptau.push("ptau|old");
  terms.push({ bound: "overhead", seconds: (1e-6 * work.layerCount) / work.ubatchTokens, factors: ptau });

  if (work.attentionFlops > 0) {
    const chi: (string | Factor)[] = ["chi", `chi|be|${backend}`, `chi|fam|${family}|${backend}`, ["chi|era", age]];
    if (!work.flashAttention) chi.push("chi|nofa", `chi|nofa|${backend}`);
    if (work.latent) chi.push("chi|mla");
    terms.push({ bound: "compute", seconds: work.attentionFlops / peak, factors: chi });
  }
  if (work.linearLayerCount > 0)
    terms.push({
      bound: "compute",
      seconds: work.linearLayerCount * work.embeddingLength * 1e-12,
      factors: ["plin", `plin|be|${backend}`],
    });
  return { terms, leastSeconds: 0 };
}

export function prefillTime(
  work: PrefillWork,
  rates: DeviceRates,
  calibration: Calibration,
  peakCeiling = PEAK_CEILING,
): PrefillTime {
  const times = sumSeconds(prefillTerms(work, rates, peakCeiling), calibration.prefill);
  return {
    computeSeconds: times.compute,
    bandwidthSeconds: times.bandwidth,
    overheadSeconds: times.overhead,
    totalSeconds: times.total,
  };
}
