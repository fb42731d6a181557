/**
 * Hunyuan 4: sparse, gated latent attention and experts between residual streams that do not mix with each other.
 * Source: llama.cpp v0.5.0 src/models/hy-v4.cpp:163-601.
 */
import type { Build, LayerSite } from "../builder.ts";
import { feedForward } from "../feed-forward.ts";
import * as g from "../ggml.ts";
import { outputShares, shares, weighedSum } from "../hyper-connections.ts";
import { inputEmbeddings, inputOutputRows, inputPositions } from "../inputs.ts";
import { absorbedAttention, type LatentInput, latentDims, latentInput, splitLatent } from "../latent.ts";
import { mixture } from "../mixture.ts";
import type { Node } from "../node.ts";
import { outputHead } from "../output-head.ts";
import { routerKeys } from "../router.ts";
import { chosenTokens, type IndexerInput, indexerInput, maskOf } from "../sparse-attention.ts";

/** llama.cpp casts to f32 around sums of streams; what is f32 already is copied all the same. */
function summed(streams: Node, parts: Node): Node {
  return g.cast(weighedSum(g.cast(streams, "f32"), parts), "f32");
}

/** The block's output joins every stream by its share. */
function rejoined(output: Node, streams: Node, post: Node): Node {
  const [x, parts, old] = [g.cast(output, "f32"), g.cast(post, "f32"), g.cast(streams, "f32")];
  const { ne0: width, ne1: count, ne2: tokens } = streams;
  let out: Node | undefined;
  for (let stream = 0; stream < count; stream++) {
    const own = g.view2d(old, width, tokens, old.nb2);
    const joined = g.reshape(g.add(own, g.mul(x, g.view2d(parts, 1, tokens, parts.nb1))), width, 1, tokens);
    out = out === undefined ? joined : g.concat(out, joined, 1);
  }
  if (out === undefined) throw new RangeError("the model has no residual stream");
  return g.cast(out, "f32");
}

interface Attending {
  readonly input: LatentInput;
  readonly indexer: IndexerInput | undefined;
  readonly positions: Node;
  /** the last pick; layers without an indexer reuse it */
  chosen: Node | undefined;
}

function attention(build: Build, site: LayerSite, state: Attending, x: Node): Node {
  const { weights, facts } = site;
  const { input, indexer, positions } = state;
  const rotate = (part: Node): Node => g.ropeExt(part, positions);
  const low = weights.rmsNorm("attn_q_a_norm", weights.mulMat("attn_q_a", x));
  if (indexer && facts.indexerKeyDim) state.chosen = chosenTokens(build, site, indexer, low, x, positions);
  const q = weights.mulMat("attn_q_b", low);
  const parts = splitLatent(weights.mulMat("attn_kv_a_mqa", x), latentDims(build, site));
  const shared = rotate(parts.shared);
  const vector = weights.rmsNorm("attn_kv_a_norm", parts.latent);
  const mask = state.chosen ? { mask: maskOf(input.mask, state.chosen) } : {};
  const attended = absorbedAttention(build, site, input, { q, latent: vector, shared, ...mask }, rotate, {
    output: undefined,
  });
  return weights.mulMat("attn_output", g.mul(attended, g.sigmoid(weights.mulMat("attn_gate", x))));
}

function hunyuan4(build: Build): void {
  const { batch, hyper } = build;
  const width = hyper.embeddingLength;
  const count = build.count("hyper_connection.count");
  const embedded = inputEmbeddings(build);
  const positions = inputPositions(build);
  const indexer = build.count("attention.indexer.top_k") > 0 ? indexerInput(build, false) : undefined;
  const state: Attending = { input: latentInput(build), indexer, positions, chosen: undefined };
  const rows = inputOutputRows(build);
  let streams = g.repeat4d(g.reshape(embedded, width, 1, batch.tokens), width, count, batch.tokens, 1);
  for (const site of build.layers) {
    const { weights } = site;
    const first = shares(weights, "hc_attn", streams);
    const attended = attention(build, site, state, weights.rmsNorm("attn_norm", summed(streams, first.pre)));
    streams = rejoined(attended, streams, first.post);
    const second = shares(weights, "hc_ffn", streams);
    const inner = weights.rmsNorm("ffn_norm", summed(streams, second.pre));
    streams = rejoined(fed(build, site, inner), streams, second.post);
  }
  const picked = g.getRows(g.reshape(streams, width * count, batch.tokens), rows);
  const last = g.reshape(picked, width, count, batch.outputs);
  outputHead(build, summed(last, outputShares(build.weights, last)));
}

function fed(build: Build, { weights }: LayerSite, x: Node): Node {
  if (!weights.has("ffn_gate_inp.weight")) return feedForward(weights, x);
  const routed = mixture(build, weights, x, routerKeys(build));
  return g.add(routed, feedForward(weights, x, { up: "ffn_up_shexp", gate: "ffn_gate_shexp", down: "ffn_down_shexp" }));
}

export const hunyuan4Graphs = { hy_v4: hunyuan4 };
