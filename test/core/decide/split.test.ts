/** Plans over several machines: what does not fit one fits two, the network costs time, every command names its host. */
import { describe, expect, it } from "vitest";
import { plan } from "../../../src/library.ts";
import { planConfigOutput } from "../../../src/tools/schemas/plan-config.ts";
import { fakeWorld } from "../../fake-world.ts";
import { flagFaults } from "../present/engine-flags.ts";

const context = { world: fakeWorld({}) };
const asked = {
  model: "llama-3.3-70b-instruct:Q4_K_M",
  hardware: "rtx-3090, ram=32GiB",
  run: "-c 8192",
  runModes: ["gpu"],
};
const decode = (answer: Awaited<ReturnType<typeof plan>>): number => answer.speed?.decodeTokensPerSecond.mid ?? 0;

describe("plans over hosts", () => {
  it("fit two machines where one is too small, with a server on the other", async () => {
    const alone = await plan(asked, context);
    expect(alone.feasible).toBe(false);
    const answer = await plan({ ...asked, hosts: ["rtx-4090, ram=64GiB @ 192.168.1.20"], linkGbps: 10 }, context);
    expect(answer.feasible).toBe(true);
    const server = answer.commands.find(({ argv }) => argv[0] === "ggml-rpc-server");
    expect(server?.host).toBe("192.168.1.20");
    const head = answer.commands.find(({ argv }) => argv[0] === "llama-server");
    expect(head?.argv.join(" ")).toContain("--rpc 192.168.1.20:50052 -dev RPC0,CUDA0");
    expect(head?.host).toBe("local");
    for (const { argv } of answer.commands) expect(flagFaults(argv)).toEqual([]);
    expect(answer.notes.join("\n")).toMatch(/bytes a token cross the network/);
    const { plan: planned } = planConfigOutput.parse(answer);
    const devices = planned?.placement.devices ?? [];
    expect(devices.map(({ layerCount }) => layerCount).every((count) => count > 0)).toBe(true);
    expect(devices.map(({ host }) => host)).toEqual(["192.168.1.20", "local"]);
  });

  it("are slower over a slower network, and by its latency", async () => {
    const over = (linkGbps: number, linkLatencyMs: number) =>
      plan({ ...asked, hosts: ["rtx-4090 @ b"], linkGbps, linkLatencyMs }, context);
    const fast = decode(await over(100, 0.01));
    const thin = decode(await over(0.1, 0.01));
    const late = decode(await over(100, 20));
    expect(thin).toBeLessThan(fast);
    expect(late).toBeLessThan(fast);
    // two round trips a token at the one remote device
    expect(1 / late - 1 / fast).toBeGreaterThan(0.03);
    expect(1 / late - 1 / fast).toBeLessThan(0.05);
  });

  it("give vLLM a template over Ray, and refuse what is no address", async () => {
    const answer = await plan({ ...asked, hosts: ["rtx-3090 @ b"], engines: ["vllm"] }, context);
    expect(answer.commands.map(({ host, argv }) => `${host} ${argv[0]}`)).toEqual(["local ray", "b ray", "local vllm"]);
    for (const { argv } of answer.commands) expect(flagFaults(argv)).toEqual([]);
    await expect(plan({ ...asked, hosts: ["rtx-3090 @ b;rm -rf"] }, context)).rejects.toThrow(/address/);
  });
});
