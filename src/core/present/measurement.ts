/** What was measured, in a sentence each. */
import { formatBandwidth } from "../units-text.ts";

interface Rate {
  readonly value: number;
  readonly noiseFraction: number;
}

/** What this presenter reads of a measurement; `sources/measure/record.ts` gives more. */
export interface MeasurementFacts {
  readonly memory?:
    | { readonly threadCount: number; readonly allThreadsBytesPerSecond: Rate; readonly oneThreadBytesPerSecond: Rate }
    | undefined;
  readonly disk?: { readonly readBytesPerSecond: Rate } | undefined;
  readonly engine?:
    | {
        readonly backend: string;
        readonly device: string;
        readonly decodeBytesPerSecond: Rate;
        readonly layerOverheadSeconds?: Rate | undefined;
      }
    | undefined;
}

const rate = ({ value, noiseFraction }: Rate): string =>
  `${formatBandwidth(value)} ± ${Math.round(noiseFraction * 100)} %`;

export function measurementText({ memory, disk, engine }: MeasurementFacts, path: string): string {
  const parts: string[] = [];
  if (memory !== undefined) {
    const one = memory.threadCount > 1 ? `, ${rate(memory.oneThreadBytesPerSecond)} with one` : "";
    parts.push(
      `RAM reads ${rate(memory.allThreadsBytesPerSecond)} with ${memory.threadCount} thread${memory.threadCount > 1 ? "s" : ""}${one}`,
    );
  }
  if (disk !== undefined) parts.push(`the disk ${rate(disk.readBytesPerSecond)}`);
  if (engine !== undefined) {
    const overhead =
      engine.layerOverheadSeconds === undefined
        ? ""
        : ` and ${Math.round(engine.layerOverheadSeconds.value * 1e6)} µs a layer`;
    parts.push(
      `llama-bench decodes at ${rate(engine.decodeBytesPerSecond)}${overhead} on ${engine.device} (${engine.backend})`,
    );
  }
  return `Measured: ${parts.join("; ")}. Stored in ${path}.`;
}
