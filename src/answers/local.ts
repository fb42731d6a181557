/** This machine, as the probe sees it, under both memory bases. */
import type { Hardware } from "../core/facts/hardware.ts";
import { withStoredMeasurement } from "../core/sources/measure/measured-probe.ts";
import { hardwareOf, probe } from "../core/sources/probe/probe.ts";
import type { World } from "../core/sources/world.ts";
import type { MemoryBasis } from "./gather.ts";

export async function localHardware(
  world: World,
  memoryBasis: MemoryBasis,
  signal: AbortSignal | undefined,
): Promise<{ readonly hardware: Hardware; readonly otherBasis: Hardware }> {
  const result = await withStoredMeasurement(world, await probe(world, signal));
  return {
    hardware: hardwareOf(result, memoryBasis),
    otherBasis: hardwareOf(result, memoryBasis === "now" ? "idle" : "now"),
  };
}
