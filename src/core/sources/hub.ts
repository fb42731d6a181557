/**
 * The Hugging Face Hub, read sparingly: a file list, a config, the head of a GGUF file. Every answer is bounded in time and size,
 * and without a network the error says what works without one.
 */
import { InputError } from "../facts/input-error.ts";
import type { Model } from "../facts/model.ts";
import { parseConfig } from "./config-reader.ts";
import { assembleModel, readRemoteHeader } from "./hub-gguf.ts";
import type { World } from "./world.ts";

const TIMEOUT_MS = 5000;
/** A range of a GGUF header is 2 MB; file lists and configs are smaller. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024;
const MAX_FILES = 5000;
const MAX_SHARDS = 512;

export interface HubFile {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface Hub {
  /** undefined: no such repository */
  listFiles(repo: string): Promise<readonly HubFile[] | undefined>;
  /** parsed config.json; undefined: the repository has none */
  readConfig(repo: string): Promise<unknown>;
  /** a GGUF file by its headers alone, all shards of a split one; `paths` in order */
  readGguf(repo: string, paths: readonly string[]): Promise<Model>;
}

/** A Hub repository's name: owner/name, in the Hub's own alphabet. */
export const repoPattern = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/;

class TooLarge extends Error {}

async function boundedBody(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    total += value.length;
    if (total > MAX_RESPONSE_BYTES) {
      await reader.cancel();
      throw new TooLarge(`more than ${MAX_RESPONSE_BYTES} bytes`);
    }
    chunks.push(value);
  }
  const body = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

/** `fetch` with a deadline and a limit on the answer's size; carries the user's own token, if any, to the Hub alone. */
function boundedFetch(world: World, hubUrl: string): typeof globalThis.fetch {
  const token = world.env["HF_TOKEN"];
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const headers = new Headers(init?.headers);
    if (token && new URL(url).origin === new URL(hubUrl).origin) headers.set("authorization", `Bearer ${token}`);
    const response = await world.fetch(input, { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const empty = response.status === 204 || response.status === 304 || init?.method === "HEAD";
    const bounded = new Response(empty ? null : await boundedBody(response), {
      status: response.status,
      statusText: response.statusText,
      headers: response.headers,
    });
    // the libraries follow relative links of the answer
    Object.defineProperty(bounded, "url", { value: response.url || url });
    return bounded;
  };
}

const statusOf = (error: unknown): number | undefined =>
  typeof error === "object" && error !== null && "statusCode" in error && typeof error.statusCode === "number"
    ? error.statusCode
    : undefined;

function asInputError(repo: string, error: unknown): InputError {
  if (error instanceof InputError) return error;
  const status = statusOf(error);
  if (status === 401 || status === 403)
    return new InputError(
      `The repository ${repo} does not exist on the Hugging Face Hub, or is private or gated. Check the spelling, set HF_TOKEN to a token that may read it, or send a catalog id or a local GGUF file.`,
    );
  if (error instanceof TooLarge)
    return new InputError(
      `The Hub's answer for ${repo} is larger than a model's header can be. Send a local GGUF file instead.`,
    );
  const timedOut = error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");
  const reason =
    status === undefined
      ? timedOut
        ? `no answer within ${TIMEOUT_MS / 1000} s`
        : "no connection"
      : `it answered ${status}`;
  return new InputError(
    `${repo} is not in the catalog and the Hugging Face Hub cannot be asked (${reason}). Without a network these work: a catalog id such as qwen3-8b, a local GGUF file, a folder with a config.json, or ollama:NAME.`,
  );
}

/** The Hub at HF_ENDPOINT, else huggingface.co. HF_HUB_OFFLINE=1 forbids the network. */
export function hubOf(world: World): Hub {
  const hubUrl = (world.env["HF_ENDPOINT"] ?? "https://huggingface.co").replace(/\/+$/, "");
  const fetch = boundedFetch(world, hubUrl);

  const ask = async <T>(repo: string, question: () => Promise<T>): Promise<T> => {
    if (!repoPattern.test(repo))
      throw new InputError(`"${repo.slice(0, 100)}" is no name of a Hub repository. Send owner/name.`);
    if (world.env["HF_HUB_OFFLINE"] === "1") throw asInputError(repo, undefined);
    try {
      return await question();
    } catch (error) {
      throw asInputError(repo, error);
    }
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
        const { downloadFile } = await import("@huggingface/hub");
        const blob = await downloadFile({ repo, path: "config.json", hubUrl, fetch, xet: false }).catch(
          (error: unknown) => {
            if (statusOf(error) === 404) return null;
            throw error;
          },
        );
        return blob === null ? undefined : parseConfig(await blob.text(), repo);
      }),
    readGguf: (repo, paths) =>
      ask(repo, async () => {
        if (paths.length === 0 || paths.length > MAX_SHARDS)
          throw new InputError(
            `${repo} splits the model in ${paths.length} files; 1 to ${MAX_SHARDS} are read. Send another repository.`,
          );
        const headers = [];
        for (const path of paths) {
          const url = `${hubUrl}/${repo}/resolve/main/${path.split("/").map(encodeURIComponent).join("/")}`;
          headers.push(await readRemoteHeader(url, path, fetch));
        }
        return assembleModel(headers, `GGUF header of ${repo}/${paths[0]}`);
      }),
  };
}
