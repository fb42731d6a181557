/**
 * Calculations in threads of their own: the protocol's thread stays free to hear a cancellation, a signal or the end of its client within
 * milliseconds, whatever is being calculated. Programs that a calculation runs are children of the protocol's thread.
 */
import { Worker } from "node:worker_threads";
import type { World } from "../core/sources/world.ts";
import { type Answers, CallFailure, type CallOptions } from "./answers.ts";
import type { Ask, FromThread, Settled, ThreadData, ToThread } from "./messages.ts";

/** A cancelled calculation that has not stopped by then is ended with its thread, when nothing else runs there. */
const PATIENCE_MS = 500;

/** Questions that may wait for one thread; a caller who sends more gets an answer that says so. */
const MOST_WAITING = 512;

const FAULT = "The server failed because of a fault of its own.";

/** Longer ones have a thread of their own when there are two, so that a verdict does not wait behind a ranking. */
const longTools: ReadonlySet<string> = new Set(["rank_models", "pareto_frontier"]);

export interface Pool extends Answers {
  /** Ends every thread and every program, at once. */
  close(): void;
}

/** Threads start with the first question. `threadCount` 2 keeps long and short calculations apart. */
export function answersInThreads(world: World, script: URL, threadCount: 1 | 2, roots: readonly string[] = []): Pool {
  const short = thread(world, script, roots);
  const long = threadCount === 2 ? thread(world, script, roots) : short;
  return {
    async callTool(name, args, options) {
      const ask = {
        kind: "tool",
        name,
        args,
        remote: options.remote,
        progress: options.progress !== undefined,
      } as const;
      const settled = await (longTools.has(name) ? long : short).ask(ask, options);
      return settled.kind === "tool" ? settled.result : unexpected();
    },
    async readResource(uri, options) {
      const settled = await long.ask({ kind: "resource", uri, remote: options.remote }, options);
      return settled.kind === "resource" ? settled.result : unexpected();
    },
    async complete(owner, argument, typed) {
      const settled = await short.ask({ kind: "completion", owner, argument, typed });
      return settled.kind === "completion" ? settled.result : unexpected();
    },
    async getPrompt(name, values) {
      const settled = await short.ask({ kind: "prompt", name, values });
      return settled.kind === "prompt" ? settled.result : unexpected();
    },
    close() {
      short.close();
      long.close();
    },
  };
}

function unexpected(): never {
  throw new CallFailure(-32603, FAULT);
}

interface Pending {
  settle(settled: Settled): void;
  readonly progress: CallOptions["progress"];
}

function thread(world: World, script: URL, roots: readonly string[]) {
  let worker: Worker | undefined;
  let lastId = 0;
  const pending = new Map<number, Pending>();
  const programs = new Map<number, AbortController>();

  const send = (message: ToThread) => worker?.postMessage(message);

  function end(): void {
    const ended = worker;
    worker = undefined;
    for (const program of programs.values()) program.abort();
    programs.clear();
    for (const { settle } of pending.values()) settle({ kind: "failed", code: -32603, message: FAULT });
    pending.clear();
    ended?.removeAllListeners();
    ended?.terminate().catch(() => {});
  }

  function hear(message: FromThread): void {
    if (message.kind === "settled") pending.get(message.id)?.settle(message.settled);
    else if (message.kind === "progress") pending.get(message.id)?.progress?.(message.progress);
    else if (message.kind === "kill") programs.get(message.id)?.abort();
    else run(message);
  }

  function run({ id, file, args, timeoutMs, input }: Extract<FromThread, { kind: "run" }>): void {
    const program = new AbortController();
    programs.set(id, program);
    const home = worker;
    world.exec(file, args, { timeoutMs, input, signal: program.signal }).then((result) => {
      programs.delete(id);
      if (worker === home) send({ kind: "ended", id, result });
    });
  }

  function start(): void {
    if (worker !== undefined) return;
    // what is printed there must not reach the protocol's standard output
    const workerData: ThreadData = { env: { ...world.env }, roots };
    worker = new Worker(script, { workerData, stdout: true });
    worker.on("message", hear);
    worker.on("error", (error) => {
      console.error(error);
      end();
    });
    worker.on("exit", end);
  }

  return {
    ask(ask: Ask, options?: CallOptions): Promise<Settled> {
      if (options?.signal.aborted) return Promise.reject(new CallFailure(-32000, "The call was cancelled."));
      if (pending.size >= MOST_WAITING)
        return Promise.reject(
          new CallFailure(-32000, "Too many calls are under way. Wait for some to end, then send this again."),
        );
      start();
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        const cancel = () => {
          send({ kind: "cancel", id });
          setTimeout(() => {
            if (pending.has(id) && pending.size === 1) end();
          }, PATIENCE_MS).unref();
        };
        options?.signal.addEventListener("abort", cancel, { once: true });
        pending.set(id, {
          progress: options?.progress,
          settle: (settled) => {
            pending.delete(id);
            options?.signal.removeEventListener("abort", cancel);
            if (settled.kind === "failed") reject(new CallFailure(settled.code, settled.message));
            else resolve(settled);
          },
        });
        send({ kind: "ask", id, ask });
      });
    },
    close: end,
  };
}
