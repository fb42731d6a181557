/** Core values in the shape of the contract: the parts that several tools' answers share. */
import type { Candidate } from "../decide/candidate.ts";
import type { Scores } from "../decide/score.ts";
import type { Evidence, Fact } from "../facts/evidence.ts";
import type { Hardware } from "../facts/hardware.ts";
import { totalBytes } from "../facts/memory.ts";
import type { Run } from "../facts/run.ts";
import { round3 } from "./round.ts";

export type MemoryBasis = "now" | "idle";

/** @param otherBasis the same machine under the other basis: shown where it differs */
export function shapeHardware(hardware: Hardware, memoryBasis: MemoryBasis, otherBasis?: Hardware) {
  const other = (index: number): Partial<Record<"memoryUsableNowBytes" | "memoryUsableIdleBytes", number>> => {
    const bytes = otherBasis?.devices[index]?.memoryUsableBytes.value;
    if (bytes === undefined || bytes === hardware.devices[index]?.memoryUsableBytes.value) return {};
    return memoryBasis === "now" ? { memoryUsableIdleBytes: bytes } : { memoryUsableNowBytes: bytes };
  };
  return {
    name: hardware.name,
    memoryBasis,
    devices: hardware.devices.map((device, index) => ({
      id: device.id,
      name: device.name,
      backend: device.backend,
      memoryTotalBytes: device.memoryTotalBytes.value,
      memoryUsableBytes: device.memoryUsableBytes.value,
      ...other(index),
      bandwidthBytesPerSecond: device.bandwidthBytesPerSecond.value,
    })),
    ramTotalBytes: hardware.host.ramTotalBytes.value,
    ramUsableBytes: Math.min(
      hardware.host.ramAvailableBytes.value,
      hardware.host.ramLimitBytes?.value ?? Number.MAX_SAFE_INTEGER,
    ),
    ramBandwidthBytesPerSecond: hardware.host.ramBandwidthBytesPerSecond.value,
  };
}

export function shapeRun(run: Run) {
  const {
    contextTokens,
    sequences,
    unifiedCache,
    cacheTypeK,
    cacheTypeV,
    batchTokens,
    ubatchTokens,
    flashAttention,
    offloadedLayers,
    cpuMoeLayers,
    cpuFfnLayers,
    tensorSplit,
    overrides,
    splitMode,
    mainDevice,
    cacheOffload,
    swaFull,
    outputs,
    threads,
    loadMode,
    promptCacheBytes,
  } = run;
  return {
    contextTokens,
    sequences,
    unifiedCache,
    cacheTypeK,
    cacheTypeV,
    batchTokens,
    ubatchTokens,
    flashAttention,
    offloadedLayers,
    cpuMoeLayers,
    cpuFfnLayers,
    tensorSplit,
    ...(overrides.length > 0 ? { overrides } : {}),
    splitMode,
    mainDevice,
    cacheOffload,
    swaFull,
    outputs,
    ...(threads === undefined ? {} : { threads }),
    loadMode,
    ...(Number.isFinite(promptCacheBytes) ? { promptCacheBytes } : {}),
  };
}

export function shapeMemory({ memory, room }: Pick<Candidate, "memory" | "room">) {
  return {
    devices: memory.devices.map((use, index) => {
      const device = room.devices[index];
      const total = totalBytes(use);
      const capacityBytes = device?.capacityBytes ?? 0;
      return {
        name: device?.name ?? `device ${index}`,
        capacityBytes,
        ...use,
        reserveBytes: device?.reserveBytes ?? 0,
        totalBytes: total,
        headroomBytes: (device?.allowedBytes ?? 0) - total,
        utilizationFraction: capacityBytes > 0 ? round3(total / capacityBytes) : 0,
      };
    }),
    host: { ...memory.host, totalBytes: totalBytes(memory.host) },
  };
}

export function shapeScores(scores: Scores): Scores {
  return {
    quality: round3(scores.quality),
    speed: round3(scores.speed),
    fit: round3(scores.fit),
    context: round3(scores.context),
  };
}

export interface EvidenceRow {
  readonly field: string;
  readonly evidence: Evidence;
  readonly source: string;
}

function row(field: string, fact: Fact<unknown> | undefined): readonly EvidenceRow[] {
  return fact ? [{ field, evidence: fact.evidence, source: fact.source }] : [];
}

/** How the values that decide are known: capacity and rates of every device, RAM, reserve. */
export function evidenceRows(candidate: Candidate): readonly EvidenceRow[] {
  const { hardware, model, room } = candidate;
  const devices = hardware.devices.flatMap((device, index) => [
    ...row(`devices[${index}].memoryUsableBytes`, device.memoryUsableBytes),
    ...row(`devices[${index}].bandwidthBytesPerSecond`, device.bandwidthBytesPerSecond),
    ...row(`devices[${index}].fp16FlopsPerSecond`, device.fp16FlopsPerSecond),
  ]);
  const reserve = (room.devices[0]?.reserve ?? []).map((part) => ({
    field: `reserve: ${part.name}`,
    evidence: part.evidence,
    source: part.source,
  }));
  return [
    { field: "model", evidence: model.evidence, source: model.source },
    ...devices,
    ...row("ramAvailableBytes", hardware.host.ramAvailableBytes),
    ...row("ramBandwidthBytesPerSecond", hardware.host.ramBandwidthBytesPerSecond),
    ...reserve,
  ];
}
