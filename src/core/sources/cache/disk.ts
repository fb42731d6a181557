/**
 * Texts kept on disk between runs, for as many processes as like to: contents lie under their own hash, names point to them.
 * Writes replace a file in one step, so a reader sees a whole entry or none; what does not match its hash is not there.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Bytes } from "../../units.ts";
import { userCacheFolder } from "../user-folder.ts";
import type { World } from "../world.ts";

export interface CachedText {
  readonly text: string;
  /** what the server called this version */
  readonly etag: string | undefined;
  readonly savedMs: number;
}

export interface DiskCache {
  get(key: string): Promise<CachedText | undefined>;
  /** A disk that cannot be written to is no error: the cache stays empty. */
  put(key: string, text: string, etag: string | undefined): Promise<void>;
}

/** An entry is a header or a file list: the largest are about 3 MB. */
const MAX_ENTRY_BYTES = 8 * 1024 * 1024;
export const DEFAULT_LIMIT_BYTES: Bytes = 128 * 1024 * 1024;
/** Looking through the folder costs a few ms: done at the first write of a process, and then now and again. */
const WRITES_PER_SWEEP = 64;
/** A sweep makes room for what the next writes bring. */
const KEPT_FRACTION = 0.75;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

interface Pointer {
  readonly key: string;
  readonly content: string;
  readonly etag: string | undefined;
  readonly savedMs: number;
}

function parsePointer(text: string): Pointer | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) return undefined;
    if (!("key" in parsed) || !("content" in parsed) || !("savedMs" in parsed)) return undefined;
    const { key, content, savedMs } = parsed;
    if (typeof key !== "string" || typeof content !== "string" || typeof savedMs !== "number") return undefined;
    const etag = "etag" in parsed && typeof parsed.etag === "string" ? parsed.etag : undefined;
    return /^[0-9a-f]{64}$/.test(content) ? { key, content, savedMs, etag } : undefined;
  } catch {
    return undefined;
  }
}

interface StoredFile {
  readonly path: string;
  readonly sizeBytes: Bytes;
  readonly modifiedSeconds: number;
}

async function filesIn(world: World, folder: string): Promise<readonly StoredFile[]> {
  const found: StoredFile[] = [];
  for (const { name, kind } of await world.listDir(folder)) {
    const path = join(folder, name);
    const facts = kind === "file" ? await world.stat(path) : undefined;
    if (facts) found.push({ path, sizeBytes: facts.sizeBytes, modifiedSeconds: facts.modifiedSeconds });
  }
  return found;
}

/** Removes what was written longest ago until the rest is well below the limit. */
async function sweep(world: World, folders: readonly string[], limitBytes: Bytes): Promise<void> {
  const files = (await Promise.all(folders.map((folder) => filesIn(world, folder)))).flat();
  let total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (total <= limitBytes) return;
  for (const { path, sizeBytes } of [...files].sort((a, b) => a.modifiedSeconds - b.modifiedSeconds)) {
    if (total <= limitBytes * KEPT_FRACTION) return;
    // another process may have been here first
    await world.removeFile(path).catch(() => undefined);
    total -= sizeBytes;
  }
}

/** The cache named `name` in the user's cache folder. */
export function diskCache(world: World, name: string, limitBytes: Bytes = DEFAULT_LIMIT_BYTES): DiskCache {
  const root = join(userCacheFolder(world), name);
  const names = join(root, "names");
  const contents = join(root, "contents");
  let writeCount = 0;
  return {
    async get(key) {
      const pointer = parsePointer(
        (await world.readFile(join(names, sha256(key)), 65_536).catch(() => undefined)) ?? "",
      );
      if (pointer?.key !== key) return undefined;
      const text = await world.readFile(join(contents, pointer.content), MAX_ENTRY_BYTES).catch(() => undefined);
      if (text === undefined || sha256(text) !== pointer.content) return undefined;
      return { text, etag: pointer.etag, savedMs: pointer.savedMs };
    },
    async put(key, text, etag) {
      if (Buffer.byteLength(text) > MAX_ENTRY_BYTES) return;
      const pointer: Pointer = { key, content: sha256(text), etag, savedMs: world.now() };
      try {
        // the content first: a name never points to what is not there yet
        await world.writeFile(join(contents, pointer.content), text);
        await world.writeFile(join(names, sha256(key)), JSON.stringify(pointer));
        if (writeCount++ % WRITES_PER_SWEEP === 0) await sweep(world, [names, contents], limitBytes);
      } catch {
        return;
      }
    },
  };
}
