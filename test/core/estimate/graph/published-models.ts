/** Models to build graphs of: one row an architecture and variant (test/truth/layouts.jsonl), tensors laid out, types of no account. */
import { readHyperparameters } from "../../../../src/core/facts/hyperparameters.ts";
import { type LayoutOptions, layoutTensors } from "../../../../src/core/facts/layout.ts";
import type { Hyperparameters, Metadata } from "../../../../src/core/facts/model.ts";
import type { Tensor } from "../../../../src/core/facts/tensor.ts";
import { readRows, truthFolder } from "../../../truth/rows.ts";

interface LayoutRow {
  readonly architecture: string;
  readonly like?: string;
  readonly metadata: Metadata;
  readonly options: LayoutOptions;
}

export interface PublishedModel {
  readonly name: string;
  readonly hyper: Hyperparameters;
  readonly tensors: readonly Tensor[];
}

export function publishedModels(): PublishedModel[] {
  return readRows<LayoutRow>(truthFolder, "layouts.jsonl").map(({ architecture, like, metadata, options }) => {
    const shapes = layoutTensors(readHyperparameters(metadata, undefined), options);
    const tensors = shapes.map((shape): Tensor => ({ ...shape, type: shape.shape.length === 1 ? "f32" : "f16" }));
    return { name: `${architecture} ${like ?? ""}`, hyper: readHyperparameters(metadata, tensors), tensors };
  });
}
