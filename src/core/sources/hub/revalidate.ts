/**
 * Small answers of the Hub (file lists, configs) kept in memory and on disk: for a minute as they are, later asked for again by their ETag,
 * and used as they were when the Hub cannot be reached.
 */
import { LRUCache } from "lru-cache";
import type { DiskCache } from "../cache/disk.ts";
import type { World } from "../world.ts";
import { isUnreachable } from "./errors.ts";
import { Unreachable } from "./request.ts";

const FRESH_MS = 60_000;
const MAX_KEPT_BYTES = 2 * 1024 * 1024;
const MEMORY_BYTES = 16 * 1024 * 1024;

interface Kept {
  readonly body: string;
  readonly etag: string | undefined;
  /** of the next page */
  readonly link: string | undefined;
  readonly askedMs: number;
}

const textOf = ({ body, link }: Kept): string => JSON.stringify({ body, link });

function parseKept(text: string, etag: string | undefined, askedMs: number): Kept | undefined {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== "object" || parsed === null || !("body" in parsed) || typeof parsed.body !== "string")
    return undefined;
  return {
    body: parsed.body,
    link: "link" in parsed && typeof parsed.link === "string" ? parsed.link : undefined,
    etag,
    askedMs,
  };
}

function answer(kept: Kept, url: string): Response {
  const headers = new Headers({ "content-type": "application/json" });
  if (kept.link !== undefined) headers.set("link", kept.link);
  if (kept.etag !== undefined) headers.set("etag", kept.etag);
  const response = new Response(kept.body, { status: 200, headers });
  Object.defineProperty(response, "url", { value: url });
  return response;
}

/** Wraps `fetch`; ranges, other methods and answers that are no success pass through. `owner` keeps one account's answers from another's. */
export function revalidating(
  world: World,
  fetch: typeof globalThis.fetch,
  disk: DiskCache,
  owner: string,
): typeof globalThis.fetch {
  const memory = new LRUCache<string, Kept>({
    maxSize: MEMORY_BYTES,
    sizeCalculation: ({ body }) => body.length + 256,
  });
  return async (input, init = {}) => {
    const url = input instanceof Request ? input.url : String(input);
    const headers = new Headers(init.headers);
    if ((init.method ?? "GET") !== "GET" || headers.has("range")) return fetch(input, init);
    const key = `${owner} ${url}`;
    const stored = memory.get(key) ?? (await fromDisk(disk, key));
    if (stored && world.now() - stored.askedMs < FRESH_MS) return answer(stored, url);
    if (stored?.etag) headers.set("if-none-match", stored.etag);
    try {
      const response = await fetch(url, { ...init, headers });
      if (response.status === 304 && stored) {
        memory.set(key, { ...stored, askedMs: world.now() });
        return answer(stored, url);
      }
      if (stored && response.status >= 500) throw new Unreachable(`it answered ${response.status}`);
      if (response.status !== 200) return response;
      return await keep(response);
    } catch (error) {
      if (stored && isUnreachable(error)) return answer(stored, url);
      throw error;
    }

    async function keep(response: Response): Promise<Response> {
      const etag = response.headers.get("etag") ?? undefined;
      const body = await response.text();
      const kept: Kept = { body, etag, link: response.headers.get("link") ?? undefined, askedMs: world.now() };
      if (body.length <= MAX_KEPT_BYTES) {
        memory.set(key, kept);
        await disk.put(key, textOf(kept), etag);
      }
      return answer(kept, response.url || url);
    }
  };
}

async function fromDisk(disk: DiskCache, key: string): Promise<Kept | undefined> {
  const held = await disk.get(key);
  return held && parseKept(held.text, held.etag, held.savedMs);
}
