/** The parts of one token over every place that computes: what `speed.ts` adds up and what the calibration fits. */
import type { Calibration } from "../facts/calibration.ts";
import type { Device, Hardware } from "../facts/hardware.ts";
import type { Model } from "../facts/model.ts";
import type { Run } from "../facts/run.ts";
import type { TensorType } from "../facts/tensor-type.ts";
import type { Tokens } from "../units.ts";
import { decodeTerms } from "./decode.ts";
import { coreDecodeTerms, corePrefillTerms, type HostRates, hostRates, offloadDecodeTerms } from "./host-speed.ts";
import { prefillTerms, touchedShare } from "./prefill.ts";
import { type DeviceRates, ratesOf } from "./rates.ts";
import type { OwnRun } from "./speed-intervals.ts";
import { sumSeconds, type Term, type TermSum } from "./terms.ts";
import { cacheAt, type Traffic, type TrafficByPlace } from "./traffic.ts";

export interface SpeedQuestion {
  readonly promptTokens: Tokens;
  readonly outputTokens: Tokens;
  /** key of the engine constants; llama.cpp itself has none */
  readonly engine: string;
  /** fraction of a year of the engine's build */
  readonly buildYear: number;
  /** timings of the user's own on this machine */
  readonly ownRuns?: readonly OwnRun[];
}

/** Batches of at least this many tokens are computed by the device even where the weights lie on the host (`GGML_OP_OFFLOAD_MIN_BATCH`). */
const OP_OFFLOAD_TOKENS = 32;
/** Backends that take host weights over for large batches (`offload_op` of each backend, llama.cpp v0.5.0). */
const takesHostWeights = new Set(["cuda", "rocm", "musa", "vulkan", "sycl", "cann"]);
/** Builds before October 2024 have the old constants: no CUDA graphs, older kernels. */
const OLD_BUILD_YEAR = 2024.75;

/** As many cores multiply faster than RAM of their time delivers; with fewer the slower of the two forms holds. */
const ENOUGH_THREADS = 8;

export interface SpeedSetting {
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

export function speedSetting(
  model: Model,
  run: Run,
  traffic: TrafficByPlace,
  hardware: Hardware,
  question: SpeedQuestion,
  calibration: Calibration,
): SpeedSetting {
  let baseType: TensorType = "f16";
  let most = 0;
  for (const place of [...traffic.devices, traffic.host])
    for (const [type, weights] of place.weightsByType)
      if (weights > most) {
        most = weights;
        baseType = type;
      }
  return {
    model,
    run,
    hardware,
    rates: hardware.devices.map(ratesOf),
    hostRates: hostRates(hardware.host, run.threads, calibration),
    traffic,
    question,
    calibration,
    baseType,
  };
}

function works(place: Traffic): boolean {
  return place.activeBytes > 0 || place.layerCount > 0;
}

export function busyDeviceCount({ traffic }: SpeedSetting): number {
  return traffic.devices.filter(works).length;
}

export function hostWorks({ traffic }: SpeedSetting): boolean {
  return traffic.host.activeBytes > 0 || traffic.host.cacheReads.length > 0;
}

function isOld(setting: SpeedSetting): boolean {
  return setting.question.buildYear < OLD_BUILD_YEAR;
}

function join(sums: readonly TermSum[]): TermSum {
  const [only] = sums;
  if (only && sums.length === 1) return only;
  return {
    terms: sums.flatMap(({ terms }): readonly Term[] => terms),
    leastSeconds: sums.reduce((sum, { leastSeconds }) => sum + leastSeconds, 0),
  };
}

/** One token with `depthTokens` of live context. */
export function decodeParts(setting: SpeedSetting, depthTokens: Tokens, sequences = 1): TermSum {
  const { question, run, calibration } = setting;
  const traffic = sequences === 1 ? setting.traffic : trafficOfSequences(setting.traffic, sequences);
  const sums: TermSum[] = [];
  traffic.devices.forEach((place, index) => {
    const rates = setting.rates[index];
    if (!rates || !works(place)) return;
    if (sequences > 1) sums.push(batchArithmetic(place, sequences, rates));
    const cache = cacheAt(place, depthTokens);
    const { activeBytes, stateBytes, weightsByType, layerCount, moeLayerCount, linearLayerCount } = place;
    sums.push(
      decodeTerms(
        {
          activeBytes,
          expertBytes: Math.min(activeBytes, place.expertBytes * touchedShare(place.expertFraction, sequences)),
          stateBytes,
          weightsByType,
          layerCount,
          moeLayerCount,
          linearLayerCount,
          cacheBytes: cache.bytes,
          attentionFlops: cache.flops,
          latent: traffic.latent,
          flashAttention: run.flashAttention,
          oldBuild: isOld(setting),
          buildYear: question.buildYear,
          engine: question.engine,
          besideHost: hostWorks(setting),
        },
        rates,
      ),
    );
  });
  if (!hostWorks(setting)) return join(sums);
  const cacheBytes = cacheAt(traffic.host, depthTokens).bytes;
  const core = () => coreDecodeTerms(traffic.host, cacheBytes, setting.hostRates, isOld(setting));
  if (sums.length === 0) return core();
  const offload = offloadDecodeTerms(traffic.host, cacheBytes, traffic.usedExperts, setting.hostRates);
  if (setting.hostRates.threads >= ENOUGH_THREADS) return join([...sums, offload]);
  const slower =
    sumSeconds(core(), calibration.host).total > sumSeconds(offload, calibration.host).total ? core() : offload;
  return join([...sums, slower]);
}

/** Share of the matrix peak that a handful of columns reaches: far from a prompt's, whose tiles are full (assumed). */
const SMALL_BATCH_SHARE = 0.3;

/** Columns beyond the first: unpacked weights are used again, the products are not. */
function batchArithmetic(place: Traffic, sequences: number, rates: DeviceRates): TermSum {
  const weights = [...place.weightsByType.values()].reduce((sum, count) => sum + count, 0);
  const seconds = (2 * weights * (sequences - 1)) / rates.peakFlopsPerSecond / SMALL_BATCH_SHARE;
  return { terms: [{ bound: "compute", seconds, factors: [] }], leastSeconds: 0 };
}

/** One step of several sequences: dense weights once, experts that any of them picks, caches and states of each. */
function trafficOfSequences(traffic: TrafficByPlace, sequences: number): TrafficByPlace {
  const of = (place: Traffic): Traffic => {
    const more = place.expertBytes * (touchedShare(place.expertFraction, sequences) - place.expertFraction);
    const ratio = place.activeBytes > 0 ? 1 + more / place.activeBytes : 1;
    const scaled = (map: ReadonlyMap<TensorType, number>) =>
      new Map([...map].map(([type, value]) => [type, value * ratio]));
    return {
      ...place,
      activeBytes: place.activeBytes * ratio,
      bytesByType: scaled(place.bytesByType),
      weightsByType: scaled(place.weightsByType),
      stateBytes: place.stateBytes * sequences,
      cacheReads: place.cacheReads.map((read) => ({
        ...read,
        bytesPerPosition: read.bytesPerPosition * sequences,
        flopsPerPosition: read.flopsPerPosition * sequences,
      })),
    };
  };
  return { ...traffic, devices: traffic.devices.map(of), host: of(traffic.host) };
}

/** The device that takes over host weights for large batches: the first that can. */
function hostHelper(setting: SpeedSetting): { readonly device: Device; readonly rates: DeviceRates } | undefined {
  const index = setting.hardware.devices.findIndex((device) => takesHostWeights.has(device.backend));
  const device = setting.hardware.devices[index];
  const rates = setting.rates[index];
  return device && rates ? { device, rates } : undefined;
}

/** One prompt token when `newTokens` are read behind `cachedTokens`. */
export function prefillParts(setting: SpeedSetting, newTokens: Tokens, cachedTokens: Tokens): TermSum {
  const { traffic, calibration, run, question } = setting;
  const ubatchTokens = Math.max(1, Math.min(newTokens, run.ubatchTokens));
  const depthTokens = cachedTokens + newTokens / 2;
  const sums: TermSum[] = [];
  const add = (place: Traffic, rates: DeviceRates, crossesLink: boolean): void => {
    const {
      denseWeights,
      expertWeights,
      activeBytes,
      expertBytes,
      expertFraction,
      layerCount,
      moeLayerCount,
      linearLayerCount,
    } = place;
    sums.push(
      prefillTerms(
        {
          denseWeights,
          expertWeights,
          activeBytes,
          expertBytes,
          expertFraction,
          baseType: setting.baseType,
          layerCount,
          moeLayerCount,
          linearLayerCount,
          embeddingLength: traffic.embeddingLength,
          attentionFlops: cacheAt(place, depthTokens).flops,
          latent: traffic.latent,
          flashAttention: run.flashAttention,
          oldBuild: isOld(setting),
          buildYear: question.buildYear,
          ubatchTokens,
          crossesLink,
          engine: question.engine,
        },
        rates,
      ),
    );
  };
  traffic.devices.forEach((place, index) => {
    const rates = setting.rates[index];
    if (rates && works(place)) add(place, rates, false);
  });
  const host = traffic.host;
  if (!hostWorks(setting)) return join(sums);
  const helper = ubatchTokens >= OP_OFFLOAD_TOKENS ? hostHelper(setting) : undefined;
  if (!helper)
    return join([...sums, corePrefillTerms(host, cacheAt(host, depthTokens).flops, setting.hostRates, isOld(setting))]);
  // a slow link can make the CPU the faster one; llama.cpp does not choose, so neither do we
  add(host, helper.rates, true);
  const link = helper.device.linkBytesPerSecond?.value ?? calibration.assumedLinkBytesPerSecond;
  const crossing = (bytes: number, factors: readonly string[]) => ({
    bound: "link" as const,
    seconds: bytes / ubatchTokens / link,
    factors,
  });
  const terms = [
    crossing(host.activeBytes - host.expertBytes * host.expertFraction, ["olink"]),
    // only experts that the micro-batch picked are copied, and it picks fewer than chance would
    crossing(host.expertBytes * touchedShare(host.expertFraction, ubatchTokens), ["olink", "olink|experts"]),
  ];
  sums.push({ terms, leastSeconds: 0 });
  return join(sums);
}
