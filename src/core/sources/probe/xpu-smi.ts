/** Intel's `xpu-smi discovery`: identity and size where the kernel's files give none. Its bus width is not the memory's and is left out. */
import { MIB } from "../../units.ts";
import type { World } from "../world.ts";
import { isRecord, jsonAfterNoise } from "./amd-smi.ts";
import { isIntegratedName, pciAddressOf, type SightedDevice, sighted } from "./sighting.ts";
import { printed } from "./tools.ts";

const idOf = (text: string | undefined): string | undefined => {
  const id = /^0x([0-9a-f]{4})$/i.exec(text?.trim() ?? "")?.[1]?.toLowerCase();
  return id === undefined ? undefined : `8086:${id}`;
};

function deviceOf(
  name: string,
  address: string | undefined,
  id: string | undefined,
  sizeMiB: number | undefined,
): SightedDevice {
  const unified = isIntegratedName(name) ? true : undefined;
  return sighted({
    vendor: "Intel",
    name,
    source: "xpu-smi",
    pciAddress: pciAddressOf(address),
    pciId: idOf(id),
    unified,
    totalBytes: unified === true || sizeMiB === undefined ? undefined : Math.round(sizeMiB * MIB),
  });
}

/** `-j`, or the table and the lists of single devices. */
export function parseXpuSmi(text: string): SightedDevice[] {
  const json = jsonAfterNoise(text);
  const rows = isRecord(json) ? (Array.isArray(json["device_list"]) ? json["device_list"] : [json]) : [];
  const found = rows.filter(isRecord).flatMap((row): SightedDevice[] => {
    const string = (key: string): string | undefined =>
      typeof row[key] === "string" ? row[key] : typeof row[key] === "number" ? String(row[key]) : undefined;
    const name = string("device_name");
    const bytes = Number(string("memory_physical_size_byte"));
    return name === undefined
      ? []
      : [deviceOf(name, string("pci_bdf_address"), string("pci_device_id"), bytes > 0 ? bytes / MIB : undefined)];
  });
  if (found.length > 0) return found;
  return text
    .split(/(?=Device Name:)/)
    .slice(1)
    .flatMap((block) => {
      const field = (name: string): string | undefined =>
        new RegExp(`${name}:[ \\t]*([^|\\n]+)`).exec(block)?.[1]?.trim();
      const size = Number.parseFloat(field("Memory Physical Size") ?? "");
      return [
        deviceOf(
          field("Device Name") ?? "",
          field("PCI BDF Address"),
          field("PCI Device ID"),
          size > 0 ? size : undefined,
        ),
      ];
    });
}

export async function sightXpuSmi(world: World, signal?: AbortSignal): Promise<readonly SightedDevice[]> {
  return parseXpuSmi(await printed(world, "xpu-smi", ["discovery", "-j"], { timeoutMs: 8000, signal, lasting: true }));
}
