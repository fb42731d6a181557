/** llama.cpp's memory breakdown (`llama_get_memory_breakdown`): the same three words, per device and for the host. */
import type { Bytes } from "../units.ts";

export interface MemoryUse {
  readonly modelBytes: Bytes;
  readonly contextBytes: Bytes;
  readonly computeBytes: Bytes;
}

export interface MemoryBreakdown {
  /** in the order of `Hardware.devices` */
  readonly devices: readonly MemoryUse[];
  readonly host: MemoryUse;
}

export function totalBytes(use: MemoryUse): Bytes {
  return use.modelBytes + use.contextBytes + use.computeBytes;
}
