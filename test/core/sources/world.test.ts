import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realWorld } from "../../../src/core/sources/world.ts";

const world = realWorld({ ...process.env, MODELFIT_TEST: "seen" });
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelfit-world-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("exec", () => {
  const run = (script: string, timeoutMs = 5000) => world.exec(process.execPath, ["-e", script], { timeoutMs });

  it("keeps stdout, stderr and the exit code apart, in the C locale", async () => {
    const script =
      "console.log(process.env.LC_ALL, process.env.MODELFIT_TEST); console.error('bad'); process.exitCode = 9";
    expect(await run(script)).toEqual({ outcome: "exited", exitCode: 9, stdout: "C seen\n", stderr: "bad\n" });
  });
  it("passes arguments without a shell", async () => {
    const result = await world.exec(process.execPath, ["-p", "process.argv[1]", "$HOME; echo x"], { timeoutMs: 5000 });
    expect(result).toMatchObject({ stdout: "$HOME; echo x\n" });
  });
  it("kills what does not end, and keeps what it had said", async () => {
    const started = Date.now();
    const result = await run("process.on('SIGTERM', () => {}); console.log('hello'); setInterval(() => {}, 1000)", 400);
    expect(result).toMatchObject({ outcome: "timed-out", stdout: "hello\n" });
    expect(Date.now() - started).toBeLessThan(2000);
  });
  it("does not wait for a grandchild that keeps the pipe open", async () => {
    const result = await run(`require("child_process").spawn("sleep", ["3"], { stdio: "inherit" })`, 500);
    expect(result.outcome).toBe("timed-out");
  });
  it("tells an absent program from a failing one", async () => {
    expect(await world.exec("no-such-program-here", [], { timeoutMs: 1000 })).toEqual({ outcome: "not-found" });
  });
  it("drops output past 4 MB", async () => {
    const result = await run("process.stdout.write('x'.repeat(6e6))");
    expect(result.outcome === "exited" ? result.stdout.length : 0).toBe(4_000_000);
  });
  it("stops when cancelled", async () => {
    const signal = AbortSignal.timeout(200);
    const result = await world.exec(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
      timeoutMs: 5000,
      signal,
    });
    expect(result.outcome).toBe("timed-out");
  });
});

describe("files", () => {
  it("reads text up to a limit, and says absent as undefined", async () => {
    await writeFile(join(folder, "a.txt"), "0123456789");
    expect(await world.readFile(join(folder, "a.txt"), 10)).toBe("0123456789");
    await expect(world.readFile(join(folder, "a.txt"), 9)).rejects.toThrow("larger than 9 bytes");
    expect(await world.readFile(join(folder, "b.txt"), 10)).toBeUndefined();
    expect(await world.readFile(folder, 10)).toBeUndefined();
  });
  it("reads any range of a file", async () => {
    await writeFile(join(folder, "a.bin"), "0123456789");
    const file = await world.openFile(join(folder, "a.bin"));
    expect(file?.sizeBytes).toBe(10);
    expect(new TextDecoder().decode(await file?.read(7, 100))).toBe("789");
    expect(await file?.read(20, 5)).toHaveLength(0);
    await file?.close();
    expect(await world.openFile(folder)).toBeUndefined();
  });
  it("writes in one step, folders included, and lists by name", async () => {
    await world.writeFile(join(folder, "new", "b.json"), "{}");
    await world.writeFile(join(folder, "new", "a.json"), "{}");
    await world.writeFile(join(folder, "new", "b.json"), "{}");
    expect(await world.listDir(join(folder, "new"))).toEqual([
      { name: "a.json", kind: "file" },
      { name: "b.json", kind: "file" },
    ]);
    expect(await world.listDir(join(folder, "none"))).toEqual([]);
    expect(await world.stat(join(folder, "new"))).toMatchObject({ kind: "directory" });
    expect((await world.diskSpace(folder))?.freeBytes).toBeGreaterThan(0);
  });
});
