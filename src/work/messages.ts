/** What the protocol's thread and a thread that calculates say to each other; plain data, as it can be copied between them. */
import type { ExecResult } from "../core/sources/world.ts";
import type { Reading } from "../resources/index.ts";
import type { Instruction } from "../resources/prompts.ts";
import type { ToolResult } from "../tools/adapter.ts";
import type { ProgressMessage } from "./answers.ts";

export type Ask =
  | {
      readonly kind: "tool";
      readonly name: string;
      readonly args: Readonly<Record<string, unknown>>;
      readonly remote: boolean;
      readonly progress: boolean;
    }
  | { readonly kind: "resource"; readonly uri: string; readonly remote: boolean }
  | { readonly kind: "completion"; readonly owner: string; readonly argument: string; readonly typed: string }
  | { readonly kind: "prompt"; readonly name: string; readonly values: Readonly<Record<string, string>> };

export type ToThread =
  | { readonly kind: "ask"; readonly id: number; readonly ask: Ask }
  | { readonly kind: "cancel"; readonly id: number }
  /** how a program ended that the thread wanted run */
  | { readonly kind: "ended"; readonly id: number; readonly result: ExecResult };

export type Settled =
  | { readonly kind: "tool"; readonly result: ToolResult }
  | { readonly kind: "resource"; readonly result: Reading }
  | { readonly kind: "completion"; readonly result: readonly string[] }
  | { readonly kind: "prompt"; readonly result: Instruction }
  | { readonly kind: "failed"; readonly code: number; readonly message: string };

export type FromThread =
  | { readonly kind: "settled"; readonly id: number; readonly settled: Settled }
  | { readonly kind: "progress"; readonly id: number; readonly progress: ProgressMessage }
  /** programs run as children of the protocol's thread, which is there to end them whatever happens to this one */
  | {
      readonly kind: "run";
      readonly id: number;
      readonly file: string;
      readonly args: readonly string[];
      readonly timeoutMs: number;
      readonly input: string | undefined;
    }
  | { readonly kind: "kill"; readonly id: number };

export interface ThreadData {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** folders whose files remote callers may name */
  readonly roots: readonly string[];
}
