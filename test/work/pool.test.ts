import { afterEach, describe, expect, it, vi } from "vitest";
import { CallFailure } from "../../src/work/answers.ts";
import { answersInThreads, type Pool } from "../../src/work/pool.ts";
import { fakeWorld } from "../fake-world.ts";

/** A thread that answers "quick" at once, loops without end on "stuck", dies on "crash", and runs a program on "program". */
const script = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    parentPort.on("message", (message) => {
      if (message.kind === "ended") return void (globalThis.ended = message.result);
      if (message.kind !== "ask") return;
      const { id, ask } = message;
      if (ask.name === "stuck") for (;;);
      if (ask.name === "crash") process.exit(3);
      if (ask.name === "program") return parentPort.postMessage({ kind: "run", id: 7, file: "sleep", args: ["60"], timeoutMs: 60000 });
      parentPort.postMessage({ kind: "settled", id, settled: { kind: "tool", result: { content: [{ type: "text", text: ask.name }] } } });
    });
  `)}`,
);
const never = () => ({ signal: new AbortController().signal, remote: false });
let pool: Pool;
afterEach(() => pool.close());

describe("threads", () => {
  it("answer, and say so when one dies", async () => {
    pool = answersInThreads(fakeWorld({}), script, 1);
    expect(await pool.callTool("quick", {}, never())).toEqual({ content: [{ type: "text", text: "quick" }] });
    await expect(pool.callTool("crash", {}, never())).rejects.toMatchObject({ code: -32603 });
    expect(await pool.callTool("quick", {}, never())).toBeDefined();
  });

  it("are ended when a cancelled calculation does not stop, and start again", async () => {
    pool = answersInThreads(fakeWorld({}), script, 1);
    const call = new AbortController();
    const stuck = pool.callTool("stuck", {}, { signal: call.signal, remote: false });
    setTimeout(() => call.abort(), 100);
    await expect(stuck).rejects.toBeInstanceOf(CallFailure);
    expect(await pool.callTool("quick", {}, never())).toBeDefined();
    await expect(pool.callTool("quick", {}, { signal: call.signal, remote: false })).rejects.toThrow("cancelled");
  });

  it("keep long calculations from short ones where there are two", async () => {
    pool = answersInThreads(fakeWorld({}), script, 2);
    const stuck = pool.callTool("stuck", {}, never());
    stuck.catch(() => {});
    const others = pool.callTool("rank_models", {}, never());
    expect(await others).toEqual({ content: [{ type: "text", text: "rank_models" }] });
  });

  it("take their programs along", async () => {
    const ended = vi.fn();
    const world = {
      ...fakeWorld({}),
      exec: (_file: string, _args: readonly string[], { signal }: { signal?: AbortSignal | undefined }) =>
        new Promise<{ outcome: "timed-out"; stdout: string; stderr: string }>((resolve) => {
          signal?.addEventListener("abort", () => {
            ended();
            resolve({ outcome: "timed-out", stdout: "", stderr: "" });
          });
        }),
    };
    pool = answersInThreads(world, script, 1);
    pool.callTool("program", {}, never()).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(ended).not.toHaveBeenCalled();
    pool.close();
    expect(ended).toHaveBeenCalledOnce();
  });

  it("refuse more than they can hold", async () => {
    pool = answersInThreads(fakeWorld({}), script, 1);
    const waiting = Array.from({ length: 512 }, () => pool.callTool("stuck", {}, never()));
    for (const call of waiting) call.catch(() => {});
    await expect(pool.callTool("quick", {}, never())).rejects.toThrow("Too many calls are under way");
  });
});
