/**
 * Granite with an adapter chosen per token: one attention head more, ahead of the layers, reads which, and every matrix adds the
 * low-rank change of that adapter. Source: src/models/granite-switch.cpp, llama.cpp v0.5.0.
 */
import { type AttentionInput, attentionInput, cachedAttention } from "../attention.ts";
import type { Build, LayerSite } from "../builder.ts";
import * as g from "../ggml.ts";
import { inputOutputRows, inputPositions } from "../inputs.ts";
import type { Node } from "../node.ts";
import { outputHead } from "../output-head.ts";
import { ropeFactors } from "../self-attention.ts";

/** `build_switched_lora_delta`: `adapters` holds one index a token. */
function change(site: LayerSite, stem: string, x: Node, adapters: Node): Node {
  const tokens = x.ne1;
  const ids = g.reshape(adapters, 1, tokens);
  const inner = g.mulMatId(site.weights.need(`${stem}.lora_a`), g.reshape(x, x.ne0, 1, tokens), ids);
  const outer = g.mulMatId(site.weights.need(`${stem}.lora_b`), inner, ids);
  return g.reshape(outer, outer.ne0, tokens);
}

function changed(site: LayerSite, stem: string, x: Node, adapters: Node): Node {
  const base = g.mulMat(site.weights.need(`${stem}.weight`), x);
  return g.add(base, change(site, stem, x, adapters));
}

/** The adapter of each token: a cached head whose first element carries it; its layer comes last in the model. */
function chosenAdapters(build: Build, router: LayerSite, input: AttentionInput): Node {
  const { tokens } = build.batch;
  const lane = (): Node => g.pad(g.reshape(g.inputTensor("f32", tokens), 1, 1, tokens), router.facts.keyDim - 1);
  const q = lane();
  const k = lane();
  const v = lane();
  const attended = cachedAttention(build, router, input, { q, k, v }, { output: undefined });
  const index = g.reshape(g.cont(g.view2d(attended, 1, tokens, attended.nb1)), tokens);
  return g.cast(g.unary(g.clamp(index)), "i32");
}

function attention(
  build: Build,
  site: LayerSite,
  input: AttentionInput,
  positions: Node,
  adapters: Node,
  x: Node,
): Node {
  const { headCount, kvHeadCount, keyDim } = site.facts;
  const { tokens } = build.batch;
  const joined = g.mulMat(site.weights.need("attn_qkv.weight"), x);
  const part = (heads: number): Node => g.cont(g.view2d(joined, heads * keyDim, tokens, joined.nb1));
  const [query, key, value] = [part(headCount), part(kvHeadCount), part(kvHeadCount)];
  const heads = (base: Node, stem: string, count: number): Node =>
    g.reshape(g.add(base, change(site, stem, x, adapters)), keyDim, count, tokens);
  let q = heads(query, "attn_q", headCount);
  let k = heads(key, "attn_k", kvHeadCount);
  const v = heads(value, "attn_v", kvHeadCount);
  if (build.key("rope.scaling.finetuned") !== false) {
    const factors = ropeFactors(site);
    q = g.ropeExt(q, positions, factors);
    k = g.ropeExt(k, positions, factors);
  }
  return changed(
    site,
    "attn_output",
    cachedAttention(build, site, input, { q, k, v }, { output: undefined }),
    adapters,
  );
}

function feedForward(site: LayerSite, x: Node, adapters: Node): Node {
  const gate = changed(site, "ffn_gate", x, adapters);
  const up = changed(site, "ffn_up", x, adapters);
  return changed(site, "ffn_down", g.mul(g.unary(gate), up), adapters);
}

function graniteSwitch(build: Build): void {
  const { tokens, outputs } = build.batch;
  const scaled = (x: Node): Node => (build.count("residual_scale") === 0 ? x : g.scale(x));
  const router = build.layers.find(({ index }) => index === build.count("block_count"));
  if (router === undefined)
    throw new Error("Granite Switch needs the layer that chooses adapters: read its facts with `routerLayer`.");
  const sites = build.layers.filter((site) => site !== router);

  const read = g.getRows(build.weights.need("token_embd.weight"), g.inputTensor("i32", tokens));
  let hidden = build.count("embedding_scale") === 0 ? read : g.scale(read);
  const positions = inputPositions(build);
  const input = attentionInput(build);
  let adapters = chosenAdapters(build, router, input);
  const rows = inputOutputRows(build);

  for (const [order, site] of sites.entries()) {
    let residual = hidden;
    let cur = attention(build, site, input, positions, adapters, site.weights.rmsNorm("attn_norm", hidden));
    if (order === sites.length - 1) {
      cur = g.getRows(cur, rows);
      residual = g.getRows(residual, rows);
      adapters = g.reshape(g.getRows(g.reshape(adapters, 1, tokens), rows), outputs);
    }
    const middle = g.add(scaled(cur), residual);
    hidden = g.add(scaled(feedForward(site, site.weights.rmsNorm("ffn_norm", middle), adapters)), middle);
  }
  outputHead(build, hidden, { scaled: true });
}

export const graniteSwitchGraphs = { graniteswitch: graniteSwitch };
