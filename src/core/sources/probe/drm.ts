/** AMD and Intel GPUs, and NVIDIA ones whose driver does not answer, through `/sys/class/drm`: no tool and no root needed. */
import type { Bytes } from "../../units.ts";
import type { World } from "../world.ts";
import { isCarveOut } from "./amd-smi.ts";
import { type SightedDevice, sighted, type Vendor } from "./sighting.ts";

const VENDORS: Readonly<Record<string, Vendor>> = { "1002": "AMD", "8086": "Intel", "10de": "NVIDIA" };

/** The files of one card's `device` folder, as far as the kernel driver makes them. */
interface DrmCard {
  readonly uevent: string | undefined;
  readonly vendor: string | undefined;
  readonly device: string | undefined;
  readonly revision: string | undefined;
  readonly vramTotal: string | undefined;
  readonly vramUsed: string | undefined;
  readonly gttTotal: string | undefined;
  readonly linkSpeed: string | undefined;
  readonly linkWidth: string | undefined;
  /** Intel: i915's `lmem_total_bytes`, or the sizes of xe's tiles */
  readonly localMemory: readonly string[];
}

const hex = (text: string | undefined): string | undefined =>
  /^(?:0x)?([0-9a-f]{2,4})$/i.exec(text?.trim() ?? "")?.[1]?.toLowerCase();

const bytesOf = (text: string | undefined): Bytes | undefined =>
  /^\d{1,16}$/.test(text?.trim() ?? "") ? Number(text?.trim()) : undefined;

/** One card; undefined when it is no GPU of a vendor that runs models. */
function parseDrmCard(card: DrmCard): SightedDevice | undefined {
  const [eventVendor, eventDevice] = /^PCI_ID=([0-9A-F]{4}):([0-9A-F]{4})$/m.exec(card.uevent ?? "")?.slice(1) ?? [];
  const vendorId = (hex(card.vendor) ?? eventVendor)?.toLowerCase();
  const deviceId = (hex(card.device) ?? eventDevice)?.toLowerCase();
  const vendor = VENDORS[vendorId ?? ""];
  if (vendor === undefined || deviceId === undefined) return undefined;
  const local = card.localMemory.flatMap((text) => bytesOf(text) ?? []);
  const total =
    vendor === "AMD"
      ? bytesOf(card.vramTotal)
      : local.length > 0
        ? local.reduce((sum, size) => sum + size, 0)
        : undefined;
  const used = bytesOf(card.vramUsed);
  const pciAddress = /^PCI_SLOT_NAME=(\S+)$/m.exec(card.uevent ?? "")?.[1]?.toLowerCase();
  const mappable = bytesOf(card.gttTotal);
  return sighted({
    vendor,
    source: "/sys/class/drm",
    pciAddress,
    pciId: `${vendorId}:${deviceId}`,
    pciRevision: hex(card.revision),
    totalBytes: total,
    freeBytes: total !== undefined && used !== undefined ? Math.max(0, total - used) : undefined,
    mappableBytes: vendor === "AMD" ? mappable : undefined,
    // an Intel card without memory of its own is the processor's graphics; an AMD chip is known by its id, else by what it maps
    unified:
      vendor === "Intel" ? local.length === 0 : vendor === "AMD" && isCarveOut(total, mappable) ? true : undefined,
    driver: /^DRIVER=(\S+)$/m.exec(card.uevent ?? "")?.[1],
    pcieGeneration: generationOf(card.linkSpeed),
    pcieLanes:
      /^\d{1,2}$/.test(card.linkWidth?.trim() ?? "") && Number(card.linkWidth) <= 32
        ? Number(card.linkWidth)
        : undefined,
    visible: vendor !== "NVIDIA",
  });
}

/** `max_link_speed` in GT/s, by generation. */
const SPEEDS: Readonly<Record<string, number>> = { "2.5": 1, "5.0": 2, "8.0": 3, "16.0": 4, "32.0": 5, "64.0": 6 };

function generationOf(text: string | undefined): number | undefined {
  return SPEEDS[/^(\d+\.\d) GT\/s/.exec(text?.trim() ?? "")?.[1] ?? ""];
}

async function readCard(world: World, name: string): Promise<SightedDevice | undefined> {
  const folder = `/sys/class/drm/${name}/device`;
  const read = (file: string): Promise<string | undefined> => world.readFile(`${folder}/${file}`, 4096);
  const [uevent, vendor, device, revision, vramTotal, vramUsed, gttTotal, linkSpeed, linkWidth, lmem] =
    await Promise.all(
      [
        "uevent",
        "vendor",
        "device",
        "revision",
        "mem_info_vram_total",
        "mem_info_vram_used",
        "mem_info_gtt_total",
        "max_link_speed",
        "max_link_width",
        "lmem_total_bytes",
      ].map(read),
    );
  const tiles =
    hex(vendor) === "8086" ? (await world.listDir(folder)).filter((entry) => /^tile\d$/.test(entry.name)) : [];
  const sizes = await Promise.all(tiles.map((tile) => read(`${tile.name}/physical_vram_size_bytes`)));
  return parseDrmCard({
    uevent,
    vendor,
    device,
    revision,
    vramTotal,
    vramUsed,
    gttTotal,
    linkSpeed,
    linkWidth,
    localMemory: [lmem, ...sizes].flatMap((text) => text ?? []),
  });
}

/** Cards by PCI address. A chip that shares the RAM keeps its carve-out out of sight: what it may map decides. */
export async function sightDrm(world: World): Promise<readonly SightedDevice[]> {
  if (world.platform !== "linux") return [];
  const cards = (await world.listDir("/sys/class/drm")).filter((entry) => /^card\d+$/.test(entry.name));
  const facts = (await Promise.all(cards.map((card) => readCard(world, card.name)))).flatMap((card) => card ?? []);
  return facts.sort((a, b) => ((a.pciAddress ?? "") < (b.pciAddress ?? "") ? -1 : 1));
}
