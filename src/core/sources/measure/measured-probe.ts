/** A probe with what was measured on the machine before in the place of what had to be assumed. */
import type { Fact } from "../../facts/evidence.ts";
import type { Host } from "../../facts/hardware.ts";
import type { BytesPerSecond } from "../../units.ts";
import type { ProbedDisk, ProbeResult } from "../probe/result.ts";
import type { World } from "../world.ts";
import { measuredDiskRate, withMeasured } from "./apply.ts";
import type { Machine, Measurement } from "./record.ts";
import { storedMeasurement } from "./store.ts";

interface MeasuredDisk extends ProbedDisk {
  readonly readBytesPerSecond?: Fact<BytesPerSecond>;
}

export interface MeasuredProbe extends ProbeResult {
  readonly disks: readonly MeasuredDisk[];
}

/** What tells this machine from others that share a home folder. */
export function machineOf(
  host: Pick<Host, "os" | "arch" | "cpuModel" | "physicalCoreCount" | "ramTotalBytes">,
): Machine {
  return {
    os: host.os.slice(0, 100),
    arch: host.arch.slice(0, 100),
    cpuModel: host.cpuModel.slice(0, 300),
    physicalCoreCount: host.physicalCoreCount.value,
    ramTotalBytes: Math.round(host.ramTotalBytes.value),
  };
}

/** Throws `InputError` for a facts file that was given and cannot be read. */
export async function withStoredMeasurement(world: World, result: ProbeResult): Promise<MeasuredProbe> {
  return withMeasurement(result, await storedMeasurement(world, machineOf(result.host)));
}

function withMeasurement(result: ProbeResult, measurement: Measurement | undefined): MeasuredProbe {
  if (measurement === undefined) return result;
  const before = result.host.ramBandwidthBytesPerSecond;
  const host = withMeasured(result.host, measurement);
  const replaced = host.ramBandwidthBytesPerSecond !== before;
  const rate = measuredDiskRate(measurement);
  return {
    ...result,
    host,
    // what was said about the assumed value no longer holds
    warnings:
      replaced && before.evidence === "assumed"
        ? result.warnings.filter((warning) => !warning.includes(before.source))
        : result.warnings,
    disks: result.disks.map((disk) =>
      rate !== undefined && isOn(disk, result.disks, measurement) ? { ...disk, readBytesPerSecond: rate } : disk,
    ),
  };
}

/** The disk whose folder holds what was read, the deepest of several. */
function isOn(disk: ProbedDisk, all: readonly ProbedDisk[], { disk: read }: Measurement): boolean {
  const holding = all.filter(
    ({ path }) => read?.path === path || read?.path.startsWith(path.endsWith("/") ? path : `${path}/`),
  );
  return holding.sort((a, b) => b.path.length - a.path.length)[0]?.path === disk.path;
}
