/** The machine: devices that can hold layers, and the host behind them. Base units; every deciding value with evidence. */
import type { Bytes, BytesPerSecond, FlopsPerSecond, Fraction } from "../units.ts";
import type { Fact } from "./evidence.ts";

export const backends = ["cuda", "rocm", "metal", "vulkan", "sycl", "cann", "musa", "opencl", "rpc", "cpu"] as const;
export type Backend = (typeof backends)[number];

/** How a backend lays tensors out in its buffers (`get_alignment`, `get_alloc_size` of each ggml backend). */
export interface BufferLayout {
  readonly alignmentBytes: Bytes;
  /** quantized matrices whose width is not a multiple of this get one row's worth of padding; 0 = none */
  readonly rowPaddingWeights: number;
  /** takes operators with host weights over in batches of at least so many tokens (`offload_op`); absent: never */
  readonly offloadBatchTokens?: number;
  /** flash attention over a quantized cache keeps f16 copies of K and V behind its result (`get_alloc_size`) */
  readonly widensQuantizedCache?: boolean;
}

/**
 * Source: llama.cpp v0.5.0 `*_buffer_type_get_alignment` of each backend; row padding `MATRIX_ROW_PADDING`, ggml-cuda.cu:908.
 * Measured for cpu and rpc (test/truth); read only for the others.
 */
export const bufferLayouts: Readonly<Record<Backend, BufferLayout>> = {
  cuda: { alignmentBytes: 128, rowPaddingWeights: 512 },
  rocm: { alignmentBytes: 128, rowPaddingWeights: 512 },
  musa: { alignmentBytes: 128, rowPaddingWeights: 512 },
  metal: { alignmentBytes: 32, rowPaddingWeights: 0 },
  vulkan: { alignmentBytes: 64, rowPaddingWeights: 0 },
  sycl: { alignmentBytes: 128, rowPaddingWeights: 512 },
  cann: { alignmentBytes: 128, rowPaddingWeights: 0 },
  opencl: { alignmentBytes: 128, rowPaddingWeights: 0 },
  rpc: { alignmentBytes: 32, rowPaddingWeights: 0 },
  cpu: { alignmentBytes: 32, rowPaddingWeights: 0 },
};

export interface Device {
  /** catalog id or a made-up one (`custom`) */
  readonly id: string;
  /** as the driver prints it */
  readonly name: string;
  readonly vendor: string;
  readonly kind: "gpu" | "unified" | "cpu";
  readonly backend: Backend;
  /** what the driver reports as total, and what is usable now or when idle (see memoryBasis) */
  readonly memoryTotalBytes: Fact<Bytes>;
  readonly memoryUsableBytes: Fact<Bytes>;
  readonly bandwidthBytesPerSecond: Fact<BytesPerSecond>;
  /** dense FP16 with FP16 accumulate */
  readonly fp16FlopsPerSecond: Fact<FlopsPerSecond> | undefined;
  readonly fp32FlopsPerSecond: Fact<FlopsPerSecond> | undefined;
  /** calibration family, e.g. `nvidia-ada` */
  readonly family: string | undefined;
  readonly computeCapability: string | undefined;
  /** board power limit of the data sheet */
  readonly powerWatts?: number;
  readonly driver: string | undefined;
  readonly pciAddress: string | undefined;
  readonly linkBytesPerSecond: Fact<BytesPerSecond> | undefined;
}

export interface Host {
  readonly os: string;
  readonly arch: string;
  readonly cpuModel: string;
  readonly physicalCoreCount: Fact<number>;
  readonly isa: readonly string[];
  readonly ramTotalBytes: Fact<Bytes>;
  readonly ramAvailableBytes: Fact<Bytes>;
  /** container limit that binds below the total, if any */
  readonly ramLimitBytes: Fact<Bytes> | undefined;
  readonly ramBandwidthBytesPerSecond: Fact<BytesPerSecond>;
  readonly cpuLoadFraction: Fraction | undefined;
}

export interface Hardware {
  readonly name: string;
  /** in llama.cpp's device order; empty = CPU only */
  readonly devices: readonly Device[];
  readonly host: Host;
  readonly warnings: readonly string[];
  /** devices of further machines among `devices`, and how they are reached */
  readonly network?: Network;
}

export interface Network {
  readonly link: { readonly bytesPerSecond: BytesPerSecond; readonly latencySeconds: number };
  /** of the further machines, in order */
  readonly addresses: readonly string[];
  /** of every device: 0 = this machine, n = the n-th further one */
  readonly hostOf: readonly number[];
}
