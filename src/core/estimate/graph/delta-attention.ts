/**
 * Kimi delta attention: a delta rule with a decay per channel, behind a short convolution each for queries, keys and values.
 * Source: llama.cpp v0.5.0 src/models/kimi-linear.cpp:100-330, kimi-k3.cpp:358-500, bailingmoe3.cpp:150-290.
 */
import type { Build, LayerSite } from "./builder.ts";
import { deltaRule, lengthNorm } from "./delta-net.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";
import {
  convolutionCells,
  lastColumns,
  recurrenceCells,
  type StateInput,
  sequencesOf,
  stateRows,
  storedCount,
  storeState,
  storeStateRows,
} from "./recurrent.ts";

export interface DeltaAttentionRow {
  /** from the projected decays (`ssm_f_a`, `ssm_f_b`) with their bias to how much of the state stays; `rates` is [1, heads, 1] */
  readonly decay: (projected: Node, apart: (x: Node) => Node, rates: Node) => Node;
  /** the layer's input, once more, as what gates the result: [heads · width, tokens] */
  readonly outerGate: (site: LayerSite, x: Node) => Node;
  /** the input is cut into sequences and joined again ahead of the outer gate */
  readonly reshaped: boolean;
  /** the new state is written as one line, not one row a sequence */
  readonly flatState: boolean;
}

export function deltaAttention(
  build: Build,
  site: LayerSite,
  input: StateInput,
  x: Node,
  row: DeltaAttentionRow,
): Node {
  const { graph, batch } = build;
  const { weights, facts } = site;
  const sequences = sequencesOf(build);
  const { count, tokens } = sequences;
  const width = build.count("kda.head_dim");
  const heads = storedCount(build, "attention.head_count", 0);
  const cells = convolutionCells(build, facts);
  const before = stateRows(graph, input, cells);
  const fused = weights.has("attn_qkv.weight") ? weights.mulMat("attn_qkv", x) : undefined;
  const convolved = (part: "q" | "k" | "v"): Node => {
    const projected = fused
      ? g.cont(g.view2d(fused, width * heads, batch.tokens, fused.nb1))
      : weights.mulMat(`attn_${part}`, x);
    return convolution(build, weights.need(`ssm_conv1d_${part}.weight`), cells, before, projected, width, heads);
  };
  const [q, k, v] = [convolved("q"), convolved("k"), convolved("v")];
  const narrow = weights.mulMat("ssm_f_a", x);
  const projected = weights.has("ssm_f_b.weight") ? weights.mulMat("ssm_f_b", narrow) : narrow;
  const apart = (part: Node): Node => g.reshape(part, width, heads, batch.tokens);
  const rates = g.reshape(weights.need("ssm_a"), 1, heads, 1);
  const decay = row.decay(g.add(projected, weights.need("ssm_dt.bias")), apart, rates);
  const gate = g.reshape(decay, width, heads, tokens, count);
  const beta = g.sigmoid(g.reshape(weights.mulMat("ssm_beta", x), 1, heads, tokens, count));
  const matrices = recurrenceCells(build, facts);
  const kept = g.reshape(stateRows(graph, input, matrices), width, width, heads, count);
  const result = deltaRule({ q: lengthNorm(q), k: lengthNorm(k), v, gate, beta }, kept);
  if (row.flatState) storeState(graph, matrices, result.state);
  else storeStateRows(graph, matrices, result.state, sequences);
  const line = row.reshaped ? g.reshape(g.reshape(x, x.ne0, tokens, count), x.ne0, batch.tokens) : x;
  const outer = apart(row.outerGate(site, line));
  const normed = weights.rmsNorm("ssm_norm", apart(g.cont(result.output)));
  const gated = g.mul(normed, g.sigmoid(outer));
  return weights.mulMat("attn_output", g.cont2d(gated, width * heads, batch.tokens));
}

/** A convolution over one of queries, keys and values; their states lie side by side in one row. */
function convolution(
  build: Build,
  kernel: Node,
  cells: Node,
  before: Node,
  projected: Node,
  width: number,
  heads: number,
): Node {
  const { count, tokens } = sequencesOf(build);
  const kept = kernel.ne0 - 1;
  const inner = width * heads;
  const own = (rows: Node): Node => g.view3d(rows, kept, inner, count, kept * 4, cells.ne0 * 4);
  const joined = g.concat(own(before), g.transpose(g.reshape(projected, inner, tokens, count)), 0);
  build.graph.expand(g.cpy(lastColumns(joined, kept), own(cells)));
  const convolved = g.ssmConv(joined, g.reshape(kernel, kernel.ne0, inner));
  return g.reshape(g.silu(g.reshape(convolved, inner, tokens * count)), width, heads, tokens, count);
}
