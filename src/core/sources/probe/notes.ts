/** What a person should know about this machine beside its figures: limits, what is busy and who keeps it so, what no engine uses. */
import { GIB } from "../../units.ts";
import { formatBytes } from "../../units-text.ts";
import type { World } from "../world.ts";
import type { MemoryHolder, ProbedDevice, ProbedNpu, ProbeResult } from "./result.ts";
import type { EngineView } from "./runtimes.ts";

/** Neural processors, so that nobody plans with them. */
export function npuNotes(npus: readonly ProbedNpu[]): string[] {
  return npus.map(
    ({ name, usedBy }) =>
      `${name}: ${usedBy.length > 0 ? `used by ${usedBy.join(", ")}` : "no engine that is known here runs on it"}.`,
  );
}

/** Cards that the llama.cpp here cannot use, whatever they could do. */
export function engineNotes(engine: EngineView, devices: readonly ProbedDevice[]): string[] {
  if (!engine.answered) return [];
  const unseen = devices.filter(
    ({ kind, visible, backends, engineTotals }) =>
      kind === "gpu" && visible && backends.length > 0 && engineTotals.length === 0,
  );
  const built = engine.backends.length > 0 ? `it uses ${engine.backends.join(" and ")}` : "it lists no device at all";
  return unseen.map(
    ({ name, backends }) =>
      `The llama.cpp here does not list ${name} (${built}): install a build for ${backends.slice(0, 2).join(" or ")}.`,
  );
}

export function hostNotes(
  { setting, topology, ramLimitBytes }: Pick<ProbeResult["host"], "setting" | "topology" | "ramLimitBytes">,
  devices: readonly ProbedDevice[],
): string[] {
  const warnings: string[] = [];
  if (setting.wsl)
    warnings.push(
      "This is WSL2: RAM is what Windows grants it, and the core count may mix fast and slow cores of a hybrid processor; Vulkan here is a translation layer and not used.",
    );
  if ((topology.socketCount ?? 1) > 1)
    warnings.push(
      `${topology.socketCount} sockets: the RAM's bandwidth is that of one, which llama.cpp gets unless it is started with --numa.`,
    );
  if (ramLimitBytes !== undefined)
    warnings.push(
      `Memory is limited to ${formatBytes(ramLimitBytes.value)} by ${ramLimitBytes.source}; plans stay below that.`,
    );
  const small = devices.filter(
    ({ vendor, kind, memoryTotalBytes, memoryUsableBytes }) =>
      vendor === "Intel" &&
      kind === "gpu" &&
      memoryTotalBytes.evidence === "reported" &&
      memoryUsableBytes.value <= 256 * 1024 * 1024,
  );
  if (small.length > 0)
    warnings.push("An Intel card shows only 256 MiB: Resizable BAR is off; enable it in the firmware.");
  return warnings;
}

/** Busy devices and processors make every estimate less sure: the note says who holds what. */
export function busyNotes(
  devices: readonly ProbedDevice[],
  holders: readonly MemoryHolder[],
  load: number | undefined,
): string[] {
  const warnings: string[] = [];
  const named = holders
    .filter(({ heldBytes }) => heldBytes >= GIB / 4)
    .map(({ processName, heldBytes }) => `${processName.split(/[\\/]/).at(-1)} (${formatBytes(heldBytes)})`);
  for (const device of devices) {
    if (
      device.kind === "gpu" &&
      device.visible &&
      device.memoryFreeBytes.evidence === "reported" &&
      device.heldByOthersBytes >= GIB / 2
    ) {
      warnings.push(
        `${formatBytes(device.heldByOthersBytes)} of ${device.name} are in use by ${named.length > 0 ? named.slice(0, 4).join(", ") : "other programs (a desktop among them)"}; memoryBasis "idle" plans without them.`,
      );
    }
  }
  if (named.length > 0 && devices.every(({ kind }) => kind !== "gpu"))
    warnings.push(`GPU memory is held by ${named.slice(0, 4).join(", ")}.`);
  if (load !== undefined && load >= 0.5)
    warnings.push(`The processor is ${Math.round(load * 100)} % busy: measured speeds will be lower than planned.`);
  return warnings;
}

export function platformNotes(world: World): string[] {
  if (["linux", "darwin", "win32"].includes(world.platform)) return [];
  return [`GPUs are only known by name on ${world.platform}; describe them in hardware.`];
}
