/** What a model outside the catalog is for and can do, by what its file says of itself. Absent is unknown, never "no". */
import type { Capabilities } from "./catalog-model.ts";
import type { Hyperparameters, MetadataValue } from "./model.ts";
import type { TensorShape } from "./tensor.ts";

export interface ModelKind {
  /** `base`: generates, but has no chat template */
  readonly task: "chat" | "base" | "embedding" | "reranking" | "unknown";
  readonly capabilities: Capabilities;
}

/** `llama_pooling_type` (llama.cpp v0.5.0 include/llama.h): none 0, mean 1, cls 2, last 3, rank 4. */
const POOLING_RANK = 4;

const tagTasks: readonly (readonly [ModelKind["task"], readonly string[]])[] = [
  ["reranking", ["text-ranking", "reranker", "cross-encoder"]],
  ["embedding", ["sentence-similarity", "feature-extraction", "sentence-transformers", "embedding"]],
];

function isTexts(value: MetadataValue | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** Pooling first, then classifier tensors, then tags: shape says least. */
function taskOf(
  hyper: Hyperparameters,
  tensors: readonly TensorShape[],
  template: string | undefined,
): ModelKind["task"] {
  const { metadata, architecture } = hyper;
  const pooling = metadata[`${architecture}.pooling_type`];
  if (pooling === POOLING_RANK) return "reranking";
  if (typeof pooling === "number" && pooling > 0) return "embedding";
  if (tensors.some(({ name }) => /^cls(\.output)?\.weight$/.test(name))) return "reranking";
  const tags = metadata["general.tags"];
  if (isTexts(tags))
    for (const [task, words] of tagTasks) if (tags.some((tag) => words.includes(tag.toLowerCase()))) return task;
  if (template !== undefined) return "chat";
  if (!hyper.causal && !hyper.hasCache) return "unknown";
  // a head read up to its tokenizer has not come to the template yet
  return metadata["tokenizer.ggml.eos_token_id"] === undefined ? "unknown" : "base";
}

/** Pure. What the chat template mentions, the model was trained to do. */
export function kindOf(hyper: Hyperparameters, tensors: readonly TensorShape[]): ModelKind {
  const { metadata } = hyper;
  const held = metadata["tokenizer.chat_template"];
  const template = typeof held === "string" ? held : undefined;
  const task = taskOf(hyper, tensors, template);
  const mentions = (pattern: RegExp): boolean => template !== undefined && pattern.test(template);
  return {
    task,
    capabilities: {
      ...(mentions(/\btools?\b|tool_call/) ? { tools: true } : {}),
      ...(mentions(/<\|?think|enable_thinking|reasoning_content|reasoning_effort/) ? { thinking: true } : {}),
      ...(mentions(/<\|?image|vision_start|image_pad|'image'|"image"/) ? { vision: true } : {}),
      ...(metadata["tokenizer.ggml.fim_pre_token_id"] === undefined ? {} : { infill: true }),
      ...(task === "embedding" ? { embedding: true } : {}),
      ...(task === "reranking" ? { reranking: true } : {}),
    },
  };
}
