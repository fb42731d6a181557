/** Puts measured values in the place of assumed and data-sheet ones. */
import type { Fact } from "../../facts/evidence.ts";
import type { BytesPerSecond } from "../../units.ts";
import { MOST_NOISE } from "./measured.ts";
import type { EngineRun, Measurement } from "./record.ts";

/** The RAM's measured read bandwidth as a fact; undefined where there is none that may be used (too noisy). */
export function measuredRamBandwidth({ memory, date }: Measurement): Fact<BytesPerSecond> | undefined {
  if (memory === undefined || memory.allThreadsBytesPerSecond.noiseFraction > MOST_NOISE) return undefined;
  const { value, noiseFraction } = memory.allThreadsBytesPerSecond;
  const threads = memory.threadCount === 1 ? "1 thread" : `${memory.threadCount} threads`;
  return {
    value: Math.round(value),
    evidence: "measured",
    source: `read by ${threads} on ${date.slice(0, 10)}`,
    noiseFraction,
  };
}

/** The disk's measured read rate; undefined where there is none that may be used. */
export function measuredDiskRate({ disk, date }: Measurement): Fact<BytesPerSecond> | undefined {
  if (disk === undefined || disk.readBytesPerSecond.noiseFraction > MOST_NOISE) return undefined;
  const { value, noiseFraction } = disk.readBytesPerSecond;
  return {
    value: Math.round(value),
    evidence: "measured",
    source: `read past the cache from ${disk.path} on ${date.slice(0, 10)}`,
    noiseFraction,
  };
}

/** What llama-bench showed, without the figures that are too noisy; undefined where the first of them, the bandwidth, is. */
export function measuredEngine({ engine }: Measurement): EngineRun | undefined {
  if (engine === undefined || engine.decodeBytesPerSecond.noiseFraction > MOST_NOISE) return undefined;
  const { layerOverheadSeconds, prefill, depthTokensPerSecond, ...rest } = engine;
  return {
    ...rest,
    ...(layerOverheadSeconds === undefined || layerOverheadSeconds.noiseFraction > MOST_NOISE
      ? {}
      : { layerOverheadSeconds }),
    prefill: prefill.filter(({ flopsPerSecond }) => flopsPerSecond.noiseFraction <= MOST_NOISE),
    depthTokensPerSecond: depthTokensPerSecond.filter(
      ({ tokensPerSecond }) => tokensPerSecond.noiseFraction <= MOST_NOISE,
    ),
  };
}

interface HostWithRam {
  readonly ramBandwidthBytesPerSecond: Fact<BytesPerSecond>;
}

/** The host with its measured bandwidth, else as it was. */
export function withMeasured<Host extends HostWithRam>(host: Host, measurement: Measurement | undefined): Host {
  const measured = measurement === undefined ? undefined : measuredRamBandwidth(measurement);
  return measured === undefined ? host : { ...host, ramBandwidthBytesPerSecond: measured };
}
