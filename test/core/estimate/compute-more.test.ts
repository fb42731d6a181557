/**
 * Compute buffers of every architecture that llama.cpp v0.5.0 loads, against what it reserved for a file of that architecture:
 * published shapes where there are any, else small ones (`model` says which). Measured with one RPC device, per architecture: everything
 * offloaded; two sequences in small batches; three in large ones; half of the layers offloaded; a quantized cache; no flash
 * attention; the cache on the host; and for some, a server with its slots in one cache or in one each.
 */
import { describe, expect, test } from "vitest";
import { estimateCompute } from "../../../src/core/estimate/compute.ts";
import { graphOf } from "../../../src/core/estimate/graph/models/index.ts";
import { bufferLayouts } from "../../../src/core/facts/hardware.ts";
import { readHyperparameters } from "../../../src/core/facts/hyperparameters.ts";
import { type LayoutOptions, layoutTensors } from "../../../src/core/facts/layout.ts";
import type { Metadata } from "../../../src/core/facts/model.ts";
import { placeRun } from "../../../src/core/facts/place.ts";
import type { Tensor } from "../../../src/core/facts/tensor.ts";
import { parseRun, resolveRun } from "../../../src/core/sources/run-string.ts";
import { GIB } from "../../../src/core/units.ts";
import { readRows, truthFolder } from "../../truth/rows.ts";

interface Row {
  readonly model: string;
  readonly arch: string;
  readonly metadata: Metadata;
  readonly options: LayoutOptions;
  readonly runs: readonly {
    /** `llama-fit-params` unless said otherwise */
    readonly command?: string;
    readonly args: string;
    readonly devices: readonly { readonly compute: number }[];
    readonly host: { readonly compute: number };
  }[];
}

/** Tightened with every architecture described. */
const UNDESCRIBED_CEILING = 5;

const rows = readRows<Row>(truthFolder, "compute-more.jsonl");

/** Weights have sizes of their own and no part in these buffers, so any type will do; but a row of `token_types` is copied as it is, and converters keep it in f32. */
function tensorsOf({ metadata, options }: Row): Tensor[] {
  const shapes = layoutTensors(readHyperparameters(metadata, undefined), options);
  return shapes.map(
    (shape): Tensor => ({
      ...shape,
      type: shape.shape.length === 1 || shape.name.startsWith("token_types") ? "f32" : "f16",
    }),
  );
}

function estimates(row: Row) {
  const tensors = tensorsOf(row);
  const hyper = readHyperparameters(row.metadata, tensors);
  return row.runs.map(({ command, args, devices, host }) => {
    const run = resolveRun(parseRun(`${command ?? "llama-fit-params"} ${args}`), hyper, hyper.trainedContextTokens);
    const placement = placeRun(
      hyper.layerCount,
      run,
      devices.map((_, index) => ({ name: `RPC${index}`, freeBytes: 1024 * GIB })),
    );
    const layouts = devices.map(() => bufferLayouts.rpc);
    const estimate = estimateCompute(hyper, tensors, run, placement, layouts);
    return {
      args,
      estimated: [...estimate.devices, estimate.host],
      measured: [...devices.map(({ compute }) => compute), host.compute],
    };
  });
}

/** Measured, but their graphs are not described yet. */
const undescribed = rows
  .filter(
    ({ arch, metadata }) => graphOf({ ...readHyperparameters(metadata, undefined), architecture: arch }) === undefined,
  )
  .map(({ arch }) => arch);

describe("compute buffers of every measured architecture", () => {
  test("few are undescribed", () => {
    console.warn(`${rows.length} architectures, ${undescribed.length} undescribed: ${undescribed.join(" ")}`);
    expect(rows.length).toBeGreaterThan(140);
    expect(undescribed.length).toBeLessThanOrEqual(UNDESCRIBED_CEILING);
  });

  test.each(rows.filter(({ arch }) => !undescribed.includes(arch)))("$arch ($model)", (row) => {
    for (const { args, estimated, measured } of estimates(row)) {
      expect(estimated, args).toEqual(measured);
    }
  });
});
