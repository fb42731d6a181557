import { describe, expect, it } from "vitest";
import { readHyperparameters } from "../../../src/core/facts/hyperparameters.ts";
import type { Metadata } from "../../../src/core/facts/model.ts";
import { kindOf } from "../../../src/core/facts/model-kind.ts";

const keys = (architecture: string): Metadata => ({
  "general.architecture": architecture,
  [`${architecture}.block_count`]: 2,
  [`${architecture}.context_length`]: 512,
  [`${architecture}.embedding_length`]: 64,
  [`${architecture}.feed_forward_length`]: 128,
  [`${architecture}.attention.head_count`]: 4,
  [`${architecture}.vocab_size`]: 100,
});
const kind = (architecture: string, more: Metadata, tensors: readonly string[] = []) =>
  kindOf(
    readHyperparameters({ ...keys(architecture), ...more }, undefined),
    tensors.map((name) => ({ name, shape: [64] })),
  );

describe("kindOf", () => {
  it.each([
    ["bert", { "bert.pooling_type": 1 }, [], "embedding"],
    ["bert", { "bert.pooling_type": 4 }, [], "reranking"],
    ["qwen3", { "qwen3.pooling_type": 3, "tokenizer.chat_template": "{{ messages }}" }, [], "embedding"],
    ["bert", {}, ["cls.weight", "token_embd.weight"], "reranking"],
    ["qwen3", { "general.tags": ["transformers", "text-ranking"] }, [], "reranking"],
    ["llama", { "tokenizer.chat_template": "{% for m in messages %}" }, [], "chat"],
    ["llama", { "tokenizer.ggml.eos_token_id": 2 }, [], "base"],
    ["llama", {}, [], "unknown"],
  ] as const)("takes %s with %j and %j for %s", (architecture, more, tensors, task) => {
    expect(kind(architecture, more, tensors).task).toBe(task);
  });

  it("reads abilities off the chat template and the tokenizer", () => {
    const template = "{% if tools %}<tool_call>{% endif %}{% if enable_thinking %}<think>{% endif %}<|vision_start|>";
    expect(
      kind("qwen3", { "tokenizer.chat_template": template, "tokenizer.ggml.fim_pre_token_id": 7 }).capabilities,
    ).toEqual({
      tools: true,
      thinking: true,
      vision: true,
      infill: true,
    });
    expect(kind("llama", { "tokenizer.chat_template": "{{ messages }}" }).capabilities).toEqual({});
  });
});
