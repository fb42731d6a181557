/**
 * Recurrent and hybrid models: each layer mixes tokens by a state-space scan, a short convolution, a delta rule, or attention.
 * Source: llama.cpp v0.5.0 src/models/{mamba,jamba,falcon-h1,granite-hybrid,nemotron-h,lfm2,plamo2}.cpp.
 */
import { type AttentionInput, attentionInput, cachedAttention, type Projections, projections } from "../attention.ts";
import type { Build, LayerSite } from "../builder.ts";
import { feedForward } from "../feed-forward.ts";
import * as g from "../ggml.ts";
import { inputEmbeddings, inputOutputRows, inputPositions } from "../inputs.ts";
import { mixture } from "../mixture.ts";
import type { Node } from "../node.ts";
import { outputHead, outputHeadOfRows } from "../output-head.ts";
import {
  convolutionCells,
  lastColumns,
  type StateInput,
  sequencesOf,
  stateInput,
  stateRows,
  storeStateRows,
} from "../recurrent.ts";
import { routerKeys } from "../router.ts";
import { bareNorm, mamba, mamba2, plamoMamba } from "../state-space.ts";

/** Mamba 1 and 2 alone. */
export const stateSpace =
  (generation: 1 | 2) =>
  (build: Build): void => {
    let hidden = inputEmbeddings(build);
    const state = stateInput(build);
    const rows = inputOutputRows(build);
    for (const site of build.layers) {
      const normed = site.weights.rmsNorm("attn_norm", hidden);
      let cur =
        generation === 2
          ? mamba2(build, site, state, normed)
          : mamba(build, site, state, normed, build.key("ssm.dt_b_c_rms") === true);
      if (site.last) {
        cur = g.getRows(cur, rows);
        hidden = g.getRows(hidden, rows);
      }
      hidden = g.add(cur, hidden);
    }
    outputHead(build, hidden);
  };

interface HybridInputs {
  readonly state: StateInput;
  readonly attention: AttentionInput;
}

/** `build_inp_mem_hybrid`, and its windowed form where layers have windows. */
function hybridInputs(build: Build): HybridInputs {
  return { state: stateInput(build), attention: attentionInput(build) };
}

function rotated(parts: Projections, positions: Node, factors?: Node): Projections {
  return { q: g.ropeExt(parts.q, positions, factors), k: g.ropeExt(parts.k, positions, factors), v: parts.v };
}

export function jamba(build: Build): void {
  let hidden = inputEmbeddings(build);
  const { state, attention } = hybridInputs(build);
  const rows = inputOutputRows(build);
  for (const site of build.layers) {
    const { weights, facts } = site;
    const normed = weights.rmsNorm("attn_norm", hidden);
    let cur = facts.recurrent
      ? mamba(build, site, state, normed, false)
      : cachedAttention(build, site, attention, projections(build, site, normed));
    if (site.last) {
      cur = g.getRows(cur, rows);
      hidden = g.getRows(hidden, rows);
    }
    const mixed = g.add(hidden, cur);
    const inner = weights.rmsNorm("ffn_norm", mixed);
    const out = weights.has("ffn_gate_inp.weight")
      ? mixture(build, weights, inner, { ...routerKeys(build), gating: "softmax", normalized: false })
      : feedForward(weights, inner);
    hidden = g.add(mixed, out);
  }
  outputHead(build, hidden);
}

/** Attention and Mamba 2 side by side in every layer. */
export function falconH1(build: Build): void {
  let hidden = inputEmbeddings(build);
  const positions = inputPositions(build);
  const { state, attention } = hybridInputs(build);
  const rows = inputOutputRows(build);
  for (const site of build.layers) {
    const { weights } = site;
    const parts = rotated(projections(build, site, weights.rmsNorm("attn_norm", hidden)), positions);
    const attended = cachedAttention(build, site, attention, parts);
    const scanned = mamba2(build, site, state, weights.rmsNorm("attn_norm", hidden));
    let mixed = g.add(g.add(attended, scanned), hidden);
    if (site.last) mixed = g.getRows(mixed, rows);
    hidden = g.add(feedForward(weights, weights.rmsNorm("ffn_norm", mixed)), mixed);
  }
  outputHead(build, hidden);
}

export function graniteHybrid(build: Build): void {
  const scaled = (x: Node): Node => (build.count("residual_scale") === 0 ? x : g.scale(x));
  let hidden = inputEmbeddings(build, build.count("embedding_scale") !== 0);
  const { state, attention } = hybridInputs(build);
  const rows = inputOutputRows(build);
  const turns = build.key("rope.scaling.finetuned") !== false;
  const positions = turns ? inputPositions(build) : undefined;
  for (const site of build.layers) {
    const { weights, facts } = site;
    const normed = weights.rmsNorm("attn_norm", hidden);
    let cur: Node;
    if (facts.recurrent) cur = mamba2(build, site, state, normed);
    else {
      const parts = projections(build, site, normed);
      cur = cachedAttention(
        build,
        site,
        attention,
        positions ? rotated(parts, positions, weights.shared("rope_freqs.weight")) : parts,
      );
    }
    if (site.last) {
      cur = g.getRows(cur, rows);
      hidden = g.getRows(hidden, rows);
    }
    const mixed = g.add(scaled(cur), hidden);
    const inner = weights.rmsNorm("ffn_norm", mixed);
    let out: Node;
    if (weights.has("ffn_gate_inp.weight")) {
      out = mixture(build, weights, inner, { ...routerKeys(build), gating: "softmax", normalized: true });
      if (weights.has("ffn_up_shexp.weight")) out = g.add(out, sharedExpert(site, inner));
    } else out = feedForward(weights, inner);
    hidden = g.add(scaled(out), mixed);
  }
  outputHead(build, hidden, { scaled: build.count("logit_scale") !== 0 });
}

function sharedExpert({ weights }: LayerSite, x: Node, activation: "silu" | "relu-squared" = "silu"): Node {
  return feedForward(weights, x, { activation, up: "ffn_up_shexp", gate: "ffn_gate_shexp", down: "ffn_down_shexp" });
}

/** A layer is one of three: Mamba 2, attention, or feed-forward. */
export function nemotronH(build: Build): void {
  let hidden = inputEmbeddings(build);
  const { state, attention } = hybridInputs(build);
  const rows = inputOutputRows(build);
  for (const site of build.layers) {
    const { weights, facts } = site;
    const normed = weights.rmsNorm("attn_norm", hidden);
    let cur: Node;
    if (facts.recurrent) cur = mamba2(build, site, state, normed);
    else if (facts.attention) cur = cachedAttention(build, site, attention, projections(build, site, normed));
    else cur = nemotronFeedForward(build, site, normed);
    hidden = g.add(cur, hidden);
  }
  outputHeadOfRows(build, hidden, rows);
}

function nemotronFeedForward(build: Build, site: LayerSite, x: Node): Node {
  const { weights } = site;
  if (!weights.has("ffn_gate_inp.weight"))
    return feedForward(weights, x, { activation: "relu-squared", gate: undefined });
  const latent = weights.has("ffn_latent_down.weight") ? weights.mulMat("ffn_latent_down", x) : x;
  let out = mixture(build, weights, latent, {
    ...routerKeys(build),
    gating: "sigmoid",
    activation: "relu-squared",
    logits: weights.mulMat("ffn_gate_inp", x),
  });
  if (weights.has("ffn_latent_up.weight")) out = weights.mulMat("ffn_latent_up", out);
  return g.add(out, sharedExpert(site, x, "relu-squared"));
}

/** Short convolutions between attention layers. */
export function lfm2(build: Build): void {
  let hidden = inputEmbeddings(build);
  const { state, attention } = hybridInputs(build);
  const positions = inputPositions(build);
  const rows = inputOutputRows(build);
  for (const site of build.layers) {
    const { weights, facts } = site;
    const normed = weights.rmsNorm("attn_norm", hidden);
    let cur: Node;
    if (facts.recurrent) cur = shortConvolution(build, site, state, normed);
    else {
      const { q, k, v } = projections(build, site, normed);
      const parts = { q: weights.rmsNorm("attn_q_norm", q), k: weights.rmsNorm("attn_k_norm", k), v };
      cur = cachedAttention(build, site, attention, rotated(parts, positions));
    }
    if (site.last) {
      cur = g.getRows(cur, rows);
      hidden = g.getRows(hidden, rows);
    }
    const mixed = g.add(hidden, cur);
    const inner = weights.rmsNorm("ffn_norm", mixed);
    const out = facts.moe
      ? mixture(build, weights, inner, { ...routerKeys(build), normalized: true })
      : feedForward(weights, inner);
    hidden = g.add(mixed, out);
  }
  outputHead(build, hidden, { norm: "token_embd_norm" });
}

function shortConvolution(build: Build, { weights, facts }: LayerSite, state: StateInput, x: Node): Node {
  const { graph, hyper } = build;
  const sequences = sequencesOf(build);
  const kept = build.count("shortconv.l_cache") - 1;
  const cells = convolutionCells(build, facts);
  const all = weights.mulMat("shortconv.in_proj", g.reshape(x, x.ne0, sequences.tokens, sequences.count));
  const third = (): Node => g.view3d(all, all.ne0 / 3, all.ne1, all.ne2, all.nb1, all.nb2);
  const [b, c, rest] = [third(), third(), third()];
  const gated = g.transpose(g.mul(b, rest));
  const before = g.reshape(stateRows(graph, state, cells), kept, hyper.embeddingLength, sequences.count);
  const joined = g.concat(before, gated, 0);
  storeStateRows(graph, cells, lastColumns(joined, kept), sequences);
  const convolved = g.ssmConv(joined, weights.need("shortconv.conv.weight"));
  const out = weights.mulMat("shortconv.out_proj", g.mul(c, convolved));
  return g.reshape(out, out.ne0, sequences.tokens * sequences.count);
}

export function plamo2(build: Build): void {
  let hidden = inputEmbeddings(build);
  const positions = inputPositions(build);
  const { state, attention } = hybridInputs(build);
  const rows = inputOutputRows(build);
  for (const site of build.layers) {
    const { weights, facts } = site;
    const normed = weights.rmsNorm("attn_norm", hidden);
    let cur: Node;
    if (facts.recurrent) cur = plamoMamba(build, site, state, normed);
    else {
      const { q, k, v } = projections(build, site, normed);
      const parts = { q: weights.rmsNorm("attn_q_norm", q), k: weights.rmsNorm("attn_k_norm", k), v };
      cur = cachedAttention(build, site, attention, rotated(parts, positions));
    }
    if (site.last) {
      cur = g.getRows(cur, rows);
      hidden = g.getRows(hidden, rows);
    }
    const mixed = g.add(bareNorm(site, "post_attention_norm", cur), hidden);
    const out = feedForward(weights, weights.rmsNorm("ffn_norm", mixed), { activation: "glu-joined", gate: undefined });
    hidden = g.add(bareNorm(site, "post_ffw_norm", out), mixed);
  }
  outputHead(build, hidden);
}

export const hybridGraphs = {
  mamba: stateSpace(1),
  mamba2: stateSpace(2),
  jamba,
  "falcon-h1": falconH1,
  granitehybrid: graniteHybrid,
  nemotron_h: nemotronH,
  nemotron_h_moe: nemotronH,
  lfm2,
  lfm2moe: lfm2,
  plamo2,
};
