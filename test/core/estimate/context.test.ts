import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { estimateContext } from "../../../src/core/estimate/context.ts";
import { estimateWeights } from "../../../src/core/estimate/weights.ts";
import { bufferLayouts } from "../../../src/core/facts/hardware.ts";
import type { Model } from "../../../src/core/facts/model.ts";
import { placeRun } from "../../../src/core/facts/place.ts";
import type { Run } from "../../../src/core/facts/run.ts";
import { defaultRun } from "../../../src/core/facts/run-defaults.ts";
import { readGgufFile } from "../../../src/core/sources/gguf/read.ts";
import { GIB } from "../../../src/core/units.ts";
import { truthFolder } from "../../truth/rows.ts";

const layouts = { devices: [bufferLayouts.rpc], host: bufferLayouts.cpu };
const device = [{ name: "RPC0", freeBytes: 80 * GIB }];

const read = (name: string) => readGgufFile(join(truthFolder, "gguf", `${name}.gguf`));
const contextBytes = ({ hyper }: Model, run: Run) =>
  estimateContext(hyper, run, placeRun(hyper.layerCount, run, device), layouts).devices[0] ?? 0;

describe("published pins", () => {
  test("Llama-2-7B keeps 2 GiB at 4096 tokens", async () => {
    expect(contextBytes(await read("Llama-2-7B-Q4_K_M"), defaultRun(4096))).toBe(2 * GIB);
  });
  test("Llama-3-8B as Q4_K_M is about 4.9 GB", async () => {
    const { fileBytes } = await read("Llama-3.1-8B-Q4_K_M");
    expect(fileBytes / 1e9).toBeCloseTo(4.9, 1);
  });
  test("Llama-3.1-8B at 8192 tokens, fully offloaded: 4,617,396,224 and 1,073,741,824 bytes", async () => {
    const model = await read("Llama-3.1-8B-Q4_K_M");
    const run = defaultRun(8192);
    const weights = estimateWeights(model.hyper, model.tensors, placeRun(32, run, device), layouts);
    expect([weights.devices[0], contextBytes(model, run)]).toEqual([4_617_396_224, 1_073_741_824]);
  });
});

describe("properties of the cache", () => {
  const models: Model[] = [];
  beforeAll(async () => {
    for (const name of [
      "Gemma-3-12B-Q4_K_M",
      "Qwen3-Next-80B-A3B-Q4_K_M",
      "DeepSeek-V2-Lite-Q4_K_M",
      "LFM2-1.2B-Q4_K_M",
    ])
      models.push(await read(name));
  });
  const anyRun = fc.record({
    contextTokens: fc.integer({ min: 256, max: 131072 }),
    sequences: fc.integer({ min: 1, max: 8 }),
    unifiedCache: fc.boolean(),
    ubatchTokens: fc.integer({ min: 16, max: 4096 }),
  });

  test("more context never needs less memory, q8_0 never more than f16 (200 runs on 4 families)", () => {
    fc.assert(
      fc.property(anyRun, fc.integer({ min: 1, max: 4096 }), (change, more) => {
        const run = { ...defaultRun(8192), ...change };
        for (const model of models) {
          const bytes = contextBytes(model, run);
          expect(contextBytes(model, { ...run, contextTokens: run.contextTokens + more })).toBeGreaterThanOrEqual(
            bytes,
          );
          expect(contextBytes(model, { ...run, cacheTypeK: "q8_0", cacheTypeV: "q8_0" })).toBeLessThanOrEqual(bytes);
        }
      }),
      { numRuns: 200, seed: 11 },
    );
    expect(models).toHaveLength(4);
  });
});
