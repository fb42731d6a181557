/** A probe's result as the hardware that fitting and planning work on. */
import type { Device, Hardware } from "../../facts/hardware.ts";
import { idleRam } from "../device-memory.ts";
import type { ProbedDevice, ProbeResult } from "./result.ts";

/** `now`: what is free at this moment; `idle`: what would be with nothing else running. */
export type MemoryBasis = "now" | "idle";

function deviceOf(probed: ProbedDevice, basis: MemoryBasis): Device[] {
  const backend = probed.backends[0];
  if (backend === undefined || !probed.visible) return [];
  return [
    {
      id: probed.id,
      name: probed.name,
      vendor: probed.vendor,
      kind: probed.kind,
      backend,
      memoryTotalBytes: probed.memoryTotalBytes,
      memoryUsableBytes: basis === "now" ? probed.memoryFreeBytes : probed.memoryUsableBytes,
      bandwidthBytesPerSecond: probed.bandwidthBytesPerSecond,
      fp16FlopsPerSecond: probed.fp16FlopsPerSecond,
      fp32FlopsPerSecond: probed.fp32FlopsPerSecond,
      family: probed.family,
      computeCapability: probed.computeCapability,
      driver: probed.driver,
      pciAddress: probed.pciAddress,
      linkBytesPerSecond: probed.linkBytesPerSecond,
    },
  ];
}

/** llama.cpp leaves graphics inside the processor alone when a card is there (src/llama.cpp:281-285 of v0.5.0), so do we. */
export function hardwareOf(result: ProbeResult, basis: MemoryBasis): Hardware {
  const usable = result.devices.flatMap((device) => deviceOf(device, basis));
  const cards = usable.filter((device) => device.kind === "gpu");
  const { host } = result;
  const ceiling = host.ramLimitBytes?.value ?? host.ramTotalBytes.value;
  return {
    name: "local",
    devices: cards.length > 0 ? cards : usable,
    host: { ...host, ramAvailableBytes: basis === "now" ? host.ramAvailableBytes : idleRam(ceiling) },
    warnings: result.warnings,
  };
}
