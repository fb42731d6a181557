/**
 * Models with multi-head latent attention. Source: llama.cpp v0.5.0 src/models/{deepseek2,deepseek2ocr,deepseek32,glm-dsa,mistral4,minicpm3}.cpp.
 */
import { type AttentionInput, attentionInput } from "../attention.ts";
import type { Build, LayerSite } from "../builder.ts";
import { feedForward } from "../feed-forward.ts";
import * as g from "../ggml.ts";
import { inputAttentionScale, inputEmbeddings, inputOutputRows, inputPositions } from "../inputs.ts";
import {
  absorbedAttention,
  type LatentInput,
  latentDims,
  latentInput,
  latentQueries,
  splitLatent,
  unfoldedAttention,
} from "../latent.ts";
import { mixture } from "../mixture.ts";
import type { Node } from "../node.ts";
import { outputHead } from "../output-head.ts";
import { routerKeys } from "../router.ts";
import { ropeFactors } from "../self-attention.ts";
import { chosenTokens, indexerInput, maskOf } from "../sparse-attention.ts";
import { transformer } from "../transformer.ts";

interface LatentRow {
  readonly scaledEmbeddings?: boolean;
  readonly ropeFactors?: boolean;
  readonly scaledResiduals?: boolean;
  /** the last hidden state is scaled ahead of the output matrix */
  readonly scaledHidden?: boolean;
}

const latent =
  (row: LatentRow) =>
  (build: Build): void => {
    const scaled = (x: Node): Node => (row.scaledResiduals ? g.scale(x) : x);
    let hidden = inputEmbeddings(build);
    if (row.scaledEmbeddings) hidden = g.scale(hidden);
    const temperature = build.count("attention.temperature_scale") === 0 ? undefined : inputAttentionScale(build);
    const positions = inputPositions(build);
    const input =
      build.hyper.latent === undefined ? { unfolded: attentionInput(build) } : { absorbed: latentInput(build) };
    const rows = inputOutputRows(build);
    for (const site of build.layers) {
      const { weights } = site;
      let cur = latentAttention(build, site, input, weights.rmsNorm("attn_norm", hidden), {
        row,
        positions,
        temperature,
      });
      if (site.last) {
        cur = g.getRows(cur, rows);
        hidden = g.getRows(hidden, rows);
      }
      const mixed = g.add(scaled(cur), hidden);
      const out = latentFeedForward(build, site, weights.rmsNorm("ffn_norm", mixed));
      hidden = g.add(scaled(out), mixed);
    }
    outputHead(build, hidden, { scaledHidden: row.scaledHidden ?? false });
  };

type EitherInput = { readonly unfolded: AttentionInput } | { readonly absorbed: LatentInput };

function latentAttention(
  build: Build,
  site: LayerSite,
  input: EitherInput,
  x: Node,
  {
    row,
    positions,
    temperature,
  }: { readonly row: LatentRow; readonly positions: Node; readonly temperature: Node | undefined },
): Node {
  const { weights } = site;
  const dims = latentDims(build, site);
  const factors = row.ropeFactors ? ropeFactors(site) : undefined;
  const rotate = (part: Node): Node => g.ropeExt(part, positions, factors);
  const q = g.reshape(latentQueries(site, x), dims.nope + dims.rope, dims.heads, build.batch.tokens);
  const parts = splitLatent(weights.mulMat("attn_kv_a_mqa", x), dims);
  const shared = rotate(parts.shared);
  const vector = weights.rmsNorm("attn_kv_a_norm", parts.latent);
  if ("absorbed" in input)
    return absorbedAttention(build, site, input.absorbed, { q, latent: vector, shared, temperature }, rotate);
  const turned = rotate(q);
  const queries = temperature === undefined ? turned : g.mul(turned, temperature);
  return unfoldedAttention(build, site, input.unfolded, { q: queries, latent: vector, shared });
}

function latentFeedForward(build: Build, { weights }: LayerSite, x: Node): Node {
  if (!weights.has("ffn_gate_inp.weight")) return feedForward(weights, x);
  const routed = mixture(build, weights, x, routerKeys(build));
  return g.add(routed, feedForward(weights, x, { up: "ffn_up_shexp", gate: "ffn_gate_shexp", down: "ffn_down_shexp" }));
}

/** DeepSeek-V3.2 and GLM-5: latent attention to the tokens an indexer picks; layers without one reuse the last pick. */
function sparseLatent(build: Build): void {
  let hidden = inputEmbeddings(build);
  const positions = inputPositions(build);
  const input = latentInput(build);
  const indexer = indexerInput(build);
  const rows = inputOutputRows(build);
  const rotate = (part: Node): Node => g.ropeExt(part, positions);
  let chosen: Node | undefined;
  for (const site of build.layers) {
    const { weights, facts } = site;
    const dims = latentDims(build, site);
    const normed = weights.rmsNorm("attn_norm", hidden);
    const low = weights.rmsNorm("attn_q_a_norm", weights.mulMat("attn_q_a", normed));
    if (chosen === undefined || facts.indexerKeyDim)
      chosen = chosenTokens(build, site, indexer, low, normed, positions);
    const parts = splitLatent(weights.mulMat("attn_kv_a_mqa", normed), dims);
    const shared = rotate(parts.shared);
    const vector = weights.rmsNorm("attn_kv_a_norm", parts.latent);
    const q = weights.mulMat("attn_q_b", low);
    let cur = absorbedAttention(
      build,
      site,
      input,
      { q, latent: vector, shared, mask: maskOf(input.mask, chosen) },
      rotate,
    );
    if (site.last) {
      cur = g.getRows(cur, rows);
      hidden = g.getRows(hidden, rows);
    }
    const mixed = g.add(cur, hidden);
    hidden = g.add(latentFeedForward(build, site, weights.rmsNorm("ffn_norm", mixed)), mixed);
  }
  outputHead(build, hidden);
}

export const latentGraphs = {
  deepseek2: latent({}),
  mistral4: latent({}),
  deepseek32: sparseLatent,
  "glm-dsa": sparseLatent,
  "deepseek2-ocr": transformer({ mixture: (build) => routerKeys(build) }),
  minicpm3: latent({ scaledEmbeddings: true, ropeFactors: true, scaledResiduals: true, scaledHidden: true }),
};
