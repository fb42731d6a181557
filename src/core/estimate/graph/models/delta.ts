/**
 * Models whose recurrent layers follow a delta rule: Qwen3-Next, Qwen3.5, Kimi Linear.
 * Source: llama.cpp v0.5.0 src/models/{qwen3next,qwen35,qwen35moe,kimi-linear}.cpp.
 */
import { type AttentionInput, attentionInput, cachedAttention } from "../attention.ts";
import type { Build, LayerSite, Weights } from "../builder.ts";
import { deltaRule, gatedDeltaLayer, lengthNorm } from "../delta-net.ts";
import { feedForward } from "../feed-forward.ts";
import { flatProjections } from "../flat-projections.ts";
import * as g from "../ggml.ts";
import { inputEmbeddings, inputOutputRows, inputPositions } from "../inputs.ts";
import { absorbedAttention, latentDims, latentInput, latentQueries, splitLatent, unfoldedAttention } from "../latent.ts";
import { mixture } from "../mixture.ts";
import type { Node } from "../node.ts";
import { outputHead, outputHeadOfRows } from "../output-head.ts";
import {
  convolutionCells,
  lastColumns,
  recurrenceCells,
  type StateInput,
  sequencesOf,
  storedCount,
  stateInput,
  stateRows,
  storeState,
} from "../recurrent.ts";
import { routerKeys } from "../router.ts";

interface QwenRow {
  readonly positionsPerToken: number;
  /** queries and gates are reshaped before they are parted */
  readonly reshaped: boolean;
  readonly recurrent: (build: Build, site: LayerSite, state: StateInput, x: Node) => Node;
}

const qwen = (row: QwenRow) => (build: Build): void => {
  let hidden = inputEmbeddings(build);
  const state = stateInput(build);
  const attention = attentionInput(build);
  const positions = inputPositions(build, row.positionsPerToken);
  const rows = inputOutputRows(build);
  for (const site of build.layers) {
    const { weights, facts } = site;
    const normed = weights.rmsNorm("attn_norm", hidden);
    build.graph.expand(normed);
    const cur = facts.recurrent ? row.recurrent(build, site, state, normed) : gatedAttention(build, site, attention, positions, normed, row.reshaped);
    const mixed = g.add(cur, hidden);
    hidden = g.add(gatedMixture(build, weights, weights.rmsNorm("post_attention_norm", mixed)), mixed);
  }
  outputHeadOfRows(build, hidden, rows);
};

/** Queries come with a gate of their size, head by head. */
function gatedAttention(build: Build, site: LayerSite, input: AttentionInput, positions: Node, x: Node, reshaped: boolean): Node {
  const { tokens } = build.batch;
  const { weights, facts } = site;
  const { headCount, kvHeadCount, keyDim } = facts;
  const flat = flatProjections(site, x, keyDim * 2);
  const both = reshaped ? g.reshape(flat.q, keyDim * 2, headCount, tokens) : flat.q;
  const half = (): Node => g.view3d(both, keyDim, headCount, tokens, keyDim * 8, keyDim * 8 * headCount);
  const q = g.ropeExt(weights.rmsNorm("attn_q_norm", half()), positions);
  const k = g.ropeExt(weights.rmsNorm("attn_k_norm", g.reshape(flat.k, keyDim, kvHeadCount, tokens)), positions);
  const v = g.reshape(flat.v, keyDim, kvHeadCount, tokens);
  const attended = cachedAttention(build, site, input, { q, k, v }, { output: undefined });
  const gate = g.sigmoid(g.cont2d(half(), keyDim * headCount, tokens));
  return weights.mulMat("attn_output", g.mul(attended, gate));
}

/** Routed experts and a shared one behind a gate of its own; dense where a layer has no router. */
function gatedMixture(build: Build, weights: Weights, x: Node): Node {
  if (!weights.has("ffn_gate_inp.weight")) return feedForward(weights, x);
  const routed = mixture(build, weights, x, { ...routerKeys(build), gating: "softmax", normalized: true });
  if (!weights.has("ffn_up_shexp.weight")) return routed;
  const shared = feedForward(weights, x, { up: "ffn_up_shexp", gate: "ffn_gate_shexp", down: "ffn_down_shexp" });
  const gate = g.sigmoid(weights.mulMat("ffn_gate_inp_shexp", x));
  return g.add(routed, g.mul(shared, gate));
}

function deltaHeads(build: Build, repeated: boolean) {
  return {
    kernel: build.count("ssm.conv_kernel"),
    width: build.count("ssm.state_size"),
    keyHeads: build.count("ssm.group_count"),
    valueHeads: build.count("ssm.time_step_rank"),
    repeated,
  };
}

/** Qwen3-Next: one matrix for both gates. Files of an older layout hold queries, keys, values and z in one as well. */
function nextRecurrent(build: Build, site: LayerSite, state: StateInput, x: Node): Node {
  const { weights } = site;
  const { count, tokens } = sequencesOf(build);
  const heads = deltaHeads(build, true);
  const { keyHeads, valueHeads } = heads;
  const share = valueHeads / keyHeads;
  const { mixed, z } = weights.has("attn_qkv.weight")
    ? { mixed: inSequences(weights.mulMat("attn_qkv", x), build), z: weights.mulMat("attn_gate", x) }
    : olderProjections(build, weights, x);
  const both = g.reshape(weights.mulMat("ssm_ba", x), share * 2, keyHeads, tokens, count);
  const part = (): Node => g.view4d(both, share, keyHeads, tokens, count, both.nb1, both.nb2, both.nb3);
  const beta = g.sigmoid(g.cont(part()));
  const decay = g.softplus(g.add(g.cont3d(part(), valueHeads, tokens, count), weights.need("ssm_dt.bias")));
  const gate = g.mul(decay, weights.need("ssm_a"));
  return gatedDeltaLayer(
    build,
    site,
    state,
    { mixed, z, beta: g.reshape(beta, 1, valueHeads, tokens, count), gate: g.reshape(gate, 1, valueHeads, tokens, count) },
    heads,
  );
}

function olderProjections(build: Build, weights: Weights, x: Node): { readonly mixed: Node; readonly z: Node } {
  const { count, tokens } = sequencesOf(build);
  const { width, keyHeads, valueHeads } = deltaHeads(build, true);
  const values = (width * valueHeads) / keyHeads;
  const all = g.reshape(weights.mulMat("ssm_in", x), 2 * width + 2 * values, keyHeads, tokens, count);
  const part = (size: number): Node => g.view4d(all, size, keyHeads, tokens, count, all.nb1, all.nb2, all.nb3);
  const flat = (size: number, line: number): Node => g.cont3d(part(size), line, tokens, count);
  const keys = width * keyHeads;
  const mixed = g.concat(g.concat(flat(width, keys), flat(width, keys), 0), flat(values, width * valueHeads), 0);
  return { mixed, z: g.cont(part(values)) };
}

function inSequences(x: Node, build: Build): Node {
  const { count, tokens } = sequencesOf(build);
  return g.reshape(x, x.ne0, tokens, count);
}

/** Qwen3.5: the gates apart, and the operator repeats key heads itself. */
function qwen35Recurrent(build: Build, site: LayerSite, state: StateInput, x: Node): Node {
  const { weights } = site;
  const { count, tokens } = sequencesOf(build);
  const heads = deltaHeads(build, false);
  const { valueHeads } = heads;
  const beta = g.sigmoid(g.reshape(weights.mulMat("ssm_beta", x), 1, valueHeads, tokens, count));
  const alpha = g.reshape(weights.mulMat("ssm_alpha", x), valueHeads, tokens, count);
  const decay = g.softplus(g.add(alpha, weights.need("ssm_dt.bias")));
  const gate = g.reshape(g.mul(decay, weights.need("ssm_a")), 1, valueHeads, tokens, count);
  const mixed = inSequences(weights.mulMat("attn_qkv", x), build);
  return gatedDeltaLayer(build, site, state, { mixed, z: weights.mulMat("attn_gate", x), beta, gate }, heads);
}

/** Kimi Linear: delta attention with a decay per channel, and latent attention without positions in every fourth layer. */
function kimiLinear(build: Build): void {
  let hidden = inputEmbeddings(build);
  const state = stateInput(build);
  const absorbed = build.hyper.latent !== undefined;
  const latent = absorbed ? latentInput(build) : undefined;
  const cached = absorbed ? undefined : attentionInput(build);
  const rows = inputOutputRows(build);
  for (const site of build.layers) {
    const { weights, facts } = site;
    const normed = weights.rmsNorm("attn_norm", hidden);
    build.graph.expand(normed);
    let cur: Node;
    if (facts.recurrent) cur = kimiDelta(build, site, state, normed);
    else {
      const q = latentQueries(site, normed);
      const dims = latentDims(build, site);
      const both = weights.mulMat("attn_kv_a_mqa", normed);
      const parts = splitLatent(both, dims);
      const vector = weights.rmsNorm("attn_kv_a_norm", parts.latent);
      if (latent) cur = absorbedAttention(build, site, latent, { q, latent: vector, shared: parts.shared }, (x) => x);
      else if (cached) {
        const queries = g.reshape(q, dims.nope + dims.rope, dims.heads, build.batch.tokens);
        cur = unfoldedAttention(build, site, cached, { q: queries, latent: vector, shared: parts.shared }, { rotatedFirst: true });
      } else throw new RangeError("the model has neither kind of cache");
    }
    if (site.last) {
      cur = g.getRows(cur, rows);
      hidden = g.getRows(hidden, rows);
    }
    const mixed = g.add(cur, hidden);
    const inner = weights.rmsNorm("ffn_norm", mixed);
    let out: Node;
    if (weights.has("ffn_gate_inp.weight")) {
      const routed = mixture(build, weights, inner, { ...routerKeys(build), normalized: true });
      out = g.add(routed, feedForward(weights, inner, { up: "ffn_up_shexp", gate: "ffn_gate_shexp", down: "ffn_down_shexp" }));
    } else out = feedForward(weights, inner);
    hidden = g.add(out, mixed);
  }
  outputHead(build, hidden);
}

function kimiDelta(build: Build, site: LayerSite, input: StateInput, x: Node): Node {
  const { graph, batch } = build;
  const { weights, facts } = site;
  const { count, tokens } = sequencesOf(build);
  const width = build.count("kda.head_dim");
  // recurrent layers have as many heads as the model's first layer says, though they attend to nothing
  const heads = storedCount(build, "attention.head_count", 0);
  const cells = convolutionCells(build, facts);
  const before = stateRows(graph, input, cells);
  const fused = weights.has("attn_qkv.weight") ? weights.mulMat("attn_qkv", x) : undefined;
  const convolved = (part: "q" | "k" | "v"): Node => {
    const projected = fused
      ? g.cont(g.view2d(fused, width * heads, batch.tokens, fused.nb1))
      : weights.mulMat(`attn_${part}`, x);
    return kimiConvolution(build, weights.need(`ssm_conv1d_${part}.weight`), cells, before, projected, width, heads);
  };
  const [q, k, v] = [convolved("q"), convolved("k"), convolved("v")];
  let decay = weights.mulMat("ssm_f_b", weights.mulMat("ssm_f_a", x));
  decay = g.reshape(g.softplus(g.add(decay, weights.need("ssm_dt.bias"))), width, heads, batch.tokens);
  decay = g.mul(decay, g.reshape(weights.need("ssm_a"), 1, heads, 1));
  const gate = g.reshape(decay, width, heads, tokens, count);
  const beta = g.sigmoid(g.reshape(weights.mulMat("ssm_beta", x), 1, heads, tokens, count));
  const matrices = recurrenceCells(build, facts);
  const kept = g.reshape(stateRows(graph, input, matrices), width, width, heads, count);
  const result = deltaRule({ q: lengthNorm(q), k: lengthNorm(k), v, gate, beta }, kept);
  storeState(graph, matrices, result.state);
  const flat = g.reshape(g.reshape(x, x.ne0, tokens, count), x.ne0, batch.tokens);
  const outer = g.reshape(weights.mulMat("ssm_g_b", weights.mulMat("ssm_g_a", flat)), width, heads, batch.tokens);
  const normed = weights.rmsNorm("ssm_norm", g.reshape(g.cont(result.output), width, heads, batch.tokens));
  const gated = g.mul(normed, g.sigmoid(outer));
  return weights.mulMat("attn_output", g.cont2d(gated, width * heads, batch.tokens));
}

/** A convolution over one of queries, keys and values; their states lie side by side in one row. */
function kimiConvolution(build: Build, kernel: Node, cells: Node, before: Node, projected: Node, width: number, heads: number): Node {
  const { count, tokens } = sequencesOf(build);
  const kept = kernel.ne0 - 1;
  const inner = width * heads;
  const own = (rows: Node): Node => g.view3d(rows, kept, inner, count, kept * 4, cells.ne0 * 4);
  const joined = g.concat(own(before), g.transpose(g.reshape(projected, inner, tokens, count)), 0);
  build.graph.expand(g.cpy(lastColumns(joined, kept), own(cells)));
  const convolved = g.ssmConv(joined, g.reshape(kernel, kernel.ne0, inner));
  return g.reshape(g.silu(g.reshape(convolved, inner, tokens * count)), width, heads, tokens, count);
}

export const deltaGraphs = {
  qwen3next: qwen({ positionsPerToken: 1, reshaped: true, recurrent: nextRecurrent }),
  qwen35: qwen({ positionsPerToken: 4, reshaped: false, recurrent: qwen35Recurrent }),
  qwen35moe: qwen({ positionsPerToken: 4, reshaped: false, recurrent: qwen35Recurrent }),
  "kimi-linear": kimiLinear,
};
