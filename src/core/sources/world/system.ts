/**
 * CPU and OS names through `systeminformation`. Only its string facts: its video memory is the PCI window or a 32-bit counter
 * on many machines, and its `graphics()` blocks the event loop while a vendor tool hangs.
 */
import { freemem, totalmem } from "node:os";
import type { SystemFacts } from "../world.ts";

export async function systemFacts(): Promise<SystemFacts> {
  const { cpu, osInfo } = await import("systeminformation");
  const [processor, os] = await Promise.all([cpu(), osInfo()]);
  return {
    cpuModel: [processor.manufacturer, processor.brand].filter((part) => part !== "").join(" "),
    physicalCoreCount: processor.physicalCores > 0 ? processor.physicalCores : undefined,
    osName: [os.distro, os.release].filter((part) => part !== "").join(" "),
    memoryTotalBytes: totalmem(),
    memoryFreeBytes: freemem(),
  };
}
