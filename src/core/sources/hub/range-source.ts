/** A file on the Hub as bytes that grow from its start: what a header's reader asks for comes in few, large pieces. */
import { InputError } from "../../facts/input-error.ts";
import type { Bytes } from "../../units.ts";
import type { ByteSource } from "../gguf/cursor.ts";
import { HubStatus } from "./errors.ts";
import { totalOf, Unreachable } from "./request.ts";

/** Hyper-parameters come first in a GGUF file: 4 to 12 kB, before a tokenizer of megabytes. */
export const FIRST_PIECE_BYTES: Bytes = 256 * 1024;
/** Twice the largest published header. */
const MAX_HEADER_BYTES = 48 * 1024 * 1024;

export class RangeSource implements ByteSource {
  readonly name: string;
  readonly sizeBytes: Bytes;
  readonly etag: string | undefined;
  requestCount = 1;
  /** how much to fetch past what is asked for */
  aheadBytes: Bytes = FIRST_PIECE_BYTES;
  #start: Uint8Array;
  readonly #fetchRange: (from: Bytes, to: Bytes) => Promise<Response>;

  constructor(
    name: string,
    first: Response,
    bytes: Uint8Array,
    fetchRange: (from: Bytes, to: Bytes) => Promise<Response>,
  ) {
    this.name = name;
    this.#start = bytes;
    this.sizeBytes = totalOf(first) ?? (Number(first.headers.get("content-length")) || bytes.length);
    this.etag = first.headers.get("etag") ?? undefined;
    this.#fetchRange = fetchRange;
  }

  get readBytes(): Bytes {
    return this.#start.length;
  }

  async read(offsetBytes: Bytes, lengthBytes: Bytes): Promise<Uint8Array> {
    const end = Math.min(offsetBytes + lengthBytes, this.sizeBytes);
    const held = this.#start.length;
    if (end > held) await this.#grow(Math.min(Math.max(end, held + this.aheadBytes), this.sizeBytes));
    return this.#start.subarray(offsetBytes);
  }

  async #grow(end: Bytes): Promise<void> {
    if (end > MAX_HEADER_BYTES)
      throw new InputError(
        `The header of ${this.name} is longer than ${MAX_HEADER_BYTES} bytes. Send another GGUF file.`,
      );
    const from = this.#start.length;
    const response = await this.#fetchRange(from, end - 1);
    this.requestCount++;
    const etag = response.headers.get("etag") ?? undefined;
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (etag !== this.etag) throw new Unreachable("the file changed while it was read");
    if (bytes.length !== end - from) throw new Unreachable(`it sent ${bytes.length} bytes for ${end - from}`);
    const joined = new Uint8Array(end);
    joined.set(this.#start);
    joined.set(bytes, from);
    this.#start = joined;
  }
}

/** Opens the file at `url` by its first piece; "unchanged" when it still is the version `etag`. @throws HubStatus for an error of the Hub */
export async function openRange(
  fetch: typeof globalThis.fetch,
  url: string,
  name: string,
  nowMs: number,
  etag?: string,
): Promise<RangeSource | "unchanged"> {
  const ask = async (from: Bytes, to: Bytes, headers: Record<string, string> = {}): Promise<Response> => {
    const response = await fetch(url, { headers: { ...headers, range: `bytes=${from}-${to}` } });
    if (!response.ok && response.status !== 304) throw new HubStatus(response, nowMs);
    return response;
  };
  const first = await ask(0, FIRST_PIECE_BYTES - 1, etag === undefined ? {} : { "if-none-match": etag });
  if (first.status === 304) return "unchanged";
  return new RangeSource(name, first, new Uint8Array(await first.arrayBuffer()), ask);
}
