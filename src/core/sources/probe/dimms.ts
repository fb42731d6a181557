/** `dmidecode -t 17`: RAM bandwidth from the configured speed and the populated channels. */
import { type Bytes, type BytesPerSecond, GIB, MIB } from "../../units.ts";

export interface Dimms {
  readonly memoryType: string | undefined;
  /** million transfers per second as configured, which a kit without its profile enabled does not reach */
  readonly configuredMegatransfers: number | undefined;
  readonly populatedCount: number;
  /** slots that the board lists, filled or not */
  readonly slotCount: number;
  /** of the modules that are there */
  readonly sizeBytes: Bytes;
  readonly channelCount: number;
  readonly soldered: boolean;
  /** a guest: what it lists are slots that exist on paper */
  readonly virtualMachine: boolean;
  readonly bandwidthBytesPerSecond: BytesPerSecond | undefined;
}

const field = (block: string, name: string): string =>
  new RegExp(`^[ \\t]*${name}:[ \\t]*(.*)$`, "mi").exec(block)?.[1]?.trim() ?? "";

/** The channel a slot hangs on, by whatever word the board uses for it; undefined when nothing names one. */
function channelOf(block: string): string | undefined {
  const text = `${field(block, "Bank Locator")} ${field(block, "Locator")}`;
  const socket = /(?:CPU|P|NODE|SOCKET)\s*_?(\d)/i.exec(text)?.[1] ?? "0";
  const channel =
    /CHANNEL[\s_-]*([A-Z]|\d+)/i.exec(text)?.[1] ??
    /Channel([A-L]|\d+)/.exec(text)?.[1] ??
    /DIMM[_\s]*([A-L])\d?\b/.exec(text)?.[1];
  // soldered memory hangs on several controllers whose channels begin with A again
  const controller = /Controller\s*(\d)/i.exec(text)?.[1] ?? "0";
  return channel === undefined ? undefined : `${socket}/${controller}/${channel.toUpperCase()}`;
}

/** "32 GiB" of newer releases and "32 GB" of older ones are both 2^35 bytes. */
export function moduleBytes(text: string): Bytes {
  const match = /^(\d{1,7}) (k|M|G|T)i?B$/.exec(text);
  return match === null
    ? 0
    : Number(match[1]) * (match[2] === "T" ? 1024 * GIB : match[2] === "G" ? GIB : match[2] === "M" ? MIB : 1024);
}

/** Guests and old boards say Unknown: then the bandwidth stays undefined. Nothing is guessed from the rated speed. */
export function parseDmidecode(text: string): Dimms {
  const slots = text.split(/\n(?=Handle )/).filter((block) => /DMI type 17\b/.test(block));
  const blocks = slots.filter((block) => /\d/.test(field(block, "Size")));
  const listed = /Number Of Devices: (\d{1,3})/.exec(text)?.[1];
  const speeds = blocks.flatMap((block) => {
    const value = /^(\d{3,5}) (?:MT\/s|MHz)/.exec(
      field(block, "Configured Memory Speed") || field(block, "Configured Clock Speed"),
    )?.[1];
    return value === undefined ? [] : [Number(value)];
  });
  const channels = new Map<string, number>();
  for (const [i, block] of blocks.entries()) {
    // without a channel's name each module is taken for one, at most two: boards with more name them
    const channel = channelOf(block) ?? `module ${Math.min(i, 1)}`;
    channels.set(channel, Number(/^(\d{1,3}) bits/.exec(field(block, "Data Width"))?.[1] ?? 0));
  }
  const widthBits = [...channels.values()].reduce((sum, width) => sum + width, 0);
  const configured = speeds.length > 0 && speeds.length === blocks.length ? Math.min(...speeds) : undefined;
  const type = field(blocks[0] ?? "", "Type");
  return {
    memoryType: type === "" || /^(Unknown|Other|<OUT OF SPEC>)$/i.test(type) ? undefined : type,
    configuredMegatransfers: configured,
    populatedCount: blocks.length,
    slotCount: Math.max(slots.length, Number(listed ?? 0)),
    sizeBytes: blocks.reduce((sum, block) => sum + moduleBytes(field(block, "Size")), 0),
    soldered:
      blocks.length > 0 && blocks.every((block) => /Row Of Chips|Chip|Soldered/i.test(field(block, "Form Factor"))),
    virtualMachine:
      blocks.length > 0 &&
      configured === undefined &&
      blocks.every((block) => /^(Unknown|)$/i.test(field(block, "Speed"))),
    channelCount: channels.size,
    bandwidthBytesPerSecond:
      configured === undefined || widthBits === 0 ? undefined : configured * 1e6 * (widthBits / 8),
  };
}
