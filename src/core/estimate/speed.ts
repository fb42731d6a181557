/**
 * Speed of one candidate: decode and prefill summed over the places that compute, first token and warm turn composed from them,
 * each with the interval that the evidence on these devices supports.
 */
import type { Calibration, Constants } from "../facts/calibration.ts";
import type { Hardware } from "../facts/hardware.ts";
import type { Model } from "../facts/model.ts";
import type { Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import type { Bound, FirstTokenParts, Speed } from "../facts/speed.ts";
import type { Interval, Seconds, Tokens } from "../units.ts";
import type { EvidenceLevel } from "./rates.ts";
import { quantilesFor, rateInterval } from "./speed-intervals.ts";
import {
  busyDeviceCount,
  decodeParts,
  prefillParts,
  type SpeedQuestion,
  type SpeedSetting,
  speedSetting,
} from "./speed-parts.ts";
import { sumSeconds, type TermTimes } from "./terms.ts";
import { type TrafficByPlace, trafficOf } from "./traffic.ts";

export type { SpeedQuestion } from "./speed-parts.ts";

/** New tokens of a turn on a conversation already read. */
const WARM_TURN_TOKENS = 128;
/** Sequential read of the disk that holds the file: SATA to PCIe 4.0 solid state; assumed unless measured. */
const diskBytesPerSecond = { low: 0.5e9, mid: 2e9, high: 6e9 };

/** Interpolated cost of dealing layers over several cards. */
function layerSplitFactor(deviceCount: number, calibration: Calibration): number {
  let factor = 1;
  for (const [count, ratio] of Object.entries(calibration.layerSplitDecode))
    if (Number(count) <= deviceCount) factor = Math.min(factor, ratio);
  return factor;
}

function decodeTimes(setting: SpeedSetting, depthTokens: Tokens, sequences = 1): TermTimes {
  const times = sumSeconds(decodeParts(setting, depthTokens, sequences), constantsOf(setting.calibration, "decode"));
  const split = layerSplitFactor(busyDeviceCount(setting), setting.calibration);
  const extra = times.total * (1 / split - 1);
  return { ...times, link: times.link + extra, total: times.total + extra };
}

function prefillTimes(setting: SpeedSetting, newTokens: Tokens, cachedTokens: Tokens): TermTimes {
  return sumSeconds(prefillParts(setting, newTokens, cachedTokens), constantsOf(setting.calibration, "prefill"));
}

const joined = new WeakMap<Calibration, Readonly<Record<"decode" | "prefill", Constants>>>();

/** Devices' constants and the host's together: their keys are different ones. */
function constantsOf(calibration: Calibration, task: "decode" | "prefill"): Constants {
  const known = joined.get(calibration) ?? {
    decode: { ...calibration.decode, ...calibration.host },
    prefill: { ...calibration.prefill, ...calibration.host },
  };
  joined.set(calibration, known);
  return known[task];
}

function boundOf(parts: TermTimes): Bound {
  const ranked: readonly (readonly [Bound, Seconds])[] = [
    ["bandwidth", parts.bandwidth],
    ["compute", parts.compute],
    ["link", parts.link],
    ["overhead", parts.overhead],
  ];
  return ranked.reduce((best, row) => (row[1] > best[1] ? row : best))[0];
}

/** Parts of the first token's time when `newTokens` are read behind `cachedTokens`. */
function firstTokenParts(
  setting: SpeedSetting,
  newTokens: Tokens,
  cachedTokens: Tokens,
  prefill: Interval,
  decode: Interval,
): FirstTokenParts {
  const { tokenizeSecondsPerToken, samplerSecondsPerToken, fixedSeconds } = setting.calibration.firstToken;
  const length = newTokens + cachedTokens;
  const same = (seconds: Seconds): Interval => ({ low: seconds, mid: seconds, high: seconds });
  return {
    tokenizeSeconds: same(tokenizeSecondsPerToken * length),
    prefillSeconds: { low: newTokens / prefill.high, mid: newTokens / prefill.mid, high: newTokens / prefill.low },
    transitionSeconds: same(fixedSeconds),
    firstDecodeSeconds: { low: 1 / decode.high, mid: 1 / decode.mid, high: 1 / decode.low },
    // servers keep the prompt in the sampler's history, llama-bench does not
    samplingSeconds: {
      low: samplerSecondsPerToken.low * length,
      mid: samplerSecondsPerToken.mid * length,
      high: samplerSecondsPerToken.high * length,
    },
  };
}

function sumOf(parts: FirstTokenParts): Interval {
  const all = Object.values(parts);
  const add = (end: keyof Interval) => all.reduce((sum: Seconds, part: Interval) => sum + part[end], 0);
  return { low: add("low"), mid: add("mid"), high: add("high") };
}

/** Read from the host's disk, then copied over the slowest link of a device that has memory of its own. */
function loadSeconds({ hardware, model, traffic, calibration }: SpeedSetting): Interval {
  const bytes = Math.max(0, model.fileBytes);
  const links = hardware.devices.flatMap((device, index) =>
    (traffic.devices[index]?.activeBytes ?? 0) > 0 && device.kind === "gpu"
      ? [device.linkBytesPerSecond?.value ?? calibration.assumedLinkBytesPerSecond]
      : [],
  );
  const link = Math.min(...links, Number.POSITIVE_INFINITY);
  // a file in the page cache is read as fast as the link takes it; a cold one as fast as the disk gives it
  const at = (disk: number): Seconds => bytes / Math.min(disk, link);
  return { low: at(diskBytesPerSecond.high), mid: at(diskBytesPerSecond.mid), high: at(diskBytesPerSecond.low) };
}

/** Several sequences decoding at once: all of them together, and each. */
export interface ConcurrentDecode {
  readonly sequences: number;
  readonly totalDecodeTokensPerSecond: Interval;
  readonly decodeTokensPerSecond: Interval;
}

/** Weights are read once for all sequences (of the experts, those that any of them picks); caches, states and arithmetic are each one's own. */
export function concurrentDecode(setting: SpeedSetting, depthTokens: Tokens, sequences: number): ConcurrentDecode {
  const each = rateInterval(decodeTimes(setting, depthTokens, sequences).total, quantilesFor(setting, "decode"));
  return {
    sequences,
    decodeTokensPerSecond: each,
    totalDecodeTokensPerSecond: { low: each.low * sequences, mid: each.mid * sequences, high: each.high * sequences },
  };
}

/**
 * How much faster drafting makes decoding: `draftTokens` guesses, one pass of the model that checks them, the run of right ones kept plus one.
 * Expected tokens a pass (1 − aᵏ⁺¹)/(1 − a): Leviathan et al. 2023, "Fast Inference from Transformers via Speculative Decoding", eq. 1.
 * @param acceptance share of guesses that the model agrees with, as an interval
 * @param draftSeconds for one guess: a decoded token of the draft model, or a prediction head's share of one
 */
export function speculativeSpeedup(
  setting: SpeedSetting,
  depthTokens: Tokens,
  draftTokens: number,
  acceptance: Interval,
  draftSeconds: Seconds,
): Interval {
  const plain = decodeTimes(setting, depthTokens).total;
  const pass = decodeTimes(setting, depthTokens, draftTokens + 1).total + draftTokens * draftSeconds;
  const kept = (a: number) => (a >= 1 ? draftTokens + 1 : (1 - a ** (draftTokens + 1)) / (1 - a));
  const speedup = (a: number) => (kept(Math.max(0, Math.min(1, a))) * plain) / pass;
  return { low: speedup(acceptance.low), mid: speedup(acceptance.mid), high: speedup(acceptance.high) };
}

/** A time that was predicted elsewhere, as a rate with the interval of `level`: what the meter judges. Undefined = what the shipped constants know. */
export function predictedRate(
  setting: SpeedSetting,
  task: "decode" | "prefill",
  seconds: Seconds,
  level: EvidenceLevel | undefined,
): Interval {
  return rateInterval(seconds, quantilesFor(setting, task, level));
}

/** Decode speed at one depth of live context. */
export function decodeAtDepth(
  model: Model,
  run: Run,
  placement: Placement,
  hardware: Hardware,
  question: SpeedQuestion,
  depthTokens: Tokens,
  calibration: Calibration,
): Interval {
  const setting = speedSetting(model, run, trafficOf(model, run, placement), hardware, question, calibration);
  return rateInterval(decodeTimes(setting, depthTokens).total, quantilesFor(setting, "decode"));
}

/** Everything about speed that an answer shows. */
export function estimateSpeed(
  model: Model,
  run: Run,
  placement: Placement,
  hardware: Hardware,
  question: SpeedQuestion,
  calibration: Calibration,
): Speed {
  return estimateSpeedOf(model, run, trafficOf(model, run, placement), hardware, question, calibration);
}

/** The same of traffic that is already dealt. */
export function estimateSpeedOf(
  model: Model,
  run: Run,
  traffic: TrafficByPlace,
  hardware: Hardware,
  question: SpeedQuestion,
  calibration: Calibration,
): Speed {
  const setting = speedSetting(model, run, traffic, hardware, question, calibration);
  const { promptTokens, outputTokens } = question;
  const decode = decodeTimes(setting, promptTokens + outputTokens / 2);
  const decodeTokensPerSecond = rateInterval(decode.total, quantilesFor(setting, "decode"));
  const quantiles = quantilesFor(setting, "prefill");
  const prefillTokensPerSecond = rateInterval(prefillTimes(setting, promptTokens, 0).total, quantiles);
  const warmPrefill = rateInterval(prefillTimes(setting, WARM_TURN_TOKENS, promptTokens).total, quantiles);
  const firstToken = firstTokenParts(setting, promptTokens, 0, prefillTokensPerSecond, decodeTokensPerSecond);
  return {
    decodeTokensPerSecond,
    prefillTokensPerSecond,
    timeToFirstTokenSeconds: sumOf(firstToken),
    warmTurnSeconds: sumOf(
      firstTokenParts(setting, WARM_TURN_TOKENS, promptTokens, warmPrefill, decodeTokensPerSecond),
    ),
    loadSeconds: loadSeconds(setting),
    bound: boundOf(decode),
    firstToken,
  };
}
