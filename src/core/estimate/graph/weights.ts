/** A model's weights as graphs use them: leaves on their devices, products with bias and scale, norms. */
import { HOST } from "../../facts/placement.ts";
import type { Tensor } from "../../facts/tensor.ts";
import * as g from "./ggml.ts";
import { type Node, UNPLACED } from "./node.ts";

/** The model lacks a tensor or a number its architecture's graph needs: a variant that is not known here. */
export class UnknownVariant extends Error {
  override readonly name = "UnknownVariant";
}

/** Where leaves are made: one per tensor and device in a graph. */
export interface LeafMaker {
  leaf(tensor: Tensor, layerDevice: number): Node;
  /** a weight of the whole model, as a layer on `layerDevice` sees it */
  modelWeight(name: string, layerDevice: number): Node | undefined;
  readonly pinned: boolean;
}

export type NormKind = "rms" | "layer" | "group";

/** The weights of one layer, named by what follows `blk.N.`, or (`device` undefined) those outside the layers. */
export class Weights {
  private readonly maker: LeafMaker;
  private readonly tensors: ReadonlyMap<string, Tensor>;
  private readonly device: number | undefined;
  private readonly nodes = new Map<string, Node>();

  constructor(maker: LeafMaker, tensors: ReadonlyMap<string, Tensor>, device: number | undefined) {
    this.maker = maker;
    this.tensors = tensors;
    this.device = device;
  }

  /** `find("attn_q.weight")` */
  find(name: string): Node | undefined {
    const known = this.nodes.get(name);
    if (known !== undefined) return known;
    const tensor = this.tensors.get(name);
    if (tensor === undefined) return undefined;
    const node = this.maker.leaf(tensor, this.device ?? HOST);
    this.nodes.set(name, node);
    return node;
  }

  need(name: string): Node {
    const node = this.find(name);
    if (node === undefined) throw new UnknownVariant(name);
    return node;
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** A weight of the whole model of which every layer's device keeps a copy (`rope_freqs.weight`). */
  shared(name: string): Node | undefined {
    return this.maker.modelWeight(name, this.device ?? HOST);
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
    const pinned = this.maker.pinned && (weight ?? bias) !== undefined;
    return normed(x, weight, bias, kind, pinned ? (this.device ?? UNPLACED) : UNPLACED);
  }

  rmsNorm(stem: string, x: Node): Node {
    return this.norm(stem, x, "rms");
  }
}

/** `build_norm`, llama-graph.cpp:1545-1580. */
export function normed(
  x: Node,
  weight: Node | undefined,
  bias: Node | undefined,
  kind: NormKind,
  pin = UNPLACED,
): Node {
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
