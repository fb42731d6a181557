/**
 * MiniMax-01: linear ("lightning") attention with a decaying state, full attention in every eighth layer, experts in all.
 * MiniMax-M3: block-sparse attention. Source: llama.cpp v0.5.0 src/models/minimax-01.cpp:150-484, minimax-m3.cpp:210-600.
 */
import { attentionInput, cachedAttention, projections } from "../attention.ts";
import { blockAttention, blockInput } from "../block-attention.ts";
import type { Build, LayerSite } from "../builder.ts";
import { feedForward } from "../feed-forward.ts";
import * as g from "../ggml.ts";
import { inputEmbeddings, inputOutputRows, inputPositions } from "../inputs.ts";
import { mixture } from "../mixture.ts";
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
import { routerKeys } from "../router.ts";

/** How fast each head forgets: across the block, towards its end, and from token to token. */
interface Decay {
  readonly slopes: Node;
  readonly queries: Node;
  readonly keys: Node;
  /** [tokens, tokens, heads, sequences]: the largest input of all */
  readonly pairs: Node;
}

function decayInputs(build: Build, heads: number): Decay {
  const { count, tokens } = sequencesOf(build);
  return {
    slopes: g.inputTensor("f32", heads),
    queries: g.inputTensor("f32", 1, heads, tokens, count),
    keys: g.inputTensor("f32", 1, heads, tokens, count),
    pairs: g.inputTensor("f32", tokens, tokens, heads, count),
  };
}

function minimax01(build: Build): void {
  const heads = storedCount(build, "attention.head_count", 0);
  let hidden = inputEmbeddings(build);
  const state = stateInput(build);
  const attention = attentionInput(build);
  const positions = inputPositions(build);
  const rows = inputOutputRows(build);
  const decay = decayInputs(build, heads);
  for (const site of build.layers) {
    const { weights, facts } = site;
    let residual = weights.rmsNorm("attn_norm", hidden);
    let cur: Node;
    if (facts.recurrent) cur = lightning(build, site, state, decay, residual, heads);
    else {
      const { q, k, v } = projections(build, site, residual);
      cur = cachedAttention(build, site, attention, { q: g.ropeExt(q, positions), k: g.ropeExt(k, positions), v });
    }
    if (site.last) {
      cur = g.getRows(cur, rows);
      residual = g.getRows(residual, rows);
    }
    // the residual is the normed input, not the input itself
    const middle = weights.rmsNorm("ffn_norm", g.add(cur, g.scale(residual)));
    const routed = mixture(build, weights, middle, { ...routerKeys(build), gating: "softmax", normalized: true });
    hidden = g.add(routed, g.scale(middle));
  }
  outputHead(build, hidden);
}

function lightning(build: Build, site: LayerSite, input: StateInput, decay: Decay, normed: Node, heads: number): Node {
  const { graph } = build;
  const { weights, facts } = site;
  const { count, tokens } = sequencesOf(build);
  graph.expand(stateRows(graph, input, convolutionCells(build, facts)));
  const slopes = g.scale(decay.slopes);
  const line = g.reshape(normed, normed.ne0, tokens, 1, count);
  const projected = g.silu(weights.mulMat("attn_qkv", line));
  const width = projected.ne0 / heads / 3;
  const all = g.reshape(projected, width * 3, heads, tokens, count);
  const part = (): Node => g.view4d(all, width, heads, tokens, count, all.nb1, all.nb2, all.nb3);
  const [q, k, v] = [part(), part(), part()];
  const cells = recurrenceCells(build, facts);
  const before = g.reshape(stateRows(graph, input, cells), width, width, heads, count);
  const spread = (x: Node): Node => g.exp(g.scale(x));
  const [queryDecay, keyDecay, pairDecay] = [spread(decay.queries), spread(decay.keys), spread(decay.pairs)];
  const past = g.mulMat(before, g.permute(g.mul(q, queryDecay), 0, 2, 1, 3));
  const scores = g.mul(g.mulMat(g.permute(k, 0, 2, 1, 3), g.permute(q, 0, 2, 1, 3)), pairDecay);
  const values = g.cont(g.permute(v, 1, 2, 0, 3));
  const attended = g.add(past, g.mulMat(values, scores));
  graph.expand(attended);
  const blockDecay = g.reshape(g.exp(g.scale(slopes)), 1, 1, heads);
  const kept = g.mul(before, blockDecay);
  const keys = g.cont(g.permute(g.mul(k, keyDecay), 1, 2, 0, 3));
  storeState(graph, cells, g.add(kept, g.mulMat(keys, values)));
  const merged = g.cont(g.permute(attended, 0, 2, 1, 3));
  const flat = g.reshape(merged, merged.ne0 * merged.ne1, merged.ne2, 1, merged.ne3);
  const outer = weights.rmsNorm("attn_norm_2", flat);
  const gate = g.sigmoid(weights.mulMat("attn_gate", line));
  const out = weights.mulMat("attn_output", g.mul(gate, outer));
  return g.reshape(out, out.ne0, tokens * count);
}

/** MiniMax-M3: leading dense layers, then block-sparse attention. */
function minimaxM3(build: Build): void {
  let hidden = inputEmbeddings(build);
  const positions = inputPositions(build);
  const attention = attentionInput(build);
  const blocks = blockInput(build, attention);
  const rows = inputOutputRows(build);
  for (const site of build.layers) {
    const { weights, facts } = site;
    const normed = weights.rmsNorm("attn_norm", hidden);
    const { q, k, v } = projections(build, site, normed);
    const turned = (stem: string, x: Node): Node => g.ropeExt(weights.rmsNorm(stem, x), positions);
    const parts = { q: turned("attn_q_norm", q), k: turned("attn_k_norm", k), v };
    let cur =
      blocks && facts.indexerKeyDim
        ? blockAttention(build, site, blocks, normed, parts, positions)
        : cachedAttention(build, site, attention, parts);
    if (site.last) {
      cur = g.getRows(cur, rows);
      hidden = g.getRows(hidden, rows);
    }
    const middle = g.add(cur, hidden);
    const inner = weights.rmsNorm("ffn_norm", middle);
    let out: Node;
    if (weights.has("ffn_gate_inp.weight")) {
      const routed = mixture(build, weights, inner, routerKeys(build));
      out = g.add(
        routed,
        feedForward(weights, inner, { up: "ffn_up_shexp", gate: "ffn_gate_shexp", down: "ffn_down_shexp" }),
      );
    } else out = feedForward(weights, inner);
    hidden = g.add(out, middle);
  }
  outputHead(build, hidden);
}

export const minimaxGraphs = { "minimax-01": minimax01, "minimax-m3": minimaxM3 };
