/** Architecture → how its graph is built. */
import type { Hyperparameters } from "../../../facts/model.ts";
import type { Build } from "../builder.ts";
import { chameleonGraphs } from "./chameleon.ts";
import { deepseek4Graphs } from "./deepseek4.ts";
import { deltaGraphs } from "./delta.ts";
import { encoderGraphs } from "./encoders.ts";
import { gemma4Graphs } from "./gemma4.ts";
import { graniteSwitchGraphs } from "./granite-switch.ts";
import { hunyuan4Graphs } from "./hunyuan4.ts";
import { hybridGraphs } from "./hybrid.ts";
import { kimi3Graphs } from "./kimi3.ts";
import { latentGraphs } from "./latent.ts";
import { layerNormGraphs } from "./layer-norm.ts";
import { llamaGraphs } from "./llama.ts";
import { llama4Graphs } from "./llama4.ts";
import { minimaxGraphs } from "./minimax.ts";
import { mixtureGraphs } from "./mixtures.ts";
import { rwkvGraphs } from "./rwkv.ts";
import { windowedGraphs } from "./windowed.ts";

export type GraphBuilder = (build: Build) => void;

const graphs: Readonly<Record<string, GraphBuilder>> = {
  ...llamaGraphs,
  ...encoderGraphs,
  ...layerNormGraphs,
  ...windowedGraphs,
  ...mixtureGraphs,
  ...hybridGraphs,
  ...deltaGraphs,
  ...latentGraphs,
  ...gemma4Graphs,
  ...llama4Graphs,
  ...rwkvGraphs,
  ...minimaxGraphs,
  ...deepseek4Graphs,
  ...kimi3Graphs,
  ...hunyuan4Graphs,
  ...chameleonGraphs,
  ...graniteSwitchGraphs,
};

/** undefined: this architecture's graph is not known here. */
export function graphOf(hyper: Hyperparameters): GraphBuilder | undefined {
  return Object.hasOwn(graphs, hyper.architecture) ? graphs[hyper.architecture] : undefined;
}
