/**
 * A compute graph in ggml's order of evaluation: depth first, sources before their user, in the order in which the builder
 * expands it (`ggml_build_forward_expand`, ggml.c:7236-7340 of llama.cpp v0.5.0).
 */
import type { Node } from "./node.ts";

let graphCount = 0;

export class Graph {
  readonly nodes: Node[] = [];
  readonly leaves: Node[] = [];
  private readonly id: number;

  constructor() {
    graphCount += 1;
    this.id = graphCount;
  }

  /** Nodes and leaves are numbered together, in the order in which they came. */
  get slotCount(): number {
    return this.nodes.length + this.leaves.length;
  }

  /** Appends what `node` needs and `node` itself, unless they are there already. */
  expand(node: Node): void {
    if (node.graph === this.id) return;
    node.graph = this.id;
    for (const source of node.sources) this.expand(source);
    node.slot = this.slotCount;
    if (node.op === "none") this.leaves.push(node);
    else this.nodes.push(node);
  }
}
