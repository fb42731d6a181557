/** How a model's router picks and weighs experts, as its file says. Source: llama-hparams.h:12-18, `build_moe_ffn` (llama.cpp v0.5.0). */
import type { Build } from "./builder.ts";
import type { Gating, MixtureOptions } from "./mixture.ts";

/** `expert_gating_func` by its number in a file (`llama_expert_gating_func_type`). */
const gatings: Readonly<Record<number, Gating>> = {
  1: "softmax",
  2: "sigmoid",
  3: "softmax-weight",
  4: "sqrt-softplus",
};

/** Everything that keys say; `fallback` where an architecture has a default of its own for an absent gating key. */
export function routerKeys(build: Build, fallback: Gating = "softmax"): MixtureOptions {
  const scale = build.count("expert_weights_scale");
  return {
    gating: gatings[build.count("expert_gating_func")] ?? fallback,
    normalized: build.key("expert_weights_norm") === true,
    scaled: scale !== 0 && scale !== 1,
    groupCount: build.count("expert_group_count"),
    usedGroupCount: build.count("expert_group_used_count"),
  };
}
