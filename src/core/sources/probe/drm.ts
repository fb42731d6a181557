/** AMD and Intel GPUs, and NVIDIA ones whose driver does not answer, through `/sys/class/drm`: no tool and no root needed. */
import type { Bytes } from "../../units.ts";
import type { World } from "../world.ts";
import type { SightedDevice } from "./result.ts";

const VENDORS: Readonly<Record<string, SightedDevice["vendor"]>> = { "1002": "AMD", "8086": "Intel", "10de": "NVIDIA" };

/** The files of one card's `device` folder, as far as the kernel driver makes them. */
export interface DrmCard {
  readonly uevent: string | undefined;
  readonly vendor: string | undefined;
  readonly device: string | undefined;
  readonly revision: string | undefined;
  readonly vramTotal: string | undefined;
  readonly vramUsed: string | undefined;
  readonly gttTotal: string | undefined;
  readonly gttUsed: string | undefined;
  /** Intel: i915's `lmem_total_bytes`, or the sizes of xe's tiles */
  readonly localMemory: readonly string[];
}

const hex = (text: string | undefined): string | undefined => /^(?:0x)?([0-9a-f]{2,4})$/i.exec(text?.trim() ?? "")?.[1]?.toLowerCase();

const bytesOf = (text: string | undefined): Bytes | undefined => (/^\d{1,16}$/.test(text?.trim() ?? "") ? Number(text?.trim()) : undefined);

export interface DrmFacts {
  readonly device: SightedDevice;
  /** part of the RAM that the driver maps for the GPU: what HIP reports as total on a chip that shares its memory */
  readonly gttTotalBytes: Bytes | undefined;
  readonly gttUsedBytes: Bytes | undefined;
}

/** One card; undefined when it is no GPU of a vendor that runs models. */
export function parseDrmCard(card: DrmCard): DrmFacts | undefined {
  const [eventVendor, eventDevice] = /^PCI_ID=([0-9A-F]{4}):([0-9A-F]{4})$/m.exec(card.uevent ?? "")?.slice(1) ?? [];
  const vendorId = (hex(card.vendor) ?? eventVendor)?.toLowerCase();
  const deviceId = (hex(card.device) ?? eventDevice)?.toLowerCase();
  const vendor = VENDORS[vendorId ?? ""];
  if (vendor === undefined || deviceId === undefined) return undefined;
  const local = card.localMemory.flatMap((text) => bytesOf(text) ?? []);
  const total = vendor === "AMD" ? bytesOf(card.vramTotal) : local.length > 0 ? local.reduce((sum, size) => sum + size, 0) : undefined;
  const used = bytesOf(card.vramUsed);
  const pciAddress = /^PCI_SLOT_NAME=(\S+)$/m.exec(card.uevent ?? "")?.[1]?.toLowerCase();
  const device: SightedDevice = {
    name: `${vendor} ${vendorId}:${deviceId}`,
    vendor,
    pciAddress,
    pciId: `${vendorId}:${deviceId}`,
    pciRevision: hex(card.revision),
    totalBytes: total,
    freeBytes: total !== undefined && used !== undefined ? Math.max(0, total - used) : undefined,
    reservedBytes: undefined,
    // an Intel card without memory of its own is the processor's graphics
    unified: vendor === "Intel" ? local.length === 0 : undefined,
    computeCapability: undefined,
    driver: /^DRIVER=(\S+)$/m.exec(card.uevent ?? "")?.[1],
    memoryClockMHz: undefined,
    gpuCoreCount: undefined,
    pcieGeneration: undefined,
    pcieLanes: undefined,
    uuid: undefined,
    visible: vendor !== "NVIDIA",
    source: "/sys/class/drm",
  };
  return { device, gttTotalBytes: bytesOf(card.gttTotal), gttUsedBytes: bytesOf(card.gttUsed) };
}

async function readCard(world: World, name: string): Promise<DrmFacts | undefined> {
  const folder = `/sys/class/drm/${name}/device`;
  const read = (file: string): Promise<string | undefined> => world.readFile(`${folder}/${file}`, 4096);
  const [uevent, vendor, device, revision, vramTotal, vramUsed, gttTotal, gttUsed, lmem] = await Promise.all(
    ["uevent", "vendor", "device", "revision", "mem_info_vram_total", "mem_info_vram_used", "mem_info_gtt_total", "mem_info_gtt_used", "lmem_total_bytes"].map(read),
  );
  const tiles = hex(vendor) === "8086" ? (await world.listDir(folder)).filter((entry) => /^tile\d$/.test(entry.name)) : [];
  const sizes = await Promise.all(tiles.map((tile) => read(`${tile.name}/physical_vram_size_bytes`)));
  return parseDrmCard({ uevent, vendor, device, revision, vramTotal, vramUsed, gttTotal, gttUsed, localMemory: [lmem, ...sizes].flatMap((text) => text ?? []) });
}

/** Cards by PCI address. A chip that shares the RAM keeps its carve-out out of sight: what it may map decides. */
export async function sightDrm(world: World): Promise<readonly DrmFacts[]> {
  if (world.platform !== "linux") return [];
  const cards = (await world.listDir("/sys/class/drm")).filter((entry) => /^card\d+$/.test(entry.name));
  const facts = (await Promise.all(cards.map((card) => readCard(world, card.name)))).flatMap((card) => card ?? []);
  return facts.sort((a, b) => ((a.device.pciAddress ?? "") < (b.device.pciAddress ?? "") ? -1 : 1));
}

