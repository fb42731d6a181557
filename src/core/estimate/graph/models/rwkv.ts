/**
 * RWKV 6 and 7, and the Qwen2-shaped models that took their time mixing over.
 * Source: llama.cpp v0.5.0 src/models/{rwkv6-base,rwkv7-base,rwkv6,rwkv7,rwkv6qwen2,arwkv7}.cpp.
 */
import type { Build, LayerSite, Weights } from "../builder.ts";
import { feedForward } from "../feed-forward.ts";
import * as g from "../ggml.ts";
import { inputEmbeddings, inputOutputRows } from "../inputs.ts";
import type { Node } from "../node.ts";
import { outputHead } from "../output-head.ts";
import {
  convolutionCells,
  recurrenceCells,
  type StateInput,
  sequencesOf,
  stateInput,
  stateRows,
  storedCount,
  storeState,
} from "../recurrent.ts";
import { lastToken, loadShift, shifted, storeShift } from "../rwkv.ts";

type TimeMix = (build: Build, site: LayerSite, state: StateInput, normed: Node, before: Node, memory: Memory) => Node;

/** What later layers reuse of the first. */
interface Memory {
  firstValue: Node | undefined;
}

/** Two shifts a layer, ahead of time mixing and of channel mixing. */
const rwkv =
  (timeMix: TimeMix, channelMix: (weights: Weights, x: Node, before: Node) => Node, rescales: boolean) =>
  (build: Build): void => {
    const width = build.hyper.embeddingLength;
    const sequences = sequencesOf(build);
    const { count, tokens } = sequences;
    const flat = (x: Node): Node => g.reshape(x, width, tokens * count);
    const rescale = build.count("rescale_every_n_layers");
    const memory: Memory = { firstValue: undefined };
    let hidden = build.weights.norm("token_embd_norm", inputEmbeddings(build), "layer");
    const state = stateInput(build);
    const rows = inputOutputRows(build);
    for (const site of build.layers) {
      const { weights } = site;
      const line = g.reshape(hidden, width, tokens, count);
      const cells = convolutionCells(build, site.facts);
      const kept = loadShift(build.graph, state, cells, width, sequences);
      const keptRow = (): Node => g.view3d(kept, width, 1, count, kept.nb1, kept.nb2);
      const [attentionShift, channelShift] = [keptRow(), keptRow()];
      const normed = weights.norm("attn_norm", line, "layer");
      const mixed = timeMix(build, site, state, normed, shifted(attentionShift, normed, sequences), memory);
      const middle = g.add(mixed, line);
      const inner = weights.norm("attn_norm_2", middle, "layer");
      const before = shifted(channelShift, inner, sequences);
      storeShift(build.graph, cells, g.concat(lastToken(normed, sequences), lastToken(inner, sequences), 1), sequences);
      let [residual, x, previous] = [flat(middle), flat(inner), flat(before)];
      if (site.last)
        [residual, x, previous] = [g.getRows(residual, rows), g.getRows(x, rows), g.getRows(previous, rows)];
      hidden = g.add(channelMix(weights, x, previous), residual);
      if (rescales && rescale !== 0 && (site.index + 1) % rescale === 0) hidden = g.scale(hidden);
    }
    outputHead(build, hidden, { kind: "layer" });
  };

/** One shift a layer; feed-forward is Qwen's. */
const qwenShaped =
  (timeMix: TimeMix) =>
  (build: Build): void => {
    const width = build.hyper.embeddingLength;
    const sequences = sequencesOf(build);
    const { count, tokens } = sequences;
    const memory: Memory = { firstValue: undefined };
    let hidden = inputEmbeddings(build);
    const state = stateInput(build);
    const rows = inputOutputRows(build);
    for (const site of build.layers) {
      const { weights } = site;
      const line = g.reshape(hidden, width, tokens, count);
      const cells = convolutionCells(build, site.facts);
      const kept = loadShift(build.graph, state, cells, width, sequences);
      const normed = weights.rmsNorm("attn_norm", line);
      const mixed = timeMix(build, site, state, normed, shifted(kept, normed, sequences), memory);
      storeShift(build.graph, cells, lastToken(normed, sequences), sequences);
      let middle = g.reshape(g.add(mixed, line), width, tokens * count);
      if (site.last) middle = g.getRows(middle, rows);
      hidden = g.add(feedForward(weights, weights.rmsNorm("ffn_norm", middle)), middle);
    }
    outputHead(build, hidden);
  };

function channelMix6(weights: Weights, x: Node, before: Node): Node {
  const step = g.sub(before, x);
  const towards = (name: string): Node => g.add(g.mul(step, weights.need(name)), x);
  const key = towards("channel_mix_lerp_k.weight");
  const gate = g.sigmoid(weights.mulMat("channel_mix_receptance", towards("channel_mix_lerp_r.weight")));
  const value = weights.mulMat("channel_mix_value", g.sqr(g.relu(weights.mulMat("channel_mix_key", key))));
  return g.mul(gate, value);
}

function channelMix7(weights: Weights, x: Node, before: Node): Node {
  const key = g.add(g.mul(g.sub(before, x), weights.need("channel_mix_lerp_k.weight")), x);
  return weights.mulMat("channel_mix_value", g.sqr(g.relu(weights.mulMat("channel_mix_key", key))));
}

/** The five inputs of RWKV 6's time mixing, each a learned blend of a token and the one before. */
const blends = ["w", "k", "v", "r", "g"] as const;

function timeMix6(build: Build, site: LayerSite, input: StateInput, normed: Node, before: Node): Node {
  const { weights } = site;
  const { tokens } = build.batch;
  const { count, tokens: perSequence } = sequencesOf(build);
  const width = build.hyper.embeddingLength;
  const headSize = build.count("wkv.head_size");
  const heads = width / headSize;
  const kvHeads = storedCount(build, "attention.head_count_kv", site.index);
  const gatedLinear = !weights.has("time_mix_first.weight");
  let step = g.reshape(g.sub(before, normed), width, tokens);
  let x = g.reshape(normed, width, tokens);
  const down = weights.need("time_mix_w1.weight");
  const up = weights.need("time_mix_w2.weight");
  const seed = g.add(g.mul(step, weights.need("time_mix_lerp_x.weight")), x);
  let mixes = g.reshape(g.tanh(g.mulMat(down, seed)), down.ne1 / blends.length, 1, blends.length, tokens);
  mixes = g.cont(g.permute(mixes, 0, 1, 3, 2));
  mixes = g.mulMat(g.reshape(up, up.ne0, up.ne1, 1, blends.length), mixes);
  const view = (all: Node): Node => g.view2d(all, width, tokens, all.nb1);
  const fused = weights.find("time_mix_lerp_fused.weight");
  let blended: Node[];
  if (fused) {
    step = g.reshape(step, width, 1, tokens);
    x = g.reshape(x, width, 1, tokens);
    const all = g.add(g.mul(g.add(mixes, fused), step), x);
    blended = blends.map(() => view(all));
  } else {
    const [all, ahead, own] = [mixes, step, x];
    blended = blends.map((name) =>
      g.add(g.mul(g.add(view(all), weights.need(`time_mix_lerp_${name}.weight`)), ahead), own),
    );
  }
  const [forDecay = x, forKey = x, forValue = x, forReceptance = x, forGate = x] = blended;
  const r = weights.linear("time_mix_receptance", forReceptance);
  let k = weights.linear("time_mix_key", forKey);
  let v = weights.linear("time_mix_value", forValue);
  const gate = g.unary(weights.mulMat("time_mix_gate", forGate));
  if (kvHeads !== 0 && kvHeads !== heads) {
    const repeated = (part: Node): Node =>
      g.repeat4d(g.reshape(part, headSize, 1, kvHeads, tokens), headSize, heads / kvHeads, kvHeads, tokens);
    k = repeated(k);
    v = repeated(v);
  }
  const apart = (part: Node): Node => g.reshape(part, headSize, heads, tokens);
  let decay = g.mulMat(
    weights.need("time_mix_decay_w2.weight"),
    g.tanh(g.mulMat(weights.need("time_mix_decay_w1.weight"), forDecay)),
  );
  decay = g.add(decay, weights.need("time_mix_decay.weight"));
  const w = apart(g.exp(g.neg(g.exp(decay))));
  let keys = apart(k);
  const values = apart(v);
  const receptance = apart(r);
  if (gatedLinear) keys = g.sub(keys, g.mul(keys, w));
  const cells = recurrenceCells(build, site.facts);
  const kept = stateRows(build.graph, input, cells);
  const result = gatedLinear
    ? g.gatedLinearAttn(keys, values, receptance, w, kept)
    : g.rwkvWkv6(keys, values, receptance, weights.need("time_mix_first.weight"), w, kept);
  let cur = g.view1d(result, width * tokens);
  storeState(build.graph, cells, g.view1d(result, width * headSize * count));
  cur = gatedLinear ? g.reshape(cur, width, tokens) : headsNormed(weights, cur, heads, tokens);
  cur = weights.mulMat("time_mix_output", g.mul(cur, gate));
  return g.reshape(cur, width, perSequence, count);
}

/** A norm of each head, then weights over all of them. */
function headsNormed(weights: Weights, cur: Node, heads: number, tokens: number): Node {
  const width = cur.ne0 / tokens;
  const normed = g.reshape(g.norm(g.reshape(cur, width / heads, heads, tokens)), width, tokens);
  return g.add(g.mul(normed, weights.need("time_mix_ln.weight")), weights.need("time_mix_ln.bias"));
}

function timeMix7(build: Build, site: LayerSite, input: StateInput, normed: Node, before: Node, memory: Memory): Node {
  const { weights } = site;
  const { tokens } = build.batch;
  const { count, tokens: perSequence } = sequencesOf(build);
  const width = build.hyper.embeddingLength;
  const headSize = build.count("wkv.head_size");
  const heads = width / headSize;
  const gated = weights.has("time_mix_g1.weight") && weights.has("time_mix_g2.weight");
  const need = (part: string): Node => weights.need(`time_mix_${part}.weight`);
  const step = g.repeat4d(g.sub(before, normed), width, perSequence, count, gated ? 6 : 5);
  const mixes = g.add(g.mul(step, need("lerp_fused")), normed);
  const view = (): Node => g.view2d(mixes, width, tokens, mixes.nb1);
  const [forReceptance, forDecay, forKey, forValue, forRate, forGate] = [
    view(),
    view(),
    view(),
    view(),
    view(),
    view(),
  ];
  const r = weights.mulMat("time_mix_receptance", forReceptance);
  const decay = g.add(g.mulMat(need("w2"), g.tanh(g.mulMat(need("w1"), forDecay))), need("w0"));
  const w = g.exp(g.scale(g.sigmoid(decay)));
  const key = weights.mulMat("time_mix_key", forKey);
  let value = weights.mulMat("time_mix_value", forValue);
  if (memory.firstValue === undefined) memory.firstValue = value;
  else {
    const share = g.sigmoid(g.add(g.mulMat(need("v2"), g.mulMat(need("v1"), forValue)), need("v0")));
    value = g.add(value, g.mul(g.sub(memory.firstValue, value), share));
  }
  const gate = gated ? g.mulMat(need("g2"), g.sigmoid(g.mulMat(need("g1"), forGate))) : undefined;
  const rate = g.sigmoid(g.add(g.mulMat(need("a2"), g.mulMat(need("a1"), forRate)), need("a0")));
  const unit = g.l2Norm(g.reshape(g.mul(key, need("k_k")), headSize, heads, tokens));
  const scaled = g.mul(key, need("k_a"));
  const apart = (part: Node): Node => g.reshape(part, headSize, heads, tokens);
  const k = apart(g.add(key, g.sub(g.mul(rate, scaled), scaled)));
  const [receptance, decays, v, a] = [apart(r), apart(w), apart(value), apart(rate)];
  const cells = recurrenceCells(build, site.facts);
  const kept = stateRows(build.graph, input, cells);
  const result = g.rwkvWkv7(receptance, decays, k, v, g.neg(unit), g.mul(unit, a), kept);
  let cur = g.view1d(result, width * tokens);
  storeState(build.graph, cells, g.view1d(result, width * headSize * count));
  cur = weights.has("time_mix_ln.weight") ? headsNormed(weights, cur, heads, tokens) : g.reshape(cur, width, tokens);
  const bonus = g.sumRows(g.mul(g.mul(k, receptance), g.reshape(need("r_k"), headSize, heads)));
  cur = g.add(cur, g.reshape(g.mul(v, bonus), width, tokens));
  if (gate) cur = g.mul(cur, gate);
  return g.reshape(weights.mulMat("time_mix_output", cur), width, perSequence, count);
}

export const rwkvGraphs = {
  rwkv6: rwkv(timeMix6, channelMix6, true),
  rwkv7: rwkv(timeMix7, channelMix7, false),
  rwkv6qwen2: qwenShaped(timeMix6),
  arwkv7: qwenShaped(timeMix7),
};
