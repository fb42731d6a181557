/**
 * A machine from its description (contract "Naming hardware"): catalog devices, custom ones, host facts. What is not given comes from the
 * catalog where the name is known, else it is assumed; every value says which.
 */
import type { Hardware } from "../facts/hardware.ts";
import { InputError } from "../facts/input-error.ts";
import { formatBytes } from "../units-text.ts";
import type { HardwareCatalog } from "./hardware-catalog.ts";
import { catalogDevice, customDevice } from "./hardware-device.ts";
import { describedHost } from "./hardware-host.ts";
import { readMemory } from "./hardware-quantities.ts";
import { type DevicePart, type HardwareSyntax, MAX_DEVICES, parseHardwareSyntax } from "./hardware-syntax.ts";
import { type ResolvedDevice, resolveDevice } from "./hardware-variant.ts";

/** One part of the expression with its name looked up: a catalog row, a custom device, or the word `cpu`. */
export interface PlannedPart {
  readonly part: DevicePart;
  readonly resolved: ResolvedDevice | undefined;
}

const label = ({ part, resolved }: PlannedPart): string => {
  const size = resolved?.memoryBytes === undefined ? "" : ` (${formatBytes(resolved.memoryBytes)})`;
  const custom = part.name === undefined ? `custom(${part.options.get("memory") ?? ""})` : "cpu";
  return `${part.count > 1 ? `${part.count}x ` : ""}${resolved === undefined ? custom : `${resolved.entry.id}${size}`}`;
};

/** A user's machine stands alone, and the facts written after its id win over its own: `my-server, ram=128GiB`. */
function expandMachine(syntax: HardwareSyntax, catalog: HardwareCatalog): HardwareSyntax {
  const machineOf = ({ name }: DevicePart): string | undefined =>
    name === undefined ? undefined : catalog.machine(name);
  const machines = syntax.devices.filter((part) => machineOf(part) !== undefined);
  const [only] = syntax.devices;
  if (machines.length === 0 || only === undefined) return syntax;
  const id = machines[0]?.name ?? "";
  if (syntax.devices.length > 1 || only.count > 1) {
    throw new InputError(
      `"${id}" is a whole machine of your profiles and cannot be joined or counted. Send it alone, or name its devices.`,
    );
  }
  const inner = parseHardwareSyntax(machineOf(only) ?? "");
  return { devices: inner.devices, host: new Map([...inner.host, ...syntax.host]) };
}

/** `hardware` of every tool, except `local`. Throws `InputError`: unknown names list the closest ids, absurd numbers name the range. */
export function parseHardware(expression: string, catalog: HardwareCatalog): Hardware {
  const syntax = expandMachine(parseHardwareSyntax(expression), catalog);
  const ramText = syntax.host.get("ram");
  const ramBytes = ramText === undefined ? undefined : readMemory(ramText, "ram");
  const planned = syntax.devices.map((part): PlannedPart => {
    const known = part.name !== undefined && part.name.toLowerCase() !== "cpu";
    return { part, resolved: known ? resolveDevice(part.name, catalog, ramBytes) : undefined };
  });
  const warnings = planned.flatMap(({ resolved }) => resolved?.warning ?? []);
  const count = planned.reduce((sum, { part }) => sum + part.count, 0);
  if (count > MAX_DEVICES) throw new InputError(`${count} devices are out of range. Send at most ${MAX_DEVICES}.`);

  const described = describedHost(syntax.host, ramBytes, planned, catalog);
  const { host } = described;
  warnings.push(...described.warnings);
  const devices = planned.flatMap(({ part, resolved }) => {
    if (resolved === undefined && part.name !== undefined) return [];
    if (resolved?.entry.kind === "cpu") return [];
    const built =
      resolved === undefined ? customDevice(part.options, catalog) : catalogDevice(resolved, host.ramTotalBytes);
    warnings.push(...built.warnings);
    return Array.from({ length: part.count }, () => built.device);
  });
  const pooled = planned
    .filter(({ resolved }) => resolved?.entry.kind === "unified")
    .reduce((sum, { part }) => sum + part.count, 0);
  if (pooled > 1) {
    warnings.push(
      `${pooled} devices with shared memory are as many machines; their memory is counted as if each had its own. Plan over hosts with plan_config's hosts.`,
    );
  }
  return { name: planned.map(label).join(" + "), devices, host, warnings };
}
