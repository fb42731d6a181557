/** Graphs of the layers that matter give the buffers of the whole model. */
import { describe, expect, it } from "vitest";
import { estimateCompute } from "../../../../src/core/estimate/compute.ts";
import { neededLayers } from "../../../../src/core/estimate/graph/layer-runs.ts";
import { graphOf } from "../../../../src/core/estimate/graph/models/index.ts";
import { weightTable } from "../../../../src/core/estimate/graph/weight-table.ts";
import { bufferLayouts } from "../../../../src/core/facts/hardware.ts";
import { placeRun } from "../../../../src/core/facts/place.ts";
import { parseRun, resolveRun } from "../../../../src/core/sources/run-string.ts";
import { GIB } from "../../../../src/core/units.ts";
import { type PublishedModel, publishedModels } from "./published-models.ts";

const models = publishedModels().filter(({ hyper }) => graphOf(hyper) !== undefined);

function devicesOf(count: number) {
  return Array.from({ length: count }, (_, index) => ({ name: `RPC${index}`, freeBytes: 64 * GIB }));
}

function computeOf({ hyper, tensors }: PublishedModel, args: string, deviceCount: number, everyLayer: boolean) {
  const run = resolveRun(parseRun(`llama-fit-params ${args}`), hyper, hyper.trainedContextTokens);
  const devices = devicesOf(deviceCount);
  const layouts = devices.map(() => bufferLayouts.rpc);
  return estimateCompute(hyper, tensors, run, placeRun(hyper.layerCount, run, devices), layouts, { everyLayer });
}

describe("shortened graphs", () => {
  it("agree with whole ones to the byte, for every published shape", () => {
    expect(models.length).toBeGreaterThan(150);
    const different = models.flatMap((model) => {
      const half = Math.ceil(model.hyper.layerCount / 2);
      const runs: [string, number][] = [
        ["-c 8192", 1],
        [`-c 8192 -ngl ${half}`, 1],
        [`-c 8192 -ncmoe ${half} -ncffn ${half - 1}`, 1],
        ["-c 8192", 2],
      ];
      return runs
        .filter(([args, devices]) => {
          const short = computeOf(model, args, devices, false);
          const whole = computeOf(model, args, devices, true);
          return [...short.devices, short.host].join() !== [...whole.devices, whole.host].join();
        })
        .map(([args, devices]) => `${model.name}: ${args} on ${devices}`);
    });
    expect(different).toEqual([]);
  }, 60_000);

  it("are short where layers are alike", () => {
    const llama = models.find(({ name }) => name.startsWith("llama "));
    if (llama === undefined) throw new Error("no llama among the published models");
    const run = resolveRun(parseRun("llama-server -c 8192"), llama.hyper, 8192);
    const placement = placeRun(llama.hyper.layerCount, run, devicesOf(1));
    const needed = neededLayers(llama.hyper, weightTable(llama.tensors), run, placement, undefined);
    expect(needed.length).toBeLessThan(llama.hyper.layerCount / 2);
    expect(needed[0]).toBe(0);
    expect(needed.at(-1)).toBe(llama.hyper.layerCount - 1);
  });
});
