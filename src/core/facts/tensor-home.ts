/**
 * Which part of the model a stored tensor belongs to. Almost every tensor says so by its name; the few that don't are rows here.
 * Source: `LLM_TENSOR_INFOS` and `LLM_TENSOR_NAMES`, llama.cpp v0.5.0 src/llama-arch.cpp:434-1000.
 */
import { layerOf } from "./tensor.ts";

export type TensorHome =
  | { readonly part: "input" }
  | { readonly part: "output" }
  | { readonly part: "layer"; readonly layer: number }
  /** one copy on every device that holds a layer; `fullAttentionOnly`: a layer without a window */
  | { readonly part: "every-layer"; readonly fullAttentionOnly: boolean };

const inputNames = new Set(["token_embd", "position_embd", "token_types", "per_layer_token_embd", "hrm.z_l_init"]);
const everyLayerNames = new Set(["rope_freqs", "rope_factors_long", "rope_factors_short"]);
/** computed with the first layer, not with the input */
const firstLayerNames = new Set([
  "token_embd_norm",
  "per_layer_model_proj",
  "per_layer_proj_norm",
  "conv1d",
  "nextn.pre_projection",
]);
/** LFM2 files call their output norm `token_embd_norm` */
const embeddingNormIsOutputNorm = new Set(["lfm2", "lfm2moe"]);

/** Only layers without a window rotate with these factors (src/models/gemma4.cpp:93). */
const factorsOfFullAttention = new Set(["gemma4"]);
/** The output is created before the embedding, so that a tied one is loaded twice even on one device (gemma4.cpp:52, gemma3n.cpp:31). */
const outputBeforeEmbedding = new Set(["gemma3n", "gemma4"]);

/** Encoders that end in a pooled embedding: no output matrix, so a missing one is not a tied one. */
const headless = new Set([
  "bert",
  "nomic-bert",
  "nomic-bert-moe",
  "jina-bert-v2",
  "jina-bert-v3",
  "neo-bert",
  "eurobert",
  "modern-bert",
]);

export function tensorHome(architecture: string, name: string): TensorHome {
  const layer = layerOf(name);
  if (layer !== undefined) return { part: "layer", layer };
  const stem = name.replace(/\.(weight|bias|scale)$/, "");
  if (inputNames.has(stem)) return { part: "input" };
  if (everyLayerNames.has(stem))
    return { part: "every-layer", fullAttentionOnly: factorsOfFullAttention.has(architecture) };
  if (firstLayerNames.has(stem) && !(stem === "token_embd_norm" && embeddingNormIsOutputNorm.has(architecture)))
    return { part: "layer", layer: 0 };
  return { part: "output" };
}

/** True when the architecture computes logits, and so loads the embedding a second time when the file has no output matrix. */
export function hasOutputHead(architecture: string): boolean {
  return !headless.has(architecture);
}

/** True when a tied embedding is loaded twice even where input and output stand on the same device. */
export function duplicatesOnSameDevice(architecture: string): boolean {
  return outputBeforeEmbedding.has(architecture);
}
