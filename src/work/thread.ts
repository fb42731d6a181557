/** A thread that calculates: it answers what `pool.ts` asks, with a world whose programs run over there. */
import { parentPort, workerData } from "node:worker_threads";
import { type ExecResult, realWorld, type World } from "../core/sources/world.ts";
import { answersHere, CallFailure } from "./answers.ts";
import type { Ask, FromThread, Settled, ThreadData, ToThread } from "./messages.ts";

console.log = console.error;
console.info = console.error;
console.debug = console.error;

const { env, roots }: ThreadData = workerData;
const say = (message: FromThread) => parentPort?.postMessage(message);

const programs = new Map<number, (result: ExecResult) => void>();
let lastProgram = 0;

const world: World = {
  ...realWorld(env),
  exec: (file, args, { timeoutMs, signal, input }) => {
    if (signal?.aborted) return Promise.resolve({ outcome: "timed-out", stdout: "", stderr: "" });
    const id = ++lastProgram;
    const kill = () => say({ kind: "kill", id });
    signal?.addEventListener("abort", kill, { once: true });
    say({ kind: "run", id, file, args, timeoutMs, input });
    return new Promise((resolve) => {
      programs.set(id, (result) => {
        signal?.removeEventListener("abort", kill);
        programs.delete(id);
        resolve(result);
      });
    });
  },
};

const answers = answersHere(world, roots);
const calls = new Map<number, AbortController>();

async function settle(id: number, ask: Ask, signal: AbortSignal): Promise<Settled> {
  switch (ask.kind) {
    case "tool": {
      const progress = ask.progress
        ? (message: FromThreadProgress) => say({ kind: "progress", id, progress: message })
        : undefined;
      return {
        kind: "tool",
        result: await answers.callTool(ask.name, ask.args, { signal, remote: ask.remote, progress }),
      };
    }
    case "resource":
      return { kind: "resource", result: await answers.readResource(ask.uri, { signal, remote: ask.remote }) };
    case "completion":
      return { kind: "completion", result: await answers.complete(ask.owner, ask.argument, ask.typed) };
    case "prompt":
      return { kind: "prompt", result: await answers.getPrompt(ask.name, ask.values) };
  }
}

type FromThreadProgress = Extract<FromThread, { kind: "progress" }>["progress"];

async function answer(id: number, ask: Ask): Promise<void> {
  const call = new AbortController();
  calls.set(id, call);
  try {
    say({ kind: "settled", id, settled: await settle(id, ask, call.signal) });
  } catch (error) {
    if (!(error instanceof CallFailure) && !call.signal.aborted) console.error(error);
    const { code, message } =
      error instanceof CallFailure
        ? error
        : { code: -32603, message: "The server failed because of a fault of its own." };
    say({ kind: "settled", id, settled: { kind: "failed", code, message } });
  } finally {
    calls.delete(id);
  }
}

parentPort?.on("message", (message: ToThread) => {
  if (message.kind === "ask") answer(message.id, message.ask);
  else if (message.kind === "cancel") calls.get(message.id)?.abort();
  else programs.get(message.id)?.(message.result);
});
