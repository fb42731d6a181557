/**
 * Gemma 3n and Gemma 4: embeddings per layer, caches shared between layers, and in Gemma 3n several parallel hidden states.
 * Source: llama.cpp v0.5.0 src/models/{gemma3n,gemma4}.cpp.
 */
import type { LayerFacts } from "../../../facts/model.ts";
import { type AttentionInput, attentionInput, cachedAttention } from "../attention.ts";
import type { Build, LayerSite } from "../builder.ts";
import { feedForward } from "../feed-forward.ts";
import * as g from "../ggml.ts";
import { inputEmbeddings, inputOutputRows, inputPositions } from "../inputs.ts";
import { mixture } from "../mixture.ts";
import type { Node } from "../node.ts";
import { outputHead, outputHeadOfRows } from "../output-head.ts";

/** One hidden state of several, or one layer's part of the embeddings per layer. */
function slice(x: Node): Node {
  return g.view2d(x, x.ne0, x.ne1, x.ne0 * 4);
}

/** Embeddings of every layer at once: [width, tokens, layers]. */
function perLayerInputs(build: Build, hidden: Node): Node {
  const { batch, weights, hyper, graph } = build;
  const width = build.count("embedding_length_per_layer_input");
  const layerCount = hyper.layerCount - hyper.nextnLayerCount;
  const tokens = g.inputTensor("i32", batch.tokens);
  const rows = g.getRows(weights.need("per_layer_token_embd.weight"), tokens);
  const selected = g.scale(g.reshape(rows, width, layerCount, batch.tokens));
  graph.expand(selected);
  let projected = g.scale(weights.mulMat("per_layer_model_proj", hidden));
  projected = weights.rmsNorm("per_layer_proj_norm", g.reshape(projected, width, layerCount, batch.tokens));
  return g.cont(g.permute(g.scale(g.add(projected, selected)), 0, 2, 1, 3));
}

/** The last layer of the same kind that keeps a cache of its own. */
function cacheSource(build: Build, facts: LayerFacts): LayerFacts {
  const own = build.hyper.layers.filter(
    ({ hasCache, windowTokens }) => hasCache && windowTokens > 0 === facts.windowTokens > 0,
  );
  return own[own.length - 1] ?? facts;
}

function reusedCache(build: Build, site: LayerSite, input: AttentionInput, q: Node): Node {
  return cachedAttention(
    build,
    site,
    input,
    { q, k: undefined, v: undefined },
    { source: cacheSource(build, site.facts) },
  );
}

export function gemma4(build: Build): void {
  let hidden = g.scale(inputEmbeddings(build));
  const positions = inputPositions(build);
  const input = attentionInput(build);
  const rows = inputOutputRows(build);
  const perLayer = build.weights.has("per_layer_token_embd.weight") ? perLayerInputs(build, hidden) : undefined;
  for (const site of build.layers) {
    const { weights } = site;
    const attended = gemma4Attention(build, site, input, positions, weights.rmsNorm("attn_norm", hidden));
    const middle = g.add(weights.rmsNorm("post_attention_norm", attended), hidden);
    const fed = weights.has("ffn_gate_inp.weight")
      ? gemma4Mixture(build, site, middle)
      : feedForward(weights, weights.rmsNorm("ffn_norm", middle), { activation: "gelu" });
    let cur = g.add(weights.rmsNorm("post_ffw_norm", fed), middle);
    if (perLayer) {
      const gate = g.gelu(weights.mulMat("inp_gate", cur));
      const own = weights.mulMat("proj", g.mul(gate, slice(perLayer)));
      cur = g.add(cur, weights.rmsNorm("post_norm", own));
    }
    const scale = weights.find("layer_output_scale.weight");
    hidden = scale ? g.mul(cur, scale) : cur;
  }
  outputHeadOfRows(build, hidden, rows, { capped: build.count("final_logit_softcapping") !== 0 });
}

function gemma4Attention(build: Build, site: LayerSite, input: AttentionInput, positions: Node, x: Node): Node {
  const { weights, facts } = site;
  const { tokens } = build.batch;
  const { headCount, kvHeadCount, keyDim, valueDim } = facts;
  const factors =
    facts.windowTokens > 0 ? undefined : (weights.shared("rope_freqs.weight") ?? weights.find("rope_freqs.weight"));
  const fused = weights.has("attn_qkv.weight") ? weights.mulMat("attn_qkv", x) : undefined;
  const part = (width: number): Node | undefined => fused && g.cont(g.view2d(fused, width, tokens, fused.nb1));
  const flat = part(keyDim * headCount) ?? weights.mulMat("attn_q", x);
  const q = g.ropeExt(weights.rmsNorm("attn_q_norm", g.reshape(flat, keyDim, headCount, tokens)), positions, factors);
  if (!facts.hasCache) return reusedCache(build, site, input, q);
  const keys = part(keyDim * kvHeadCount) ?? weights.mulMat("attn_k", x);
  const values = part(valueDim * kvHeadCount) ?? (weights.has("attn_v.weight") ? weights.mulMat("attn_v", x) : keys);
  const k = g.ropeExt(weights.rmsNorm("attn_k_norm", g.reshape(keys, keyDim, kvHeadCount, tokens)), positions, factors);
  const v = g.rmsNorm(g.reshape(values, valueDim, kvHeadCount, tokens));
  return cachedAttention(build, site, input, { q, k, v });
}

/** A dense block and routed experts side by side, each normed before and after; the router has a norm of its own. */
function gemma4Mixture(build: Build, { weights }: LayerSite, middle: Node): Node {
  const dense = feedForward(weights, weights.rmsNorm("ffn_norm", middle), { activation: "gelu" });
  const routerInput = g.mul(g.scale(g.rmsNorm(middle)), weights.need("ffn_gate_inp.scale"));
  const logits = g.mulMat(weights.need("ffn_gate_inp.weight"), routerInput);
  const routed = mixture(build, weights, weights.rmsNorm("pre_ffw_norm_2", middle), {
    gating: "softmax",
    normalized: true,
    activation: "gelu",
    logits,
  });
  return g.add(weights.rmsNorm("post_ffw_norm_1", dense), weights.rmsNorm("post_ffw_norm_2", routed));
}

/** How long each token's vector is. */
function magnitude(x: Node): Node {
  return g.sqrt(g.sumRows(g.sqr(x)));
}

/** The other hidden states follow from the first one, at its length. */
function sameLength(x: Node, target: Node): Node {
  const own = magnitude(x);
  return g.div(g.mul(x, target), own);
}

/** Gemma 3n's constants, built into llama.cpp (gemma3n.cpp:5-12). */
const SPARSE_LAYER_COUNT = 10;

export function gemma3n(build: Build): void {
  const { graph, hyper, batch } = build;
  const states = build.count("altup.num_inputs");
  const width = hyper.embeddingLength;
  const first = g.scale(inputEmbeddings(build));
  const positions = inputPositions(build);
  const input = attentionInput(build);
  const perLayer = perLayerInputs(build, first);
  const target = magnitude(first);
  const repeated = g.repeat4d(first, width, batch.tokens, states - 1, 1);
  let hidden = g.concat(first, sameLength(build.weights.mulMat("altup_proj", repeated), target), 2);
  for (const site of build.layers) hidden = gemma3nLayer(build, site, { hidden, positions, input, perLayer, states });
  const finalTarget = magnitude(slice(hidden));
  const others = g.view3d(hidden, width, batch.tokens, states - 1, width * 4, width * batch.tokens * 4);
  const merged = sameLength(build.weights.mulMat("altup_unembd_proj", others), finalTarget);
  let cur = slice(hidden);
  for (let index = 1; index < states; index++) cur = g.add(cur, slice(merged));
  const rows = inputOutputRows(build);
  const picked = g.getRows(g.scale(cur), rows);
  outputHead(build, picked, { capped: true });
  graph.expand(picked);
}

interface Gemma3nState {
  readonly hidden: Node;
  readonly positions: Node;
  readonly input: AttentionInput;
  readonly perLayer: Node;
  readonly states: number;
}

function gemma3nLayer(
  build: Build,
  site: LayerSite,
  { hidden, positions, input, perLayer, states }: Gemma3nState,
): Node {
  const { weights, index } = site;
  const { tokens } = build.batch;
  const predicted = predict(build, site, hidden, states);
  const active = slice(predicted);
  const normed = weights.rmsNorm("attn_norm", active);
  const laurel = g.add(
    weights.rmsNorm("laurel_post_norm", weights.mulMat("laurel_r", weights.mulMat("laurel_l", normed))),
    normed,
  );
  const attended = gemma3nAttention(build, site, input, positions, normed);
  const gatedSum = g.add(weights.rmsNorm("post_attention_norm", attended), active);
  const middle = g.scale(g.add(gatedSum, laurel));
  const inner = weights.rmsNorm("ffn_norm", middle);
  const up = weights.mulMat("ffn_up", inner);
  let gate = weights.mulMat("ffn_gate", inner);
  if (index < SPARSE_LAYER_COUNT) gate = gaussianTopK(gate);
  const fed = weights.mulMat("ffn_down", g.mul(up, g.gelu(gate)));
  const activated = g.add(weights.rmsNorm("post_ffw_norm", fed), middle);
  const corrected = correct(build, site, predicted, activated, states);
  let own = g.mul(slice(corrected), weights.need("altup_correct_scale.weight"));
  own = g.mul(g.gelu(weights.mulMat("inp_gate", own)), slice(perLayer));
  own = weights.rmsNorm("post_norm", weights.mulMat("proj", own));
  const width = corrected.ne0;
  const rest = g.view3d(corrected, width, tokens, states - 1, width * 4, width * tokens * 4);
  return g.concat(slice(corrected), g.add(rest, own), 2);
}

function gemma3nAttention(build: Build, site: LayerSite, input: AttentionInput, positions: Node, x: Node): Node {
  const { weights, facts } = site;
  const { tokens } = build.batch;
  const { headCount, kvHeadCount, keyDim, valueDim } = facts;
  const q = g.reshape(weights.linear("attn_q", x), keyDim, headCount, tokens);
  const queries = g.ropeExt(weights.rmsNorm("attn_q_norm", q), positions);
  if (!facts.hasCache) return reusedCache(build, site, input, queries);
  const k = g.reshape(weights.linear("attn_k", x), keyDim, kvHeadCount, tokens);
  const v = g.reshape(weights.linear("attn_v", x), valueDim, kvHeadCount, tokens);
  const keys = g.ropeExt(weights.rmsNorm("attn_k_norm", k), positions);
  return cachedAttention(build, site, input, { q: queries, k: keys, v: g.rmsNorm(v) });
}

/** Only what lies far above the mean of a token's gates stays. */
function gaussianTopK(x: Node): Node {
  const mean = g.mean(x);
  const deviation = g.sqrt(g.scale(g.sumRows(g.sqr(g.sub(x, mean)))));
  return g.relu(g.sub(x, g.add(mean, g.scale(deviation))));
}

function modalities(site: LayerSite, x: Node): Node {
  return g.tanh(site.weights.mulMat("altup_router", g.scale(site.weights.rmsNorm("altup_router_norm", x))));
}

function predict(build: Build, site: LayerSite, hidden: Node, states: number): Node {
  const mix = site.weights.mulMat("altup_predict_coef", modalities(site, slice(hidden)));
  const coefficients = g.reshape(mix, states, states, build.batch.tokens);
  const mixed = g.mulMat(g.cont(g.permute(hidden, 1, 2, 0, 3)), coefficients);
  return g.add(g.cont(g.permute(mixed, 0, 2, 1, 3)), hidden);
}

function correct(build: Build, site: LayerSite, predicted: Node, activated: Node, states: number): Node {
  const { tokens } = build.batch;
  const mix = modalities(site, activated);
  const innovation = g.sub(activated, slice(predicted));
  const coefficients = g.scale(site.weights.mulMat("altup_correct_coef", mix));
  const columns = g.cont3d(g.transpose(coefficients), 1, tokens, states);
  const repeated = g.repeat4d(innovation, innovation.ne0, tokens, states, 1);
  return g.add(g.mul(repeated, columns), predicted);
}

export const gemma4Graphs = { gemma3n, gemma4 };
