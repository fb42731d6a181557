import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { median, StdioSession, timeToFirstLineMs } from "./program.ts";

/** Ends within 200 ms by contract; a machine so busy that bare Node is slow to end gets as much more. */
const END_MS = 200;

/** How much longer than on a quiet machine a process takes to end here, now. */
async function delayMs(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "process.stdin.on('end', () => process.exit(0)).resume()"]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const startMs = performance.now();
  child.stdin.end();
  await once(child, "exit");
  return performance.now() - startMs;
}

/** A folder with a program of that name which writes its process id into `pid` and then sleeps. */
function folderWithSleeper(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "modelfit-"));
  writeFileSync(join(folder, name), `#!/bin/sh\necho $$ > "${folder}/pid"\nexec sleep 60\n`, { mode: 0o755 });
  return folder;
}

/** A dead process keeps its number until its foster parent notices. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

describe("the process", () => {
  it("ends with its client", async () => {
    const session = new StdioSession();
    await session.initialize();
    const { code, tookMs } = await session.end();
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(END_MS + (await delayMs()));
  });

  const heavy = { model: "deepseek-r1", hardware: "4x rtx-4090, ram=512GiB" };
  it.each([
    ["measures", "probe_hardware", { measure: true }],
    ["ranks", "rank_models", { hardware: "rtx-4090, ram=64GiB" }],
    ["plans", "plan_config", heavy],
    ["weighs", "pareto_frontier", heavy],
  ])("ends with its client while a tool %s", { retry: 2 }, async (_, name, args) => {
    for (const waitMs of [150, 300, 450]) {
      const session = new StdioSession();
      await session.initialize();
      session.request("tools/call", { name, arguments: args });
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      expect((await session.end()).tookMs).toBeLessThan(END_MS + (await delayMs()));
    }
  });

  const unix = it.skipIf(process.platform === "win32");
  unix.each(["its input ends", "SIGTERM", "SIGINT"] as const)("takes its children along when %s", async (cause) => {
    const folder = folderWithSleeper("nvidia-smi");
    const session = new StdioSession({ PATH: `${folder}:${process.env["PATH"]}` });
    await session.initialize();
    session.request("tools/call", { name: "probe_hardware", arguments: {} });
    await vi.waitFor(() => expect(readFileSync(join(folder, "pid"), "utf8")).toMatch(/\n$/), 5000);
    const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
    expect(isRunning(pid)).toBe(true);
    const ended = once(session.child, "exit");
    if (cause === "its input ends") session.child.stdin.end();
    else session.child.kill(cause);
    await ended;
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 1000);
    rmSync(folder, { recursive: true });
  });

  it("answers others while it calculates", async () => {
    const session = new StdioSession();
    await session.initialize();
    await session.call("fit_model", { model: "qwen3-8b", hardware: "rtx-4090" });
    const plan = session.call("plan_config", heavy);
    const tookMs: number[] = [];
    for (let ping = 0; ping < 20; ping++) {
      const startMs = performance.now();
      await session.request("ping");
      tookMs.push(performance.now() - startMs);
    }
    expect(median(tookMs)).toBeLessThan(20);
    expect((await plan).isError).toBeFalsy();
    await session.end();
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
    expect(performance.now() - startMs).toBeLessThan(END_MS + (await delayMs()));
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

  it("is answered at most 50 ms after what bare Node needs to say a word", { retry: 3, timeout: 60_000 }, async () => {
    const bare: number[] = [];
    const ours: number[] = [];
    for (let run = 0; run < 10; run++) {
      bare.push(await timeToFirstLineMs("bare"));
      ours.push(await timeToFirstLineMs("ours"));
    }
    const slowness = Math.max(1, median(bare) / QUIET_MS);
    expect(median(ours)).toBeLessThanOrEqual(median(bare) + 50 * slowness);
  });
});
