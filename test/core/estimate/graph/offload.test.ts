/**
 * Devices that take large batches over from the host. Measured: llama.cpp v0.5.0's own scheduler and allocator with an RPC device
 * that accepts operators of 32 tokens and more, as the CUDA, Vulkan and SYCL backends do (`offload_op`); no repacked weights.
 */
import { describe, expect, it } from "vitest";
import { estimateCompute } from "../../../../src/core/estimate/compute.ts";
import { bufferLayouts } from "../../../../src/core/facts/hardware.ts";
import { placeRun } from "../../../../src/core/facts/place.ts";
import type { Tensor } from "../../../../src/core/facts/tensor.ts";
import { parseRun, resolveRun } from "../../../../src/core/sources/run-string.ts";
import { GIB } from "../../../../src/core/units.ts";
import { publishedModels } from "./published-models.ts";

const taker = { ...bufferLayouts.rpc, offloadBatchTokens: 32 };

const measured: [model: string, args: string, device: number, host: number][] = [
  ["llama huggyllama/llama-7b", "-c 4096", 97005568, 20985856],
  ["llama huggyllama/llama-7b", "-c 4096 -ngl 16", 127600640, 29374464],
  ["llama huggyllama/llama-7b", "-c 4096 -ngl 0", 226492416, 29374464],
  ["llama huggyllama/llama-7b", "-c 4096 -ncffn 16", 122365952, 20985856],
  ["qwen3moe Qwen/Qwen3-30B-A3B", "-c 4096 -ngl 0", 645971968, 12597248],
  ["qwen3moe Qwen/Qwen3-30B-A3B", "-c 4096 -ncmoe 24", 315359232, 12597248],
];

describe("host weights that a device works on", () => {
  const models = publishedModels();

  it.each(measured)("%s %s", (name, args, device, host) => {
    const model = models.find((candidate) => candidate.name === name);
    if (model === undefined) throw new Error(`${name} is not among the published models`);
    // copies of weights count here, so their type does: q8_0 for matrices but the router
    const tensors = model.tensors.map((tensor): Tensor => {
      const plain = tensor.shape.length === 1 || tensor.name.includes("ffn_gate_inp.");
      return { ...tensor, type: plain ? "f32" : "q8_0" };
    });
    const run = resolveRun(parseRun(`llama-fit-params ${args}`), model.hyper, model.hyper.trainedContextTokens);
    const placement = placeRun(model.hyper.layerCount, run, [{ name: "RPC0", freeBytes: 64 * GIB }]);
    expect(estimateCompute(model.hyper, tensors, run, placement, [taker])).toEqual({
      devices: [device],
      host,
      basis: "exact",
    });
  });
});
