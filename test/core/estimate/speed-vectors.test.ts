/** The reference vectors of the calibration, recomputed from our constants and formulas alone. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { decodeTime } from "../../../src/core/estimate/decode.ts";
import { prefillTime } from "../../../src/core/estimate/prefill.ts";
import type { DeviceRates } from "../../../src/core/estimate/rates.ts";
import { backends } from "../../../src/core/facts/hardware.ts";
import { isTensorType, type TensorType, tensorTypes } from "../../../src/core/facts/tensor-type.ts";
import { calibration as shipped } from "../../../src/core/sources/calibration.ts";

const vector = z.object({
  device: z.string(),
  family: z.string(),
  backend: z.enum(backends),
  model: z.string(),
  bandwidth_gbps: z.number(),
  vec_tflops: z.number(),
  tensor_peak_tflops: z.number(),
  old_build: z.boolean(),
  era_year: z.number(),
  avg_depth: z.number(),
  context_depth: z.number().nullable(),
  n_prompt: z.number(),
  n_ubatch: z.number().nullable(),
  flash_attn: z.boolean().nullable(),
  layers: z.number(),
  moe_layers: z.number(),
  linear_layers: z.number(),
  mla: z.boolean(),
  active_bytes_by_type: z.record(z.string(), z.number()),
  params_by_class: z.record(z.string(), z.number()),
  expert_fraction: z.number(),
  expert_bytes_total: z.number(),
  kv_bytes: z.number(),
  state_bytes: z.number(),
  n_embd: z.number(),
  base_type: z.string(),
  attn_flops_full: z.number(),
  attn_flops_swa: z.number(),
  swa_window: z.number(),
  predicted_ms_per_token: z.number(),
});
type Vector = z.infer<typeof vector>;
const file = z
  .object({ decode: z.array(vector), prefill: z.array(vector) })
  .parse(JSON.parse(readFileSync(new URL("speed-vectors.json", import.meta.url), "utf8")));

const constant = z.object({ ln: z.number(), se: z.number(), n: z.number(), devices: z.number() });
const constants = z
  .object({ decode: z.record(z.string(), constant), prefill: z.record(z.string(), constant) })
  .parse(JSON.parse(readFileSync(new URL("speed-vectors-constants.json", import.meta.url), "utf8")));
/** The reference's constants: ours have moved on, the form still reproduces its figures. */
const calibration = { ...shipped, ...constants };

const byUpper = new Map<string, TensorType>();
for (const name of Object.keys(tensorTypes)) if (isTensorType(name)) byUpper.set(name.toUpperCase(), name);
function typeNamed(name: string): TensorType {
  const type = byUpper.get(name.toUpperCase());
  if (!type) throw new Error(`no type ${name}`);
  return type;
}

function rates(v: Vector): DeviceRates {
  const vendor = /NVIDIA|Tesla/.test(v.device)
    ? "nv"
    : v.device.includes("AMD")
      ? "amd"
      : v.device.includes("Apple")
        ? "apple"
        : "intel";
  return {
    device: v.device,
    name: v.device,
    family: v.family,
    vendor,
    backend: v.backend,
    bandwidthBytesPerSecond: v.bandwidth_gbps * 1e9,
    vectorFlopsPerSecond: v.vec_tflops * 1e12,
    peakFlopsPerSecond: v.tensor_peak_tflops * 1e12,
  };
}
function attention(v: Vector, depth: number): number {
  return v.attn_flops_full * depth + v.attn_flops_swa * Math.min(depth, v.swa_window || depth);
}
const flash = (v: Vector): boolean => !(v.flash_attn === false || (v.flash_attn === null && v.era_year < 2025.6));
const active = (v: Vector): number => Object.values(v.active_bytes_by_type).reduce((sum, bytes) => sum + bytes, 0);

describe("speed vectors", () => {
  it.each(file.decode)("decode $device $model", (v) => {
    const weightsByType = new Map<TensorType, number>();
    for (const [name, bytes] of Object.entries(v.active_bytes_by_type)) {
      const type = typeNamed(name);
      weightsByType.set(type, (bytes / tensorTypes[type].blockBytes) * tensorTypes[type].blockWeights);
    }
    const { totalSeconds } = decodeTime(
      {
        activeBytes: active(v),
        expertBytes: 0,
        stateBytes: v.state_bytes,
        weightsByType,
        layerCount: v.layers,
        moeLayerCount: v.moe_layers,
        linearLayerCount: v.linear_layers,
        cacheBytes: v.kv_bytes,
        attentionFlops: attention(v, v.avg_depth),
        latent: v.mla,
        flashAttention: flash(v),
        oldBuild: v.old_build,
        buildYear: v.era_year,
        engine: "llama.cpp",
        besideHost: false,
      },
      rates(v),
      calibration,
    );
    expect(totalSeconds * 1000).toBeCloseTo(v.predicted_ms_per_token, 1);
    expect(Math.abs((totalSeconds * 1000) / v.predicted_ms_per_token - 1)).toBeLessThan(2e-4);
  });
  it.each(file.prefill)("prefill $device $model", (v) => {
    const P = v.params_by_class;
    const skipped = new Set(["embd", "ple", "head", "small", "exp"]);
    const denseWeights = Object.entries(P).reduce((sum, [name, n]) => (skipped.has(name) ? sum : sum + n), 0);
    const depth = (v.context_depth ?? 0) + v.n_prompt / 2;
    const { totalSeconds } = prefillTime(
      {
        denseWeights,
        expertWeights: (P["exp"] ?? 0) * v.expert_fraction,
        activeBytes: active(v),
        expertBytes: v.expert_bytes_total,
        expertFraction: v.expert_fraction,
        baseType: typeNamed(v.base_type),
        layerCount: v.layers,
        moeLayerCount: v.moe_layers,
        linearLayerCount: v.linear_layers,
        embeddingLength: v.n_embd,
        attentionFlops: attention(v, depth),
        latent: v.mla,
        flashAttention: flash(v),
        oldBuild: v.old_build,
        buildYear: v.era_year,
        ubatchTokens: Math.min(v.n_prompt, v.n_ubatch ?? 512),
        crossesLink: false,
        engine: "llama.cpp",
      },
      rates(v),
      calibration,
      Number.POSITIVE_INFINITY,
    );
    expect(Math.abs((totalSeconds * 1000) / v.predicted_ms_per_token - 1)).toBeLessThan(2e-4);
  });
});
