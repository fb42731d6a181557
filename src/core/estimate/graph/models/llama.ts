/** Llama and the many that differ from it by biases, norms of Q and K, or experts only. Source: src/models/{llama,qwen2,qwen3,qwen3moe,olmoe,…}.cpp, llama.cpp v0.5.0. */
import type { Build } from "../builder.ts";
import type { MixtureOptions } from "../mixture.ts";
import { transformer } from "../transformer.ts";

/** Softmax over all experts, weights of the chosen ones normalised. */
export function softmaxExperts(normalized: boolean): (build: Build) => MixtureOptions {
  return (build) => ({ gating: "softmax", normalized, scaled: isScaled(build) });
}

/** `w_scale != 0 && w_scale != 1` of the key `expert_weights_scale` */
export function isScaled(build: Build): boolean {
  const scale = build.count("expert_weights_scale");
  return scale !== 0 && scale !== 1;
}

export const llamaGraphs = {
  llama: transformer({ ropeFactors: true, mixture: softmaxExperts(true) }),
  qwen2: transformer({}),
  qwen3: transformer({ queryNorm: "head" }),
  qwen3moe: transformer({ queryNorm: "head", mixture: softmaxExperts(true) }),
};
