/** This machine, as the probe sees it. */
import type { Hardware } from "../core/facts/hardware.ts";
import type { World } from "../core/sources/world.ts";
import { hardwareOf, probe } from "../core/sources/probe/probe.ts";
import type { MemoryBasis } from "./gather.ts";

export async function localHardware(world: World, memoryBasis: MemoryBasis): Promise<Hardware> {
  return hardwareOf(await probe(world), memoryBasis);
}
