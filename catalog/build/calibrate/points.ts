/** Votes → what the fit needs of them: the parts of the predicted time, the observed time, and what each fold leaves out. */
import { decodeParts, prefillParts, type SpeedSetting, speedSetting } from "../../../src/core/estimate/speed-parts.ts";
import type { TermSum } from "../../../src/core/estimate/terms.ts";
import { trafficOf } from "../../../src/core/estimate/traffic.ts";
import type { Calibration } from "../../../src/core/facts/calibration.ts";
import type { Fact } from "../../../src/core/facts/evidence.ts";
import type { Device, Hardware, Host } from "../../../src/core/facts/hardware.ts";
import type { Model } from "../../../src/core/facts/model.ts";
import { placeRun } from "../../../src/core/facts/place.ts";
import type { Run } from "../../../src/core/facts/run.ts";
import { ALL_LAYERS, defaultRun } from "../../../src/core/facts/run-defaults.ts";
import type { HardwareCatalog, HardwareEntry } from "../../../src/core/sources/hardware-catalog.ts";
import { catalogDevice } from "../../../src/core/sources/hardware-device.ts";
import type { ModelCatalog } from "../../../src/core/sources/model-catalog.ts";
import { GIB } from "../../../src/core/units.ts";
import { depthBin, meanDepthTokens, type Observation } from "./observation.ts";
import { sizedModel } from "./sized-model.ts";

export interface Point {
  readonly observation: Observation;
  readonly setting: SpeedSetting;
  readonly sum: TermSum;
  readonly observedSeconds: number;
  readonly device: string;
  readonly family: string;
  readonly architecture: string;
  readonly moe: boolean;
  readonly deep: boolean;
  /** the file does not fit into the RAM: read from disk again and again, nothing that a constant describes */
  readonly spills: boolean;
}

const assumed = <T>(value: T): Fact<T> => ({ value, evidence: "assumed", source: "calibration" });

/** Microarchitectures with 512-bit vectors (Zen 4 and later, Intel's servers and its 10th and 11th generation laptops). */
const wideVectors =
  /^ryzen-(7000|9000|7040|ai)|threadripper-(pro-)?[79]000|^epyc-(4004|8004|900[45])|^xeon-(scalable|6-6[79]00p|w-|max)|ice-lake|tiger-lake/;
/** 64-bit Arm cores before the dot-product instructions. */
const plainNeon = /^raspberry-pi-[34]|^raspberry-pi-400/;

function isaOf({ id, row }: HardwareEntry): readonly string[] {
  if (row.cpuArch === "riscv64") return [];
  if (row.cpuArch === "arm64" || row.vendor === "Apple") return plainNeon.test(id) ? ["neon"] : ["neon", "dotprod"];
  return wideVectors.test(id) ? ["avx2", "avx512"] : ["avx2"];
}

/** The RAM of the one laptop whose partial offload is published: DDR5-5600, two channels (assumed, as in the reference). */
const LAPTOP_RAM_BYTES_PER_SECOND = 89.6e9;
const LAPTOP_CORES = 16;

function hostOf(entry: HardwareEntry, row: Observation): Host {
  const cpuOnly = row.offload === "cpu";
  return {
    os: "linux",
    arch: cpuOnly ? (entry.row.cpuArch ?? (entry.vendor === "Apple" ? "arm64" : "x64")) : "x64",
    cpuModel: cpuOnly ? entry.name : "unknown",
    physicalCoreCount: assumed(cpuOnly ? (entry.row.cpuCoreCount ?? 8) : LAPTOP_CORES),
    isa: cpuOnly ? isaOf(entry) : ["avx2"],
    ramTotalBytes: assumed((row.ramGiB ?? 64) * GIB),
    ramAvailableBytes: assumed((row.ramGiB ?? 64) * GIB),
    ramLimitBytes: undefined,
    ramBandwidthBytesPerSecond: assumed(
      row.ramBandwidthGBps !== undefined
        ? row.ramBandwidthGBps * 1e9
        : cpuOnly
          ? entry.bandwidthBytesPerSecond
          : LAPTOP_RAM_BYTES_PER_SECOND,
    ),
    cpuLoadFraction: undefined,
  };
}

function devicesOf(entry: HardwareEntry, row: Observation): readonly Device[] {
  if (row.offload === "cpu") return [];
  const memoryBytes = entry.memoryBytes.at(-1) ?? 64 * GIB;
  const withBackend = { ...entry, backends: [row.backend] };
  return [
    catalogDevice({ entry: withBackend, memoryBytes, sizeNamed: false, warning: undefined }, assumed(memoryBytes))
      .device,
  ];
}

function runOf(row: Observation, layerCount: number): Run {
  const run = defaultRun(row.depthTokens + row.tokens);
  return {
    ...run,
    ubatchTokens: row.ubatchTokens,
    flashAttention: row.flashAttention,
    cacheTypeK: row.cacheType,
    cacheTypeV: row.cacheType,
    offloadedLayers:
      row.offload === "full" ? ALL_LAYERS : row.offload === "cpu" ? 0 : (row.offloadedLayers ?? ALL_LAYERS),
    // stated of the offloaded layers; those before them are on the host whole
    cpuMoeLayers:
      row.hostExpertLayers === undefined
        ? 0
        : Math.max(0, layerCount + 1 - (row.offloadedLayers ?? ALL_LAYERS)) + row.hostExpertLayers,
    threads: row.threads,
  };
}

export function pointOf(
  row: Observation,
  hardwareCatalog: HardwareCatalog,
  models: ModelCatalog,
  calibration: Calibration,
): Point {
  const entry = hardwareCatalog.byId(row.device);
  if (!entry) throw new Error(`no catalog id ${row.device}`);
  const model: Model = sizedModel(row.model, row.recipe, row.fileBytes, models);
  const hardware: Hardware = {
    name: entry.name,
    devices: devicesOf(entry, row),
    host: hostOf(entry, row),
    warnings: [],
  };
  const run = runOf(row, model.hyper.layerCount);
  const placement = placeRun(
    model.hyper.layerCount,
    run,
    hardware.devices.map(({ name }) => ({ name, freeBytes: 1 })),
  );
  const setting = speedSetting(
    model,
    run,
    trafficOf(model, run, placement),
    hardware,
    { promptTokens: row.depthTokens, outputTokens: row.tokens, engine: row.engine, buildYear: row.year },
    calibration,
  );
  const sum =
    row.task === "decode"
      ? decodeParts(setting, meanDepthTokens(row))
      : prefillParts(setting, row.tokens, row.depthTokens);
  const owner = models.find(row.model)?.entry;
  return {
    observation: row,
    setting,
    sum,
    observedSeconds: 1 / row.tokensPerSecond,
    device: row.device,
    family: `${entry.family ?? entry.id}|${row.backend}`,
    architecture: owner?.architectureId ?? row.model,
    moe: model.hyper.experts !== undefined,
    spills: row.offload === "cpu" && row.ramGiB !== undefined && model.fileBytes > 0.9 * row.ramGiB * GIB,
    deep: depthBin(meanDepthTokens(row)) > 0,
  };
}
