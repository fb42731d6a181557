/**
 * Bytes of llama.cpp's compute buffers: the graph it reserves, scheduled over the devices and allocated as ggml does it.
 */
import { type BufferLayout, bufferLayouts } from "../facts/hardware.ts";
import { InputError } from "../facts/input-error.ts";
import type { Hyperparameters } from "../facts/model.ts";
import { HOST, type Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import { runShape } from "../facts/run-shape.ts";
import type { Tensor } from "../facts/tensor.ts";
import { tensorTypes } from "../facts/tensor-type.ts";
import type { Bytes } from "../units.ts";
import { allocateGraph } from "./graph/allocator.ts";
import { Build, type BuildInput } from "./graph/builder.ts";
import { enlarged, kinGraph, kinHyperparameters, kinTensors } from "./graph/kin.ts";
import { boundaryLayers, mainLayers, neededLayers } from "./graph/layer-runs.ts";
import { type GraphBuilder, graphOf } from "./graph/models/index.ts";
import { layerKindOf } from "./graph/models/layer-kinds.ts";
import { copyCount, reservedBatch } from "./graph/reserve.ts";
import { assignedDevices, scheduleGraph } from "./graph/scheduler.ts";
import { weightTable } from "./graph/weight-table.ts";
import { UnknownVariant } from "./graph/weights.ts";

export interface ComputeEstimate {
  readonly devices: readonly Bytes[];
  readonly host: Bytes;
  /** `assumed`: this architecture's graph is not known; its closest kin stands in, with a margin */
  readonly basis: "exact" | "assumed";
}

export interface ComputeOptions {
  /** builds the whole model's graph, as a check on shortening it */
  readonly everyLayer?: boolean;
}

/**
 * Peak bytes of every device's compute buffer and of the host's, as llama.cpp's own breakdown says them before anything is
 * allocated. `layouts`: one per device, in order. Exact wherever test/truth has a figure.
 * Source: llama-context.cpp:617-742 and :3436 of llama.cpp v0.5.0.
 * @throws InputError where not even a stand-in can be built from the metadata
 */
export function estimateCompute(
  hyper: Hyperparameters,
  tensors: readonly Tensor[],
  run: Run,
  placement: Placement,
  layouts: readonly BufferLayout[],
  options: ComputeOptions = {},
): ComputeEstimate {
  const builder = graphOf(hyper);
  if (builder) {
    const peaks = peakBytes({ hyper, tensors, run, placement, layouts, options, builder });
    if (peaks) return { ...peaks, basis: "exact" };
  }
  const kin = kinHyperparameters(hyper);
  const peaks = peakBytes({
    hyper: kin,
    tensors: kinTensors(kin),
    run,
    placement,
    layouts,
    options,
    builder: kinGraph,
  });
  if (!peaks)
    throw new InputError(
      `The buffers of a "${hyper.architecture}" model cannot be computed from what its metadata says. Send a GGUF file of it, or another model.`,
    );
  return { devices: peaks.devices.map(enlarged), host: enlarged(peaks.host), basis: "assumed" };
}

interface GraphRun {
  readonly hyper: Hyperparameters;
  readonly tensors: readonly Tensor[];
  readonly run: Run;
  readonly placement: Placement;
  readonly layouts: readonly BufferLayout[];
  readonly options: ComputeOptions;
  readonly builder: GraphBuilder;
}

/** undefined: the model lacks a tensor or a number the graph needs. */
function peakBytes(graphRun: GraphRun): { readonly devices: Bytes[]; readonly host: Bytes } | undefined {
  try {
    const peaks = plannedBytes(graphRun);
    return [...peaks.devices, peaks.host].every(Number.isFinite) ? peaks : undefined;
  } catch (error) {
    if (error instanceof UnknownVariant) return undefined;
    throw error;
  }
}

function plannedBytes({ hyper, tensors, run, placement, layouts, options, builder }: GraphRun): {
  readonly devices: Bytes[];
  readonly host: Bytes;
} {
  const shape = runShape(run, hyper.causal);
  const table = weightTable(tensors);
  const layerIndices = options.everyLayer
    ? mainLayers(hyper)
    : neededLayers(hyper, table, run, placement, layerKindOf(hyper.architecture));
  const batch = reservedBatch(hyper, run, shape);
  const wanted: BuildInput = {
    hyper,
    table,
    run,
    shape,
    placement,
    batch,
    layerIndices,
    fusedAttention: run.flashAttention,
    pinned: false,
  };
  const input =
    wanted.fusedAttention && !staysFused(wanted, builder, layouts) ? { ...wanted, fusedAttention: false } : wanted;
  const build = new Build(input);
  builder(build);
  const schedule = scheduleGraph(build.graph, layouts, copyCount(hyper, run, placement));
  const peaks = allocateGraph(schedule, [...layouts, bufferLayouts.cpu]);
  return { devices: peaks.slice(0, -1), host: peaks[peaks.length - 1] ?? 0 };
}

/**
 * The engine tries a graph of one token a sequence, and gives fused attention up everywhere when one layer's would not run on
 * that layer's device; not with a quantized V, which cannot do without. Source: `resolve_fused_ops`, llama-context.cpp:504-560,
 * and :3781 of llama.cpp v0.5.0.
 */
function staysFused(input: BuildInput, builder: GraphBuilder, layouts: readonly BufferLayout[]): boolean {
  const { placement, run } = input;
  const places = new Set([...placement.layerDevices, ...placement.cacheDevices, placement.outputDevice]);
  if ((places.size === 1 && !placement.hasOverrides) || tensorTypes[run.cacheTypeV].blockWeights > 1) return true;
  const batch = { tokens: run.sequences, sequences: run.sequences, outputs: run.sequences };
  const everything = run.offloadedLayers > input.hyper.layerCount;
  const layerIndices = boundaryLayers(input.hyper, input.table, run, placement, layerKindOf(input.hyper.architecture));
  const probe = new Build({ ...input, batch, layerIndices, pinned: batch.tokens < PIN_BELOW_TOKENS || everything });
  builder(probe);
  const devices = assignedDevices(probe.graph, layouts);
  return probe.fusedNodes.every(({ node, layer }) => devices[node.slot] === (placement.layerDevices[layer] ?? HOST));
}

/** Norms are pinned to their layer's device in batches this small, or when everything is offloaded. */
const PIN_BELOW_TOKENS = 32;
