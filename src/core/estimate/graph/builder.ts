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
import { type Node, UNPLACED } from "./node.ts";
import type { WeightTable } from "./weight-table.ts";

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

/** The file lacks a tensor its architecture's graph needs: a variant that is not known here. */
export class MissingTensor extends Error {
  override readonly name = "MissingTensor";
}

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
    this.weights = new Weights(this, "", HOST);
    const last = input.layerIndices.length - 1;
    // models that run their layers again have more of them than they store
    const storedLayers = this.count("block_count");
    this.layers = input.layerIndices.flatMap((index, position) => {
      const facts = this.hyper.layers[index];
      if (facts === undefined) return [];
      const stored = storedLayers === 0 ? index : index % storedLayers;
      const weights = new Weights(this, `blk.${stored}.`, this.placement.layerDevices[stored] ?? HOST);
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

  /** A weight as a leaf; one leaf per device that keeps a copy. */
  weight(name: string, layerDevice: number): Node | undefined {
    const tensor = this.table.byName.get(name);
    return tensor === undefined ? undefined : this.leaf(tensor, this.deviceOf(name, layerDevice));
  }

  /** The output matrix: the embedding once more, on the output's device, where the file has none (llama-model-loader.cpp:1162). */
  outputMatrix(): Node {
    const tensor = this.table.byName.get("output.weight") ?? this.table.byName.get("token_embd.weight");
    if (tensor === undefined) throw new MissingTensor("token_embd.weight");
    const device = this.table.byName.has("output.weight") ? this.deviceOf("output.weight", HOST) : this.placement.outputDevice;
    return this.leaf(tensor, device);
  }

  /** K and V of a layer's cache, [width, cells, streams]; `kvHeadCount` 0 makes none. */
  cache(layer: LayerFacts): { readonly k: Node; readonly v: Node } {
    const device = this.placement.cacheDevices[layer.index] ?? HOST;
    const cells = this.cellsOf(layer);
    const { streams } = this.shape;
    const keyWidth = layer.keyDim * layer.kvHeadCount;
    return {
      k: this.stored(`k${layer.index}`, () => g.storedTensor(this.run.cacheTypeK, device, false, keyWidth, cells, streams)),
      v: this.stored(`v${layer.index}`, () => g.storedTensor(this.run.cacheTypeV, device, false, this.valueWidth(layer), cells, streams)),
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

  private leaf(tensor: Tensor, device: number): Node {
    const [ne0 = 1, ne1 = 1, ne2 = 1, ne3 = 1] = tensor.shape;
    return this.stored(`${tensor.name}@${device}`, () => g.storedTensor(tensor.type, device, true, ne0, ne1, ne2, ne3));
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

export type NormKind = "rms" | "layer" | "group";

/** The weights of one layer (names after `blk.N.`), or those outside the layers. */
export class Weights {
  private readonly build: Build;
  private readonly prefix: string;
  private readonly device: number;

  constructor(build: Build, prefix: string, device: number) {
    this.build = build;
    this.prefix = prefix;
    this.device = device;
  }

  /** `find("attn_q.weight")` */
  find(name: string): Node | undefined {
    return this.build.weight(this.prefix + name, this.device);
  }

  need(name: string): Node {
    const node = this.find(name);
    if (node === undefined) throw new MissingTensor(this.prefix + name);
    return node;
  }

  has(name: string): boolean {
    return this.find(name) !== undefined;
  }

  /** A weight of the whole model of which every layer's device keeps a copy (`rope_freqs.weight`). */
  shared(name: string): Node | undefined {
    return this.build.weight(name, this.device);
  }

  /** `build_lora_mm`: the product with `stem.weight`, scaled where the file has `stem.scale`. */
  mulMat(stem: string, x: Node): Node {
    const product = g.mulMat(this.need(`${stem}.weight`), x);
    const scales = this.find(`${stem}.scale`);
    return scales === undefined ? product : g.mul(product, scales);
  }

  /** The same plus `stem.bias` where there is one. */
  linear(stem: string, x: Node): Node {
    const product = this.mulMat(stem, x);
    const bias = this.find(`${stem}.bias`);
    return bias === undefined ? product : g.add(product, bias);
  }

  /** `build_norm` with `stem.weight` and `stem.bias`, each where the file has it. */
  norm(stem: string, x: Node, kind: NormKind): Node {
    // some files leave the ending off (PLaMo 3, Falcon H1)
    const weight = this.find(`${stem}.weight`) ?? this.find(stem);
    const bias = this.find(`${stem}.bias`);
    const pin = this.build.pinned && this.prefix !== "" && (weight ?? bias) !== undefined ? this.device : UNPLACED;
    return normed(x, weight, bias, kind, pin);
  }

  rmsNorm(stem: string, x: Node): Node {
    return this.norm(stem, x, "rms");
  }
}

/** `build_norm`, llama-graph.cpp:1545-1580. */
export function normed(x: Node, weight: Node | undefined, bias: Node | undefined, kind: NormKind, pin = UNPLACED): Node {
  let cur = rawNorm(x, kind);
  cur.pin = pin;
  if (weight) cur = g.mul(cur, weight);
  if (bias) cur = g.add(cur, bias);
  return cur;
}

function rawNorm(x: Node, kind: NormKind): Node {
  if (kind === "rms") return g.rmsNorm(x);
  if (kind === "layer") return g.norm(x);
  const wide = g.groupNorm(g.reshape(x, x.ne0, 1, x.ne1));
  return g.reshape(wide, wide.ne0, wide.ne2);
}
