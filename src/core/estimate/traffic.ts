/**
 * What one decoded token reads and computes, place by place: weights by storage type (experts at their expected share),
 * recurrent state, and per cached position the bytes and flops of attention. Formulas: speed.md of the reference, §2,
 * after llama.cpp v0.5.0 (`token_embd` is a row lookup; a tied head reads it whole).
 */
import type { Hyperparameters, LayerFacts, Model } from "../facts/model.ts";
import { HOST, type Placement } from "../facts/placement.ts";
import type { Run } from "../facts/run.ts";
import { rowBytes, type TensorType } from "../facts/tensor-type.ts";
import type { Bytes, Tokens } from "../units.ts";
import { type RoledTensor, roledTensors } from "./roles.ts";

/** Attention of the layers that share a window: cost of one cached position. `windowTokens` 0 = no window. */
export interface CacheRead {
  readonly windowTokens: Tokens;
  bytesPerPosition: Bytes;
  flopsPerPosition: number;
}

/** All of it on one place (a device, or the host). */
export interface Traffic {
  /** weights read per token */
  readonly bytesByType: Map<TensorType, Bytes>;
  readonly weightsByType: Map<TensorType, number>;
  activeBytes: Bytes;
  /** every routed expert held here, and the share of them one token uses */
  expertBytes: Bytes;
  expertFraction: number;
  /** weights that multiply in prefill: everything but embedding, head and vectors */
  denseWeights: number;
  expertWeights: number;
  stateBytes: Bytes;
  readonly cacheReads: CacheRead[];
  layerCount: number;
  moeLayerCount: number;
  linearLayerCount: number;
  /** expert layers computed here whose attention is elsewhere */
  guestExpertLayerCount: number;
}

export interface TrafficByPlace {
  readonly devices: readonly Traffic[];
  readonly host: Traffic;
  readonly latent: boolean;
  readonly embeddingLength: number;
  readonly usedExperts: number;
}

function emptyTraffic(expertFraction: number): Traffic {
  return {
    bytesByType: new Map(),
    weightsByType: new Map(),
    activeBytes: 0,
    expertBytes: 0,
    expertFraction,
    denseWeights: 0,
    expertWeights: 0,
    stateBytes: 0,
    cacheReads: [],
    layerCount: 0,
    moeLayerCount: 0,
    linearLayerCount: 0,
    guestExpertLayerCount: 0,
  };
}

/** Cached bytes of one position of a layer; with latent attention one row and no V. */
export function cacheBytesPerPosition(layer: LayerFacts, run: Run, latent: boolean): Bytes {
  if (!layer.attention) return 0;
  const key = rowBytes(run.cacheTypeK, layer.keyDim * layer.kvHeadCount);
  return latent ? key : key + rowBytes(run.cacheTypeV, layer.valueDim * layer.kvHeadCount);
}

/** Multiply-adds of attention per cached position: QK and AV; latent attention works on the compressed row. */
function attentionFlops(layer: LayerFacts, hyper: Hyperparameters): number {
  if (!layer.attention) return 0;
  if (hyper.latent) return 2 * layer.headCount * (2 * hyper.latent.kvRank + hyper.latent.ropeDim);
  return 2 * layer.headCount * (layer.keyDim + layer.valueDim);
}

function addTo<K>(map: Map<K, number>, key: K, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}

/** Share of a tensor that one token reads. */
function readShare(tensor: RoledTensor, expertFraction: number, tied: boolean): number {
  if (tensor.role === "experts") return expertFraction;
  if (tensor.role === "embedding") return tied && tensor.name === "token_embd.weight" ? 1 : 0;
  return 1;
}

function addWeights(traffic: Traffic, tensor: RoledTensor, share: number): void {
  if (share === 0) return;
  addTo(traffic.bytesByType, tensor.type, tensor.bytes * share);
  addTo(traffic.weightsByType, tensor.type, tensor.weights * share);
  traffic.activeBytes += tensor.bytes * share;
  if (tensor.role === "experts") {
    traffic.expertBytes += tensor.bytes;
    traffic.expertWeights += tensor.weights * share;
  } else if (tensor.role !== "norm" && tensor.role !== "embedding" && tensor.role !== "output")
    traffic.denseWeights += tensor.weights;
}

function addLayer(traffic: Traffic, layer: LayerFacts): void {
  traffic.layerCount++;
  if (layer.moe) traffic.moeLayerCount++;
  if (!layer.recurrent) return;
  if (!layer.attention) traffic.linearLayerCount++;
  // read and written once a token, f32
  traffic.stateBytes += (layer.stateElements + layer.convStateElements) * 4 * 2;
}

function addCache(traffic: Traffic, layer: LayerFacts, hyper: Hyperparameters, run: Run): void {
  if (!layer.attention) return;
  const windowTokens = layer.windowTokens;
  let read = traffic.cacheReads.find((row) => row.windowTokens === windowTokens);
  if (!read) {
    read = { windowTokens, bytesPerPosition: 0, flopsPerPosition: 0 };
    traffic.cacheReads.push(read);
  }
  read.bytesPerPosition += cacheBytesPerPosition(layer, run, hyper.latent !== undefined);
  read.flopsPerPosition += attentionFlops(layer, hyper);
}

/** What a token costs on every place of `placement`. Pure; one pass over the tensor table. */
export function trafficOf(model: Model, run: Run, placement: Placement): TrafficByPlace {
  const { hyper } = model;
  const expertFraction = hyper.experts && hyper.experts.total > 0 ? hyper.experts.used / hyper.experts.total : 1;
  const devices = Array.from({ length: placement.deviceCount }, () => emptyTraffic(expertFraction));
  const host = emptyTraffic(expertFraction);
  const at = (device: number): Traffic => (device === HOST ? host : (devices[device] ?? host));
  const tensors = roledTensors(model);
  const tied = !tensors.some((tensor) => tensor.name === "output.weight");
  const guests = new Set<number>();
  for (const tensor of tensors) {
    if (tensor.layer >= 0 && hyper.layers[tensor.layer]?.nextn) continue;
    const share = readShare(tensor, expertFraction, tied);
    if (share === 0) continue;
    const home = tensor.layer >= 0 ? (placement.layerDevices[tensor.layer] ?? HOST) : placement.outputDevice;
    const device = placement.hasOverrides ? (placement.overrideOf(tensor.name) ?? home) : home;
    if (device === HOST && home !== HOST && tensor.role === "experts") guests.add(tensor.layer);
    addWeights(at(device), tensor, share);
  }
  host.guestExpertLayerCount = guests.size;
  for (const layer of hyper.layers) {
    if (layer.nextn) continue;
    addLayer(at(placement.layerDevices[layer.index] ?? HOST), layer);
    addCache(at(placement.cacheDevices[layer.index] ?? HOST), layer, hyper, run);
  }
  return {
    devices,
    host,
    latent: hyper.latent !== undefined,
    embeddingLength: hyper.embeddingLength,
    usedExperts: hyper.experts?.used ?? 0,
  };
}

/** Bytes of cache read and flops of attention for one token at `depthTokens` live positions. */
export function cacheAt(traffic: Traffic, depthTokens: Tokens): { readonly bytes: Bytes; readonly flops: number } {
  let bytes = 0;
  let flops = 0;
  for (const read of traffic.cacheReads) {
    const live = read.windowTokens > 0 ? Math.min(depthTokens, read.windowTokens) : depthTokens;
    bytes += read.bytesPerPosition * live;
    flops += read.flopsPerPosition * live;
  }
  return { bytes, flops };
}

/** Shares of traffics added up: what a place takes of several. Counts may be fractions of layers. */
export function addTraffic(parts: readonly (readonly [Traffic, number])[]): Traffic {
  const sum = emptyTraffic(parts[0]?.[0].expertFraction ?? 1);
  for (const [part, share] of parts) {
    if (share === 0) continue;
    for (const [type, bytes] of part.bytesByType) addTo(sum.bytesByType, type, bytes * share);
    for (const [type, weights] of part.weightsByType) addTo(sum.weightsByType, type, weights * share);
    sum.activeBytes += part.activeBytes * share;
    sum.expertBytes += part.expertBytes * share;
    sum.denseWeights += part.denseWeights * share;
    sum.expertWeights += part.expertWeights * share;
    sum.stateBytes += part.stateBytes * share;
    sum.layerCount += part.layerCount * share;
    sum.moeLayerCount += part.moeLayerCount * share;
    sum.linearLayerCount += part.linearLayerCount * share;
    sum.guestExpertLayerCount += part.guestExpertLayerCount * share;
    for (const { windowTokens, bytesPerPosition, flopsPerPosition } of part.cacheReads)
      sum.cacheReads.push({
        windowTokens,
        bytesPerPosition: bytesPerPosition * share,
        flopsPerPosition: flopsPerPosition * share,
      });
  }
  return sum;
}
