/**
 * How fast a disk gives a model's bytes. The page cache must not answer: Linux reads past it (O_DIRECT); elsewhere there is no such
 * way from here, and nothing is measured rather than the RAM. Reads an installed model where there is one, else a file made for it.
 */
import { randomBytes } from "node:crypto";
import { constants, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type Bytes, type BytesPerSecond, MIB } from "../../units.ts";
import { type Measured, measuredMedian } from "./measured.ts";

/** The one part of WebAssembly that is used here; the language's own types do not know it. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
};

/** One read, as large as loaders of models ask for. */
const READ_BYTES = 8 * MIB;
/** Of a file that is made for the measurement: long enough for a disk of 7 GB/s to show more than its own cache. */
const MADE_BYTES: Bytes = 256 * MIB;
const MOST_BYTES: Bytes = 1024 * MIB;
const MOST_SECONDS = 2;
/** Reads are grouped so that one slow request is not a repetition of its own. */
const GROUP_READS = 8;

export interface DiskRate {
  readonly path: string;
  readonly readBytesPerSecond: Measured<BytesPerSecond>;
}

/** undefined where the file system does not read past the cache (tmpfs, network, other systems than Linux) or nothing can be written. */
export async function measureDisk(
  modelPath: string | undefined,
  scratchPath: string,
  platform: string,
  signal: AbortSignal,
): Promise<DiskRate | undefined> {
  if (platform !== "linux") return undefined;
  if (modelPath !== undefined) {
    const rate = await readPastCache(modelPath, signal);
    if (rate !== undefined) return { path: modelPath, readBytesPerSecond: rate };
  }
  try {
    await writeScratch(scratchPath, signal);
    const rate = await readPastCache(scratchPath, signal);
    return rate === undefined ? undefined : { path: dirname(scratchPath), readBytesPerSecond: rate };
  } catch {
    signal.throwIfAborted();
    return undefined;
  } finally {
    await rm(scratchPath, { force: true }).catch(() => {});
  }
}

async function writeScratch(path: string, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, "wx", 0o600);
  try {
    // random, because some file systems store a repeated byte in no space at all
    const block = randomBytes(READ_BYTES);
    for (let written = 0; written < MADE_BYTES; written += block.length) {
      signal.throwIfAborted();
      block.writeUInt32LE(written / READ_BYTES, 0);
      await file.write(block);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readPastCache(path: string, signal: AbortSignal): Promise<Measured<BytesPerSecond> | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_DIRECT).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    // direct reads need page-aligned memory, which a WebAssembly memory is and a Buffer is not
    const buffer = new Uint8Array(new WebAssembly.Memory({ initial: READ_BYTES / 65_536 }).buffer);
    const { size } = await file.stat();
    const rates: number[] = [];
    const limit = Math.min(size, MOST_BYTES);
    const begin = performance.now();
    for (let offset = 0; offset + GROUP_READS * READ_BYTES <= limit; ) {
      const start = performance.now();
      for (let i = 0; i < GROUP_READS; i++, offset += READ_BYTES) {
        signal.throwIfAborted();
        const { bytesRead } = await file.read(buffer, 0, READ_BYTES, offset);
        if (bytesRead !== READ_BYTES) return undefined;
      }
      rates.push((GROUP_READS * READ_BYTES) / ((performance.now() - start) / 1000));
      if (performance.now() - begin > MOST_SECONDS * 1000) break;
    }
    return rates.length > 0 ? measuredMedian(rates) : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  } finally {
    await file.close();
  }
}
