/**
 * AMD's own tools: `rocm-smi` and `amd-smi`, second to the kernel's files. Their keys change with every release, warnings precede the
 * JSON, and names may be code names or hexadecimal placeholders: identity comes from device and revision where they are printed.
 */
import { type Bytes, GIB, MIB } from "../../units.ts";
import type { World } from "../world.ts";
import { isIntegratedName, pciAddressOf, type SightedDevice, sighted } from "./sighting.ts";
import { printed } from "./tools.ts";

/** Text from its first `{` or `[`, parsed; undefined when no JSON follows. */
export function jsonAfterNoise(text: string): unknown {
  const start = text.search(/[{[]\s*["{}\]]/);
  if (start < 0) return undefined;
  try {
    return JSON.parse(text.slice(start));
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The first of these keys, compared without case and punctuation, that holds a value. */
function pick(card: Readonly<Record<string, unknown>>, patterns: readonly RegExp[]): string | undefined {
  for (const pattern of patterns) {
    for (const [key, value] of Object.entries(card)) {
      if (
        pattern.test(key) &&
        (typeof value === "string" || typeof value === "number") &&
        !/^(n\/a|none|unknown|)$/i.test(String(value).trim())
      )
        return String(value).trim();
    }
  }
  return undefined;
}

const wholeBytes = (text: string | undefined): Bytes | undefined =>
  /^[\d,]{1,20}$/.test(text ?? "") ? Number((text ?? "").replaceAll(",", "")) : undefined;
const hex4 = (text: string | undefined): string | undefined =>
  /^0x([0-9a-f]{4})$/i.exec(text ?? "")?.[1]?.toLowerCase();
const isPlaceholder = (name: string): boolean => /^0x[0-9a-f]+$/i.test(name) || name === "";

/** LocalAI's rule, seen to hold on every chip here: a chip that maps eight times its own memory shares the RAM. */
export function isCarveOut(ownBytes: Bytes | undefined, mappableBytes: Bytes | undefined): boolean {
  return (
    ownBytes !== undefined && mappableBytes !== undefined && mappableBytes >= 8 * ownBytes && ownBytes <= 8 * GIB + MIB
  );
}

/** Every `cardN` of `rocm-smi --json`, whatever keys the release uses. */
export function parseRocmSmi(text: string): SightedDevice[] {
  const json = jsonAfterNoise(text);
  if (!isRecord(json)) return parseRocmText(text);
  return Object.entries(json).flatMap(([key, card]): SightedDevice[] => {
    if (!/^card\d+$/.test(key) || !isRecord(card)) return [];
    const name = pick(card, [/^card series$/i, /^device name$/i, /^market_name$/i, /^card model$/i]) ?? "";
    const total = wholeBytes(pick(card, [/^vram total memory \(b\)$/i, /^gpu memory available$/i, /^vram total$/i]));
    const used = wholeBytes(pick(card, [/^vram total used memory \(b\)$/i, /^gpu memory use$/i]));
    const mappable = wholeBytes(pick(card, [/^gtt total memory \(b\)$/i]));
    const deviceId = [pick(card, [/^device id$/i]), pick(card, [/^gpu id$/i]), pick(card, [/^card model$/i])]
      .map(hex4)
      .find((id) => id !== undefined && id !== "1002");
    return [
      sighted({
        vendor: "AMD",
        source: "rocm-smi",
        name: isPlaceholder(name) ? "" : name,
        pciAddress: pciAddressOf(pick(card, [/^pci bus$/i])),
        pciId: deviceId === undefined ? undefined : `1002:${deviceId}`,
        pciRevision: /^0x([0-9a-f]{2})$/i.exec(pick(card, [/^device rev$/i]) ?? "")?.[1]?.toLowerCase(),
        totalBytes: total,
        freeBytes: total === undefined || used === undefined ? undefined : Math.max(0, total - used),
        mappableBytes: mappable,
        unified: isIntegratedName(name) || isCarveOut(total, mappable) ? true : undefined,
        gfx: pick(card, [/^gfx version$/i]),
      }),
    ];
  });
}

/** Plain `rocm-smi`: `GPU[0] : VRAM Total Memory (B): 8589934592`, digits grouped or not. */
function parseRocmText(text: string): SightedDevice[] {
  const cards = new Map<string, { total?: Bytes; used?: Bytes; mappable?: Bytes; name?: string }>();
  for (const [, card = "", key = "", value = ""] of text.matchAll(/^GPU\[(\d+)\]\s*:?\s*([\w() ]+?):[ \t]+(.*)$/gm)) {
    const facts = cards.get(card) ?? {};
    cards.set(card, facts);
    const amount = wholeBytes(/^[\d,]+/.exec(value)?.[0]);
    if (/^vram\s+total memory/i.test(key) && amount !== undefined) facts.total = amount;
    if (/^vram\s+total used memory/i.test(key) && amount !== undefined) facts.used = amount;
    if (/^gtt\s+total memory/i.test(key) && amount !== undefined) facts.mappable = amount;
    if (/^card series/i.test(key)) facts.name = value.trim();
  }
  return [...cards.values()].map(({ total, used, mappable, name = "" }) =>
    sighted({
      vendor: "AMD",
      source: "rocm-smi",
      name: isPlaceholder(name) ? "" : name,
      totalBytes: total,
      mappableBytes: mappable,
      freeBytes: total === undefined || used === undefined ? undefined : Math.max(0, total - used),
      unified: isCarveOut(total, mappable) ? true : undefined,
    }),
  );
}

interface AmdSmiCard {
  readonly name: string | undefined;
  readonly device: string | undefined;
  readonly revision: string | undefined;
  readonly address: string | undefined;
  readonly sizeMiB: string | undefined;
  readonly lanes: string | undefined;
  readonly gfx: string | undefined;
}

/** `amd-smi static`, as indented text or JSON. Its "MB" are MiB. */
export function parseAmdSmi(text: string): SightedDevice[] {
  const cards =
    /^[ \t]*[{[]/.test(text) || !/^GPU: \d/m.test(text) ? amdSmiJson(jsonAfterNoise(text)) : amdSmiText(text);
  return cards.map((card) =>
    sighted({
      vendor: "AMD",
      source: "amd-smi",
      name: card.name === undefined || isPlaceholder(card.name) ? "" : card.name,
      pciAddress: pciAddressOf(card.address),
      pciId: hex4(card.device) === undefined ? undefined : `1002:${hex4(card.device)}`,
      pciRevision: /^0x([0-9a-f]{2})$/i.exec(card.revision ?? "")?.[1]?.toLowerCase(),
      totalBytes: /^\d{1,9}/.test(card.sizeMiB ?? "")
        ? Number(/^\d{1,9}/.exec(card.sizeMiB ?? "")?.[0]) * MIB
        : undefined,
      pcieLanes: /^\d{1,2}$/.test(card.lanes ?? "") ? Number(card.lanes) : undefined,
      gfx: card.gfx,
    }),
  );
}

function amdSmiText(text: string): AmdSmiCard[] {
  return text
    .split(/^(?=GPU: \d)/m)
    .filter((block) => /^GPU: \d/.test(block))
    .map((block) => {
      const vram = /^ {4}VRAM:\n([\s\S]*?)(?=^ {4}\S|$(?![\s\S]))/m.exec(block)?.[1] ?? "";
      const field = (name: string, part = block): string | undefined =>
        new RegExp(`^[ \\t]+${name}: (.+)$`, "m").exec(part)?.[1]?.trim();
      return {
        name: field("MARKET_NAME"),
        device: field("DEVICE_ID"),
        revision: field("REV_ID"),
        address: field("BDF"),
        sizeMiB: field("SIZE", vram),
        lanes: field("MAX_PCIE_WIDTH"),
        gfx: field("TARGET_GRAPHICS_VERSION"),
      };
    });
}

function amdSmiJson(json: unknown): AmdSmiCard[] {
  const list = Array.isArray(json) ? json : isRecord(json) && Array.isArray(json["gpu_data"]) ? json["gpu_data"] : [];
  const text = (value: unknown): string | undefined =>
    isRecord(value)
      ? text(value["value"])
      : typeof value === "string" || typeof value === "number"
        ? String(value)
        : undefined;
  return list.filter(isRecord).map((card) => {
    const part = (name: string): Readonly<Record<string, unknown>> => (isRecord(card[name]) ? card[name] : {});
    const asic = part("asic");
    return {
      name: text(asic["market_name"]),
      device: text(asic["device_id"]),
      revision: text(asic["rev_id"]),
      address: text(part("bus")["bdf"]),
      sizeMiB: text(part("vram")["size"]),
      lanes: text(part("bus")["max_pcie_width"]),
      gfx: text(asic["target_graphics_version"]),
    };
  });
}

/** `rocminfo`: agents with their architecture and marketing name; processors are agents too. */
export function parseRocminfo(text: string): SightedDevice[] {
  return text.split(/^(?=[ \t]*Name:)/m).flatMap((block): SightedDevice[] => {
    const gfx = /^[ \t]*Name:[ \t]+(gfx[0-9a-f]{3,5})\b/m.exec(block)?.[1];
    const name = /^[ \t]*Marketing Name:[ \t]+(.+)$/m.exec(block)?.[1]?.trim() ?? "";
    return gfx === undefined
      ? []
      : [sighted({ vendor: "AMD", source: "rocminfo", name, gfx, unified: isIntegratedName(name) ? true : undefined })];
  });
}

/** The driver's own lines of the kernel log: `[drm] amdgpu: 512M of VRAM memory ready`. */
export function parseDmesg(text: string): SightedDevice[] {
  const size = (kind: string): Bytes | undefined => {
    const found = new RegExp(`amdgpu: (\\d{1,7})M of ${kind} memory ready`).exec(text)?.[1];
    return found === undefined ? undefined : Number(found) * MIB;
  };
  const totalBytes = size("VRAM");
  const mappableBytes = size("GTT");
  if (totalBytes === undefined) return [];
  // 8 GiB and less beside a larger mapping: what the BIOS set aside, not a card's memory
  const unified =
    isCarveOut(totalBytes, mappableBytes) ||
    (mappableBytes !== undefined && mappableBytes > totalBytes && totalBytes <= 8 * GIB)
      ? true
      : undefined;
  return [sighted({ vendor: "AMD", source: "kernel log", totalBytes, mappableBytes, unified })];
}

/** Python tools that take most of a second to start: only where the kernel's files say nothing. */
export async function sightAmdTools(world: World, signal?: AbortSignal): Promise<readonly SightedDevice[]> {
  const question = { timeoutMs: 8000, signal, lasting: true };
  const [amd, rocm] = await Promise.all([
    printed(world, "amd-smi", ["static", "--json"], question),
    printed(
      world,
      "rocm-smi",
      ["--showid", "--showbus", "--showproductname", "--showmeminfo", "vram", "gtt", "--json"],
      question,
    ),
  ]);
  const first = parseAmdSmi(amd);
  return first.length > 0 ? first : parseRocmSmi(rocm);
}
