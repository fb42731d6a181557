/** ggml's allocator on graphs small enough to follow by hand; whole models stand in compute.test.ts. */
import { describe, expect, it } from "vitest";
import { allocatedBytes, allocateGraph } from "../../../../src/core/estimate/graph/allocator.ts";
import * as g from "../../../../src/core/estimate/graph/ggml.ts";
import { Graph } from "../../../../src/core/estimate/graph/graph.ts";
import type { Node } from "../../../../src/core/estimate/graph/node.ts";
import { scheduleGraph } from "../../../../src/core/estimate/graph/scheduler.ts";
import { bufferLayouts } from "../../../../src/core/facts/hardware.ts";
import { HOST } from "../../../../src/core/facts/placement.ts";

const ALIGNMENT_BYTES = bufferLayouts.rpc.alignmentBytes;
const KIB = 1024;

/** Peak of one device and the host. */
function peaks(...results: Node[]): number[] {
  const graph = new Graph();
  for (const result of results) graph.expand(result);
  return allocateGraph(scheduleGraph(graph, [bufferLayouts.rpc], 1), [bufferLayouts.rpc, bufferLayouts.cpu]);
}

/** f32 rows of a kibibyte each */
const weight = (device: number, rows = 256): Node => g.storedTensor("f32", device, true, 256, rows);
const input = (rows = 1): Node => g.inputTensor("f32", 256, rows);

describe("allocation of a graph", () => {
  it("holds an input on the host and its copy on the device", () => {
    expect(peaks(g.mulMat(weight(0), input()))).toEqual([2 * KIB, KIB]);
  });

  it("writes an operator over a source that nobody needs any more", () => {
    const product = g.mulMat(weight(0), input());
    expect(peaks(g.scale(g.scale(product)))).toEqual([2 * KIB, KIB]);
  });

  it("does not write over a source that is still needed", () => {
    const product = g.mulMat(weight(0), input());
    expect(peaks(g.add(g.scale(product), product))).toEqual([2 * KIB, KIB]);
    expect(peaks(g.mul(g.norm(product), product))[0]).toBe(2 * KIB);
  });

  it("keeps outputs to the end", () => {
    const kept = g.setOutput(g.mulMat(weight(0), input()));
    expect(peaks(g.norm(g.norm(kept)))[0]).toBe(3 * KIB);
  });

  it("frees what a view looks at only after the view's last use", () => {
    const product = g.mulMat(weight(0), input());
    const later = g.norm(g.view1d(product, 128));
    expect(peaks(g.norm(g.norm(product)), later)[0]).toBeGreaterThan(2 * KIB);
  });

  it("runs operators where their first weight lies", () => {
    expect(peaks(g.mulMat(weight(HOST), input()))).toEqual([0, 2 * KIB]);
    expect(peaks(g.mulMat(weight(0), g.mulMat(weight(HOST), input())))).toEqual([2 * KIB, 2 * KIB]);
  });

  it("rounds every tensor up to the alignment of its buffer", () => {
    const odd = g.inputTensor("f32", 1);
    expect(peaks(g.mulMat(g.storedTensor("f32", 0, true, 1, 1), odd))).toEqual([2 * ALIGNMENT_BYTES, ALIGNMENT_BYTES]);
  });

  it("copies inputs four times when micro-batches overlap", () => {
    const graph = new Graph();
    graph.expand(g.mulMat(weight(0), input()));
    const layouts = [bufferLayouts.rpc, bufferLayouts.cpu];
    expect(allocateGraph(scheduleGraph(graph, [bufferLayouts.rpc], 4), layouts)).toEqual([5 * KIB, 4 * KIB]);
  });

  it("copies host weights to a device that takes large batches over", () => {
    const taker = { ...bufferLayouts.rpc, offloadBatchTokens: 32 };
    const peaksOf = (rows: number): number[] => {
      const graph = new Graph();
      graph.expand(g.mulMat(weight(HOST), input(rows)));
      return allocateGraph(scheduleGraph(graph, [taker], 1), [taker, bufferLayouts.cpu]);
    };
    expect(peaksOf(31)).toEqual([0, 62 * KIB]);
    expect(peaksOf(32)).toEqual([(256 + 32 + 32) * KIB, 32 * KIB]);
  });

  it("pads quantized rows and widens a quantized cache where a backend says so", () => {
    const cuda = { alignmentBytes: 128, rowPaddingWeights: 512, widensQuantizedCache: true };
    expect(allocatedBytes(g.newTensor("q8_0", 256, 4), cuda)).toBe(1408);
    const cache = (): Node => g.storedTensor("q8_0", 0, false, 128, 1024, 1);
    const attention = g.flashAttnExt(input(), cache(), cache(), undefined);
    expect(allocatedBytes(attention, cuda) - allocatedBytes(attention, bufferLayouts.rpc)).toBe(2 * 128 * 1024 * 2);
  });
});
