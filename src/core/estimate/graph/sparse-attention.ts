/**
 * Sparse attention: a small indexer scores every cached token for every query, and only the best stay unmasked.
 * Source: llama.cpp v0.5.0 src/models/deepseek32.cpp:130-260, glm-dsa.cpp:170-300; `build_attn_inp_k_dsa` and `build_attn` for
 * it, llama-graph.cpp:3013-3087 and :3308-3340; caches src/llama-kv-cache-dsa.cpp.
 */
import { HOST } from "../../facts/placement.ts";
import type { TensorType } from "../../facts/tensor-type.ts";
import type { Build, LayerSite } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";

/** Inputs of the indexer's own cache. */
export interface IndexerInput {
  readonly rows: Node;
  readonly mask: Node;
  readonly rotation: Node | undefined;
}

/** The rotation is the largest power of two that divides the indexer's width, from 64 on; where used, it is so without quantization too. */
export function indexerInput(build: Build, rotated = true): IndexerInput {
  const { batch, shape } = build;
  const width = build.count("attention.indexer.key_length");
  let rows = 64;
  while (width % (rows * 2) === 0) rows *= 2;
  return {
    rows: g.inputTensor("i64", batch.tokens),
    // the fused operator reads f16 whatever attention does
    mask: g.inputTensor("f16", shape.cells, batch.tokens / shape.streams, 1, shape.streams),
    rotation: rotated ? g.inputTensor("f32", rows, rows) : undefined,
  };
}

/** Which cached tokens each query attends to: [chosen, tokens of a stream, 1, streams]. `latent`: the low-rank queries. */
export function chosenTokens(
  build: Build,
  site: LayerSite,
  input: IndexerInput,
  latent: Node,
  x: Node,
  positions: Node,
): Node {
  const { graph, batch, shape } = build;
  const { weights } = site;
  const width = build.count("attention.indexer.key_length");
  const heads = build.count("attention.indexer.head_count");
  const { streams } = shape;
  let q = g.reshape(weights.mulMat("indexer.attn_q_b", latent), width, heads, batch.tokens);
  const turned = (part: Node): Node => {
    const roped = g.ropeExt(part, positions);
    return input.rotation ? g.mulMat(input.rotation, roped) : roped;
  };
  q = turned(q);
  let k = g.reshape(
    weights.norm("indexer.k_norm", weights.mulMat("indexer.attn_k", x), "layer"),
    width,
    1,
    batch.tokens,
  );
  k = turned(k);
  const cache = indexerCache(build, site, width);
  const rows = streams > 1 ? g.reshape(cache, width, cache.ne1 * cache.ne2) : cache;
  graph.expand(g.setRows(rows, g.view2d(k, width, k.ne2, k.nb2), input.rows));
  const shares = weights.mulMat("indexer.proj", x);
  const keys = g.view4d(cache, width, 1, cache.ne1, cache.ne2, g.rowSize(cache, width), cache.nb1, cache.nb2);
  const queries = g.view4d(q, width, heads, q.ne2 / streams, streams, q.nb1, q.nb2, q.nb3 / streams);
  const parted = g.view4d(
    shares,
    shares.ne0,
    shares.ne1 / streams,
    shares.ne2,
    streams,
    shares.nb1,
    shares.nb2 / streams,
    shares.nb3 / streams,
  );
  const scores = g.lightningIndexer(queries, keys, g.scale(parted), input.mask);
  return g.cont(g.topK(scores, Math.min(scores.ne0, build.count("attention.indexer.top_k"))));
}

function indexerCache(build: Build, { index }: LayerSite, width: number): Node {
  const device = build.placement.cacheDevices[index] ?? HOST;
  return build.stored(`i${index}`, () =>
    g.storedTensor(build.run.cacheTypeK, device, false, width, build.shape.cells, build.shape.streams),
  );
}

/** The mask with everything hidden but the chosen tokens that it shows already. */
export function maskOf(mask: Node, chosen: Node, zeroType: TensorType = "f32"): Node {
  const hidden = g.fill(mask);
  const lines = g.view4d(hidden, 1, hidden.ne0, hidden.ne1, hidden.ne3, hidden.nb0, hidden.nb1, hidden.nb2);
  const ids = g.view4d(chosen, chosen.ne0, chosen.ne1, chosen.ne3, 1, chosen.nb1, chosen.nb2, chosen.ne3 * chosen.nb3);
  const zeros = g.fill(g.newTensor(zeroType, 1, ids.ne0, ids.ne1, ids.ne2));
  const shown = g.setRows(lines, zeros, ids);
  return g.add(g.view4d(shown, shown.ne1, shown.ne2, 1, shown.ne3, shown.nb2, shown.nb3, shown.nb3), mask);
}
