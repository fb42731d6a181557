/** A step on the way from a plan to a running server, in one engine's words. */
import type { Bytes, Interval } from "../units.ts";

export interface Command {
  readonly engine: string;
  readonly host: string;
  readonly step: "get" | "quantize" | "create" | "serve" | "verify";
  readonly argv: readonly string[];
  readonly command: string;
  readonly files?: readonly { readonly path: string; readonly text: string }[];
  readonly expected?: { readonly memory?: Bytes; readonly speed?: Interval };
  readonly lost?: readonly string[];
  readonly note?: string;
}

/** Where the artefact is, or can be had. */
export interface Artefact {
  /** a file on this machine */
  readonly path: string | undefined;
  /** a Hub repository of GGUF files */
  readonly ggufRepo: string | undefined;
  readonly recipe: string;
  readonly name: string;
}
