/** A step on the way from a plan to a running server, in one engine's words. */
import type { Bytes, Interval } from "../units.ts";
import { type ShellName, shellCommand } from "./shell.ts";

export interface Command {
  readonly engine: string;
  readonly host: string;
  readonly step: "get" | "quantize" | "create" | "serve" | "verify";
  readonly argv: readonly string[];
  /** argv as a line for the shell of the machine it runs on */
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
  /** the Hub repository of the model as published */
  readonly weightsRepo?: string | undefined;
  readonly recipe: string;
  readonly name: string;
  /** of a mix: its importance matrix */
  readonly imatrixPath?: string | undefined;
  readonly shell?: ShellName;
}

/** A command of `engine` on this machine; the line follows from argv. */
export function step(
  engine: string,
  name: Command["step"],
  argv: readonly string[],
  artefact: Artefact,
  more: Partial<Pick<Command, "files" | "expected" | "lost" | "note" | "host">> = {},
): Command {
  return { engine, host: "local", step: name, argv, command: shellCommand(argv, artefact.shell), ...more };
}

/** A name that any engine and file system takes. */
export function plainName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[-.]+/, "");
}

/** One short chat request to an OpenAI-compatible server: passes with HTTP 200 and completion tokens. */
export function chatRequest(port: number, model: string): string[] {
  const body = { model, messages: [{ role: "user", content: "Say ready." }], max_tokens: 16, temperature: 0 };
  return [
    "curl",
    "-s",
    `http://127.0.0.1:${port}/v1/chat/completions`,
    "-H",
    "Content-Type: application/json",
    "-d",
    JSON.stringify(body),
  ];
}
