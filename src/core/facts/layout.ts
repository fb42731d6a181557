/**
 * The complete tensor table of a model file, from hyper-parameters alone: what llama.cpp's loader asks for
 * (`load_arch_tensors` of src/models/*.cpp, llama.cpp v0.5.0) and its converter writes. The rows are data, in architectures/.
 */
import type { Block, Dimension } from "./architectures/row.ts";
import type { LayoutOptions, Scope } from "./architectures/scope.ts";
import { architectures } from "./architectures/table.ts";
import { InputError } from "./input-error.ts";
import { MAX_LAYERS } from "./metadata-reader.ts";
import type { Hyperparameters, LayerFacts } from "./model.ts";
import type { TensorShape } from "./tensor.ts";

export type { LayoutOptions } from "./architectures/scope.ts";

/** llama.cpp's names of the architectures `layoutTensors` knows. */
export function coveredArchitectures(): readonly string[] {
  return Object.keys(architectures);
}

/**
 * Every tensor of a file of this model: name, and shape in ggml's order (row width first, trailing ones dropped).
 * `options` says what metadata does not hold; the architecture's published files are the default.
 * @throws InputError for an architecture without rows, and for metadata that lacks a width or holds an impossible one.
 */
export function layoutTensors(hyper: Hyperparameters, options: LayoutOptions = {}): TensorShape[] {
  const architecture = Object.hasOwn(architectures, hyper.architecture) ? architectures[hyper.architecture] : undefined;
  const first = hyper.layers[0];
  if (architecture === undefined || first === undefined)
    throw new InputError(
      `The tensors of architecture "${hyper.architecture}" cannot be laid out from a config alone. Pass a GGUF file of the model instead.`,
    );
  const scope: Scope = { hyper, options: { ...architecture.defaults, ...options }, layer: first };
  return [
    ...fill(architecture.model, scope, ""),
    ...architecture.stacks.flatMap(({ prefix, count, rows }) =>
      stackLayers(scope, count).flatMap((layer) => fill(rows, { ...scope, layer }, `${prefix}.${layer.index}.`)),
    ),
  ];
}

/** The first `count` layers; a stack longer than the layer list (a deeper decoder) repeats the last one's facts. */
function stackLayers(scope: Scope, count: Dimension): LayerFacts[] {
  const { layers } = scope.hyper;
  const length = count(scope);
  if (!(length <= MAX_LAYERS))
    throw new InputError(
      `The metadata gives this model ${length} layers in one stack. llama.cpp allows ${MAX_LAYERS}: check its block counts.`,
    );
  return Array.from({ length }, (_, index) => ({
    ...(layers[index] ?? layers[layers.length - 1] ?? scope.layer),
    index,
  }));
}

function fill(rows: Block, scope: Scope, prefix: string): TensorShape[] {
  return rows
    .filter((row) => row.when(scope))
    .map((row) => {
      const name = prefix + row.name;
      return {
        name,
        shape: asShape(
          name,
          row.shape.map((extent) => extent(scope)),
        ),
      };
    });
}

/** As ggml counts dimensions (`ggml_n_dims`): a file has no trailing ones, but always one dimension; none is empty. */
function asShape(name: string, extents: readonly number[]): readonly number[] {
  if (!extents.every((extent) => Number.isSafeInteger(extent) && extent > 0))
    throw new InputError(
      `The metadata gives tensor ${name} the shape ${extents.join(" x ")}. Check the widths and counts it is made of: all must be positive whole numbers.`,
    );
  let rank = extents.length;
  while (rank > 1 && extents[rank - 1] === 1) rank--;
  return extents.slice(0, rank);
}
