/**
 * CPU and OS names through `systeminformation`. Only its string facts: its video memory is the PCI window or a 32-bit counter
 * on many machines, and its `graphics()` blocks the event loop while a vendor tool hangs.
 */
import { freemem, totalmem } from "node:os";
import type { SystemFacts } from "../world.ts";

export async function systemFacts(): Promise<SystemFacts> {
  const { cpu, graphics, osInfo } = await import("systeminformation");
  // where the probe has sources of its own, this one would only be slower and less true
  const unread = !["linux", "darwin", "win32"].includes(process.platform);
  const [processor, os, displays] = await Promise.all([cpu(), osInfo(), unread ? graphics() : undefined]);
  return {
    cpuModel: [processor.manufacturer, processor.brand].filter((part) => part !== "").join(" "),
    physicalCoreCount: processor.physicalCores > 0 ? processor.physicalCores : undefined,
    osName: [os.distro, os.release].filter((part) => part !== "").join(" "),
    memoryTotalBytes: totalmem(),
    memoryFreeBytes: freemem(),
    ...(displays === undefined
      ? {}
      : { displays: displays.controllers.map(({ vendor, model, bus }) => ({ vendor, model, bus })) }),
  };
}
