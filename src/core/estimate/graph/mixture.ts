/** Mixtures of experts. Source: `build_moe_ffn`, llama-graph.cpp:2002-2370 (llama.cpp v0.5.0). */
import type { Build } from "./builder.ts";
import * as g from "./ggml.ts";
import type { Node } from "./node.ts";
import { UnknownVariant, type Weights } from "./weights.ts";

export type Gating = "softmax" | "sigmoid" | "softmax-weight" | "sqrt-softplus";

export interface MixtureOptions {
  readonly gating: Gating;
  /** divides the weights by their sum (`norm_w`) */
  readonly normalized: boolean;
  /** multiplies the weights (`w_scale` neither 0 nor 1) */
  readonly scaled?: boolean;
  readonly activation?: "silu" | "gelu" | "relu" | "relu-squared" | "oai";
  /** gate and up are clamped one by one (`swiglu_clamp_exp`) */
  readonly limited?: boolean;
  readonly expertCount?: number;
  readonly usedCount?: number;
  /** experts are chosen group by group; `expert_group_count`, `expert_group_used_count` unless given */
  readonly groupCount?: number;
  readonly usedGroupCount?: number;
  /** llama4: raw logits choose, and the weights multiply the input */
  readonly weightsFirst?: boolean;
  /** router logits computed elsewhere */
  readonly logits?: Node;
  /** experts picked elsewhere, by the token alone */
  readonly chosen?: Node;
  /** how gate and up join, where no other activation describes it */
  readonly unit?: (gate: Node, up: Node) => Node;
  readonly suffix?: "exps" | "chexps";
  /** GroveMoE chooses by sigmoid, and its small experts by the probabilities of the large ones */
  readonly sigmoidSelection?: boolean;
  readonly probabilityCount?: number;
}

/** llama.cpp loads no more experts than this (`LLAMA_MAX_EXPERTS`); a file that says more is not believed. */
const MAX_USED_EXPERTS = 1024;

export function mixture(build: Build, weights: Weights, x: Node, options: MixtureOptions): Node {
  const { graph, hyper } = build;
  const width = x.ne0;
  const tokens = x.ne1;
  const expertCount = options.expertCount ?? hyper.experts?.total ?? 0;
  const usedCount = options.usedCount ?? hyper.experts?.used ?? 0;
  const suffix = options.suffix ?? "exps";
  if (usedCount > MAX_USED_EXPERTS) throw new UnknownVariant(`a mixture that uses ${usedCount} experts`);

  let logits = options.logits ?? weights.mulMat("ffn_gate_inp", x);
  const routerBias = options.logits === undefined ? weights.find("ffn_gate_inp.bias") : undefined;
  if (routerBias) logits = g.add(logits, routerBias);
  let probs = probabilities(logits, options.gating);
  let chosen = options.chosen ?? g.argsortTopK(selection(build, weights, logits, probs, options), usedCount);
  if (options.probabilityCount !== undefined) chosen = g.cast(g.scale(g.cast(chosen, "f32")), "i32");
  probs = g.reshape(probs, 1, options.probabilityCount ?? expertCount, tokens);
  const shares = expertShares(g.getRows(probs, chosen), usedCount, tokens, options);
  graph.expand(shares);

  let cur = g.reshape(x, width, 1, tokens);
  if (options.weightsFirst) cur = g.mul(g.repeat4d(cur, width, usedCount, tokens, 1), shares);
  const acted = expertUnit(weights, cur, chosen, options, suffix);
  let experts = product(weights, `ffn_down_${suffix}`, acted, chosen);
  if (!options.weightsFirst) experts = g.mul(experts, shares);
  graph.expand(experts);
  return sumOfExperts(build, experts, width, tokens, usedCount);
}

function probabilities(logits: Node, gating: Gating): Node {
  switch (gating) {
    case "softmax":
      return g.softMax(logits);
    case "sigmoid":
      return g.sigmoid(logits);
    case "softmax-weight":
      return logits;
    case "sqrt-softplus":
      return g.sqrt(g.softplus(logits));
  }
}

/** What the choice is made by: biased, raw or grouped probabilities. */
function selection(build: Build, weights: Weights, logits: Node, probs: Node, options: MixtureOptions): Node {
  const bias = weights.find("exp_probs_b.bias") ?? weights.find("exp_probs_b.weight") ?? weights.find("exp_probs_b");
  const biased = bias ? g.add(probs, bias) : probs;
  const scores = options.weightsFirst ? logits : options.sigmoidSelection ? g.sigmoid(logits) : biased;
  const groupCount = options.groupCount ?? build.count("expert_group_count");
  const usedGroupCount = options.usedGroupCount ?? build.count("expert_group_used_count");
  return groupCount > 1 ? withinGroups(scores, groupCount, usedGroupCount) : scores;
}

/** Keeps the groups whose two best experts score highest. */
function withinGroups(scores: Node, groupCount: number, usedGroupCount: number): Node {
  const expertCount = scores.ne0;
  const tokens = scores.ne1;
  const groups = g.reshape(scores, expertCount / groupCount, groupCount, tokens);
  const best = g.getRows(g.reshape(groups, 1, groups.ne0, groups.ne1, groups.ne2), g.argsortTopK(groups, 2));
  const sums = g.sumRows(g.reshape(best, best.ne1, best.ne2, best.ne3));
  const kept = g.argsortTopK(g.reshape(sums, sums.ne1, sums.ne2), usedGroupCount);
  const rows = g.getRows(groups, kept);
  return g.reshape(g.setRows(g.fill(groups), rows, kept), expertCount, tokens);
}

function expertShares(picked: Node, usedCount: number, tokens: number, options: MixtureOptions): Node {
  let shares = picked;
  if (options.gating === "softmax-weight")
    shares = g.reshape(g.softMax(g.reshape(shares, usedCount, tokens)), 1, usedCount, tokens);
  if (options.normalized) {
    const flat = g.reshape(shares, usedCount, tokens);
    shares = g.reshape(g.div(flat, g.clamp(g.sumRows(flat))), 1, usedCount, tokens);
  }
  return options.scaled ? g.scale(shares) : shares;
}

/** `build_lora_mm_id` with its scale and bias. */
function product(weights: Weights, stem: string, x: Node, chosen: Node): Node {
  let cur = g.mulMatId(weights.need(`${stem}.weight`), x, chosen);
  const scales = weights.find(`${stem}.scale`);
  if (scales) {
    const perExpert = g.repeat4d(g.reshape(scales, 1, scales.ne0, 1), 1, scales.ne0, x.ne2, 1);
    cur = g.mul(cur, g.getRows(perExpert, chosen));
  }
  const bias = weights.find(`${stem}.bias`);
  return bias ? g.addId(cur, bias, chosen) : cur;
}

function expertUnit(weights: Weights, x: Node, chosen: Node, options: MixtureOptions, suffix: string): Node {
  const joined = weights.has(`ffn_gate_up_${suffix}.weight`);
  const gated = joined || weights.has(`ffn_gate_${suffix}.weight`);
  let up: Node;
  let gate: Node;
  if (joined) {
    const both = product(weights, `ffn_gate_up_${suffix}`, x, chosen);
    gate = g.view3d(both, both.ne0 / 2, both.ne1, both.ne2, both.nb1, both.nb2);
    up = g.view3d(both, both.ne0 / 2, both.ne1, both.ne2, both.nb1, both.nb2);
  } else {
    up = product(weights, `ffn_up_${suffix}`, x, chosen);
    gate = gated ? product(weights, `ffn_gate_${suffix}`, x, chosen) : up;
  }
  if (options.unit) return options.unit(gate, up);
  if (!gated) return options.activation === "relu-squared" ? g.sqr(g.relu(gate)) : g.unary(gate);
  if (options.limited && !joined) {
    const clamped = g.clamp(up);
    return g.mul(g.clamp(g.silu(gate)), clamped);
  }
  return g.gluSplit(gate, up);
}

function sumOfExperts(build: Build, experts: Node, width: number, tokens: number, usedCount: number): Node {
  const views = Array.from({ length: usedCount }, () => g.view2d(experts, width, tokens, experts.nb2));
  for (const view of views) build.graph.expand(view);
  let sum: Node | undefined;
  for (const view of views) {
    sum = sum === undefined ? view : g.add(sum, view);
    build.graph.expand(sum);
  }
  if (sum === undefined) throw new UnknownVariant("a mixture that uses no expert");
  return usedCount === 1 ? g.cont(sum) : sum;
}
