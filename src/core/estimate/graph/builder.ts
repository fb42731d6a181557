/**
 * What a model's graph is built from: the batch it is reserved for, its weights and caches as leaves on their devices, and the
 * layers to emit. One `Build` makes one graph. Source: `llm_graph_context`, src/llama-graph.cpp:1449-1500 of llama.cpp v0.5.0.
 */
import type { Hyperparameters, LayerFacts, MetadataValue } from "../../facts/model.ts";
import { HOST, type Placement } from "../../facts/placement.ts";
import type { Run } from "../../facts/run.ts";
import { type RunShape, windowCells } from "../../facts/run-shape.ts";
import type { Tensor } from "../../facts/tensor.ts";
import { tensorHome } from "../../facts/tensor-home.ts";
import * as g from "./ggml.ts";
import { Graph } from "./graph.ts";
import type { Node } from "./node.ts";
import type { WeightTable } from "./weight-table.ts";
import { UnknownVariant, Weights } from "./weights.ts";

export { type NormKind, normed, UnknownVariant, Weights } from "./weights.ts";

/** The micro-batch a graph is reserved for (`graph_reserve`). */
export interface Batch {
  readonly tokens: number;
  readonly sequences: number;
  readonly outputs: number;
}

export interface BuildInput {
  readonly hyper: Hyperparameters;
  readonly table: WeightTable;
  readonly run: Run;
  readonly shape: RunShape;
  readonly placement: Placement;
  readonly batch: Batch;
  /** layers to emit, by index: a run of equal layers may be shortened */
  readonly layerIndices: readonly number[];
  /** attention as one operator; false where the engine gave it up after the cache was laid out for it */
  readonly fusedAttention: boolean;
  /** norms ask for their layer's device (llama-context.cpp:2598-2621) */
  readonly pinned: boolean;
}

/** One layer of the main graph. */
export interface LayerSite {
  readonly facts: LayerFacts;
  /** index in the model, also where others were left out before it */
  readonly index: number;
  readonly first: boolean;
  readonly last: boolean;
  readonly weights: Weights;
}

const noTensors: ReadonlyMap<string, Tensor> = new Map();

export class Build {
  readonly hyper: Hyperparameters;
  readonly run: Run;
  readonly shape: RunShape;
  readonly placement: Placement;
  readonly batch: Batch;
  readonly graph: Graph;
  /** weights outside the layers */
  readonly weights: Weights;
  readonly layers: readonly LayerSite[];
  readonly fusedAttention: boolean;
  readonly pinned: boolean;
  /** attention operators made so far */
  readonly fusedNodes: { readonly node: Node; readonly layer: number }[] = [];
  private readonly table: WeightTable;
  private readonly leaves = new Map<string, Node>();
  private readonly weightLeaves = new Map<Tensor, Node[]>();

  constructor(input: BuildInput) {
    this.hyper = input.hyper;
    this.run = input.run;
    this.shape = input.shape;
    this.placement = input.placement;
    this.batch = input.batch;
    this.table = input.table;
    this.fusedAttention = input.fusedAttention;
    this.pinned = input.pinned;
    this.graph = new Graph();
    this.weights = new Weights(this, this.table.model, undefined);
    const last = input.layerIndices.length - 1;
    // models that run their layers again have more of them than they store
    const storedLayers = this.count("block_count");
    this.layers = input.layerIndices.flatMap((index, position) => {
      const facts = this.hyper.layers[index];
      if (facts === undefined) return [];
      const stored = storedLayers === 0 ? index : index % storedLayers;
      const weights = new Weights(
        this,
        this.table.layers[stored] ?? noTensors,
        this.placement.layerDevices[stored] ?? HOST,
      );
      return [{ facts, index, first: position === 0, last: position === last, weights }];
    });
  }

  /** A hyper-parameter of this architecture: `key("expert_used_count")` → `qwen3moe.expert_used_count`. */
  key(name: string): MetadataValue | undefined {
    return this.hyper.metadata[`${this.hyper.architecture}.${name}`];
  }

  /** The same as a number; 0 where it is absent or not one. */
  count(name: string): number {
    const value = this.key(name);
    return typeof value === "number" ? value : 0;
  }

  modelWeight(name: string, layerDevice: number): Node | undefined {
    const tensor = this.table.model.get(name);
    return tensor && this.leaf(tensor, layerDevice);
  }

  /** The output matrix: the embedding once more, on the output's device, where the file has none (llama-model-loader.cpp:1162). */
  outputMatrix(): Node {
    const own = this.table.model.get("output.weight");
    if (own) return this.leaf(own, HOST);
    const tied = this.table.model.get("token_embd.weight");
    if (tied === undefined) throw new UnknownVariant("token_embd.weight");
    return this.leafOn(tied, this.placement.outputDevice);
  }

  /** K and V of a layer's cache, [width, cells, streams]; `kvHeadCount` 0 makes none. */
  cache(layer: LayerFacts): { readonly k: Node; readonly v: Node } {
    const device = this.placement.cacheDevices[layer.index] ?? HOST;
    const cells = this.cellsOf(layer);
    const { streams } = this.shape;
    const keyWidth = layer.keyDim * layer.kvHeadCount;
    return {
      k: this.stored(`k${layer.index}`, () =>
        g.storedTensor(this.run.cacheTypeK, device, false, keyWidth, cells, streams),
      ),
      v: this.stored(`v${layer.index}`, () =>
        g.storedTensor(this.run.cacheTypeV, device, false, this.valueWidth(layer), cells, streams),
      ),
    };
  }

  cellsOf(layer: LayerFacts): number {
    return layer.windowTokens > 0 ? windowCells(this.run, this.shape, layer.windowTokens) : this.shape.cells;
  }

  /** Without flash attention every layer's V is as wide as the widest (llama-kv-cache.cpp:210). */
  valueWidth(layer: LayerFacts): number {
    return this.run.flashAttention ? layer.valueDim * layer.kvHeadCount : this.widestValue();
  }

  widestValue(): number {
    return this.hyper.layers.reduce((widest, { valueDim, kvHeadCount }) => Math.max(widest, valueDim * kvHeadCount), 0);
  }

  /** A leaf that is made once per graph. */
  stored(key: string, make: () => Node): Node {
    const known = this.leaves.get(key);
    if (known) return known;
    const node = make();
    this.leaves.set(key, node);
    return node;
  }

  leaf(tensor: Tensor, layerDevice: number): Node {
    return this.leafOn(tensor, this.deviceOf(tensor.name, layerDevice));
  }

  private leafOn(tensor: Tensor, device: number): Node {
    const copies = this.weightLeaves.get(tensor) ?? [];
    const known = copies.find((leaf) => leaf.device === device);
    if (known) return known;
    const [ne0 = 1, ne1 = 1, ne2 = 1, ne3 = 1] = tensor.shape;
    const node = g.storedTensor(tensor.type, device, true, ne0, ne1, ne2, ne3);
    if (copies.length === 0) this.weightLeaves.set(tensor, copies);
    copies.push(node);
    return node;
  }

  private deviceOf(name: string, layerDevice: number): number {
    if (this.placement.hasOverrides) {
      const override = this.placement.overrideOf(name);
      if (override !== undefined) return override;
    }
    if (name.startsWith("blk.")) return layerDevice;
    const home = tensorHome(this.hyper.architecture, name);
    switch (home.part) {
      case "input":
        return HOST;
      case "output":
        return this.placement.outputDevice;
      case "layer":
        return this.placement.layerDevices[home.layer] ?? HOST;
      case "every-layer":
        return layerDevice;
    }
  }
}
