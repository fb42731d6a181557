/**
 * Mamba layers: a short convolution, then a selective state-space scan whose state is read by index and never copied.
 * Source: llama.cpp v0.5.0 src/models/mamba-base.cpp:9-304 and plamo2.cpp:258-426.
 */
import { type Build, type LayerSite, normed } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";
import {
  convolutionCells,
  lastColumns,
  recurrenceCells,
  type Sequences,
  type StateInput,
  sequencesOf,
  stateRows,
  storeState,
  storeStateRows,
} from "./recurrent.ts";

/** llama.cpp's own keys, in its words. */
export interface StateSpaceDims {
  readonly kernel: number;
  readonly inner: number;
  readonly state: number;
  readonly timeRank: number;
  readonly groups: number;
}

export function stateSpaceDims(build: Build): StateSpaceDims {
  return {
    kernel: build.count("ssm.conv_kernel"),
    inner: build.count("ssm.inner_size"),
    state: build.count("ssm.state_size"),
    timeRank: build.count("ssm.time_step_rank"),
    groups: build.count("ssm.group_count"),
  };
}

function inSequences(cur: Node, { count, tokens }: Sequences): Node {
  return g.reshape(cur, cur.ne0, tokens, count);
}

function flat(cur: Node, { count, tokens }: Sequences): Node {
  return g.reshape(cur, cur.ne0, tokens * count);
}

/** Mamba (1): one decay per channel; `alwaysNormed` where B, C and dt are normed even without weights (FalconMamba). */
export function mamba(build: Build, site: LayerSite, input: StateInput, hidden: Node, alwaysNormed: boolean): Node {
  const { graph } = build;
  const { facts, weights } = site;
  const sequences = sequencesOf(build);
  const convolution = convolutionCells(build, facts);
  const scan = recurrenceCells(build, facts);
  const { kernel, inner, state, timeRank } = stateSpaceDims(build);
  const { count, tokens } = sequences;
  const before = g.reshape(stateRows(graph, input, convolution), kernel - 1, inner, count);
  const xz = weights.mulMat("ssm_in", inSequences(hidden, sequences));
  const z = g.view3d(xz, inner, xz.ne1, xz.ne2, xz.nb1, xz.nb2);

  const convolved = g.concat(before, g.transpose(g.view3d(xz, inner, xz.ne1, xz.ne2, xz.nb1, xz.nb2)), 0);
  storeState(graph, convolution, lastColumns(convolved, kernel - 1));
  const mixed = g.add(g.ssmConv(convolved, weights.need("ssm_conv1d.weight")), weights.need("ssm_conv1d.bias"));
  const x = g.silu(mixed);

  const parts = weights.mulMat("ssm_x", x);
  let dt = g.view3d(parts, timeRank, tokens, count, parts.nb1, parts.nb2);
  let b = g.view4d(parts, state, 1, tokens, count, state * parts.nb0, parts.nb1, parts.nb2);
  let c = g.view4d(parts, state, 1, tokens, count, state * parts.nb0, parts.nb1, parts.nb2);
  if (alwaysNormed || weights.find("ssm_dt_norm.weight") !== undefined) {
    dt = weights.rmsNorm("ssm_dt_norm", dt);
    b = weights.rmsNorm("ssm_b_norm", b);
    c = weights.rmsNorm("ssm_c_norm", c);
  } else dt = g.cont(dt);
  const step = g.add(weights.mulMat("ssm_dt", dt), weights.need("ssm_dt.bias"));
  const heads = g.reshape(x, 1, inner, tokens, count);
  const output = stateRows(graph, input, scan, (rows, ids) =>
    g.ssmScan(g.reshape(rows, state, 1, inner, scan.ne1), heads, step, weights.need("ssm_a"), b, c, ids),
  );
  storeState(graph, scan, g.view1d(output, state * inner * count));
  const y = g.view3d(output, inner, tokens, count, heads.nb2, heads.nb3);
  const skipped = g.add(y, g.mul(x, weights.need("ssm_d")));
  const gated = g.swigluSplit(g.cont(z), skipped);
  return flat(weights.mulMat("ssm_out", gated), sequences);
}

/** Mamba 2: one decay per head, grouped B and C. */
export function mamba2(build: Build, site: LayerSite, input: StateInput, hidden: Node): Node {
  const { graph } = build;
  const { facts, weights } = site;
  const sequences = sequencesOf(build);
  const convolution = convolutionCells(build, facts);
  const scan = recurrenceCells(build, facts);
  const { kernel, inner, state, timeRank: heads, groups } = stateSpaceDims(build);
  const { count, tokens } = sequences;
  const width = inner / heads;
  const channels = inner + 2 * groups * state;
  const before = g.reshape(stateRows(graph, input, convolution), kernel - 1, channels, count);
  const all = inSequences(weights.mulMat("ssm_in", hidden), sequences);
  const z = g.view4d(all, width, heads, tokens, count, width * all.nb0, all.nb1, all.nb2);
  const xbc = g.view3d(all, channels, tokens, count, all.nb1, all.nb2);
  const dt = g.view3d(all, heads, tokens, count, all.nb1, all.nb2);

  const convolved = g.concat(before, g.transpose(xbc), 0);
  storeStateRows(graph, convolution, lastColumns(convolved, kernel - 1), sequences);
  let mixed = g.ssmConv(convolved, weights.need("ssm_conv1d.weight"));
  mixed = g.silu(g.add(mixed, weights.need("ssm_conv1d.bias")));

  const x = g.view4d(mixed, width, heads, tokens, count, width * mixed.nb0, mixed.nb1, mixed.nb2);
  const b = g.view4d(mixed, state, groups, tokens, count, state * mixed.nb0, mixed.nb1, mixed.nb2);
  const c = g.view4d(mixed, state, groups, tokens, count, state * mixed.nb0, mixed.nb1, mixed.nb2);
  const step = g.add(g.cont(dt), weights.need("ssm_dt.bias"));
  const output = stateRows(graph, input, scan, (rows, ids) =>
    g.ssmScan(g.reshape(rows, state, width, heads, scan.ne1), x, step, weights.need("ssm_a"), b, c, ids),
  );
  const stateBytes = state * inner * output.nb0;
  graph.expand(
    g.cpy(
      g.view3d(output, state * inner, count, 1, stateBytes, stateBytes * count),
      g.view3d(scan, state * inner, count, 1, scan.nb1, scan.ne1 * scan.nb1),
    ),
  );
  const y = g.view4d(output, width, heads, tokens, count, x.nb1, heads * x.nb1, tokens * heads * x.nb1);
  const skipped = g.add(y, g.mul(x, weights.need("ssm_d")));
  let gated = g.swigluSplit(g.cont(z), skipped);
  if (weights.find("ssm_norm.weight") !== undefined)
    gated = weights.rmsNorm("ssm_norm", g.reshape(gated, inner / groups, groups, tokens, count));
  return weights.mulMat("ssm_out", g.reshape(gated, inner, tokens * count));
}

/** PLaMo 2's files name some norms without `.weight`. */
export function bareNorm({ weights }: LayerSite, name: string, x: Node): Node {
  return normed(x, weights.need(name), undefined, "rms");
}

/** PLaMo 2's Mamba: heads of Mamba 2, projections and norms of Mamba 1. */
export function plamoMamba(build: Build, site: LayerSite, input: StateInput, hidden: Node): Node {
  const { graph } = build;
  const { facts, weights } = site;
  const sequences = sequencesOf(build);
  const convolution = convolutionCells(build, facts);
  const scan = recurrenceCells(build, facts);
  const { kernel, inner, state, timeRank: heads } = stateSpaceDims(build);
  const { count, tokens } = sequences;
  const width = inner / heads;
  const before = g.reshape(stateRows(graph, input, convolution), kernel - 1, inner, count);
  const projected = g.permute(weights.mulMat("ssm_in", inSequences(hidden, sequences)), 0, 2, 1, 3);
  const zx = g.cont(projected, width * 2, heads, tokens, count);
  const half = (): Node => g.view4d(zx, width, heads, tokens, count, zx.nb1, zx.nb2, zx.nb3);
  const channels = g.cont(half(), width * heads, tokens, count);
  const z = half();

  const convolved = g.concat(before, g.transpose(channels), 0);
  storeState(graph, convolution, lastColumns(convolved, kernel - 1));
  const mixed = g.silu(g.ssmConv(convolved, weights.need("ssm_conv1d.weight")));

  const parts = weights.mulMat("ssm_x", mixed);
  const slice = (size: number): Node => g.view3d(parts, size, tokens, count, parts.nb1, parts.nb2);
  // llama.cpp's own floor for the width of dt, plamo2.cpp:340
  const rawB = bareNorm(site, "ssm_b_norm", slice(state));
  const rawC = bareNorm(site, "ssm_c_norm", slice(state));
  const rawStep = bareNorm(site, "ssm_dt_norm", slice(Math.max(64, Math.floor(build.hyper.embeddingLength / 16))));
  const step = g.add(weights.mulMat("ssm_dt", rawStep), weights.need("ssm_dt.bias"));
  const a = g.reshape(weights.need("ssm_a"), 1, heads);
  const x = g.view4d(mixed, width, heads, tokens, count, width * 4, width * heads * 4, width * heads * tokens * 4);
  const b = g.view4d(rawB, state, 1, tokens, count, state * rawB.nb0, rawB.nb1, rawB.nb2);
  const c = g.view4d(rawC, state, 1, tokens, count, state * rawC.nb0, rawC.nb1, rawC.nb2);
  const output = stateRows(graph, input, scan, (rows, ids) =>
    g.ssmScan(g.reshape(rows, state, width, heads, scan.ne1), x, step, a, b, c, ids),
  );
  storeState(graph, scan, g.view1d(output, inner * state * count));
  const y = g.view4d(output, width, heads, tokens, count, width * 4, width * heads * 4, width * heads * tokens * 4);
  const skipped = g.add(y, g.mul(x, g.reshape(weights.need("ssm_d"), 1, heads)));
  const gated = g.swigluSplit(g.cont(z), skipped);
  const line = g.view3d(gated, inner, tokens, count, gated.nb2, gated.nb3);
  return flat(weights.mulMat("ssm_out", line), sequences);
}
