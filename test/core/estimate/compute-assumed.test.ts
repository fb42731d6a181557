/** What stands in where an architecture's graph is not known. */
import { describe, expect, it } from "vitest";
import { estimateCompute } from "../../../src/core/estimate/compute.ts";
import { bufferLayouts } from "../../../src/core/facts/hardware.ts";
import { InputError } from "../../../src/core/facts/input-error.ts";
import { placeRun } from "../../../src/core/facts/place.ts";
import { parseRun, resolveRun } from "../../../src/core/sources/run-string.ts";
import { GIB } from "../../../src/core/units.ts";
import { modelReader, truthFolder } from "../../truth/rows.ts";

async function computeOf(name: string, change: { readonly architecture?: string; readonly withoutQueries?: boolean }) {
  const { hyper, tensors } = await modelReader(truthFolder)(name, "Q4_K_M");
  const run = resolveRun(parseRun("llama-server -c 8192"), hyper, hyper.trainedContextTokens);
  const placement = placeRun(hyper.layerCount, run, [{ name: "RPC0", freeBytes: 64 * GIB }]);
  const known = { ...hyper, architecture: change.architecture ?? hyper.architecture };
  const kept = change.withoutQueries ? tensors.filter(({ name }) => !name.includes("attn_q.")) : tensors;
  return estimateCompute(known, kept, run, placement, [bufferLayouts.rpc]);
}

describe("compute buffers of an unknown graph", () => {
  it.each(["Llama-3.1-8B", "Qwen3-30B-A3B", "Gemma-3-12B"])(
    "are those of its kin and a quarter more: %s",
    async (name) => {
      const exact = await computeOf(name, {});
      const assumed = await computeOf(name, { architecture: "brand-new" });
      expect(exact.basis).toBe("exact");
      expect(assumed.basis).toBe("assumed");
      for (const [index, bytes] of assumed.devices.entries()) {
        expect(bytes).toBeGreaterThan((exact.devices[index] ?? 0) * 1.1);
        expect(bytes).toBeLessThan((exact.devices[index] ?? 0) * 1.4);
      }
      expect(assumed.host).toBeGreaterThan(exact.host);
    },
  );

  it.each([
    ["no expert is used", { total: 8, used: 0 }],
    ["more experts are used than the engine loads", { total: 8, used: 1e9 }],
  ])("are refused when %s", async (_, change) => {
    const { hyper, tensors } = await modelReader(truthFolder)("Mixtral-8x7B", "Q4_K_M");
    const experts = hyper.experts && { ...hyper.experts, ...change };
    const run = resolveRun(parseRun("llama-server -c 8192"), hyper, 8192);
    const placement = placeRun(hyper.layerCount, run, [{ name: "RPC0", freeBytes: 64 * GIB }]);
    expect(() => estimateCompute({ ...hyper, experts }, tensors, run, placement, [bufferLayouts.rpc])).toThrow(
      InputError,
    );
  });

  it("are assumed, too, when a file lacks a tensor its graph needs", async () => {
    expect((await computeOf("Llama-3.1-8B", { withoutQueries: true })).basis).toBe("assumed");
  });
});
