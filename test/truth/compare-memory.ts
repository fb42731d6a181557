/** One comparison of estimate and truth, row by row; the report and the gate both read it. */
import { estimateMemory, type MemoryDevice } from "../../src/core/estimate/memory.ts";
import type { MemoryUse } from "../../src/core/facts/memory.ts";
import type { Model } from "../../src/core/facts/model.ts";
import { parseRun, resolveRun } from "../../src/core/sources/run-string.ts";
import { GIB } from "../../src/core/units.ts";
import type { MemoryRow } from "./rows.ts";

export const placements = [
  "full",
  "partial",
  "overrides",
  "experts-on-cpu",
  "ffn-on-cpu",
  "several-devices",
  "cpu",
] as const;
export type PlacementKind = (typeof placements)[number];

export interface PartError {
  readonly estimated: number;
  readonly measured: number;
}

/** One device (or the host, index −1) of one row. */
export interface Comparison {
  readonly row: MemoryRow;
  readonly device: number;
  readonly placement: PlacementKind;
  readonly model: PartError;
  readonly context: PartError;
  readonly compute: PartError;
  readonly total: PartError;
}

export function placementOf(row: MemoryRow): PlacementKind {
  if (row.devices.length === 0) return "cpu";
  if (/-ot /.test(row.args)) return "overrides";
  if (/-n?cmoe/.test(row.args)) return "experts-on-cpu";
  if (/-ncffn/.test(row.args)) return "ffn-on-cpu";
  if (/-ngl|-nkvo/.test(row.args)) return "partial";
  return row.devices.length > 1 ? "several-devices" : "full";
}

const sum = ({ modelBytes, contextBytes, computeBytes }: MemoryUse) => modelBytes + contextBytes + computeBytes;

function compareUse(row: MemoryRow, device: number, estimated: MemoryUse, measured: MemoryUse): Comparison {
  return {
    row,
    device,
    placement: placementOf(row),
    model: { estimated: estimated.modelBytes, measured: measured.modelBytes },
    context: { estimated: estimated.contextBytes, measured: measured.contextBytes },
    compute: { estimated: estimated.computeBytes, measured: measured.computeBytes },
    total: { estimated: sum(estimated), measured: sum(measured) },
  };
}

/** The devices the rows were measured on. */
function rpcDevices(row: MemoryRow): MemoryDevice[] {
  return row.devices.map((_, index) => ({
    name: `RPC${index}`,
    backend: "rpc",
    freeBytes: (row.deviceGiB?.[index] ?? 1024) * GIB,
  }));
}

/**
 * `RPC0[host:port]` → `RPC1`: buffer names restart on each RPC server, so the endpoint says which device is meant. `--fit` lets a layer
 * overflow to the device after its own, and its `-ts` counts layers.
 */
function namedBuffers(args: string, layerCount: number): string {
  const offloaded = Number(/-ngl (\d+)/.exec(args)?.[1] ?? layerCount + 1);
  const counts = (/-ts ([\d,]+)/.exec(args)?.[1] ?? "").split(",").map(Number);
  return args.replace(/blk\\\.(\d+)(\S*?)=RPC0\[[^\]]*\]/g, (_, layer: string, rest: string) => {
    const position = Number(layer) - (layerCount + 1 - offloaded);
    const ends = counts.map((_, index) => counts.slice(0, index + 1).reduce((sum, count) => sum + count, 0));
    const device = ends.findIndex((end) => position < end);
    return `blk\\.${layer}${rest}=RPC${device + 1}`;
  });
}

export function compareRow(row: MemoryRow, model: Model): Comparison[] {
  const { hyper } = model;
  const slots = row.sequences === undefined ? "" : ` -np ${row.sequences}${row.unifiedCache ? " -kvu" : ""}`;
  const run = resolveRun(
    parseRun(`${row.program} ${namedBuffers(row.args, hyper.layerCount)}${slots}`),
    hyper,
    hyper.trainedContextTokens,
  );
  const estimate = estimateMemory(model, run, rpcDevices(row));
  return [
    ...row.devices.map((measured, device) =>
      compareUse(
        row,
        device,
        estimate.devices[device] ?? { modelBytes: 0, contextBytes: 0, computeBytes: 0 },
        measured,
      ),
    ),
    compareUse(row, -1, estimate.host, row.host),
  ];
}
