/**
 * Memory the engine takes but does not account for: named rows, each with its evidence. It stands beside the breakdown and is
 * never mixed into it. Rows read in llama.cpp v0.5.0's code say so; nobody measured them here.
 */
import type { Device } from "../facts/hardware.ts";
import type { Model } from "../facts/model.ts";
import { countableOf } from "../facts/place.ts";
import { HOST, type Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import { runShape } from "../facts/run-shape.ts";
import { type Bytes, GIB, MIB } from "../units.ts";
import { roledTensors } from "./roles.ts";

export interface ReserveRow {
  readonly name: string;
  readonly bytes: Bytes;
  readonly evidence: "reported" | "assumed";
  readonly source: string;
}

/** Process, driver context and library workspace by backend. */
const contexts: Readonly<Record<string, readonly ReserveRow[]>> = {
  cuda: [
    { name: "driver context", bytes: 300 * MIB, evidence: "assumed", source: "typical CUDA context of one process" },
    {
      name: "cuBLAS workspace",
      bytes: 32 * MIB,
      evidence: "reported",
      source: "llama.cpp v0.5.0 ggml-cuda/common.cuh:1549, the larger of its two sizes",
    },
  ],
  rocm: [
    { name: "driver context", bytes: 400 * MIB, evidence: "assumed", source: "typical HIP context and workspace" },
  ],
  vulkan: [
    { name: "driver context", bytes: 200 * MIB, evidence: "assumed", source: "typical Vulkan device and pipelines" },
  ],
  sycl: [{ name: "driver context", bytes: 300 * MIB, evidence: "assumed", source: "typical SYCL queue and modules" }],
  metal: [
    { name: "pipelines", bytes: 100 * MIB, evidence: "assumed", source: "typical Metal library and command buffers" },
  ],
};

/** CUDA's attention kernels widen a quantized cache of one layer to f16 (fattn-common.cuh:53-85). */
function widenedCache(device: Device, model: Model, run: Run): readonly ReserveRow[] {
  const narrow = (type: string): boolean => !/^(f16|bf16|f32)$/.test(type);
  if (
    (device.backend !== "cuda" && device.backend !== "rocm") ||
    !run.flashAttention ||
    !(narrow(run.cacheTypeK) || narrow(run.cacheTypeV))
  )
    return [];
  const { cells } = runShape(run, model.hyper.causal);
  const widest = model.hyper.layers.reduce(
    (most, layer) => (layer.hasCache ? Math.max(most, (layer.keyDim + layer.valueDim) * layer.kvHeadCount) : most),
    0,
  );
  return [
    {
      name: "widened cache of one layer",
      bytes: 2 * widest * cells,
      evidence: "reported",
      source: "llama.cpp v0.5.0 ggml-cuda/fattn.cu:719-752",
    },
  ];
}

/** Largest tensor of every layer: the experts', the dense feed-forward's, and the rest's. */
interface LargestTensors {
  readonly experts: Float64Array;
  readonly denseFfn: Float64Array;
  readonly rest: Float64Array;
}

const largestTensors = new WeakMap<Model, LargestTensors>();

function largestOf(model: Model): LargestTensors {
  const known = largestTensors.get(model);
  if (known) return known;
  const zeros = () => new Float64Array(model.hyper.layerCount);
  const largest = { experts: zeros(), denseFfn: zeros(), rest: zeros() };
  for (const { name, layer, bytes } of roledTensors(model)) {
    if (layer < 0) continue;
    const flag = countableOf(name)?.flag;
    const part = flag === "cpuMoeLayers" ? largest.experts : flag === "cpuFfnLayers" ? largest.denseFfn : largest.rest;
    part[layer] = Math.max(part[layer] ?? 0, bytes);
  }
  largestTensors.set(model, largest);
  return largest;
}

interface Moved {
  /** largest tensor of routed experts, and of anything else, that an override puts on the host; 0 = none */
  readonly experts: Bytes;
  readonly rest: Bytes;
}

/** What overrides move to the host, by the largest tensor of each sort. */
export function largestMoved(model: Model, placement: Placement): Moved {
  const counted = placement.countedLayers;
  if (counted) {
    const { experts, denseFfn } = largestOf(model);
    const most = (list: Float64Array, count: number): Bytes =>
      list.subarray(0, count).reduce((a, b) => Math.max(a, b), 0);
    return { experts: most(experts, counted.experts), rest: most(denseFfn, counted.denseFfn) };
  }
  const moved = { experts: 0, rest: 0 };
  for (const { name, layer, role, bytes } of roledTensors(model)) {
    if (layer < 0 || placement.overrideOf(name) !== HOST) continue;
    const sort = role === "experts" ? "experts" : "rest";
    moved[sort] = Math.max(moved[sort], bytes);
  }
  return moved;
}

const largestBefore = new WeakMap<Placement, WeakMap<Model, Bytes>>();

function largestOnHost(model: Model, placement: Placement): Bytes {
  const known = largestBefore.get(placement) ?? new WeakMap<Model, Bytes>();
  largestBefore.set(placement, known);
  const held = known.get(model);
  if (held !== undefined) return held;
  const moved = placement.hasOverrides ? largestMoved(model, placement) : { experts: 0, rest: 0 };
  let largest: Bytes = Math.max(moved.experts, moved.rest);
  const tensors = largestOf(model);
  placement.layerDevices.forEach((home, layer) => {
    if (home === HOST)
      largest = Math.max(largest, tensors.experts[layer] ?? 0, tensors.denseFfn[layer] ?? 0, tensors.rest[layer] ?? 0);
  });
  known.set(model, largest);
  return largest;
}

/** Large batches copy the host's weights of one layer to the device (`op_offload`). */
function stagedWeights(device: Device, index: number, model: Model, placement: Placement): readonly ReserveRow[] {
  if (device.backend === "rpc" || device.backend === "metal" || device.backend === "cpu" || index !== 0) return [];
  const largest = largestOnHost(model, placement);
  return largest > 0
    ? [
        {
          name: "staged host weights",
          bytes: largest,
          evidence: "reported",
          source: "llama.cpp v0.5.0 ggml-backend.cpp:970, largest single tensor",
        },
      ]
    : [];
}

export function deviceReserve(
  device: Device,
  index: number,
  model: Model,
  run: Run,
  placement: Placement,
): readonly ReserveRow[] {
  return [
    ...(contexts[device.backend] ?? []),
    ...widenedCache(device, model, run),
    ...stagedWeights(device, index, model, placement),
  ];
}

/** The server process itself; the prompt cache grows later and is set to what is left (`-cram`). */
export const hostReserve: readonly ReserveRow[] = [
  {
    name: "process and tokenizer",
    bytes: Math.round(0.3 * GIB),
    evidence: "assumed",
    source: "vocabularies of 150,000 to 260,000 tokens",
  },
];

/**
 * RAM that a desktop's other programs need back sooner or later, however little they hold now: 10 % and at least 4 GiB, but never
 * more than half. A container's limit is below the host's total, so there this seldom binds. An assumption, not a measurement.
 */
export function desktopReserveBytes(ramTotalBytes: Bytes): Bytes {
  return Math.round(Math.min(ramTotalBytes / 2, Math.max(4 * GIB, 0.1 * ramTotalBytes)));
}

export function reserveBytes(rows: readonly ReserveRow[]): Bytes {
  return rows.reduce((sum, row) => sum + row.bytes, 0);
}
