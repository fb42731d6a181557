/** Llama 4: chunked attention with positions, full attention without them but with a temperature. Source: src/models/llama4.cpp, llama.cpp v0.5.0. */
import type { Build, LayerSite } from "../builder.ts";
import { routerKeys } from "../router.ts";
import { transformer } from "../transformer.ts";

/** Every fourth layer turns nothing; models without windows turn everywhere but in the last (llama4.cpp:9-12, :109). */
const NO_ROPE_STEP = 4;

function turns({ hyper }: Build, { index }: LayerSite): boolean {
  const windowed = hyper.layers.some(({ windowTokens }) => windowTokens > 0);
  const step = windowed ? NO_ROPE_STEP : hyper.layerCount - hyper.nextnLayerCount;
  return (index + 1) % step !== 0;
}

/** All but the model of 128 experts norm queries and keys. */
const MAVERICK_EXPERTS = 128;

export const llama4Graphs = {
  llama4: transformer({
    rope: turns,
    ropeFactors: true,
    queryNorm: (build, site) =>
      turns(build, site) && build.count("expert_count") !== MAVERICK_EXPERTS ? "plain-after-rope" : "none",
    queryScale: (build, site) => (turns(build, site) ? "none" : "temperature"),
    mixture: (build) => ({ ...routerKeys(build), gating: "sigmoid", normalized: false, weightsFirst: true }),
  }),
};
