/**
 * The Hugging Face Hub, read sparingly: file lists, configs, the heads of model files, searches. Every answer is bounded in time and size,
 * kept by its ETag, and without a network the error says what works without one.
 */
import { createHash } from "node:crypto";
import { InputError } from "../facts/input-error.ts";
import type { Model } from "../facts/model.ts";
import { diskCache } from "./cache/disk.ts";
import { parseConfig } from "./config-reader.ts";
import { asInputError, HubStatus, statusOf } from "./hub/errors.ts";
import { type RemoteOptions, remoteGguf } from "./hub/gguf.ts";
import type { HubFile } from "./hub/quantizations.ts";
import { openRange } from "./hub/range-source.ts";
import { hubFetch, Offline } from "./hub/request.ts";
import { revalidating } from "./hub/revalidate.ts";
import { type CheckpointTensor, readSafetensorsHeader } from "./safetensors.ts";
import { plainText } from "./untrusted-text.ts";
import type { World } from "./world.ts";

export type { HubFile } from "./hub/quantizations.ts";

const MAX_FILES = 5000;
const MAX_SHARDS = 512;
const MAX_FOUND = 1000;

export interface HubSearch {
  /** words of the name */
  readonly name?: string;
  /** owner of the repositories */
  readonly author?: string;
  /** `text-generation`, `feature-extraction`, `text-ranking` … */
  readonly task?: string;
  /** `gguf`, `mlx`, `safetensors` … */
  readonly tags?: readonly string[];
  /** default 20, at most 1000 */
  readonly limit?: number;
}

export interface FoundRepo {
  readonly repo: string;
  readonly task: string | undefined;
  readonly downloadCount: number;
  readonly likeCount: number;
  readonly gated: boolean;
  /** `YYYY-MM-DD` */
  readonly updated: string;
}

export interface Hub {
  /** undefined: no such repository */
  listFiles(repo: string): Promise<readonly HubFile[] | undefined>;
  /** parsed config.json; undefined: the repository has none */
  readConfig(repo: string): Promise<unknown>;
  /** a GGUF file, all shards of a split one; `paths` in order */
  readGguf(repo: string, paths: readonly string[], options?: RemoteOptions): Promise<Model>;
  /** tensors of a checkpoint's files, by their headers alone */
  readSafetensors(repo: string, paths: readonly string[]): Promise<readonly CheckpointTensor[]>;
  /** the most downloaded first */
  search(search: HubSearch): Promise<readonly FoundRepo[]>;
}

/** A Hub repository's name: owner/name, in the Hub's own alphabet. */
export const repoPattern = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/;

function hubUrlOf(world: World): string {
  const text = (world.env["HF_ENDPOINT"] || "https://huggingface.co").replace(/\/+$/, "");
  if (URL.canParse(text) && /^https?:/.test(text)) return text;
  throw new InputError(
    `HF_ENDPOINT is "${text.slice(0, 80)}", no address. Set it to one such as https://huggingface.co, or unset it.`,
  );
}

/** One Hub a world: its caches in memory live as long. */
const hubs = new WeakMap<World, Hub>();

/** The Hub at HF_ENDPOINT, else huggingface.co. HF_HUB_OFFLINE=1 forbids the network; what is cached still answers. */
export function hubOf(world: World): Hub {
  const held = hubs.get(world) ?? makeHub(world);
  hubs.set(world, held);
  return held;
}

/** The same machine without a network: nothing leaves it but requests to itself (engines that run here). */
export function withoutNetwork(world: World): World {
  return {
    ...world,
    env: { ...world.env, HF_HUB_OFFLINE: "1" },
    fetch: async (input, init) => {
      const { hostname } = new URL(input instanceof Request ? input.url : String(input));
      if (!/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)) throw new Offline("the network is forbidden here");
      return world.fetch(input, init);
    },
  };
}

function makeHub(world: World): Hub {
  const hubUrl = hubUrlOf(world);
  const direct = hubFetch(world, hubUrl);
  const disk = diskCache(world, "hub");
  // what one account may read another may not: the cache knows them apart without holding a token
  const token = world.env["HF_TOKEN"];
  const owner = token ? createHash("sha256").update(token).digest("hex").slice(0, 16) : "anyone";
  const fetch = revalidating(world, direct, disk, owner);
  const gguf = remoteGguf(world, direct, disk, owner);
  const urlOf = (repo: string, path: string): string =>
    `${hubUrl}/${repo}/resolve/main/${path.split("/").map(encodeURIComponent).join("/")}`;

  const ask = async <T>(repo: string, question: () => Promise<T>): Promise<T> => {
    if (!repoPattern.test(repo))
      throw new InputError(`"${repo.slice(0, 100)}" is no name of a Hub repository. Send owner/name.`);
    try {
      return await question();
    } catch (error) {
      throw asInputError(repo, error);
    }
  };

  const checkCount = (repo: string, paths: readonly string[]): void => {
    if (paths.length === 0 || paths.length > MAX_SHARDS)
      throw new InputError(
        `${repo} splits the model in ${paths.length} files; 1 to ${MAX_SHARDS} are read. Send another repository.`,
      );
  };

  return {
    listFiles: (repo) =>
      ask(repo, async () => {
        const { listFiles } = await import("@huggingface/hub");
        const files: HubFile[] = [];
        try {
          for await (const entry of listFiles({ repo, recursive: true, hubUrl, fetch })) {
            if (entry.type === "file") files.push({ path: entry.path, sizeBytes: entry.lfs?.size ?? entry.size });
            if (files.length >= MAX_FILES) break;
          }
        } catch (error) {
          if (statusOf(error) === 404) return undefined;
          throw error;
        }
        return files;
      }),
    readConfig: (repo) =>
      ask(repo, async () => {
        const response = await fetch(urlOf(repo, "config.json"));
        if (response.status === 404) return undefined;
        if (!response.ok) throw new HubStatus(response, world.now());
        return parseConfig(await response.text(), repo);
      }),
    readGguf: (repo, paths, options = {}) =>
      ask(repo, async () => {
        checkCount(repo, paths);
        return gguf.model(repo, paths, (path) => urlOf(repo, path), options);
      }),
    readSafetensors: (repo, paths) =>
      ask(repo, async () => {
        checkCount(repo, paths);
        const tensors: CheckpointTensor[] = [];
        for (const path of paths) {
          const source = await openRange(direct, urlOf(repo, path), path, world.now());
          if (source !== "unchanged") tensors.push(...(await readSafetensorsHeader(source)));
        }
        return tensors;
      }),
    search: ({ name, author, task, tags = [], limit = 20 }) =>
      ask(author === undefined ? "huggingface/search" : `${author}/search`, async () => {
        const url = new URL(`${hubUrl}/api/models`);
        const given = { search: name, author, pipeline_tag: task, sort: "downloads", direction: "-1" };
        for (const [key, value] of Object.entries(given)) if (value !== undefined) url.searchParams.set(key, value);
        url.searchParams.set("limit", String(Math.min(Math.max(1, limit), MAX_FOUND)));
        for (const tag of tags) url.searchParams.append("filter", tag);
        const response = await fetch(url.href);
        if (!response.ok) throw new HubStatus(response, world.now());
        return readFound(await response.json()).slice(0, MAX_FOUND);
      }),
  };
}

/** Rows of the Hub's model list; what is no row is left out. */
function readFound(answer: unknown): readonly FoundRepo[] {
  if (!Array.isArray(answer)) return [];
  return answer.flatMap((row: unknown): FoundRepo[] => {
    if (typeof row !== "object" || row === null || !("id" in row) || typeof row.id !== "string") return [];
    if (!repoPattern.test(row.id)) return [];
    const count = (value: unknown): number => (typeof value === "number" && value >= 0 ? Math.floor(value) : 0);
    const text = (value: unknown): string => (typeof value === "string" ? plainText(value, 64) : "");
    return [
      {
        repo: row.id,
        task: "pipeline_tag" in row && row.pipeline_tag ? text(row.pipeline_tag) : undefined,
        downloadCount: count("downloads" in row ? row.downloads : 0),
        likeCount: count("likes" in row ? row.likes : 0),
        gated: "gated" in row && row.gated !== false && row.gated !== undefined,
        updated: text("lastModified" in row ? row.lastModified : "").slice(0, 10),
      },
    ];
  });
}
