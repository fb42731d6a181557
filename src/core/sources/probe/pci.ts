/** Display devices on the PCI bus, from `/sys/bus/pci` or `lspci`: identity only, never memory (a BAR is a window, not the memory). */
import type { World } from "../world.ts";
import {
  isIntegratedName,
  isPretended,
  pciAddressOf,
  type SightedDevice,
  type Sighting,
  sighted,
  vendorOf,
} from "./sighting.ts";
import { printed } from "./tools.ts";

/** An Intel processor's graphics always sits at 00:02; a card never does, whatever its name says. */
const INTEL_GRAPHICS = /^0000:00:02\./;

interface BusRow {
  readonly address: string | undefined;
  readonly vendorText: string;
  readonly name: string;
  readonly id: string | undefined;
  readonly revision: string | undefined;
}

function deviceOf(row: BusRow, source: string): SightedDevice[] {
  const vendor = vendorOf(row.id?.slice(0, 4) ?? row.vendorText);
  if (!["NVIDIA", "AMD", "Intel", "Moore Threads"].includes(vendor) || isPretended(row.name)) return [];
  const byPlace = vendor !== "Intel" || row.address === undefined ? undefined : INTEL_GRAPHICS.test(row.address);
  const unified = byPlace ?? (isIntegratedName(`${row.vendorText} ${row.name}`) ? true : undefined);
  return [
    sighted({
      vendor,
      source,
      name: /^Device [0-9a-f]{4}$/i.test(row.name) ? "" : row.name,
      pciAddress: row.address,
      pciId: row.id,
      pciRevision: row.revision,
      unified,
      visible: vendor !== "NVIDIA",
    }),
  ];
}

/** Vendor ids of the names that `lspci` prints where it prints no numbers. */
const VENDOR_IDS: Readonly<Record<string, string>> = { NVIDIA: "10de", AMD: "1002", Intel: "8086" };

/**
 * `lspci`, `lspci -nn`, `lspci -Dnn -d ::03xx`: every line of a display class (VGA, 3D, Display controller). "Device 1db6" is a stale
 * name list printing the device id.
 */
export function parseLspci(text: string): SightedDevice[] {
  return text.split("\n").flatMap((line) => {
    const match =
      /^((?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) (?:VGA compatible controller|3D controller|Display controller)(?: \[03[0-9a-f]{2}\])?: (.*)$/i.exec(
        line.trim(),
      );
    if (match === null) return [];
    const text = (match[2] ?? "").replace(/ \(prog-if[^)]*\)/, "");
    const ids = /\[([0-9a-f]{4}):([0-9a-f]{4})\]/i.exec(text);
    const revision = /\(rev ([0-9a-f]{2})\)/i.exec(text)?.[1]?.toLowerCase();
    const plain = text
      .replace(/\s*\[[0-9a-f]{4}:[0-9a-f]{4}\]/i, "")
      .replace(/\s*\(rev [0-9a-f]{2}\)/i, "")
      .trim();
    const [, vendorText = "", name = plain] =
      /^(.*?(?:Corporation|Inc\.|Ltd\.?|Co\.)(?: \[AMD\/ATI\])?) (.*)$/.exec(plain) ?? [];
    const unnamed = /^Device ([0-9a-f]{4})$/i.exec(name)?.[1];
    const vendor = VENDOR_IDS[vendorOf(vendorText)];
    const id =
      ids !== null
        ? `${ids[1]}:${ids[2]}`
        : unnamed !== undefined && vendor !== undefined
          ? `${vendor}:${unnamed}`
          : undefined;
    return deviceOf({ address: pciAddressOf(match[1]), vendorText, name, id: id?.toLowerCase(), revision }, "lspci");
  });
}

/** The paravirtual adapter that stands for every card inside WSL2. */
const WSL_ADAPTER = /^\S+ 3D controller.*Microsoft Corporation (?:Basic Render|Device 008e)/m;

const isWslListing = (text: string): boolean => WSL_ADAPTER.test(text);

/** Display devices by the kernel's own list; `lspci` where that cannot be read. */
export async function sightPci(world: World, signal?: AbortSignal): Promise<Sighting> {
  if (world.platform === "linux") {
    const addresses = await world.listDir("/sys/bus/pci/devices");
    const rows = await Promise.all(addresses.slice(0, 1024).map(({ name }) => readDevice(world, name)));
    if (addresses.length > 0) return { devices: rows.flat(), warnings: [] };
  }
  const text = await printed(world, "lspci", ["-Dnn", "-d", "::03xx"], { timeoutMs: 3000, signal, lasting: true });
  return { devices: parseLspci(text), warnings: [], ...(isWslListing(text) ? { setting: { wsl: true } } : {}) };
}

async function readDevice(world: World, address: string): Promise<SightedDevice[]> {
  const read = async (file: string): Promise<string | undefined> =>
    /^0x([0-9a-f]+)/i
      .exec((await world.readFile(`/sys/bus/pci/devices/${address}/${file}`, 4096)) ?? "")?.[1]
      ?.toLowerCase();
  const kind = await read("class");
  if (kind?.startsWith("03") !== true) return [];
  const [vendor = "", device = "", revision] = await Promise.all(["vendor", "device", "revision"].map(read));
  return deviceOf(
    { address: pciAddressOf(address), vendorText: vendor, name: "", id: `${vendor}:${device}`, revision },
    "/sys/bus/pci",
  );
}
