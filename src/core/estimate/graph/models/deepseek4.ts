/** DeepSeek-V4: hyper-connections around compressed attention and experts. Source: llama.cpp v0.5.0 src/models/deepseek4.cpp:879-1360. */
import type { Build, LayerSite } from "../builder.ts";
import {
  type CompressedInput,
  compress,
  compressedAttention,
  compressedInput,
  FINE_RATIO,
} from "../compressed-attention.ts";
import { feedForward } from "../feed-forward.ts";
import * as g from "../ggml.ts";
import { connect, outputShares, reconnect, weighedSum } from "../hyper-connections.ts";
import { inputEmbeddings, inputOutputRows, inputPositions } from "../inputs.ts";
import { mixture } from "../mixture.ts";
import type { Node } from "../node.ts";
import { outputHead } from "../output-head.ts";
import { routerKeys } from "../router.ts";

function deepseek4(build: Build): void {
  const { graph, batch, hyper } = build;
  const width = hyper.embeddingLength;
  const streamCount = build.count("hyper_connection.count");
  const embedded = inputEmbeddings(build);
  const tokens = embedded.sources[1];
  const positions = inputPositions(build);
  const rows = inputOutputRows(build);
  const input = compressedInput(build);
  graph.expand(input.mask);
  let streams = g.repeat4d(g.reshape(embedded, width, 1, batch.tokens), width, streamCount, batch.tokens, 1);
  for (const site of build.layers) {
    const { weights } = site;
    const first = connect(weights, "hc_attn", streams);
    const attended = attention(build, site, input, weights.rmsNorm("attn_norm", first.input), positions);
    streams = reconnect(attended, streams, first);
    const second = connect(weights, "hc_ffn", streams);
    for (const node of [streams, second.post, second.comb]) graph.expand(node);
    const inner = weights.rmsNorm("ffn_norm", second.input);
    const table = weights.find("ffn_gate_tid2eid.weight");
    const chosen = table && tokens ? { chosen: g.getRows(table, tokens) } : {};
    const routed = mixture(build, weights, inner, { ...routerKeys(build), ...chosen });
    const shared = feedForward(weights, inner, { up: "ffn_up_shexp", gate: "ffn_gate_shexp", down: "ffn_down_shexp" });
    streams = reconnect(g.add(routed, shared), streams, second);
  }
  const picked = g.getRows(g.reshape(streams, width * streamCount, batch.tokens), rows);
  const last = g.reshape(picked, width, streamCount, batch.outputs);
  outputHead(build, weighedSum(last, outputShares(build.weights, last)));
}

function attention(build: Build, site: LayerSite, input: CompressedInput, x: Node, positions: Node): Node {
  const { tokens } = build.batch;
  const { weights, facts } = site;
  const { headCount, keyDim } = facts;
  const groups = build.count("attention.output_group_count");
  const rank = build.count("attention.output_lora_rank");
  const low = weights.rmsNorm("attn_q_a_norm", weights.mulMat("attn_q_a", x));
  const q = g.ropeExt(g.rmsNorm(g.reshape(weights.mulMat("attn_q_b", low), keyDim, headCount, tokens)), positions);
  const kv = g.ropeExt(
    g.reshape(weights.rmsNorm("attn_kv_a_norm", weights.mulMat("attn_kv", x)), keyDim, 1, tokens),
    positions,
  );
  const ratio = facts.compressionRatio ?? 0;
  if (ratio === FINE_RATIO) {
    compress(build, site, input.fine, "attn_compressor", "c", x);
    compress(build, site, input.indexer, "indexer_compressor", "i", x);
  } else if (ratio !== 0) compress(build, site, input.coarse, "attn_compressor", "c", x);
  const attended = compressedAttention(build, site, input, { q, kv, low, x, positions });
  const turnedBack = g.ropeExt(g.reshape(attended, keyDim, headCount, tokens), positions);
  const grouped = g.permute(g.reshape(turnedBack, (keyDim * headCount) / groups, groups, tokens), 0, 2, 1, 3);
  const first = weights.need("attn_output_a.weight");
  const narrow = g.permute(g.mulMat(g.reshape(first, first.ne0, rank, groups), grouped), 0, 2, 1, 3);
  return weights.mulMat("attn_output_b", g.cont2d(narrow, rank * groups, tokens));
}

export const deepseek4Graphs = { deepseek4 };
