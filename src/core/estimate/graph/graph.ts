/**
 * A compute graph in ggml's order of evaluation: depth first, sources before their user, in the order in which the builder
 * expands it (`ggml_build_forward_expand`, ggml.c:7236-7340 of llama.cpp v0.5.0).
 */
import type { Node } from "./node.ts";

let generation = 0;

export class Graph {
  readonly nodes: Node[] = [];
  readonly leaves: Node[] = [];
  private readonly generation: number;

  constructor() {
    generation += 1;
    this.generation = generation;
  }

  /** Appends what `node` needs and `node` itself, unless they are there already. */
  expand(node: Node): void {
    if (node.mark === this.generation) return;
    node.mark = this.generation;
    for (const source of node.sources) this.expand(source);
    if (node.op === "none") this.leaves.push(node);
    else this.nodes.push(node);
  }
}
