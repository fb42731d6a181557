/**
 * The same questions as `choose.ts`, answered by sums instead of tables: for sorting thousands of configurations before the few
 * that are shown are judged exactly. Weights are exact; the compute buffer is a closed form (reference memory model §5.2);
 * a split between device and host counts average layers. First everything but speed (`screen`), then speed where it can matter.
 */
import { activeBytes, keptBytes, type StoredSums, summedTraffic, workingBytes } from "../estimate/profile.ts";
import { divergenceAtBits } from "../estimate/quality.ts";
import { desktopReserveBytes, hostReserve, reserveBytes } from "../estimate/reserve.ts";
import { estimateSpeedOf } from "../estimate/speed.ts";
import { addTraffic, type Traffic, type TrafficByPlace } from "../estimate/traffic.ts";
import type { Hardware } from "../facts/hardware.ts";
import type { Model } from "../facts/model.ts";
import type { ModelShape } from "../facts/profile.ts";
import type { Run } from "../facts/run.ts";
import type { Speed } from "../facts/speed.ts";
import type { Bytes, Fraction, Tokens, TokensPerSecond } from "../units.ts";
import { DEFAULT_MARGIN_BYTES, type Limits } from "./budget.ts";
import type { Question, RunMode } from "./candidate.ts";
import type { Knowledge } from "./choose.ts";

/** What a machine offers, in sums. */
export interface Machine {
  readonly hardware: Hardware;
  readonly deviceBytes: Bytes;
  readonly deviceCapacityBytes: Bytes;
  readonly hostBytes: Bytes;
  readonly hostCapacityBytes: Bytes;
  readonly unified: boolean;
  /** no device, and no host, reads faster */
  readonly deviceBandwidth: number;
  readonly hostBandwidth: number;
}

export function machineOf(hardware: Hardware, limits: Limits): Machine {
  const { marginBytes, budgetBytes } = limits;
  const { host, devices } = hardware;
  const deviceBytes = devices.reduce((sum, device, index) => {
    const margin = marginBytes[index] ?? marginBytes.at(-1) ?? DEFAULT_MARGIN_BYTES;
    const budget = budgetBytes[index] ?? budgetBytes.at(-1) ?? Number.POSITIVE_INFINITY;
    return sum + Math.max(0, Math.min(budget, device.memoryUsableBytes.value - margin));
  }, 0);
  const hostCapacityBytes = Math.min(
    host.ramAvailableBytes.value,
    host.ramLimitBytes?.value ?? Number.POSITIVE_INFINITY,
  );
  return {
    hardware,
    deviceBytes,
    deviceCapacityBytes: devices.reduce((sum, device) => sum + device.memoryUsableBytes.value, 0),
    // what stays with the system is what the exact budget keeps (budget.ts)
    hostBytes: Math.max(
      0,
      Math.min(
        hostCapacityBytes - reserveBytes(hostReserve),
        host.ramTotalBytes.value - desktopReserveBytes(host.ramTotalBytes.value),
      ) - (limits.hostTakenBytes ?? 0),
    ),
    hostCapacityBytes,
    unified: devices.some(({ kind }) => kind === "unified"),
    deviceBandwidth: Math.max(0, ...devices.map((device) => device.bandwidthBytesPerSecond.value)),
    hostBandwidth: host.ramBandwidthBytesPerSecond.value,
  };
}

interface Split {
  readonly runMode: RunMode;
  readonly deviceBytes: Bytes;
  readonly hostBytes: Bytes;
  /** shares of the layers, and of the experts, on devices */
  readonly layerShare: Fraction;
  readonly expertShare: Fraction;
}

/** Fewer layers than this on devices are none. */
const LEAST_SHARE = 0.02;

/** Where it would go, by sums. */
function splitOf(sums: StoredSums, context: Bytes, compute: Bytes, machine: Machine): Split {
  const { embeddingBytes, outputBytes, denseBytes, expertBytes } = sums;
  const whole = outputBytes + denseBytes + expertBytes + context + compute;
  const hostBase = embeddingBytes + compute / 8;
  if (machine.deviceBytes > 0 && whole <= machine.deviceBytes)
    return { runMode: "gpu", deviceBytes: whole, hostBytes: hostBase, layerShare: 1, expertShare: 1 };
  const withoutExperts = whole - expertBytes;
  if (expertBytes > 0 && withoutExperts <= machine.deviceBytes) {
    const share = Math.max(0, (machine.deviceBytes - withoutExperts) / expertBytes);
    return {
      runMode: "moe-offload",
      deviceBytes: withoutExperts + share * expertBytes,
      hostBytes: hostBase + (1 - share) * expertBytes + compute,
      layerShare: 1,
      expertShare: share,
    };
  }
  const layers = denseBytes + context + expertBytes;
  const share =
    machine.deviceBytes > 0 ? Math.max(0, Math.min(1, (machine.deviceBytes - outputBytes - compute) / layers)) : 0;
  if (share < LEAST_SHARE)
    return {
      runMode: "cpu",
      deviceBytes: 0,
      hostBytes:
        embeddingBytes + denseBytes + expertBytes + (machine.deviceBytes > 0 ? 0 : outputBytes) + context + compute,
      layerShare: 0,
      expertShare: 0,
    };
  return {
    runMode: "cpu-offload",
    deviceBytes: outputBytes + compute + share * layers,
    hostBytes: hostBase + compute + (1 - share) * layers,
    layerShare: share,
    expertShare: share,
  };
}

/** Everything but speed, and what speed cannot exceed. */
export interface Screened {
  readonly shape: ModelShape;
  readonly sums: StoredSums;
  readonly split: Split;
  readonly fits: boolean;
  readonly shortfallBytes: Bytes;
  readonly memoryBytes: Bytes;
  readonly usedFraction: Fraction;
  readonly maxContextTokens: Tokens;
  readonly mostTokensPerSecond: TokensPerSecond;
}

/** Rows that read faster than the data sheet do not exist; the middle of an interval lies at most this far above the sum. */
const RATE_SLACK = 1.25;

export function screen(
  shape: ModelShape,
  sums: StoredSums,
  run: Run,
  trainedContextTokens: Tokens,
  machine: Machine,
): Screened {
  const context = keptBytes(shape, run);
  const compute = workingBytes(shape, run);
  const split = splitOf(sums, context, compute, machine);
  const pooled = machine.unified ? split.deviceBytes : 0;
  const shortfallBytes =
    Math.max(0, split.deviceBytes - machine.deviceBytes) + Math.max(0, split.hostBytes + pooled - machine.hostBytes);
  const memoryBytes = split.deviceBytes + split.hostBytes;
  const capacity = machine.unified
    ? machine.hostCapacityBytes
    : (split.deviceBytes > 0 ? machine.deviceCapacityBytes : 0) +
      (split.runMode === "gpu" ? 0 : machine.hostCapacityBytes);
  const used = split.runMode === "gpu" && !machine.unified ? split.deviceBytes : memoryBytes;
  const { fixed, experts } = activeBytes(shape, sums);
  const onDevice = fixed * split.layerShare + experts * split.expertShare;
  const onHost = fixed + experts - onDevice;
  const seconds =
    (machine.deviceBandwidth > 0 ? onDevice / machine.deviceBandwidth : 0) + onHost / machine.hostBandwidth;
  const perToken = context / run.contextTokens;
  const room =
    split.runMode === "gpu"
      ? machine.deviceBytes - split.deviceBytes
      : machine.hostBytes + machine.deviceBytes - memoryBytes;
  return {
    shape,
    sums,
    split,
    fits: shortfallBytes === 0,
    shortfallBytes,
    memoryBytes,
    usedFraction: capacity > 0 ? used / capacity : 2,
    maxContextTokens:
      shortfallBytes > 0
        ? 0
        : perToken > 0
          ? Math.min(trainedContextTokens, Math.floor(run.contextTokens + Math.max(0, room) / perToken))
          : trainedContextTokens,
    mostTokensPerSecond: RATE_SLACK / seconds,
  };
}

/** Expected divergence from the model as published. */
export function divergenceOf(shape: ModelShape, sums: StoredSums, { quality }: Knowledge): number {
  if (isLossless(shape, sums)) return 0;
  const { mixFactor } = quality.klDivergence;
  return divergenceAtBits(sums.bitsPerWeight, shape.activeParameterCount, shape.parameterCount, quality) * mixFactor;
}

/** Stored as published: 16 bits, or the makers' own 4-bit experts and nothing else below 8 bits. */
function isLossless(shape: ModelShape, { bitsPerWeight, parts }: StoredSums): boolean {
  if (bitsPerWeight >= 15.9) return true;
  return (
    shape.architecture === "gpt-oss" &&
    parts.every(([part, type]) => /^(f32|f16|bf16|q8_0)$/.test(type) || (part === "experts" && type === "mxfp4"))
  );
}

/** Speed of what was screened. @param model only its dimensions and file size are looked at */
export function speedOfScreened(
  { shape, sums, split }: Screened,
  model: Model,
  run: Run,
  machine: Machine,
  question: Question,
  knowledge: Knowledge,
): Speed {
  const traffic = placed(shape, sums, split, run, machine);
  return estimateSpeedOf(model, run, traffic, machine.hardware, question, knowledge.calibration);
}

/** Traffic dealt by shares: devices in proportion to their memory, the host takes the rest. */
function placed(shape: ModelShape, sums: StoredSums, split: Split, run: Run, machine: Machine): TrafficByPlace {
  const { whole, expertsOnly } = summedTraffic(shape, sums, run);
  const { devices } = machine.hardware;
  const offloads = split.runMode === "moe-offload";
  const share = offloads ? split.expertShare : split.layerShare;
  const onDevices: Traffic = offloads
    ? addTraffic([
        [whole, 1],
        [expertsOnly, share - 1],
      ])
    : addTraffic([[whole, share]]);
  const host = addTraffic([[offloads ? expertsOnly : whole, 1 - share]]);
  if (offloads) host.guestExpertLayerCount = Math.round(shape.moeLayerCount * (1 - share));
  return {
    devices: devices.map((device) =>
      addTraffic([[onDevices, device.memoryUsableBytes.value / machine.deviceCapacityBytes]]),
    ),
    host,
    latent: shape.latent,
    embeddingLength: shape.embeddingLength,
    usedExperts: shape.usedExpertCount,
  };
}
