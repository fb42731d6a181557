import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { median, StdioSession, timeToFirstLineMs } from "./program.ts";

/** Ends within 200 ms by contract; a busy machine gets some more before a test calls it broken. */
const END_MS = 200 + 300;

describe("the process", () => {
  it("ends with its client", async () => {
    const session = new StdioSession();
    await session.initialize();
    const { code, tookMs } = await session.end();
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(END_MS);
  });

  it.each([
    ["measures", "probe_hardware", { measure: true }],
    ["calculates", "rank_models", { hardware: "rtx-4090, ram=64GiB" }],
  ])("ends with its client while a tool %s", async (_, name, args) => {
    const session = new StdioSession();
    await session.initialize();
    session.request("tools/call", { name, arguments: args });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await session.end()).tookMs).toBeLessThan(END_MS);
  });

  it("answers what was asked before its input closed", async () => {
    const session = new StdioSession();
    const answer = session.request("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "test", version: "1" },
    });
    session.child.stdin.end();
    expect((await answer).result).toHaveProperty("serverInfo");
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("ends on %s", async (signal) => {
    const session = new StdioSession();
    await session.initialize();
    const startMs = performance.now();
    session.child.kill(signal);
    await once(session.child, "exit");
    expect(performance.now() - startMs).toBeLessThan(END_MS);
  });

  it("ends when nobody reads its output", async () => {
    const session = new StdioSession();
    await session.initialize();
    session.child.stdout.destroy();
    session.send({ id: 99, method: "ping" });
    session.send({ id: 100, method: "ping" });
    await once(session.child, "exit");
  });

  it("survives lines that are no messages", async () => {
    const session = new StdioSession();
    session.child.stdin.write("this is not JSON\n{}\n[]\n");
    expect((await session.initialize()).result).toHaveProperty("serverInfo");
    await session.end();
  });
});

describe("initialize", () => {
  /** A quiet machine starts bare Node in about this time; one that is busier is slower at all else in proportion. */
  const QUIET_MS = 60;

  it("is answered at most 60 ms after what bare Node needs to say a word", { retry: 3, timeout: 60_000 }, async () => {
    const bare: number[] = [];
    const ours: number[] = [];
    for (let run = 0; run < 10; run++) {
      bare.push(await timeToFirstLineMs("bare"));
      ours.push(await timeToFirstLineMs("ours"));
    }
    const slowness = Math.max(1, median(bare) / QUIET_MS);
    expect(median(ours)).toBeLessThanOrEqual(median(bare) + 60 * slowness);
  });
});
