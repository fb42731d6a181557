/**
 * Speed of one candidate: decode and prefill summed over the places that compute, first token and warm turn composed from them,
 * each with the interval that the evidence on these devices supports.
 */
import type { Calibration, Constants, Quantiles } from "../facts/calibration.ts";
import type { Hardware } from "../facts/hardware.ts";
import type { Model } from "../facts/model.ts";
import type { Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import type { Bound, Speed } from "../facts/speed.ts";
import type { Interval, Seconds, Tokens } from "../units.ts";
import { type EvidenceLevel, evidenceLevel } from "./rates.ts";
import { busyDeviceCount, decodeParts, hostWorks, prefillParts, type SpeedQuestion, type SpeedSetting, speedSetting } from "./speed-parts.ts";
import { sumSeconds, type TermTimes } from "./terms.ts";
import { type TrafficByPlace, trafficOf } from "./traffic.ts";

export type { SpeedQuestion } from "./speed-parts.ts";

/** New tokens of a turn on a conversation already read. */
export const WARM_TURN_TOKENS = 128;
/** Sequential read of the disk that holds the file: SATA to PCIe 4.0 solid state; assumed unless measured. */
const diskBytesPerSecond = { low: 0.5e9, mid: 2e9, high: 6e9 };

/** Interpolated cost of dealing layers over several cards. */
function layerSplitFactor(deviceCount: number, calibration: Calibration): number {
  let factor = 1;
  for (const [count, ratio] of Object.entries(calibration.layerSplitDecode)) if (Number(count) <= deviceCount) factor = Math.min(factor, ratio);
  return factor;
}

function decodeTimes(setting: SpeedSetting, depthTokens: Tokens): TermTimes {
  const times = sumSeconds(decodeParts(setting, depthTokens), constantsOf(setting.calibration, "decode"));
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
  const known = joined.get(calibration) ?? { decode: { ...calibration.decode, ...calibration.host }, prefill: { ...calibration.prefill, ...calibration.host } };
  joined.set(calibration, known);
  return known[task];
}

function levelOf(setting: SpeedSetting): EvidenceLevel {
  const levels = setting.traffic.devices.flatMap((place, index) => {
    const rates = setting.rates[index];
    return rates && place.activeBytes > 0 ? [evidenceLevel(rates, setting.calibration)] : [];
  });
  // a processor alone is never known better than its instruction set
  if (levels.length === 0) return "C";
  // RAM, cores and link beside a device are its machine's: where none of the family was timed like that, nothing is known of them
  if (hostWorks(setting) && familiesOf(setting).some((family) => setting.calibration.intervals.widths[`decode|A|${family}`] === undefined)) return "D";
  return levels.includes("D") ? "D" : levels.includes("C") ? "C" : "A";
}

/** Quantiles for this candidate: the device's level, widened by what the host adds. */
function quantilesFor(setting: SpeedSetting, task: "decode" | "prefill", level: EvidenceLevel = levelOf(setting)): Quantiles {
  const { intervals, nearRam } = setting.calibration;
  const { traffic, hardware } = setting;
  const onDevices = traffic.devices.some((place) => place.activeBytes > 0);
  const onHost = hostWorks(setting);
  const width = familiesOf(setting).reduce((widest, family) => Math.max(widest, intervals.widths[`${task}|${level}|${family}`] ?? (widest === 0 ? 1 : 0)), 0) || 1;
  const kind = setting.model.hyper.experts ? "moe" : "dense";
  const group = !onHost ? kind : onDevices ? "offload" : setting.hostRates.isa.startsWith("avx") ? "x86" : "arm";
  // where a level has too few votes of its own, the next worse one speaks for it
  const { quantiles } = intervals;
  const { q10, q50, q90 } = [level, "D", "C", "A"].map((known) => quantiles[`${task}|${group}|${known}`]).find((row) => row !== undefined) ?? { q10: -1, q50: 0, q90: 1 };
  // what a device adds to a host's uncertainty, where the host's own is known from one machine only
  const alone = onHost && onDevices ? quantiles[`${task}|${kind}|${level}`] : undefined;
  const near = onHost && traffic.host.expertBytes + traffic.host.activeBytes > nearRam.shareOfRam * hardware.host.ramTotalBytes.value;
  return {
    q10: Math.min(q50 + (q10 - q50) * width, level === "A" ? 0 : (alone?.q10 ?? 0)) + (near ? Math.log(nearRam.factor) : 0),
    q50,
    q90: Math.max(q50 + (q90 - q50) * width, level === "A" ? 0 : (alone?.q90 ?? 0)),
  };
}

/** Keys of the widths: a family on its backend, beside a host or not; a processor alone by its instruction set. */
function familiesOf(setting: SpeedSetting): string[] {
  const onHost = hostWorks(setting);
  const families = setting.rates.flatMap((rates, index) => ((setting.traffic.devices[index]?.activeBytes ?? 0) > 0 ? [`${rates.family}|${rates.backend}${onHost ? " beside a host" : ""}`] : []));
  return families.length > 0 ? families : [`cpu ${setting.hostRates.isa}`];
}

function rateInterval(secondsPerToken: Seconds, { q10, q50, q90 }: Quantiles): Interval {
  const rate = secondsPerToken > 0 ? 1 / secondsPerToken : 0;
  return { low: rate * Math.exp(q10), mid: rate * Math.exp(q50), high: rate * Math.exp(q90) };
}

function boundOf(parts: TermTimes): Bound {
  const ranked: readonly (readonly [Bound, Seconds])[] = [["bandwidth", parts.bandwidth], ["compute", parts.compute], ["link", parts.link], ["overhead", parts.overhead]];
  return ranked.reduce((best, row) => (row[1] > best[1] ? row : best))[0];
}

/** Tokenize, read `newTokens` behind `cachedTokens`, first decode, sampler's pass over the whole prompt. */
function firstToken(setting: SpeedSetting, newTokens: Tokens, cachedTokens: Tokens, prefill: Interval, decode: Interval): Interval {
  const { tokenizeSecondsPerToken, samplerSecondsPerToken, fixedSeconds } = setting.calibration.firstToken;
  const length = newTokens + cachedTokens;
  const at = (prefillRate: number, decodeRate: number, sampler: number): Seconds => tokenizeSecondsPerToken * length + newTokens / prefillRate + 1 / decodeRate + sampler * length + fixedSeconds;
  return {
    low: at(prefill.high, decode.high, samplerSecondsPerToken.low),
    mid: at(prefill.mid, decode.mid, samplerSecondsPerToken.mid),
    high: at(prefill.low, decode.low, samplerSecondsPerToken.high),
  };
}

/** A time that was predicted elsewhere, as a rate with the interval of `level`: what the meter judges. Undefined = what the shipped constants know. */
export function predictedRate(setting: SpeedSetting, task: "decode" | "prefill", seconds: Seconds, level: EvidenceLevel | undefined): Interval {
  return rateInterval(seconds, quantilesFor(setting, task, level));
}

/** Decode speed at one depth of live context. */
export function decodeAtDepth(model: Model, run: Run, placement: Placement, hardware: Hardware, question: SpeedQuestion, depthTokens: Tokens, calibration: Calibration): Interval {
  const setting = speedSetting(model, run, trafficOf(model, run, placement), hardware, question, calibration);
  return rateInterval(decodeTimes(setting, depthTokens).total, quantilesFor(setting, "decode"));
}

/** Everything about speed that an answer shows. */
export function estimateSpeed(model: Model, run: Run, placement: Placement, hardware: Hardware, question: SpeedQuestion, calibration: Calibration): Speed {
  return estimateSpeedOf(model, run, trafficOf(model, run, placement), hardware, question, calibration);
}

/** The same of traffic that is already dealt. */
export function estimateSpeedOf(model: Model, run: Run, traffic: TrafficByPlace, hardware: Hardware, question: SpeedQuestion, calibration: Calibration): Speed {
  const setting = speedSetting(model, run, traffic, hardware, question, calibration);
  const { promptTokens, outputTokens } = question;
  const decode = decodeTimes(setting, promptTokens + outputTokens / 2);
  const decodeTokensPerSecond = rateInterval(decode.total, quantilesFor(setting, "decode"));
  const quantiles = quantilesFor(setting, "prefill");
  const prefillTokensPerSecond = rateInterval(prefillTimes(setting, promptTokens, 0).total, quantiles);
  const warmPrefill = rateInterval(prefillTimes(setting, WARM_TURN_TOKENS, promptTokens).total, quantiles);
  const bytes = model.fileBytes > 0 ? model.fileBytes : 0;
  return {
    decodeTokensPerSecond,
    prefillTokensPerSecond,
    timeToFirstTokenSeconds: firstToken(setting, promptTokens, 0, prefillTokensPerSecond, decodeTokensPerSecond),
    warmTurnSeconds: firstToken(setting, WARM_TURN_TOKENS, promptTokens, warmPrefill, decodeTokensPerSecond),
    loadSeconds: { low: bytes / diskBytesPerSecond.high, mid: bytes / diskBytesPerSecond.mid, high: bytes / diskBytesPerSecond.low },
    bound: boundOf(decode),
  };
}
