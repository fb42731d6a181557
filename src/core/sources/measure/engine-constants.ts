/** From timings of two models to a machine's constants. Pure. */
import type { Bytes, Fraction } from "../../units.ts";
import type { BenchRow } from "./llama-bench.ts";
import { type Measured, measuredMedian } from "./measured.ts";
import type { EngineRun } from "./record.ts";

export interface TimedModel {
  readonly layerCount: number;
  readonly activeBytes: Bytes;
  readonly activeWeightCount: number;
}

/** Enough that the value is kept out of plans. */
const CONTRADICTION_NOISE: Fraction = 0.5;

const round = (value: number): number => Math.round(value * 1e4) / 1e4;

/**
 * Two models, two unknowns: a token of the dense model takes B₁/BW + L₁τ, one of the mixture B₂/BW + L₂τ. Errors of the two times add as
 * independent ones. Where the solution is not physical (times too noisy), the dense model alone gives the bandwidth, and no overhead.
 */
function solve(
  dense: TimedModel,
  mixture: TimedModel,
  t1: Measured<number>,
  t2: Measured<number> | undefined,
): Pick<EngineRun, "decodeBytesPerSecond" | "layerOverheadSeconds"> {
  const [B1, L1, B2, L2] = [dense.activeBytes, dense.layerCount, mixture.activeBytes, mixture.layerCount];
  const alone = { decodeBytesPerSecond: { value: Math.round(B1 / t1.value), noiseFraction: t1.noiseFraction } };
  if (t2 === undefined) return alone;
  const determinant = B1 * L2 - B2 * L1;
  const inverse = (L2 * t1.value - L1 * t2.value) / determinant;
  const tau = (B1 * t2.value - B2 * t1.value) / determinant;
  const [e1, e2] = [t1.value * t1.noiseFraction, t2.value * t2.noiseFraction];
  if (!(inverse > 0 && tau > 0)) {
    // an overhead within its error of none is none; times that contradict each other by more mean neither can be trusted
    const within = inverse > 0 && tau + Math.hypot(B1 * e2, B2 * e1) / determinant >= 0;
    const { value, noiseFraction } = alone.decodeBytesPerSecond;
    return within
      ? alone
      : { decodeBytesPerSecond: { value, noiseFraction: Math.max(noiseFraction, CONTRADICTION_NOISE) } };
  }
  const relative = (error: number, value: number): number => round(Math.min(1, Math.abs(error / determinant / value)));
  return {
    decodeBytesPerSecond: {
      value: Math.round(1 / inverse),
      noiseFraction: relative(Math.hypot(L2 * e1, L1 * e2), inverse),
    },
    layerOverheadSeconds: { value: tau, noiseFraction: relative(Math.hypot(B1 * e2, B2 * e1), tau) },
  };
}

const decodeAt = (rows: readonly BenchRow[], depth: number): BenchRow | undefined =>
  rows.find((row) => row.outputTokens > 0 && row.promptTokens === 0 && row.depthTokens === depth);

/** `leastNoise` is what is known against all of the timings. undefined when the dense model's decode rate is missing: nothing else stands without it. */
export function engineConstants(
  dense: TimedModel,
  mixture: TimedModel,
  denseRows: readonly BenchRow[],
  mixtureRows: readonly BenchRow[],
  leastNoise: Fraction = 0,
): EngineRun | undefined {
  const decode = decodeAt(denseRows, 0);
  if (decode === undefined) return undefined;
  const median = (values: readonly number[]): Measured<number> => {
    const measured = measuredMedian(values);
    return { ...measured, noiseFraction: Math.max(measured.noiseFraction, round(leastNoise)) };
  };
  const secondsPerToken = (row: BenchRow): Measured<number> =>
    median(row.samplesTokensPerSecond.map((rate) => 1 / rate));
  const other = decodeAt(mixtureRows, 0);
  const prefill = denseRows.filter((row) => row.promptTokens > 0 && row.outputTokens === 0);
  const depths = denseRows.filter((row) => row.outputTokens > 0 && row.promptTokens === 0);
  return {
    backend: decode.backend,
    device: decode.device,
    build: decode.build,
    ...solve(dense, mixture, secondsPerToken(decode), other === undefined ? undefined : secondsPerToken(other)),
    prefill: prefill.map((row) => {
      const rate = median(row.samplesTokensPerSecond);
      return {
        ubatchTokens: row.ubatchTokens,
        flopsPerSecond: { ...rate, value: Math.round(rate.value * 2 * dense.activeWeightCount) },
      };
    }),
    depthTokensPerSecond: depths.map((row) => ({
      contextTokens: row.depthTokens,
      tokensPerSecond: median(row.samplesTokensPerSecond),
    })),
  };
}
