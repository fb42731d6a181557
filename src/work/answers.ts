/**
 * What the protocol asks of the tools, resources and prompts, and the plain way to get it: in this thread. `pool.ts` is the other way,
 * in threads of its own, so that the protocol is never kept waiting by a calculation.
 */
import type { World } from "../core/sources/world.ts";
import type { Reading } from "../resources/index.ts";
import type { Instruction } from "../resources/prompts.ts";
import type { ToolResult } from "../tools/adapter.ts";
import { boundedWorld, pathBelow } from "./remote.ts";

export interface CallOptions {
  readonly signal: AbortSignal;
  /** true for callers over the network */
  readonly remote: boolean;
  /** absent when the caller did not ask for it */
  readonly progress?: ((message: ProgressMessage) => void) | undefined;
}

export interface ProgressMessage {
  readonly progress: number;
  readonly total?: number;
  readonly message: string;
}

export interface Answers {
  /** Rejects with `CallFailure` for an unknown tool, a cancelled call or a fault of ours. */
  callTool(name: string, args: Readonly<Record<string, unknown>>, options: CallOptions): Promise<ToolResult>;
  readResource(uri: string, options: CallOptions): Promise<Reading>;
  /** Completions of a template's id or a prompt's argument, the best first. */
  complete(owner: string, argument: string, typed: string): Promise<readonly string[]>;
  getPrompt(name: string, values: Readonly<Record<string, string>>): Promise<Instruction>;
}

/** What the protocol answers instead of a result: its error code and a sentence without stack or path. */
export class CallFailure extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Tools and resources load when they are first asked for. `roots`: folders whose files remote callers may name. */
export function answersHere(world: World, roots: readonly string[] = []): Answers {
  const bounded = boundedWorld(world);
  return {
    async callTool(name, sent, { signal, remote, progress }) {
      const model = remote && roots.length > 0 && typeof sent["model"] === "string" ? sent["model"] : undefined;
      const allowed = model === undefined ? undefined : await pathBelow(world, model, roots);
      const args = allowed === undefined ? sent : { ...sent, model: allowed };

      const [{ tools }, { callTool, failureOf, pacedProgress }] = await Promise.all([
        import("../tools/index.ts"),
        import("../tools/adapter.ts"),
      ]);
      const paced = progress === undefined ? () => {} : pacedProgress(world.now, progress);
      try {
        return await callTool(tools, name, args, {
          world: remote ? bounded : world,
          signal,
          remote: remote && allowed === undefined,
          progress: paced,
        });
      } catch (error) {
        const { code, message } = failureOf(error);
        throw new CallFailure(code, message);
      }
    },
    readResource: async (uri, { signal, remote }) =>
      (await import("../resources/index.ts")).readResource(uri, { world, signal, remote }),
    complete: async (owner, argument, typed) =>
      (await import("../resources/index.ts")).complete(owner, argument, typed),
    getPrompt: async (name, values) => (await import("../resources/prompts.ts")).instruct(name, values),
  };
}
