/**
 * Requests to the Hub: a deadline on silence and on the whole, a limit on the answer's size, ranges that are held to what was asked, and a
 * second and third try where waiting helps (429 with its Retry-After, 5xx, cut connections). The user's token goes to the Hub alone.
 */
import { setTimeout as pause } from "node:timers/promises";
import { InputError } from "../../facts/input-error.ts";
import type { World } from "../world.ts";

/** without a byte */
export const SILENCE_MS = 5000;
/** for one answer, however steadily it drips */
const WHOLE_MS = 60_000;
/** File lists and configs are far smaller; a range is as long as was asked. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024;
const TRIES = 3;
const FIRST_PAUSE_MS = 300;
/** A caller waits for the answer: longer pauses are the caller's to take. */
const MAX_PAUSE_MS = 5000;
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

export class TooLarge extends Error {}
/** No answer, or one that broke off. */
export class Unreachable extends Error {}
/** The network is forbidden here. */
export class Offline extends Error {}

/** `bytes=0-99` → [0, 99]; undefined for a request of the whole. */
function askedRange(headers: Headers): readonly [number, number] | undefined {
  const match = /^bytes=(\d+)-(\d+)$/.exec(headers.get("range") ?? "");
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

/** Total size that a Content-Range names; undefined where there is none. */
export function totalOf(response: Response): number | undefined {
  const match = /^bytes \d+-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  return match === null ? undefined : Number(match[1]);
}

function checkRange(response: Response, [start, end]: readonly [number, number], length: number): void {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
  const last = match === null ? undefined : Number(match[2]);
  if (match === null || last === undefined || Number(match[1]) !== start || last > end || length !== last - start + 1)
    throw new Unreachable(`it sent ${length} bytes for the range ${start}-${end}`);
}

async function readBody(
  response: Response,
  limitBytes: number,
  stopAtLimit: boolean,
  onBytes: () => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    onBytes();
    total += value.length;
    chunks.push(value);
    if (total <= limitBytes) continue;
    await reader.cancel().catch(() => undefined);
    if (!stopAtLimit) throw new TooLarge(`more than ${limitBytes} bytes`);
    break;
  }
  const body = new Uint8Array(Math.min(total, limitBytes));
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk.subarray(0, body.length - offset), offset);
    offset += chunk.length;
    if (offset >= body.length) break;
  }
  return body;
}

async function once(world: World, input: string, init: RequestInit, headers: Headers): Promise<Response> {
  const stop = new AbortController();
  const silent = (): void => stop.abort(new Unreachable(`no answer within ${SILENCE_MS / 1000} s`));
  let silence = setTimeout(silent, SILENCE_MS);
  const whole = setTimeout(() => stop.abort(new Unreachable(`no whole answer within ${WHOLE_MS / 1000} s`)), WHOLE_MS);
  const heard = (): void => {
    clearTimeout(silence);
    silence = setTimeout(silent, SILENCE_MS);
  };
  const signal = init.signal ? AbortSignal.any([init.signal, stop.signal]) : stop.signal;
  let answered = false;
  try {
    const response = await world.fetch(input, { ...init, headers, signal });
    answered = true;
    heard();
    const range = askedRange(headers);
    const empty = response.status === 204 || response.status === 304 || init.method === "HEAD";
    // a server without ranges sends the file from its start: what was asked for is cut out of it
    const isWhole = range !== undefined && response.status === 200;
    const limit = range === undefined ? MAX_RESPONSE_BYTES : isWhole ? range[1] + 1 : range[1] - range[0] + 1;
    const body = empty ? null : await readBody(response, limit, isWhole, heard);
    if (range !== undefined && response.status === 206) checkRange(response, range, body?.length ?? 0);
    const bounded = new Response(isWhole && body ? body.subarray(range[0]) : body, {
      status: response.status,
      statusText: response.statusText,
      headers: response.headers,
    });
    // the libraries follow relative links of the answer
    Object.defineProperty(bounded, "url", { value: response.url || input });
    return bounded;
  } catch (error) {
    if (init.signal?.aborted || error instanceof TooLarge || error instanceof InputError) throw error;
    if (stop.signal.reason instanceof Unreachable) throw stop.signal.reason;
    if (error instanceof Unreachable || error instanceof Offline) throw error;
    throw new Unreachable(answered ? "the connection broke off" : "no connection", { cause: error });
  } finally {
    clearTimeout(silence);
    clearTimeout(whole);
  }
}

/** Milliseconds that `Retry-After` asks for, in seconds or as a date. */
export function retryAfterMs(response: Response, nowMs: number): number | undefined {
  const text = response.headers.get("retry-after");
  if (text === null) return undefined;
  const milliseconds = /^\d+$/.test(text) ? 1000 * Number(text) : Date.parse(text) - nowMs;
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}

/** `fetch` for the Hub at `hubUrl`. @throws Offline, Unreachable or TooLarge */
export function hubFetch(world: World, hubUrl: string): typeof globalThis.fetch {
  const token = world.env["HF_TOKEN"];
  const origin = new URL(hubUrl).origin;
  return async (input, init = {}) => {
    if (world.env["HF_HUB_OFFLINE"] === "1") throw new Offline("the network is forbidden here");
    const url = input instanceof Request ? input.url : String(input);
    const headers = new Headers(init.headers);
    // `fetch` itself drops the token when a redirect leaves the origin
    if (token && new URL(url).origin === origin) headers.set("authorization", `Bearer ${token}`);
    for (let tried = 1; ; tried++) {
      let wanted = FIRST_PAUSE_MS * 2 ** (tried - 1);
      try {
        const response = await once(world, url, init, headers);
        if (!passing.has(response.status) || tried === TRIES) return response;
        wanted = retryAfterMs(response, world.now()) ?? wanted;
        if (wanted > MAX_PAUSE_MS) return response;
      } catch (error) {
        // who was silent for five seconds is not asked again: the caller waits
        if (!(error instanceof Unreachable) || /within/.test(error.message) || tried === TRIES) throw error;
      }
      await pause(wanted, undefined, init.signal ? { signal: init.signal } : {});
    }
  };
}
