/** Dense feed-forward blocks. Source: `build_ffn`, llama-graph.cpp:1735-1960 (llama.cpp v0.5.0). */

import * as g from "./ggml.ts";
import type { Node } from "./node.ts";
import type { Weights } from "./weights.ts";

/** `…-joined`: one matrix holds gate and up side by side (`LLM_FFN_SWIGLU`, `_GEGLU`, `_REGLU`). */
export type Activation = "silu" | "gelu" | "relu" | "relu-squared" | "glu-joined";

export interface FeedForwardOptions {
  readonly activation?: Activation;
  /** names of the three matrices (`ffn_up_shexp` … for shared experts) */
  readonly up?: string;
  readonly gate?: string | undefined;
  readonly down?: string;
  /** the gate reads the up projection instead of the input */
  readonly sequential?: boolean;
  /** up and gate are clamped (`swiglu_clamp_shexp`) */
  readonly limited?: boolean;
}

/** The gate joins in where the file has one; biases and scales likewise. */
export function feedForward(weights: Weights, x: Node, options: FeedForwardOptions = {}): Node {
  const { activation = "silu", up: upName = "ffn_up", gate: gateName = "ffn_gate", down = "ffn_down" } = options;
  const up = weights.has(`${upName}.weight`) ? biasedThenScaled(weights, upName, x) : x;
  const gated = weights.has(`${gateName}.weight`);
  const gate = gated ? biasedThenScaled(weights, gateName, options.sequential ? up : x) : up;
  const acted =
    gated && !options.sequential
      ? gatedUnit(activation, gate, up, options.limited ?? false)
      : act(weights, activation, gate);
  return weights.has(`${down}.weight`) ? biasedThenScaled(weights, down, acted) : acted;
}

/** Here the bias comes before the scale, unlike in `build_lora_mm`. */
function biasedThenScaled(weights: Weights, stem: string, x: Node): Node {
  let cur = g.mulMat(weights.need(`${stem}.weight`), x);
  const bias = weights.find(`${stem}.bias`);
  const scales = weights.find(`${stem}.scale`);
  if (bias) cur = g.add(cur, bias);
  if (scales) cur = g.mul(cur, scales);
  return cur;
}

function gatedUnit(activation: Activation, gate: Node, up: Node, limited: boolean): Node {
  if (activation === "relu-squared") return g.mul(g.sqr(g.relu(gate)), up);
  if (activation === "glu-joined") return g.mul(g.glu(gate), up);
  if (!limited) return g.gluSplit(gate, up);
  const clamped = g.clamp(up);
  return g.mul(g.clamp(g.silu(gate)), clamped);
}

function act(weights: Weights, activation: Activation, x: Node): Node {
  switch (activation) {
    case "silu":
    case "relu":
      return g.unary(x);
    case "gelu": {
      const scales = weights.find("ffn_act.scales");
      return scales ? g.div(g.gelu(x), scales) : g.gelu(x);
    }
    case "relu-squared":
      return g.sqr(g.relu(x));
    case "glu-joined":
      return g.glu(x);
  }
}
