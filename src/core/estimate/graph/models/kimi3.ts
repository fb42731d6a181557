/**
 * Kimi K3: delta attention and gated latent attention, whose inputs blend the states of earlier layers; experts in a narrower space.
 * Source: llama.cpp v0.5.0 src/models/kimi-k3.cpp.
 */
import type { Build, LayerSite } from "../builder.ts";
import { type DeltaAttentionRow, deltaAttention } from "../delta-attention.ts";
import * as g from "../ggml.ts";
import { inputEmbeddings, inputOutputRows } from "../inputs.ts";
import { absorbedAttention, type LatentInput, latentDims, latentInput, latentQueries, splitLatent } from "../latent.ts";
import { mixture } from "../mixture.ts";
import type { Node } from "../node.ts";
import { outputHead } from "../output-head.ts";
import { stateInput } from "../recurrent.ts";
import { routerKeys } from "../router.ts";
import { softDecay } from "./delta.ts";

/** SiTU: a gate bent by tanh and sigmoid; the other branch bent as well where its key is positive. */
const situ =
  (build: Build) =>
  (gate: Node, up: Node): Node => {
    const bent = g.mul(g.scale(g.tanh(g.scale(gate))), g.sigmoid(gate));
    return g.mul(bent, build.count("activation.situ_linear_beta") > 0 ? g.scale(g.tanh(g.scale(up))) : up);
  };

function deltaRow(build: Build): DeltaAttentionRow {
  const bounded = build.key("kda.gate_lower_bound") !== undefined;
  return {
    decay: bounded
      ? (projected, apart, rates) => g.scale(g.sigmoid(g.scale(g.mul(apart(projected), rates))))
      : softDecay,
    outerGate: ({ weights }, x) => weights.mulMat("ssm_g", x),
    reshaped: true,
    flatState: false,
  };
}

/** `states`: those of earlier checkpoints, [width, count, tokens]; the blend weighs them and the current one by learned scores. */
function blended(states: Node | undefined, current: Node, scores: Node): Node {
  if (states === undefined) return current;
  const count = states.ne1;
  const tokens = states.ne2;
  const old = g.reshape(g.sumRows(g.mul(g.rmsNorm(states), scores)), count, tokens);
  const own = g.sumRows(g.mul(g.rmsNorm(current), scores));
  const shares = g.softMax(g.concat(old, own, 0));
  const oldShares = g.cont(g.view2d(shares, count, tokens, shares.nb1));
  const ownShares = g.cont(g.view2d(shares, 1, tokens, shares.nb1));
  return g.add(g.hyperConnectionPre(states, oldShares), g.mul(current, ownShares));
}

function kimi3(build: Build): void {
  const { graph, batch, hyper } = build;
  const blockSize = build.count("attn_res.block_size");
  const row = deltaRow(build);
  const state = stateInput(build);
  let hidden = inputEmbeddings(build);
  const latent = latentInput(build);
  const rows = inputOutputRows(build);
  let states: Node | undefined;
  const mix = (current: Node, scores: () => Node): Node =>
    blockSize > 0 ? blended(states, current, scores()) : current;
  for (const site of build.layers) {
    const { weights, facts } = site;
    const input = mix(hidden, () => weights.need("attn_res_score.weight"));
    const banked = blockSize > 0 && site.index % blockSize === 0;
    if (banked) {
      const own = g.reshape(hidden, hyper.embeddingLength, 1, batch.tokens);
      states = states === undefined ? own : g.concat(states, own, 1);
    }
    const normed = weights.rmsNorm("attn_norm", input);
    graph.expand(normed);
    const cur = facts.recurrent
      ? deltaAttention(build, site, state, normed, row)
      : gatedLatent(build, site, latent, normed);
    const middle = banked ? cur : g.add(hidden, cur);
    const inner = weights.rmsNorm(
      "ffn_norm",
      mix(middle, () => weights.need("ffn_res_score.weight")),
    );
    hidden = g.add(middle, fed(build, site, inner));
  }
  const last = mix(hidden, () => build.weights.need("output_res_score.weight"));
  outputHead(build, g.getRows(last, rows));
}

/** Latent attention without positions, its heads' outputs gated one by one. */
function gatedLatent(build: Build, site: LayerSite, input: LatentInput, x: Node): Node {
  const { weights } = site;
  const q = latentQueries(site, x);
  const parts = splitLatent(weights.mulMat("attn_kv_a_mqa", x), latentDims(build, site));
  const vector = weights.rmsNorm("attn_kv_a_norm", parts.latent);
  let out = absorbedAttention(build, site, input, { q, latent: vector, shared: parts.shared }, (part) => part, {
    output: undefined,
  });
  if (weights.has("attn_gate.weight")) out = g.mul(out, g.sigmoid(weights.mulMat("attn_gate", x)));
  return weights.mulMat("attn_output", out);
}

function fed(build: Build, { weights }: LayerSite, x: Node): Node {
  const unit = situ(build);
  const dense = (suffix: string): Node =>
    weights.mulMat(
      `ffn_down${suffix}`,
      unit(weights.mulMat(`ffn_gate${suffix}`, x), weights.mulMat(`ffn_up${suffix}`, x)),
    );
  if (!weights.has("ffn_gate_inp.weight")) return dense("");
  const narrow = weights.has("ffn_routed_down.weight") ? weights.mulMat("ffn_routed_down", x) : x;
  let routed = mixture(build, weights, narrow, {
    ...routerKeys(build),
    logits: weights.mulMat("ffn_gate_inp", x),
    unit,
  });
  if (weights.has("ffn_routed_norm.weight")) routed = weights.rmsNorm("ffn_routed_norm", routed);
  if (weights.has("ffn_routed_up.weight")) routed = weights.mulMat("ffn_routed_up", routed);
  return weights.has("ffn_gate_shexp.weight") ? g.add(routed, dense("_shexp")) : routed;
}

export const kimi3Graphs = { "kimi-k3": kimi3 };
