/** The prober through the real world, with real programs: how long it waits, whom it asks, and what a tool that hangs costs. */
import { afterEach, describe, expect, it } from "vitest";
import { probe } from "../../../../src/core/sources/probe/probe.ts";
import { fit } from "../../../../src/library.ts";
import { answering, type StubMachine, stubMachine } from "./stubs.ts";

let machine: StubMachine | undefined;
afterEach(() => machine?.remove());

/** What a call takes, and the longest time in which nothing else could run. */
async function timed<T>(
  call: () => Promise<T>,
): Promise<{ readonly result: T; readonly tookMs: number; readonly blockedMs: number }> {
  let last = performance.now();
  let blockedMs = 0;
  const ticks = setInterval(() => {
    const now = performance.now();
    blockedMs = Math.max(blockedMs, now - last);
    last = now;
  }, 5);
  const start = performance.now();
  try {
    const result = await call();
    return { result, tookMs: performance.now() - start, blockedMs };
  } finally {
    clearInterval(ticks);
  }
}

// the machine that tests run on is shared: these limits tell a wait from none, bench/probe.ts prints the figures
const NOISE = 4;

describe.skipIf(process.platform === "win32")("vendor tools", () => {
  it("are not waited for where there are none", async () => {
    machine = stubMachine({});
    const { world } = machine;
    await probe(world);
    const { tookMs, result } = await timed(() => probe(world));
    expect(tookMs).toBeLessThan(150 * NOISE);
    expect(result.tools).toEqual([]);
  });

  it("are asked side by side", async () => {
    machine = stubMachine(answering("0.05"));
    const { world } = machine;
    const { tookMs, result } = await timed(() => probe(world));
    expect(tookMs).toBeLessThan(300 * NOISE);
    expect(result.devices[0]).toMatchObject({
      catalogId: "rtx-4090",
      driver: "580.95",
      computeCapability: "8.9",
      memoryUsableBytes: { value: 24080 * 2 ** 20, evidence: "reported" },
    });
    expect(result.runtimes.map(({ name, version }) => [name, version])).toEqual([
      ["llama.cpp", "7001"],
      ["ollama", "0.17.4"],
    ]);
    expect(result.holders).toEqual([{ processName: "/opt/engine/llama-server", heldBytes: 700 * 2 ** 20 }]);
    expect(result.tools[0]).toEqual({ name: "nvidia-smi", status: "answered" });
  });

  it("are asked once for what cannot change, and again for memory", async () => {
    machine = stubMachine(answering("0"));
    const { world, calls } = machine;
    await probe(world);
    await probe(world);
    const count = (start: string): number => calls().filter((line) => line.startsWith(start)).length;
    expect([count("llama-server"), count("ollama"), count("nvidia-smi --query-gpu=index")]).toEqual([2, 1, 2]);
    await probe(world, undefined, { refresh: true });
    expect(count("llama-server")).toBe(4);
  });

  it.each([
    ["sleeps", "sleep 30"],
    ["ignores SIGTERM", "trap '' TERM INT HUP\nsleep 30 & wait\nsleep 30"],
  ])("cost 5 s when nvidia-smi %s: no second query, nothing else waits", { timeout: 20_000 }, async (_name, script) => {
    machine = stubMachine({ ...answering("0"), "nvidia-smi": script });
    const { world, calls } = machine;
    const asks = () => fit({ model: "qwen3-8b:Q4_K_M", hardware: "rtx-4090, ram=64GiB" }, { world });
    // its modules are loaded first: what is compared is waiting
    await asks();
    let ended = false;
    const hung = timed(() => probe(world)).finally(() => {
      ended = true;
    });
    expect((await asks()).runMode).toBe("gpu");
    expect(ended).toBe(false);
    const { result, tookMs, blockedMs } = await hung;
    expect(tookMs).toBeGreaterThan(4500);
    expect(tookMs).toBeLessThan(5500 + 100 * NOISE);
    expect(blockedMs).toBeLessThan(500 * NOISE);
    expect(result.tools[0]).toEqual({ name: "nvidia-smi", status: "hung" });
    expect(result.warnings.join(" ")).toMatch(/did not answer within 5 s: the driver hangs/);
    const asked = calls().filter((line) => line.startsWith("nvidia-smi")).length;
    const again = await timed(() => probe(world));
    expect(again.tookMs).toBeLessThan(150 * NOISE);
    expect(again.result.tools[0]).toEqual({ name: "nvidia-smi", status: "hung" });
    expect(calls().filter((line) => line.startsWith("nvidia-smi")).length).toBe(asked);
    // both queries start together; after the timeout there is none
    expect(asked).toBe(2);
  });
});
