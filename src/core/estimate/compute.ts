/**
 * Bytes of llama.cpp's compute buffers: the graph it reserves, scheduled over the devices and allocated as ggml does it.
 */
import type { BufferLayout } from "../facts/hardware.ts";
import type { Hyperparameters } from "../facts/model.ts";
import type { Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import { runShape } from "../facts/run-shape.ts";
import type { Tensor } from "../facts/tensor.ts";
import type { Bytes } from "../units.ts";
import { allocateGraph } from "./graph/allocator.ts";
import { Build } from "./graph/builder.ts";
import { graphOf } from "./graph/models/index.ts";
import { copyCount, reservedBatch } from "./graph/reserve.ts";
import { scheduleGraph } from "./graph/scheduler.ts";
import { weightTable } from "./graph/weight-table.ts";

export interface ComputeEstimate {
  readonly devices: readonly Bytes[];
  readonly host: Bytes;
  /** `assumed`: this architecture's graph is not known; its closest kin stands in, with a margin */
  readonly basis: "exact" | "assumed";
}

/** Host buffers are aligned as the CPU backend's. */
const HOST_ALIGNMENT_BYTES = 32;

export function estimateCompute(
  hyper: Hyperparameters,
  tensors: readonly Tensor[],
  run: Run,
  placement: Placement,
  layouts: readonly BufferLayout[],
): ComputeEstimate {
  const shape = runShape(run, hyper.causal);
  const builder = graphOf(hyper);
  if (!builder) return { devices: layouts.map(() => 0), host: 0, basis: "assumed" };
  const layerIndices = hyper.layers.filter(({ nextn }) => !nextn).map(({ index }) => index);
  const build = new Build({ hyper, table: weightTable(tensors), run, shape, placement, batch: reservedBatch(hyper, run, shape), layerIndices });
  builder(build);
  const schedule = scheduleGraph(build.graph, placement.deviceCount, copyCount(hyper, run, placement));
  const alignments = [...layouts.map(({ alignmentBytes }) => alignmentBytes), HOST_ALIGNMENT_BYTES];
  const peaks = allocateGraph(schedule, alignments);
  return { devices: peaks.slice(0, -1), host: peaks[peaks.length - 1] ?? 0, basis: "exact" };
}
