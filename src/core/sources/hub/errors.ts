/** What went wrong at the Hub, in words that say what to do. */
import { InputError } from "../../facts/input-error.ts";
import { Offline, retryAfterMs, TooLarge, Unreachable } from "./request.ts";

/** An answer that is an error. */
export class HubStatus extends Error {
  readonly statusCode: number;
  /** the Hub's own word for it: GatedRepo, RepoNotFound, EntryNotFound … */
  readonly code: string | undefined;
  readonly waitMs: number | undefined;

  constructor(response: Response, nowMs: number) {
    super(`HTTP ${response.status}`);
    this.statusCode = response.status;
    this.code = response.headers.get("x-error-code") ?? undefined;
    this.waitMs = retryAfterMs(response, nowMs);
  }
}

/** The status of our own error, or of one of @huggingface/hub. */
export const statusOf = (error: unknown): number | undefined =>
  typeof error === "object" && error !== null && "statusCode" in error && typeof error.statusCode === "number"
    ? error.statusCode
    : undefined;

const withoutNetwork =
  "Without a network these work: a catalog id such as qwen3-8b, a local GGUF file, a folder with a config.json, or ollama:NAME.";

/** The network is forbidden, or the Hub did not answer: what is kept from earlier may stand in. */
export function isUnreachable(error: unknown): boolean {
  const status = statusOf(error);
  return (
    error instanceof Offline ||
    error instanceof Unreachable ||
    status === 429 ||
    (status !== undefined && status >= 500)
  );
}

export function asInputError(repo: string, error: unknown): InputError {
  if (error instanceof InputError) return error;
  const status = statusOf(error);
  const code = error instanceof HubStatus ? error.code : undefined;
  if (code === "GatedRepo" || (status === 403 && code === undefined))
    return new InputError(
      `The repository ${repo} is gated, or this token may not read it. Accept its terms on its page and set HF_TOKEN to a token of that account, or send a catalog id or a local GGUF file.`,
    );
  if (status === 401 || status === 403)
    return new InputError(
      `The repository ${repo} does not exist on the Hugging Face Hub, or is private or gated. Check the spelling, set HF_TOKEN to a token that may read it, or send a catalog id or a local GGUF file.`,
    );
  if (status === 404)
    return new InputError(
      `There is no such file in the repository ${repo}, or no such repository. Check the spelling, or send a catalog id.`,
    );
  if (error instanceof TooLarge)
    return new InputError(
      `The Hub's answer for ${repo} is larger than a model's header can be. Send a local GGUF file instead.`,
    );
  if (status === 429) {
    const wait = error instanceof HubStatus && error.waitMs !== undefined ? Math.ceil(error.waitMs / 1000) : undefined;
    return new InputError(
      `The Hugging Face Hub refuses more requests for now${wait === undefined ? "" : ` (it asks to wait ${wait} s)`}, so ${repo} cannot be read. Try again later, set HF_TOKEN, or send a catalog id or a local GGUF file.`,
    );
  }
  const reason =
    status !== undefined
      ? `it answered ${status}`
      : error instanceof Error && !(error instanceof TypeError)
        ? error.message
        : "no connection";
  return new InputError(
    `${repo} is not in the catalog and the Hugging Face Hub cannot be asked (${reason}). ${withoutNetwork}`,
  );
}
