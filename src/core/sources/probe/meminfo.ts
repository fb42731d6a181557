/** `/proc/meminfo`. Free memory is MemAvailable: MemFree leaves out the page cache, which the kernel gives back. */
import { type Bytes, KIB } from "../../units.ts";

export interface Meminfo {
  readonly totalBytes: Bytes;
  readonly availableBytes: Bytes;
}

/** undefined when the text is not a meminfo. Kernels before 3.14 have no MemAvailable: free + cached stands in. */
export function parseMeminfo(text: string): Meminfo | undefined {
  const fields = new Map<string, Bytes>();
  for (const match of text.matchAll(/^(\w+):[ \t]+(\d{1,15}) kB$/gm))
    fields.set(match[1] ?? "", Number(match[2]) * KIB);
  const totalBytes = fields.get("MemTotal");
  if (totalBytes === undefined || totalBytes === 0) return undefined;
  const available = fields.get("MemAvailable") ?? (fields.get("MemFree") ?? 0) + (fields.get("Cached") ?? 0);
  return { totalBytes, availableBytes: Math.min(available, totalBytes) };
}
