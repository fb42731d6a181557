/** What of a device's memory an engine can use when the machine is idle, from what the catalog knows. Each rule says where it comes from. */
import type { Fact } from "../facts/evidence.ts";
import type { Backend } from "../facts/hardware.ts";
import { type Bytes, GIB, MIB } from "../units.ts";
import type { HardwareEntry } from "./hardware-catalog.ts";

/** The size nearest to `wanted` among what a driver prints, if any is within 7 % below (ECC takes 1/16) or 1 % above. */
function nearest(sizes: readonly Bytes[], wanted: Bytes): Bytes | undefined {
  return [...sizes].filter((size) => size <= wanted * 1.01 && size >= wanted * 0.93).sort((a, b) => a - b)[0];
}

/** What the driver will print as this card's total. */
export function driverTotal(entry: HardwareEntry, nominalBytes: Bytes): Fact<Bytes> {
  const printed = nearest(entry.driverMemoryBytes, nominalBytes);
  if (printed !== undefined)
    return { value: printed, evidence: "catalog", source: `${entry.source}, total of the driver` };
  return { value: nominalBytes, evidence: "catalog", source: `${entry.source}, nominal size` };
}

/**
 * The driver keeps 205 to 614 MiB of an idle NVIDIA card (seen on 8 cards), about 2.5 % between those bounds. CUDA reports what is left:
 * 11909 of 12288 MiB on an RTX 3080 Ti, 32110 of 32607 on an RTX 5090.
 */
function cudaReserve(totalBytes: Bytes): Bytes {
  return Math.min(Math.max(totalBytes * 0.025, 400 * MIB), 614 * MIB);
}

/** Shares of the memory that other backends leave to programs on a dedicated card. Assumed, but for SYCL: 80 % (old) to 98 % was seen. */
const DEDICATED_SHARE: Partial<Record<Backend, number>> = { sycl: 0.95, rocm: 0.98, vulkan: 0.97 };

/** Usable memory of a dedicated card with nothing else on it; `entry` is its catalog row where one is known. */
export function usableDedicated(entry: HardwareEntry | undefined, backend: Backend, total: Fact<Bytes>): Fact<Bytes> {
  if (backend === "cuda") {
    const reported = nearest(entry?.cudaMemoryBytes ?? [], total.value);
    if (entry !== undefined && reported !== undefined)
      return { value: reported, evidence: "catalog", source: `${entry.source}, total that CUDA reports` };
    const value = Math.floor(total.value - cudaReserve(total.value));
    return {
      value,
      evidence: "assumed",
      source: "driver total less 2.5 %, at least 400 and at most 614 MiB: what idle NVIDIA drivers keep",
    };
  }
  const share = DEDICATED_SHARE[backend] ?? 0.97;
  return {
    value: Math.floor(total.value * share),
    evidence: "assumed",
    source: `${share * 100} % of the card, usual for ${backend}`,
  };
}

/** Memory that the system keeps of a pool that it shares with the GPU: 8 %, at least 4 GiB where that is below half. */
function sharedReserve(totalBytes: Bytes): Bytes {
  return Math.max(totalBytes * 0.08, Math.min(4 * GIB, totalBytes / 4));
}

/**
 * Usable part of a shared pool. Metal's working set was seen at 0.667 of the RAM up to 36 GiB and 0.75 or more above;
 * other shared pools leave all but what the system needs.
 */
export function usableShared(backend: Backend, totalBytes: Bytes): Fact<Bytes> {
  if (backend === "metal") {
    const share = totalBytes <= 36 * GIB ? 2 / 3 : 0.75;
    return {
      value: Math.floor(totalBytes * share),
      evidence: "assumed",
      source: `Metal's default working set, ${totalBytes <= 36 * GIB ? "2/3" : "3/4"} of the RAM`,
    };
  }
  return {
    value: Math.floor(totalBytes - sharedReserve(totalBytes)),
    evidence: "assumed",
    source: "RAM less 8 %, at least 4 GiB, for the system",
  };
}

/** RAM that is free on an idle host: all but 6 %, at least 1.5 GiB and at most 6 GiB. */
export function idleRam(totalBytes: Bytes): Fact<Bytes> {
  const kept = Math.min(Math.max(totalBytes * 0.06, Math.min(1.5 * GIB, totalBytes / 4)), 6 * GIB);
  return {
    value: Math.floor(totalBytes - kept),
    evidence: "assumed",
    source: "RAM less 6 %, 1.5 to 6 GiB, for an idle system",
  };
}
