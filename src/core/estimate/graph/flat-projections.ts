/** Projections whose heads are not yet apart (`build_qkv` with `reshape` false, llama-graph.cpp:1634-1745 of llama.cpp v0.5.0). */
import type { Projections } from "./attention.ts";
import type { LayerSite } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";

/** `queryDim` is the width of a head's queries, wider than its keys where a gate comes with them. */
export function flatProjections({ weights, facts }: LayerSite, x: Node, queryDim = facts.keyDim): Projections {
  if (!weights.has("attn_qkv.weight"))
    return { q: weights.linear("attn_q", x), k: weights.linear("attn_k", x), v: weights.linear("attn_v", x) };
  const fused = weights.linear("attn_qkv", x);
  const part = (width: number): Node => g.cont(g.view2d(fused, width, fused.ne1, fused.nb1));
  return {
    q: part(queryDim * facts.headCount),
    k: part(facts.keyDim * facts.kvHeadCount),
    v: part(facts.valueDim * facts.kvHeadCount),
  };
}

/** Heads apart: [width, heads, tokens]. */
export function headsApart(x: Node, width: number, tokens: number): Node {
  return g.reshape(x, width, x.ne0 / width, tokens);
}
