/**
 * Architectures whose graphs tell layers apart by their index alone, beyond what facts and tensors show.
 * A test compares shortened and whole graphs of every published shape.
 */
import type { Hyperparameters, MetadataValue } from "../../../facts/model.ts";
import type { LayerKind } from "../layer-runs.ts";

function key({ architecture, metadata }: Hyperparameters, name: string): MetadataValue | undefined {
  return metadata[`${architecture}.${name}`];
}

/** no two layers are alike */
const distinct: LayerKind = (_, index) => index;
const everyFourth: LayerKind = (_, index) => index % 4;
const deepstack: LayerKind = (hyper, index) => (index < Number(key(hyper, "n_deepstack_layers") ?? 0) ? 1 : 0);

const layerKinds: Readonly<Record<string, LayerKind>> = {
  smollm3: everyFourth,
  smallthinker: everyFourth,
  afmoe: everyFourth,
  llama4: (hyper, index) => ((index + 1) % 4) + (index === hyper.layerCount - 1 ? 4 : 0),
  qwen3vl: deepstack,
  qwen3vlmoe: deepstack,
  gemma3n: (_, index) => (index < 10 ? 1 : 0),
  cohere2moe: (hyper, index) => (index < Number(key(hyper, "leading_dense_block_count") ?? 0) ? 1 : 0),
  step35: distinct,
  rwkv6: distinct,
  rwkv7: distinct,
  // each layer brings a leaf of its own that is there from the start
  deepseek32: distinct,
  "glm-dsa": distinct,
  hy_v4: distinct,
  "minimax-m3": distinct,
  deepseek4: distinct,
  // every few layers one more state is kept to the end
  "kimi-k3": distinct,
  rwkv6qwen2: distinct,
  arwkv7: distinct,
  nanbeige: distinct,
  graniteswitch: distinct,
};

/** undefined: equal facts and tensors make equal layers. */
export function layerKindOf(architecture: string): LayerKind | undefined {
  return Object.hasOwn(layerKinds, architecture) ? layerKinds[architecture] : undefined;
}
