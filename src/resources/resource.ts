/** Resources and prompts are records, like tools: words, a reader, completions. `server.ts` turns them into MCP. */
import type { World } from "../core/sources/world.ts";

export interface ResourceContext {
  readonly world: World;
  readonly signal: AbortSignal;
  readonly remote: boolean;
}

/** One document under a fixed address; the reader gets the page that was asked for (`?page=2`), from 1. */
export interface Resource {
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  read(page: number, context: ResourceContext): Promise<object>;
}

/** Documents by id, under a prefix that ends in `/`. */
export interface ResourceTemplate {
  readonly prefix: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** throws InputError with the nearest ids when there is none of that name */
  read(id: string, context: ResourceContext): Promise<object>;
  /** ids for what is typed so far, the best first */
  complete(typed: string): Promise<readonly string[]>;
}

export interface Prompt {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: readonly PromptArgument[];
  text(values: Readonly<Record<string, string>>): string;
}

export interface PromptArgument {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  complete(typed: string): Promise<readonly string[]>;
}

/** The rows of one page and where the next one is. */
export function pageOf<Row>(uri: string, rows: readonly Row[], page: number, rowsPerPage: number): object {
  const start = (page - 1) * rowsPerPage;
  const end = start + rowsPerPage;
  return {
    totalCount: rows.length,
    rows: rows.slice(start, end),
    ...(end < rows.length ? { next: `${uri}?page=${page + 1}` } : {}),
  };
}

/** Ids for what is typed: those that begin with it, then those that contain it, then the near ones. */
export function rankIds(
  typed: string,
  ids: readonly string[],
  near: (typed: string) => readonly string[],
): readonly string[] {
  const wanted = typed.trim().toLowerCase();
  const begins = ids.filter((id) => id.toLowerCase().startsWith(wanted));
  const contains = ids.filter((id) => id.toLowerCase().includes(wanted));
  const found = [...new Set([...begins, ...contains])];
  return found.length > 0 ? found : near(wanted);
}
