/**
 * AMD's compute nodes, `/sys/class/kfd/kfd/topology/nodes`: one for each device a program can open, which for a partitioned card are
 * several. Identity, size and architecture; never the clocks (their multiplier depends on the memory's type).
 */
import type { World } from "../world.ts";
import { type SightedDevice, sighted } from "./sighting.ts";

/** `gfx_target_version 110501` is gfx1151: major, minor and stepping, the last two in hexadecimal. */
export function gfxOf(version: number): string {
  const [major, minor, stepping] = [Math.floor(version / 10_000), Math.floor(version / 100) % 100, version % 100];
  return `gfx${major}${minor.toString(16)}${stepping.toString(16)}`;
}

/** Heaps of kinds 1 and 2 are the device's own memory, visible to the host or not. Source: Linux include/uapi/linux/kfd_sysfs.h. */
const OWN_HEAPS = [1, 2];

const field = (text: string, name: string): number | undefined => {
  const value = new RegExp(`^${name}\\s+(\\d{1,20})[ \\t]*$`, "m").exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
};

/** A node's `properties` and those of its memory banks; undefined for the processor's node. */
export function parseKfdNode(properties: string, banks: readonly string[]): SightedDevice | undefined {
  const version = field(properties, "gfx_target_version") ?? 0;
  const simds = field(properties, "simd_count") ?? 0;
  if (version === 0 || simds === 0) return undefined;
  const sizes = banks.flatMap((bank) =>
    OWN_HEAPS.includes(field(bank, "heap_type") ?? -1) ? (field(bank, "size_in_bytes") ?? []) : [],
  );
  const totalBytes = sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0);
  const device = field(properties, "device_id");
  const location = field(properties, "location_id");
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  return sighted({
    vendor: "AMD",
    source: "/sys/class/kfd",
    gfx: gfxOf(version),
    pciId: device === undefined ? undefined : `1002:${hex(device, 4)}`,
    // domain : bus . device . function, the function counting partitions
    pciAddress:
      location === undefined
        ? undefined
        : `${hex(field(properties, "domain") ?? 0, 4)}:${hex(Math.floor(location / 256) % 256, 2)}:${hex(Math.floor((location % 256) / 8), 2)}.${location % 8}`,
    totalBytes,
  });
}

export async function sightKfd(world: World): Promise<readonly SightedDevice[]> {
  const root = "/sys/class/kfd/kfd/topology/nodes";
  const nodes = (await world.listDir(root)).slice(0, 256);
  const devices = await Promise.all(
    nodes.map(async ({ name }) => {
      const properties = await world.readFile(`${root}/${name}/properties`, 65_536);
      if (properties === undefined || (field(properties, "simd_count") ?? 0) === 0) return undefined;
      const banks = await world.listDir(`${root}/${name}/mem_banks`);
      const texts = await Promise.all(
        banks.map((bank) => world.readFile(`${root}/${name}/mem_banks/${bank.name}/properties`, 65_536)),
      );
      return parseKfdNode(
        properties,
        texts.flatMap((text) => text ?? []),
      );
    }),
  );
  return devices.flatMap((device) => device ?? []);
}

/**
 * The kernel's cards with what their nodes add. More nodes than cards are partitions: each is a device with its own memory, and what a
 * card says of itself holds for each, but for its size.
 */
export function withNodes(cards: readonly SightedDevice[], nodes: readonly SightedDevice[]): readonly SightedDevice[] {
  if (nodes.length === 0) return cards;
  const slot = (device: SightedDevice): string | undefined => device.pciAddress?.replace(/\.\d$/, "");
  const used = new Set<SightedDevice>();
  const joined = cards.flatMap((card): SightedDevice[] => {
    const own =
      card.vendor !== "AMD"
        ? []
        : nodes.filter((node) => !used.has(node) && slot(node) === slot(card) && slot(card) !== undefined);
    for (const node of own) used.add(node);
    if (own.length === 0) return [card];
    if (own.length === 1)
      return own.map((node) => ({
        ...card,
        gfx: node.gfx,
        totalBytes: card.totalBytes ?? node.totalBytes,
        pciId: card.pciId ?? node.pciId,
      }));
    return own.map((node) => ({
      ...card,
      gfx: node.gfx,
      pciAddress: node.pciAddress,
      totalBytes: node.totalBytes,
      freeBytes: undefined,
      source: node.source,
    }));
  });
  return [
    ...joined,
    ...nodes.filter(
      (node) => !used.has(node) && cards.every((card) => card.vendor !== "AMD" || card.pciAddress !== undefined),
    ),
  ];
}
