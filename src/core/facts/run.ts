/** How the engine is run, in llama.cpp's own words (contract.md "Naming a run"). Everything resolved; nothing optional but what "auto" means. */
import type { Tokens } from "../units.ts";
import type { TensorType } from "./tensor-type.ts";

export const cacheTypes = [
  "f32",
  "f16",
  "bf16",
  "q8_0",
  "q4_0",
  "q4_1",
  "iq4_nl",
  "q5_0",
  "q5_1",
] as const satisfies readonly TensorType[];
export type CacheType = (typeof cacheTypes)[number];

/** `-ot REGEX=BUFFER`: `std::regex_search` on the tensor name, the first match wins. */
export interface TensorOverride {
  readonly pattern: string;
  /** `CPU` or a device's name */
  readonly buffer: string;
}

export interface Run {
  /** `-c`, total over the sequences */
  readonly contextTokens: Tokens;
  /** `-np` */
  readonly sequences: number;
  /** `-kvu` */
  readonly unifiedCache: boolean;
  readonly cacheTypeK: CacheType;
  readonly cacheTypeV: CacheType;
  /** `-b`, `-ub` */
  readonly batchTokens: Tokens;
  readonly ubatchTokens: Tokens;
  readonly flashAttention: boolean;
  /** `-ngl`; layerCount + 1 is everything, the output layer is counted first */
  readonly offloadedLayers: number;
  /** `--n-cpu-moe`, `--n-cpu-ffn`: the first N layers' experts or dense FFN stay on the host */
  readonly cpuMoeLayers: number;
  readonly cpuFfnLayers: number;
  readonly overrides: readonly TensorOverride[];
  readonly splitMode: "none" | "layer" | "row" | "tensor";
  readonly mainDevice: number;
  /** `-ts`; empty = by free memory */
  readonly tensorSplit: readonly number[];
  /** `-nkvo` negated */
  readonly cacheOffload: boolean;
  readonly swaFull: boolean;
  /** rows of logits the graph must hold: one per sequence (llama-server) or one per token of a batch (llama-fit-params) */
  readonly outputs: "server" | "batch";
  readonly threads: number | undefined;
  readonly loadMode: "auto" | "none" | "mmap" | "mlock" | "mmap+mlock" | "dio";
  /** `-cram`, MiB in the engine's words; bytes here */
  readonly promptCacheBytes: number;
}
