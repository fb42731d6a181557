/** Attention of one layer as a transformer's row describes it. Source: the attention part of src/models/*.cpp, llama.cpp v0.5.0. */
import { type AttentionParts, batchAttention, cachedAttention, type Projections, projections } from "./attention.ts";
import type { LayerSite } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";
import { type Frame, ofLayer } from "./transformer.ts";

export function selfAttention(frame: Frame, site: LayerSite, x: Node): Node {
  const { build, row } = frame;
  const norm = ofLayer(row.queryNorm, build, site, "none");
  const parts = projections(build, site, x, {
    ...row.projections,
    ...(norm === "whole" ? { normed: row.queryNormKind ?? "rms" } : {}),
  });
  const turned = rotated(frame, site, parts, norm);
  const cur = attendOver(frame, site, turned, row.outputGate || row.openOutput ? { output: undefined } : {});
  return row.outputGate ? gated(site, cur, x) : cur;
}

/** Over the cache or over the batch itself. */
export function attendOver(
  frame: Frame,
  site: LayerSite,
  parts: Projections,
  options: { readonly output?: undefined },
): Node {
  const { build, row, batchMasks } = frame;
  const sinks = row.sinks ? site.weights.find("attn_sinks.weight") : undefined;
  const extra: AttentionParts = {
    softCapped: row.softCapped ?? false,
    tanhCapped: row.tanhCapped ?? false,
    ...(sinks ? { sinks } : {}),
  };
  return batchMasks
    ? batchAttention(build, site, batchMasks, parts, { ...extra, ...options })
    : cachedAttention(build, site, frame.attention, parts, { ...extra, ...options });
}

function rotated(frame: Frame, site: LayerSite, { q, k, v }: Projections, norm: string): Projections {
  const { build, row, positions } = frame;
  let queries = norm === "head" ? headNorm(frame, site, "attn_q_norm", q) : q;
  let keys = norm === "head" ? headNorm(frame, site, "attn_k_norm", k) : k;
  if (ofLayer(row.rope, build, site, true)) {
    const factors = ofLayer(row.ropeFactors, build, site, false) ? ropeFactors(site) : undefined;
    queries = g.ropeExt(queries, positions, factors);
    keys = g.ropeExt(keys, positions, factors);
  }
  if (norm === "head-after-rope") {
    queries = headNorm(frame, site, "attn_q_norm", queries);
    keys = headNorm(frame, site, "attn_k_norm", keys);
  } else if (norm === "plain-after-rope") {
    queries = g.rmsNorm(queries);
    keys = g.rmsNorm(keys);
  }
  const scale = ofLayer(row.queryScale, build, site, "none");
  if (scale === "constant") queries = g.scale(queries);
  if (scale === "temperature") queries = g.mul(queries, frame.temperature);
  return { q: queries, k: keys, v };
}

function headNorm({ row }: Frame, { weights }: LayerSite, stem: string, x: Node): Node {
  if (!weights.has(`${stem}.weight`)) return row.bareKeyNorm ? g.rmsNorm(x) : x;
  return weights.norm(stem, x, row.queryNormKind ?? "rms");
}

/** `get_rope_factors`: which of the long and short ones are chosen changes no size. */
export function ropeFactors({ weights }: LayerSite): Node | undefined {
  return weights.shared("rope_freqs.weight") ?? weights.shared("rope_factors_short.weight");
}

/** One gate a head, or one an element. */
function gated({ weights, facts }: LayerSite, cur: Node, x: Node): Node {
  const gate = g.sigmoid(weights.mulMat("attn_gate", x));
  if (gate.ne0 !== facts.headCount) return weights.mulMat("attn_output", g.mul(cur, gate));
  const heads = g.reshape(cur, cur.ne0 / facts.headCount, facts.headCount, cur.ne1);
  const scaled = g.mul(heads, g.reshape(gate, 1, facts.headCount, cur.ne1));
  return weights.mulMat("attn_output", g.reshape(scaled, cur.ne0, cur.ne1));
}
