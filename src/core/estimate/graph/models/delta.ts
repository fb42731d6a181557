/**
 * Models whose recurrent layers follow a delta rule: Qwen3-Next, Qwen3.5, Kimi Linear, Ling 3.
 * Source: llama.cpp v0.5.0 src/models/{qwen3next,qwen35,qwen35moe,kimi-linear,bailingmoe3}.cpp.
 */
import { type AttentionInput, attentionInput, cachedAttention } from "../attention.ts";
import type { Build, LayerSite, Weights } from "../builder.ts";
import { type DeltaAttentionRow, deltaAttention } from "../delta-attention.ts";
import { gatedDeltaLayer } from "../delta-net.ts";
import { feedForward } from "../feed-forward.ts";
import { flatProjections } from "../flat-projections.ts";
import * as g from "../ggml.ts";
import { inputEmbeddings, inputOutputRows, inputPositions } from "../inputs.ts";
import {
  absorbedAttention,
  latentDims,
  latentInput,
  latentQueries,
  splitLatent,
  unfoldedAttention,
} from "../latent.ts";
import { type MixtureOptions, mixture } from "../mixture.ts";
import type { Node } from "../node.ts";
import { outputHead, outputHeadOfRows } from "../output-head.ts";
import { type StateInput, sequencesOf, stateInput } from "../recurrent.ts";
import { routerKeys } from "../router.ts";

interface QwenRow {
  readonly positionsPerToken: number;
  /** queries and gates are reshaped before they are parted */
  readonly reshaped: boolean;
  readonly recurrent: (build: Build, site: LayerSite, state: StateInput, x: Node) => Node;
}

const qwen =
  (row: QwenRow) =>
  (build: Build): void => {
    let hidden = inputEmbeddings(build);
    const state = stateInput(build);
    const attention = attentionInput(build);
    const positions = inputPositions(build, row.positionsPerToken);
    const rows = inputOutputRows(build);
    for (const site of build.layers) {
      const { weights, facts } = site;
      const normed = weights.rmsNorm("attn_norm", hidden);
      build.graph.expand(normed);
      const cur = facts.recurrent
        ? row.recurrent(build, site, state, normed)
        : gatedAttention(build, site, attention, positions, normed, row.reshaped);
      const mixed = g.add(cur, hidden);
      hidden = g.add(gatedMixture(build, weights, weights.rmsNorm("post_attention_norm", mixed)), mixed);
    }
    outputHeadOfRows(build, hidden, rows);
  };

/** Queries come with a gate of their size, head by head. */
function gatedAttention(
  build: Build,
  site: LayerSite,
  input: AttentionInput,
  positions: Node,
  x: Node,
  reshaped: boolean,
): Node {
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
    {
      mixed,
      z,
      beta: g.reshape(beta, 1, valueHeads, tokens, count),
      gate: g.reshape(gate, 1, valueHeads, tokens, count),
    },
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
    if (facts.recurrent) cur = deltaAttention(build, site, state, normed, kimiDelta);
    else {
      const q = latentQueries(site, normed);
      const dims = latentDims(build, site);
      const both = weights.mulMat("attn_kv_a_mqa", normed);
      const parts = splitLatent(both, dims);
      const vector = weights.rmsNorm("attn_kv_a_norm", parts.latent);
      if (latent) cur = absorbedAttention(build, site, latent, { q, latent: vector, shared: parts.shared }, (x) => x);
      else if (cached) {
        const queries = g.reshape(q, dims.nope + dims.rope, dims.heads, build.batch.tokens);
        cur = unfoldedAttention(
          build,
          site,
          cached,
          { q: queries, latent: vector, shared: parts.shared },
          { rotatedFirst: true },
        );
      } else throw new RangeError("the model has neither kind of cache");
    }
    if (site.last) {
      cur = g.getRows(cur, rows);
      hidden = g.getRows(hidden, rows);
    }
    const mixed = g.add(cur, hidden);
    const inner = weights.rmsNorm("ffn_norm", mixed);
    hidden = g.add(routedWithShared(build, site, inner, { ...routerKeys(build), normalized: true }), mixed);
  }
  outputHead(build, hidden);
}

/** The decay of Kimi Linear, and of Kimi K3 unless its file gives a lower bound. */
export const softDecay: DeltaAttentionRow["decay"] = (projected, apart, rates) =>
  g.mul(apart(g.softplus(projected)), rates);

const kimiDelta: DeltaAttentionRow = {
  decay: softDecay,
  outerGate: ({ weights }, x) => weights.mulMat("ssm_g_b", weights.mulMat("ssm_g_a", x)),
  reshaped: true,
  flatState: true,
};

const bailingDelta: DeltaAttentionRow = {
  decay: (projected, apart, rates) => g.scale(g.sigmoid(g.mul(apart(projected), rates))),
  outerGate: ({ weights }, x) => weights.mulMat("ssm_g_a", x),
  reshaped: false,
  flatState: false,
};

/** Ling 3 (`bailingmoe3`): delta attention, and latent attention with positions and a gate a head. */
function bailing3(build: Build): void {
  const { batch } = build;
  let hidden = inputEmbeddings(build);
  const state = stateInput(build);
  const latent = latentInput(build);
  const positions = inputPositions(build);
  const rows = inputOutputRows(build);
  const rotate = (x: Node): Node => g.ropeExt(x, positions);
  for (const site of build.layers) {
    const { weights, facts } = site;
    const normed = weights.rmsNorm("attn_norm", hidden);
    let cur: Node;
    if (facts.recurrent) cur = deltaAttention(build, site, state, normed, bailingDelta);
    else {
      const dims = latentDims(build, site);
      const q = latentQueries(site, normed);
      const parts = splitLatent(weights.mulMat("attn_kv_a_mqa", normed), dims);
      const shared = rotate(parts.shared);
      const vector = weights.rmsNorm("attn_kv_a_norm", parts.latent);
      const attended = absorbedAttention(build, site, latent, { q, latent: vector, shared }, rotate, {
        output: undefined,
      });
      const gate = g.sigmoid(g.reshape(weights.mulMat("attn_gate", normed), 1, dims.heads, batch.tokens));
      const gated = g.mul(g.reshape(attended, dims.value, dims.heads, batch.tokens), gate);
      cur = weights.mulMat("attn_output", g.cont2d(gated, dims.value * dims.heads, batch.tokens));
    }
    const mixed = g.add(cur, hidden);
    hidden = g.add(routedWithShared(build, site, weights.rmsNorm("ffn_norm", mixed), routerKeys(build)), mixed);
  }
  outputHeadOfRows(build, hidden, rows);
}

/** Experts as the router says and a shared one; dense where a layer has no router. */
function routedWithShared(build: Build, { weights }: LayerSite, x: Node, options: MixtureOptions): Node {
  if (!weights.has("ffn_gate_inp.weight")) return feedForward(weights, x);
  const routed = mixture(build, weights, x, options);
  return g.add(routed, feedForward(weights, x, { up: "ffn_up_shexp", gate: "ffn_gate_shexp", down: "ffn_down_shexp" }));
}

export const deltaGraphs = {
  qwen3next: qwen({ positionsPerToken: 1, reshaped: true, recurrent: nextRecurrent }),
  qwen35: qwen({ positionsPerToken: 4, reshaped: false, recurrent: qwen35Recurrent }),
  qwen35moe: qwen({ positionsPerToken: 4, reshaped: false, recurrent: qwen35Recurrent }),
  "kimi-linear": kimiLinear,
  bailingmoe3: bailing3,
};
