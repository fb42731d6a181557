/** Architecture → how its graph is built. */
import type { Hyperparameters } from "../../../facts/model.ts";
import type { Build } from "../builder.ts";
import { llamaGraphs } from "./llama.ts";

export type GraphBuilder = (build: Build) => void;

const graphs: Readonly<Record<string, GraphBuilder>> = { ...llamaGraphs };

/** undefined: this architecture's graph is not known here. */
export function graphOf(hyper: Hyperparameters): GraphBuilder | undefined {
  return Object.hasOwn(graphs, hyper.architecture) ? graphs[hyper.architecture] : undefined;
}
