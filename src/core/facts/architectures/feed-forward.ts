/** Blocks of the feed-forward network: gated, plain, routed experts, shared experts. */
import { linear } from "./attention.ts";
import * as d from "./dimension.ts";
import { type Block, type Dimension, not, only, row } from "./row.ts";

export function gatedFeedForward(width: Dimension = d.feedForward): Block {
  const bias = d.chosen("feedForwardBias");
  return [
    ...linear("ffn_gate", d.embedding, width),
    ...linear("ffn_down", width, d.embedding),
    ...linear("ffn_up", d.embedding, width),
    row("ffn_gate.bias", [width], bias),
    row("ffn_down.bias", [d.embedding], bias),
    row("ffn_up.bias", [width], bias),
  ];
}

export function plainFeedForward(width: Dimension = d.feedForward): Block {
  const bias = d.chosen("feedForwardBias");
  return [
    ...linear("ffn_down", width, d.embedding),
    row("ffn_down.bias", [d.embedding], bias),
    ...linear("ffn_up", d.embedding, width),
    row("ffn_up.bias", [width], bias),
  ];
}

/** gate and up in one matrix of twice the width */
export const fusedFeedForward: Block = [
  ...linear("ffn_down", d.feedForward, d.embedding),
  ...linear("ffn_up", d.embedding, d.twice(d.feedForward)),
];

/** gate and up of every expert, apart or in one tensor (`create_tensor_gate_up_exps`, llama-model.cpp:3253, llama.cpp v0.5.0) */
export function expertGateUp(width: Dimension, from: Dimension = d.embedding): Block {
  const fused = d.chosen("fusedExpertGateUp");
  return [
    row("ffn_gate_up_exps.weight", [from, d.twice(width), d.experts], fused),
    row("ffn_gate_exps.weight", [from, width, d.experts], not(fused)),
    row("ffn_up_exps.weight", [from, width, d.experts], not(fused)),
  ];
}

export const router: Block = linear("ffn_gate_inp", d.embedding, d.experts);
export const routerBias: Block = [row("exp_probs_b.bias", [d.experts])];
export const optionalRouterBias: Block = only(d.hasRouterBias, routerBias);

export const expertNetworks = (width: Dimension, from: Dimension = d.embedding): Block => [
  row("ffn_down_exps.weight", [width, from, d.experts]),
  ...expertGateUp(width, from),
];
export const mixture = (width: Dimension = d.expertFeedForward): Block => [...router, ...expertNetworks(width)];

export const sharedExpert = (width: Dimension): Block => [
  ...linear("ffn_gate_shexp", d.embedding, width),
  ...linear("ffn_down_shexp", width, d.embedding),
  ...linear("ffn_up_shexp", d.embedding, width),
];
/** as many expert widths as there are shared experts */
export const sharedByCount: Block = sharedExpert(d.times(d.expertFeedForward, d.sharedExperts));
export const sharedByKey: Block = only(d.has("expert_shared_feed_forward_length"), sharedExpert(d.sharedFeedForward));
/** shared expert behind a gate of its own */
export const gatedSharedExpert = (width: Dimension): Block => [
  row("ffn_gate_inp_shexp.weight", [d.embedding]),
  ...sharedExpert(width),
];

/** dense where the model has no experts, a mixture of `feed_forward_length` wide experts where it has some */
export const denseOrMixture: Block = [
  ...only(not(d.hasExperts), gatedFeedForward()),
  ...only(d.hasExperts, [...mixture(d.feedForward), ...sharedByKey]),
];
/** dense in the leading layers, `rest` in the others */
export const leadingDense = (rest: Block, dense: Block = gatedFeedForward()): Block => [
  ...only(not(d.pastLeadingDense), dense),
  ...only(d.pastLeadingDense, rest),
];
