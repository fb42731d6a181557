/**
 * Quantities as text, both ways. Parsing is strict: a number without its unit is refused, because "24" of memory or bandwidth
 * has three common readings. Printing chooses the unit and rounds; nothing else in the program rounds for people.
 */
import { InputError } from "./facts/input-error.ts";
import {
  type Bytes,
  type BytesPerSecond,
  type FlopsPerSecond,
  type Fraction,
  GIB,
  type Interval,
  KIB,
  MIB,
  type Seconds,
  type TokensPerSecond,
} from "./units.ts";

interface Quantity {
  /** what is measured, for the error message */
  readonly noun: string;
  readonly example: string;
  /** lower-case unit → base units */
  readonly units: Readonly<Record<string, number>>;
}

const BINARY = { b: 1, kib: KIB, mib: MIB, gib: GIB, tib: 1024 * GIB, pib: 1024 * 1024 * GIB };
const DECIMAL = { kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, pb: 1e15 };

const FILE_SIZE: Quantity = { noun: "a size", example: "4.9GiB", units: { ...BINARY, ...DECIMAL } };

const MEMORY: Quantity = {
  noun: "an amount of memory",
  example: "24GiB",
  units: { ...BINARY, kb: KIB, mb: MIB, gb: GIB, tb: 1024 * GIB, pb: 1024 * 1024 * GIB },
};

const BANDWIDTH: Quantity = {
  noun: "a bandwidth",
  example: "936GBps",
  units: perSecond({ ...BINARY, ...DECIMAL }, ["ps", "/s"]),
};

const LINK: Quantity = {
  noun: "a link speed",
  example: "10Gbps",
  units: {
    kbps: 125,
    mbps: 125e3,
    gbps: 125e6,
    tbps: 125e9,
    "kbit/s": 125,
    "mbit/s": 125e3,
    "gbit/s": 125e6,
    "tbit/s": 125e9,
  },
};

const FLOPS: Quantity = {
  noun: "a compute rate",
  example: "142TFLOPS",
  units: perSecond({ mflop: 1e6, gflop: 1e9, tflop: 1e12, pflop: 1e15 }, ["s", "/s", "s/s"]),
};

const SPEED: Quantity = {
  noun: "a token rate",
  example: "20 tok/s",
  units: perSecond({ tok: 1, token: 1, tokens: 1, t: 1 }, ["/s", "ps", "/sec", "/second"]),
};

function perSecond(units: Readonly<Record<string, number>>, suffixes: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    Object.entries(units).flatMap(([unit, factor]) => suffixes.map((suffix) => [unit + suffix, factor])),
  );
}

function parse(text: string, quantity: Quantity): number {
  const match = /^\s*(\d{1,15}(?:\.\d{1,9})?)\s*([a-z/]{1,10})?\s*$/i.exec(text);
  const unit = match?.[2]?.toLowerCase();
  const factor = unit === undefined ? undefined : quantity.units[unit];
  if (match === null || factor === undefined) {
    const wrong = match !== null && unit === undefined ? "has no unit" : `is not ${quantity.noun}`;
    throw new InputError(
      `"${text.trim().slice(0, 60)}" ${wrong}. Send a number with its unit, such as ${quantity.example}.`,
    );
  }
  return Number(match[1]) * factor;
}

/** A file or disk size: `4.9GiB` is binary, `4.9GB` is 4.9·10^9. Throws `InputError`. */
export function parseBytes(text: string): Bytes {
  return Math.round(parse(text, FILE_SIZE));
}

/** RAM or video memory: GB and GiB both mean 2^30, because a card or module sold as "24 GB" holds 24 GiB. Throws `InputError`. */
export function parseMemoryBytes(text: string): Bytes {
  return Math.round(parse(text, MEMORY));
}

/** Memory bandwidth: `936GBps` and `936 GB/s` are 936·10^9; `GiBps` is binary. Throws `InputError`. */
export function parseBandwidth(text: string): BytesPerSecond {
  return parse(text, BANDWIDTH);
}

/** Network speed in bits: `10Gbps` is 1.25·10^9 bytes per second. Throws `InputError`. */
export function parseLinkSpeed(text: string): BytesPerSecond {
  return parse(text, LINK);
}

/** `142TFLOPS`, `1.9 PFLOP/s`. Throws `InputError`. */
export function parseFlops(text: string): FlopsPerSecond {
  return parse(text, FLOPS);
}

/** `20 tok/s`, `20 tokens/s`, `20 tps`. Throws `InputError`. */
export function parseTokensPerSecond(text: string): TokensPerSecond {
  return parse(text, SPEED);
}

/** `value` to so many significant digits, as a number: 123.4 to two is 120. */
export function roundSignificant(value: number, digits: number): number {
  return value === 0 || !Number.isFinite(value) ? value : Number(value.toPrecision(digits));
}

const plain = (value: number, decimals: number): string => value.toFixed(decimals).replace(/\.0+$/, "");

/** `23.6 GiB`, `640 GiB`, `512 MiB`, `12 KiB`: capacity and file sizes, binary throughout. */
export function formatBytes(bytes: Bytes): string {
  const magnitude = Math.abs(bytes);
  if (magnitude >= 100 * GIB) return `${plain(bytes / GIB, 0)} GiB`;
  // below 1 GiB, but not what would print as 1024 MiB
  if (magnitude >= 1023.5 * MIB) return `${plain(bytes / GIB, 1)} GiB`;
  if (magnitude >= 1023.5 * KIB) return `${plain(bytes / MIB, 0)} MiB`;
  return magnitude >= KIB ? `${plain(bytes / KIB, 0)} KiB` : `${plain(bytes, 0)} B`;
}

/** `936 GB/s`, `44.8 GB/s`: decimal, as data sheets have it. */
export function formatBandwidth(rate: BytesPerSecond): string {
  return `${plain(rate / 1e9, rate >= 100e9 ? 0 : 1)} GB/s`;
}

/** `142 TFLOPS`, `9.1 TFLOPS`. */
export function formatFlops(rate: FlopsPerSecond): string {
  return `${plain(rate / 1e12, rate >= 100e12 ? 0 : 1)} TFLOPS`;
}

/** The number of `formatTokensPerSecond` without its unit: two significant digits, `3.4`, `34`, `340`. */
export function formatTwoDigits(value: number): string {
  const rounded = roundSignificant(value, 2);
  // Number prints 1.2e-7 below a millionth; such a value is zero to a reader
  return Math.abs(rounded) < 1e-6 ? "0" : String(rounded);
}

/** `34 tok/s`, two significant digits: more would pretend. */
export function formatTokensPerSecond(rate: TokensPerSecond): string {
  return `${formatTwoDigits(rate)} tok/s`;
}

/** `34 tok/s (29 to 38)`. */
export function formatSpeedInterval(speed: Interval): string {
  return `${formatTokensPerSecond(speed.mid)} (${formatTwoDigits(speed.low)} to ${formatTwoDigits(speed.high)})`;
}

/** `0.35 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatSeconds(seconds: Seconds): string {
  if (seconds < 99.5) return `${formatTwoDigits(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds) % 60} s`;
  return `${Math.floor(Math.round(seconds / 60) / 60)} h ${Math.round(seconds / 60) % 60} min`;
}

/** `83 %`; below one percent two digits, `0.25 %`. */
export function formatFraction(fraction: Fraction): string {
  const percent = fraction * 100;
  return `${Math.abs(percent) < 1 ? formatTwoDigits(percent) : plain(percent, 0)} %`;
}

/** Parameter counts: `8.2B`, `671B`, `350M`. */
export function formatParameters(count: number): string {
  if (count >= 999.5e9) return `${roundSignificant(count / 1e12, 3)}T`;
  if (count >= 999.5e6) return `${roundSignificant(count / 1e9, count >= 100e9 ? 3 : 2)}B`;
  return `${roundSignificant(count / 1e6, 3)}M`;
}
