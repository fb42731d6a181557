/**
 * Speed of one candidate: decode and prefill summed over the places that compute, first token and warm turn composed from them,
 * each with the interval that the evidence on these devices supports.
 */
import type { Calibration, Quantiles } from "../facts/calibration.ts";
import type { Device, Hardware } from "../facts/hardware.ts";
import type { Model } from "../facts/model.ts";
import type { Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import type { Bound, Speed } from "../facts/speed.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import type { Interval, Seconds, Tokens } from "../units.ts";
import { decodeTime } from "./decode.ts";
import { type HostRates, hostDecodeSeconds, hostPrefillSeconds, hostRates } from "./host-speed.ts";
import { prefillTime, touchedShare } from "./prefill.ts";
import { type DeviceRates, type EvidenceLevel, evidenceLevel, ratesOf } from "./rates.ts";
import { cacheAt, type Traffic, type TrafficByPlace, trafficOf } from "./traffic.ts";

export interface SpeedQuestion {
  readonly promptTokens: Tokens;
  readonly outputTokens: Tokens;
  /** key of the engine constants; llama.cpp itself has none */
  readonly engine: string;
  /** fraction of a year of the engine's build */
  readonly buildYear: number;
}

/** New tokens of a turn on a conversation already read. */
export const WARM_TURN_TOKENS = 128;
/** Batches of at least this many tokens are computed by the device even where the weights lie on the host (`GGML_OP_OFFLOAD_MIN_BATCH`). */
const OP_OFFLOAD_TOKENS = 32;
/** Backends that take host weights over for large batches (`offload_op` of each backend, llama.cpp v0.5.0). */
const takesHostWeights = new Set(["cuda", "rocm", "musa", "vulkan", "sycl", "cann"]);
/** Sequential read of the disk that holds the file: SATA to PCIe 4.0 solid state; assumed unless measured. */
const diskBytesPerSecond = { low: 0.5e9, mid: 2e9, high: 6e9 };
/** Builds before October 2024 have the old constants. */
const OLD_BUILD_YEAR = 2024.75;

interface Parts {
  bandwidth: Seconds;
  compute: Seconds;
  link: Seconds;
  overhead: Seconds;
}

function total(parts: Parts): Seconds {
  return parts.bandwidth + parts.compute + parts.link + parts.overhead;
}

interface Setting {
  readonly model: Model;
  readonly run: Run;
  readonly hardware: Hardware;
  readonly rates: readonly DeviceRates[];
  readonly hostRates: HostRates;
  readonly traffic: TrafficByPlace;
  readonly question: SpeedQuestion;
  readonly calibration: Calibration;
  readonly baseType: TensorType;
}

const neutralEngine = { bandwidthEfficiency: 1, layerTime: 1 };

/** Interpolated cost of dealing layers over several cards. */
function layerSplitFactor(deviceCount: number, calibration: Calibration): number {
  let factor = 1;
  for (const [count, ratio] of Object.entries(calibration.layerSplitDecode)) if (Number(count) <= deviceCount) factor = Math.min(factor, ratio);
  return factor;
}

function decodeParts(setting: Setting, depthTokens: Tokens): Parts {
  const { traffic, calibration, question, run } = setting;
  const parts: Parts = { bandwidth: 0, compute: 0, link: 0, overhead: 0 };
  let busy = 0;
  traffic.devices.forEach((place, index) => {
    const rates = setting.rates[index];
    if (!rates || (place.activeBytes === 0 && place.layerCount === 0)) return;
    busy++;
    const cache = cacheAt(place, depthTokens);
    const time = decodeTime(
      {
        activeBytes: place.activeBytes,
        stateBytes: place.stateBytes,
        weightsByType: place.weightsByType,
        layerCount: place.layerCount,
        moeLayerCount: place.moeLayerCount,
        linearLayerCount: place.linearLayerCount,
        cacheBytes: cache.bytes,
        attentionFlops: cache.flops,
        latent: traffic.latent,
        flashAttention: run.flashAttention,
        oldBuild: question.buildYear < OLD_BUILD_YEAR,
        engine: calibration.engines[question.engine] ?? neutralEngine,
      },
      rates,
      calibration,
    );
    parts.bandwidth += time.bandwidthSeconds;
    parts.compute += time.computeSeconds;
    parts.overhead += time.overheadSeconds;
  });
  const split = layerSplitFactor(busy, calibration);
  parts.link += total(parts) * (1 / split - 1);
  if (traffic.host.activeBytes > 0 || traffic.host.cacheReads.length > 0)
    parts.bandwidth += hostDecodeSeconds(traffic.host, cacheAt(traffic.host, depthTokens).bytes, traffic.usedExperts, setting.hostRates, calibration);
  return parts;
}

/** The device that takes over host weights for large batches: the first that can. */
function hostHelper(setting: Setting): { readonly device: Device; readonly rates: DeviceRates } | undefined {
  const index = setting.hardware.devices.findIndex((device) => takesHostWeights.has(device.backend));
  const device = setting.hardware.devices[index];
  const rates = setting.rates[index];
  return device && rates ? { device, rates } : undefined;
}

function prefillWork(setting: Setting, place: Traffic, ubatchTokens: Tokens, depthTokens: Tokens, expertFactor: number | undefined) {
  const { traffic, run, question } = setting;
  return {
    denseWeights: place.denseWeights,
    expertWeights: place.expertWeights,
    activeBytes: place.activeBytes,
    expertBytes: place.expertBytes,
    expertFraction: place.expertFraction,
    baseType: setting.baseType,
    layerCount: place.layerCount,
    moeLayerCount: place.moeLayerCount,
    linearLayerCount: place.linearLayerCount,
    embeddingLength: traffic.embeddingLength,
    attentionFlops: cacheAt(place, depthTokens).flops,
    latent: traffic.latent,
    flashAttention: run.flashAttention,
    oldBuild: question.buildYear < OLD_BUILD_YEAR,
    buildYear: question.buildYear,
    ubatchTokens,
    expertFactor,
  };
}

/** Seconds per prompt token when `newTokens` are read behind `cachedTokens`. */
function prefillParts(setting: Setting, newTokens: Tokens, cachedTokens: Tokens): Parts {
  const { traffic, calibration, run, question } = setting;
  const ubatchTokens = Math.max(1, Math.min(newTokens, run.ubatchTokens));
  const depthTokens = cachedTokens + newTokens / 2;
  const parts: Parts = { bandwidth: 0, compute: 0, link: 0, overhead: 0 };
  const engineFactor = calibration.prefillTime[question.engine] ?? 1;
  const add = (place: Traffic, rates: DeviceRates, expertFactor: number | undefined): void => {
    const time = prefillTime(prefillWork(setting, place, ubatchTokens, depthTokens, expertFactor), rates, calibration);
    parts.bandwidth += time.bandwidthSeconds * engineFactor;
    parts.compute += time.computeSeconds * engineFactor;
    parts.overhead += time.overheadSeconds * engineFactor;
  };
  traffic.devices.forEach((place, index) => {
    const rates = setting.rates[index];
    if (rates && (place.layerCount > 0 || place.activeBytes > 0)) add(place, rates, undefined);
  });
  const host = traffic.host;
  if (host.activeBytes === 0 && host.cacheReads.length === 0) return parts;
  const helper = ubatchTokens >= OP_OFFLOAD_TOKENS ? hostHelper(setting) : undefined;
  if (!helper) {
    parts.compute += hostPrefillSeconds(host, cacheAt(host, depthTokens).flops, setting.hostRates, calibration);
    return parts;
  }
  const { linkEfficiency, expertFactor, linkBytesPerSecond } = calibration.offloadPrefill;
  const touched = host.expertBytes * touchedShare(host.expertFraction, ubatchTokens) + (host.activeBytes - host.expertBytes * host.expertFraction);
  const link = (helper.device.linkBytesPerSecond?.value ?? linkBytesPerSecond) * linkEfficiency;
  const crossing = touched / ubatchTokens / link;
  // a slow link can make the CPU the faster one; llama.cpp does not choose, so neither do we
  add(host, helper.rates, expertFactor);
  parts.link += crossing;
  return parts;
}

function levelOf(setting: Setting): EvidenceLevel {
  const levels = setting.traffic.devices.flatMap((place, index) => {
    const rates = setting.rates[index];
    return rates && place.activeBytes > 0 ? [evidenceLevel(rates, setting.calibration)] : [];
  });
  return levels.includes("D") ? "D" : levels.includes("C") ? "C" : "A";
}

/** Quantiles for this candidate: the device's level, widened by what the host adds. */
function quantilesFor(setting: Setting, task: "decode" | "prefill"): Quantiles {
  const { intervals, nearRam } = setting.calibration;
  const { traffic, hardware } = setting;
  const kind = setting.model.hyper.experts ? "moe" : "dense";
  const none = { q10: 0, q50: 0, q90: 0 };
  const onDevices = traffic.devices.some((place) => place.activeBytes > 0);
  const onHost = traffic.host.activeBytes > 0;
  const device = onDevices ? (intervals[task][`${kind}|${levelOf(setting)}`] ?? none) : none;
  if (!onHost) return device;
  const cpu = setting.hostRates.isa.startsWith("avx") ? "x86" : "arm";
  const key = onDevices ? `${task}|offload` : task === "decode" ? `decode|${cpu}` : "prefill|cpu";
  const host = intervals.host[key] ?? none;
  const near = traffic.host.expertBytes + traffic.host.activeBytes > nearRam.shareOfRam * hardware.host.ramTotalBytes.value;
  return { q10: Math.min(device.q10, host.q10) + (near ? Math.log(nearRam.factor) : 0), q50: device.q50 + host.q50, q90: Math.max(device.q90, host.q90) };
}

function rateInterval(secondsPerToken: Seconds, { q10, q50, q90 }: Quantiles): Interval {
  const rate = secondsPerToken > 0 ? 1 / secondsPerToken : 0;
  return { low: rate * Math.exp(q10), mid: rate * Math.exp(q50), high: rate * Math.exp(q90) };
}

function boundOf(parts: Parts): Bound {
  const ranked: readonly (readonly [Bound, Seconds])[] = [["bandwidth", parts.bandwidth], ["compute", parts.compute], ["link", parts.link], ["overhead", parts.overhead]];
  return ranked.reduce((best, row) => (row[1] > best[1] ? row : best))[0];
}

/** Tokenize, read `newTokens` behind `cachedTokens`, first decode, sampler's pass over the whole prompt. */
function firstToken(setting: Setting, newTokens: Tokens, cachedTokens: Tokens, prefill: Interval, decode: Interval): Interval {
  const { tokenizeSecondsPerToken, samplerSecondsPerToken, fixedSeconds } = setting.calibration.firstToken;
  const length = newTokens + cachedTokens;
  const at = (prefillRate: number, decodeRate: number, sampler: number): Seconds => tokenizeSecondsPerToken * length + newTokens / prefillRate + 1 / decodeRate + sampler * length + fixedSeconds;
  return {
    low: at(prefill.high, decode.high, samplerSecondsPerToken.low),
    mid: at(prefill.mid, decode.mid, samplerSecondsPerToken.mid),
    high: at(prefill.low, decode.low, samplerSecondsPerToken.high),
  };
}

function settingOf(model: Model, run: Run, traffic: TrafficByPlace, hardware: Hardware, question: SpeedQuestion, calibration: Calibration): Setting {
  let baseType: TensorType = "f16";
  let most = 0;
  for (const place of [...traffic.devices, traffic.host])
    for (const [type, weights] of place.weightsByType)
      if (weights > most) {
        most = weights;
        baseType = type;
      }
  return { model, run, hardware, rates: hardware.devices.map(ratesOf), hostRates: hostRates(hardware.host, run.threads, calibration), traffic, question, calibration, baseType };
}

/** Decode speed at one depth of live context. */
export function decodeAtDepth(model: Model, run: Run, placement: Placement, hardware: Hardware, question: SpeedQuestion, depthTokens: Tokens, calibration: Calibration): Interval {
  const setting = settingOf(model, run, trafficOf(model, run, placement), hardware, question, calibration);
  return rateInterval(total(decodeParts(setting, depthTokens)), quantilesFor(setting, "decode"));
}

/** Everything about speed that an answer shows. */
export function estimateSpeed(model: Model, run: Run, placement: Placement, hardware: Hardware, question: SpeedQuestion, calibration: Calibration): Speed {
  return estimateSpeedOf(model, run, trafficOf(model, run, placement), hardware, question, calibration);
}

/** The same of traffic that is already dealt. */
export function estimateSpeedOf(model: Model, run: Run, traffic: TrafficByPlace, hardware: Hardware, question: SpeedQuestion, calibration: Calibration): Speed {
  const setting = settingOf(model, run, traffic, hardware, question, calibration);
  const { promptTokens, outputTokens } = question;
  const decode = decodeParts(setting, promptTokens + outputTokens / 2);
  const decodeTokensPerSecond = rateInterval(total(decode), quantilesFor(setting, "decode"));
  const quantiles = quantilesFor(setting, "prefill");
  const prefillTokensPerSecond = rateInterval(total(prefillParts(setting, promptTokens, 0)), quantiles);
  const warmPrefill = rateInterval(total(prefillParts(setting, WARM_TURN_TOKENS, promptTokens)), quantiles);
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
