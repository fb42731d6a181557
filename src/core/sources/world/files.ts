/** Reads and writes files. What cannot be read is `undefined`: for a probe, absent and forbidden are the same. */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, realpath, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { InputError } from "../../facts/input-error.ts";
import type { DirectoryEntry, FileFacts, OpenFile } from "../world.ts";

async function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch {
    return undefined;
  }
}

export async function readText(path: string, maxBytes: number): Promise<string | undefined> {
  const handle = await orUndefined(open(path, "r"));
  if (handle === undefined) return undefined;
  try {
    // files under /proc and /sys state a size of 0 or 4096: read until the end, never trust the size
    const chunks: Buffer[] = [];
    let total = 0;
    for (;;) {
      const buffer = Buffer.alloc(Math.min(65_536, maxBytes + 1 - total));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
      if (total > maxBytes) {
        throw new InputError(
          `The file ${path} is larger than ${maxBytes} bytes. Send a smaller file of the expected kind.`,
        );
      }
    }
    return Buffer.concat(chunks, total).toString("utf8");
  } catch (error) {
    if (error instanceof InputError) throw error;
    return undefined;
  } finally {
    await orUndefined(handle.close());
  }
}

export async function openForReading(path: string): Promise<OpenFile | undefined> {
  const handle = await orUndefined(open(path, "r"));
  if (handle === undefined) return undefined;
  const facts = await orUndefined(handle.stat());
  if (facts === undefined || !facts.isFile()) {
    await handle.close();
    return undefined;
  }
  return {
    sizeBytes: facts.size,
    async read(offsetBytes, lengthBytes) {
      const buffer = new Uint8Array(Math.max(0, Math.min(lengthBytes, facts.size - offsetBytes)));
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, offsetBytes + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    },
    close: () => handle.close(),
  };
}

export async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.${randomUUID()}.part`;
  try {
    await writeFile(part, text);
    await rename(part, path);
  } catch (error) {
    await orUndefined(rm(part, { force: true }));
    throw error;
  }
}

export function removeFile(path: string): Promise<void> {
  return rm(path, { force: true });
}

export async function listDirectory(path: string): Promise<readonly DirectoryEntry[]> {
  const entries = (await orUndefined(readdir(path, { withFileTypes: true }))) ?? [];
  return entries
    .map((entry) => {
      const kind = entry.isFile()
        ? "file"
        : entry.isDirectory()
          ? "directory"
          : entry.isSymbolicLink()
            ? "link"
            : "other";
      return { name: entry.name, kind } as const;
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export async function fileFacts(path: string): Promise<FileFacts | undefined> {
  const facts = await orUndefined(stat(path));
  if (facts === undefined) return undefined;
  const kind = facts.isFile() ? "file" : facts.isDirectory() ? "directory" : "other";
  return { kind, sizeBytes: facts.size, modifiedSeconds: facts.mtimeMs / 1000 };
}

export function resolveLinks(path: string): Promise<string | undefined> {
  return orUndefined(realpath(path));
}

export async function diskSpace(path: string): Promise<{ totalBytes: number; freeBytes: number } | undefined> {
  const facts = await orUndefined(statfs(path));
  if (facts === undefined) return undefined;
  return { totalBytes: facts.blocks * facts.bsize, freeBytes: facts.bavail * facts.bsize };
}
