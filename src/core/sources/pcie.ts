/** The speed of a PCI Express link in one direction. */
import type { BytesPerSecond } from "../units.ts";

/** GB/s of one lane after line coding, by generation. Source: PCI Express base specifications 1.0 to 6.0. */
const LANE_GBPS: Readonly<Record<number, number>> = { 1: 0.25, 2: 0.5, 3: 0.985, 4: 1.969, 5: 3.938, 6: 7.563 };

export function pcieBytesPerSecond(
  generation: number | undefined,
  lanes: number | undefined,
): BytesPerSecond | undefined {
  const lane = LANE_GBPS[generation ?? 0];
  return lane === undefined || lanes === undefined || lanes < 1 ? undefined : Math.round(lane * lanes * 1e9);
}
