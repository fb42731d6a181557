/** `dmidecode -t 17`: RAM bandwidth from the configured speed and the populated channels. */
import type { BytesPerSecond } from "../../units.ts";

export interface Dimms {
  readonly memoryType: string | undefined;
  /** million transfers per second as configured, which a kit without its profile enabled does not reach */
  readonly configuredMegatransfers: number | undefined;
  readonly populatedCount: number;
  readonly channelCount: number;
  readonly bandwidthBytesPerSecond: BytesPerSecond | undefined;
}

const field = (block: string, name: string): string => new RegExp(`^\\s*${name}:\\s*(.*)$`, "mi").exec(block)?.[1]?.trim() ?? "";

/** The channel a slot hangs on, by whatever word the board uses for it; undefined when nothing names one. */
function channelOf(block: string): string | undefined {
  const text = `${field(block, "Bank Locator")} ${field(block, "Locator")}`;
  const socket = /(?:CPU|P|NODE|SOCKET)\s*_?(\d)/i.exec(text)?.[1] ?? "0";
  const channel = /CHANNEL[\s_-]*([A-Z]|\d+)/i.exec(text)?.[1] ?? /Channel([A-L]|\d+)/.exec(text)?.[1] ?? /DIMM[_\s]*([A-L])\d?\b/.exec(text)?.[1];
  return channel === undefined ? undefined : `${socket}/${channel.toUpperCase()}`;
}

/** Guests and old boards say Unknown: then the bandwidth stays undefined. Nothing is guessed from the rated speed. */
export function parseDmidecode(text: string): Dimms {
  const blocks = text.split(/\n(?=Handle )/).filter((block) => /DMI type 17\b/.test(block) && /\d/.test(field(block, "Size")));
  const speeds = blocks.flatMap((block) => {
    const value = /^(\d{3,5}) (?:MT\/s|MHz)/.exec(field(block, "Configured Memory Speed") || field(block, "Configured Clock Speed"))?.[1];
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
    memoryType: /^(LP)?DDR\d/.test(type) ? type : undefined,
    configuredMegatransfers: configured,
    populatedCount: blocks.length,
    channelCount: channels.size,
    bandwidthBytesPerSecond: configured === undefined || widthBits === 0 ? undefined : configured * 1e6 * (widthBits / 8),
  };
}
