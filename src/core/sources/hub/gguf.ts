/** Profiles of remote GGUF files: from the first 256 kB where the size confirms them, else from the whole header; kept by ETag. */
import { LRUCache } from "lru-cache";
import type { LayoutOptions } from "../../facts/layout.ts";
import type { Hyperparameters, Model } from "../../facts/model.ts";
import type { Bytes } from "../../units.ts";
import type { DiskCache } from "../cache/disk.ts";
import { type GgufHead, type GgufHeader, readGgufHead, readGgufHeader } from "../gguf/header.ts";
import { assembleModel } from "../gguf/read.ts";
import { plainText } from "../untrusted-text.ts";
import type { World } from "../world.ts";
import { type Derived, deriveTable, restOfHeaderBytes } from "./derive.ts";
import { isUnreachable } from "./errors.ts";
import { FIRST_PIECE_BYTES, openRange, type RangeSource } from "./range-source.ts";

/** A cursor's pieces come from memory here; they only say how far past a value it may look. */
const PIECE_BYTES = 64 * 1024;
const FRESH_MS = 60_000;
const MAX_HELD = 64;

export interface RemoteOptions {
  /** the table as the file has it, not derived */
  readonly exact?: boolean;
  /** layouts known of models with these dimensions */
  readonly layoutsOf?: (hyper: Hyperparameters) => readonly LayoutOptions[];
}

interface Kept {
  readonly etag: string | undefined;
  readonly sizeBytes: Bytes;
  /** what was read: the head alone, or the whole header */
  readonly head?: GgufHead;
  readonly header?: GgufHeader;
  readonly askedMs: number;
}

export interface RemoteGguf {
  /** headers of the files in order, or the first file's derived table; `world` gives the time */
  model(
    repo: string,
    paths: readonly string[],
    urlOf: (path: string) => string,
    options: RemoteOptions,
  ): Promise<Model>;
}

const isHeld = (value: unknown): value is Omit<Kept, "askedMs" | "etag"> =>
  typeof value === "object" &&
  value !== null &&
  "sizeBytes" in value &&
  typeof value.sizeBytes === "number" &&
  (("head" in value && typeof value.head === "object") || ("header" in value && typeof value.header === "object"));

export function remoteGguf(world: World, fetch: typeof globalThis.fetch, disk: DiskCache, owner: string): RemoteGguf {
  const memory = new LRUCache<string, Kept>({ max: MAX_HELD });

  const heldOf = async (key: string): Promise<Kept | undefined> => {
    const held = memory.get(key);
    if (held) return held;
    const stored = await disk.get(key);
    const parsed: unknown = stored && JSON.parse(stored.text);
    return stored && isHeld(parsed) ? { ...parsed, etag: stored.etag, askedMs: stored.savedMs } : undefined;
  };

  const keep = async (key: string, kept: Kept): Promise<void> => {
    memory.set(key, kept);
    const { etag, askedMs: _, ...content } = kept;
    // without an ETag nothing says whether it still holds
    if (etag !== undefined) await disk.put(key, JSON.stringify(content), etag);
  };

  /** A file's head or header, whichever `wanted` is satisfied with; asks the Hub unless it did so a minute ago. */
  const read = async (url: string, path: string, enough: (kept: Kept) => boolean): Promise<Kept> => {
    const key = `${owner} gguf ${url}`;
    const held = await heldOf(key);
    const askedMs = world.now();
    if (held && askedMs - held.askedMs < FRESH_MS && enough(held)) return held;
    let source: RangeSource | "unchanged";
    try {
      source = await openRange(fetch, url, path, askedMs, held && enough(held) ? held.etag : undefined);
    } catch (error) {
      if (held && enough(held) && isUnreachable(error)) return held;
      throw error;
    }
    if (source === "unchanged") {
      if (held === undefined) throw new Error("unchanged since nothing");
      memory.set(key, { ...held, askedMs });
      return { ...held, askedMs };
    }
    const { etag, sizeBytes } = source;
    const head = await readGgufHead(source, PIECE_BYTES);
    let kept: Kept = { etag, sizeBytes, head, askedMs };
    if (!enough(kept)) {
      source.aheadBytes = restOfHeaderBytes(head);
      kept = { etag, sizeBytes, head, header: await readGgufHeader(source, PIECE_BYTES), askedMs };
    }
    await keep(key, kept);
    return kept;
  };

  return {
    async model(repo, paths, urlOf, { exact = false, layoutsOf }) {
      const [path = ""] = paths;
      const name = path.slice(path.lastIndexOf("/") + 1);
      let derived: Derived | undefined;
      const derivable = ({ head, sizeBytes, header }: Kept): boolean => {
        if (header !== undefined) return true;
        // a split file's first part holds all the key-values but not all the tensors
        derived =
          exact || paths.length > 1 || head === undefined ? undefined : deriveTable(head, path, sizeBytes, layoutsOf);
        return derived !== undefined;
      };
      const first = await read(urlOf(path), name, derivable);
      if (first.header === undefined && derived !== undefined) {
        const given = first.head?.metadata["general.name"];
        return {
          name: plainText(typeof given === "string" && given !== "" ? given : name, 128),
          recipe: derived.recipe,
          hyper: derived.hyper,
          tensors: derived.tensors,
          fileBytes: first.sizeBytes,
          evidence: "reported",
          source: `the first ${FIRST_PIECE_BYTES / 1024} KiB of ${repo}/${path}; its tensors laid out, ${(100 * derived.errorFraction).toFixed(3)} % off its size`,
          warnings: [],
        };
      }
      const headers: GgufHeader[] = first.header ? [first.header] : [];
      for (const other of paths.slice(1)) {
        const { header } = await read(
          urlOf(other),
          other.slice(other.lastIndexOf("/") + 1),
          (kept) => kept.header !== undefined,
        );
        if (header) headers.push(header);
      }
      const model = assembleModel(headers, name, `GGUF header of ${repo}/${path}`);
      return { ...model, name: plainText(model.name, 128) };
    },
  };
}
