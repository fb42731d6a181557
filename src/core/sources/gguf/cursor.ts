/**
 * A position in untrusted bytes that are read piece by piece: a file on disk or ranges of one on the network.
 *
 * Why not the reader of @huggingface/gguf: it makes a JavaScript value of every token, merge and score (0.6 to 1.9 s for a vocabulary of
 * 150,000), and reads zeros past the end of a file, so that a truncated header looks like one with tensors of no name. This one steps over
 * what nobody asks for and refuses to leave the file; every length is held against the bytes that are left before anything is allocated.
 */
import { InputError } from "../../facts/input-error.ts";
import type { Bytes } from "../../units.ts";

/** Bytes that can be read at any offset. `read` may give more than was asked for, and fewer only at the end. */
export interface ByteSource {
  /** for messages */
  readonly name: string;
  readonly sizeBytes: Bytes;
  read(offsetBytes: Bytes, lengthBytes: Bytes): Promise<Uint8Array>;
}

const empty = new Uint8Array(0);
const utf8 = new TextDecoder();

export class Cursor {
  readonly #source: ByteSource;
  readonly #pieceBytes: Bytes;
  #window: Uint8Array = empty;
  #view: DataView = new DataView(empty.buffer);
  /** of the window's first byte */
  #start: Bytes = 0;
  /** inside the window; may point past its end after a skip */
  #at: Bytes = 0;

  /** `pieceBytes`: how much to ask for at once, where nothing larger is needed */
  constructor(source: ByteSource, pieceBytes: Bytes) {
    this.#source = source;
    this.#pieceBytes = pieceBytes;
  }

  get position(): Bytes {
    return this.#start + this.#at;
  }

  get leftBytes(): Bytes {
    return this.#source.sizeBytes - this.position;
  }

  /** @throws InputError saying what of the file is wrong */
  refuse(what: string): never {
    throw new InputError(
      `The header of ${this.#source.name} is truncated or damaged: ${what}. Send an intact GGUF file.`,
    );
  }

  /** Makes the next `bytes` readable. @throws InputError when the file ends before them */
  async need(bytes: Bytes): Promise<void> {
    if (this.#at + bytes <= this.#window.length) return;
    const { position } = this;
    const short = (): never => {
      throw new InputError(
        `${this.#source.name} is truncated inside its header, after ${this.#source.sizeBytes} bytes. Send a complete GGUF file.`,
      );
    };
    if (bytes > this.#source.sizeBytes - position) short();
    const length = Math.min(Math.max(bytes, this.#pieceBytes), this.#source.sizeBytes - position);
    this.#window = await this.#source.read(position, length);
    if (this.#window.length < bytes) short();
    this.#view = new DataView(this.#window.buffer, this.#window.byteOffset, this.#window.length);
    this.#start = position;
    this.#at = 0;
  }

  /** Refuses a count of things that take at least `eachBytes`, if the file has no room for them. */
  async count(what: string, eachBytes: Bytes): Promise<number> {
    const count = await this.u64();
    if (count * eachBytes > this.leftBytes) this.refuse(`it counts ${count} ${what} in ${this.leftBytes} bytes`);
    return count;
  }

  async skip(bytes: Bytes): Promise<void> {
    // a skip may leave the window, never the file
    if (bytes > this.leftBytes) await this.need(bytes);
    this.#at += bytes;
  }

  /** Steps over strings by their lengths alone. */
  async skipStrings(count: number): Promise<void> {
    let left = count;
    while (left > 0) {
      await this.need(8);
      const view = this.#view;
      const last = this.#window.length - 8;
      let at = this.#at;
      for (; left > 0 && at <= last; left--)
        at += 8 + view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
      // `skip` compares with the file's size: a length that lies is caught before anything is read by it
      await this.skip(at - this.#at);
    }
  }

  async u32(): Promise<number> {
    await this.need(4);
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  /** As a double: exact up to 2^53, and larger than any file beyond. */
  async u64(): Promise<number> {
    await this.need(8);
    const value = this.#view.getUint32(this.#at, true) + this.#view.getUint32(this.#at + 4, true) * 2 ** 32;
    this.#at += 8;
    return value;
  }

  /** A number of a fixed width, read by `get` from a view. */
  async scalar<T>(bytes: Bytes, get: (view: DataView, at: number) => T): Promise<T> {
    await this.need(bytes);
    const value = get(this.#view, this.#at);
    this.#at += bytes;
    return value;
  }

  /** A string of at most `maxBytes`; undefined for a longer one, which is stepped over. */
  async text(maxBytes: Bytes): Promise<string | undefined> {
    const length = await this.u64();
    if (length > maxBytes) {
      await this.skip(length);
      return undefined;
    }
    return this.bytes(length);
  }

  /** The next `length` bytes as UTF-8. */
  async bytes(length: Bytes): Promise<string> {
    await this.need(length);
    const text = utf8.decode(this.#window.subarray(this.#at, this.#at + length));
    this.#at += length;
    return text;
  }
}
