/**
 * Tensor tables laid out from metadata alone, held against two measurements: the headers of test/truth/gguf, name by name, and
 * test/truth/layouts.jsonl, models that llama.cpp's loader accepted tensor by tensor (it refuses a missing, an extra or a misshapen one).
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { knownArchitectures, readHyperparameters } from "../../../src/core/facts/hyperparameters.ts";
import { InputError } from "../../../src/core/facts/input-error.ts";
import { coveredArchitectures, type LayoutOptions, layoutTensors } from "../../../src/core/facts/layout.ts";
import type { Metadata } from "../../../src/core/facts/model.ts";
import { type TensorShape, weightCount } from "../../../src/core/facts/tensor.ts";
import { readGgufFile } from "../../../src/core/sources/gguf/read.ts";

const headers = new URL("../../truth/gguf/", import.meta.url);

/** What a file of this model has and its metadata does not say, where that differs from the architecture's default. */
const optionsOf: Readonly<Record<string, LayoutOptions>> = {
  "Llama-3.2-1B": { tiedEmbeddings: true },
  "SmolLM2-135M": { tiedEmbeddings: true },
  "Qwen3-0.6B": { tiedEmbeddings: true },
  // its header has three matrices where published files have one
  "Phi-4-14B": { fusedQueryKeyValue: false },
};

const table = (tensors: readonly TensorShape[]): string[] =>
  tensors.map(({ name, shape }) => `${name} ${shape.join("x")}`).sort();

describe("layout from metadata equals the measured file's table", () => {
  const files = readdirSync(headers).filter((name) => name.endsWith(".gguf"));
  test("there are headers to compare with", () => expect(files.length).toBeGreaterThanOrEqual(30));
  test.each(files)("%s", async (file) => {
    const { hyper, tensors } = await readGgufFile(new URL(file, headers).pathname);
    const model = file.replace(/-[^-]*\.gguf$/, "");
    expect(table(layoutTensors(readHyperparameters(hyper.metadata, undefined), optionsOf[model]))).toEqual(
      table(tensors),
    );
  });
});

const value = z.union([z.string(), z.number(), z.boolean()]);
const flag = z.boolean().exactOptional();
const loadedModel = z.strictObject({
  architecture: z.string(),
  /** the model whose dimensions these are; absent: made up and small */
  like: z.string().optional(),
  /** the checkpoint's own parameter count, where one is published and holds the same tensors */
  published: z.int().optional(),
  tensorCount: z.int(),
  parameterCount: z.int(),
  llamaCpp: z.string(),
  options: z.strictObject({
    tiedEmbeddings: flag,
    ropeFactors: flag,
    attentionBias: flag,
    attentionOutputBias: flag,
    feedForwardBias: flag,
    outputBias: flag,
    normBias: flag,
    queryKeyNorm: flag,
    fusedQueryKeyValue: flag,
    fusedExpertGateUp: flag,
    feedForwardGate: flag,
    positionEmbedding: flag,
    tokenTypes: flag,
    secondNorm: flag,
    stateNorm: flag,
    denseBesideExperts: flag,
    attentionGate: z.enum(["none", "head", "element"]).exactOptional(),
    classifierOutputs: z.int().exactOptional(),
  }),
  metadata: z.record(z.string(), z.union([value, z.array(value)])),
});

const loaded = readFileSync(new URL("../../truth/layouts.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => loadedModel.parse(JSON.parse(line)));

/** accepted by the loader, but its graph fails in llama.cpp v0.5.0 whatever the dimensions: the cache wants values by head */
const withoutMeasurement = ["plm"];

describe("layout has as many tensors and weights as the model that llama.cpp loaded", () => {
  test("every covered architecture was loaded", () => {
    const seen = new Set(loaded.map(({ architecture }) => architecture));
    expect(coveredArchitectures().filter((architecture) => !seen.has(architecture))).toEqual(withoutMeasurement);
  });
  test.each(loaded)("$architecture $like", ({ metadata, options, tensorCount, parameterCount, published }) => {
    const tensors = layoutTensors(readHyperparameters(metadata, undefined), options);
    expect(new Set(tensors.map(({ name }) => name)).size).toBe(tensors.length);
    expect({
      tensorCount: tensors.length,
      parameterCount: tensors.reduce((sum, tensor) => sum + weightCount(tensor), 0),
    }).toEqual({ tensorCount, parameterCount });
    if (published !== undefined) expect(parameterCount).toBe(published);
  });
  test("published counts are among them", () =>
    expect(loaded.filter(({ published }) => published !== undefined).length).toBeGreaterThan(80));
});

describe("layoutTensors", () => {
  const small: Metadata = {
    "general.architecture": "qwen3",
    "qwen3.block_count": 2,
    "qwen3.context_length": 4096,
    "qwen3.embedding_length": 64,
    "qwen3.feed_forward_length": 128,
    "qwen3.attention.head_count": 4,
    "qwen3.attention.head_count_kv": 2,
    "qwen3.vocab_size": 100,
  };
  const lay = (changes: Metadata, options: LayoutOptions = {}) =>
    layoutTensors(readHyperparameters({ ...small, ...changes }, undefined), options);

  test("names, shapes and order of a small model", () => {
    expect(lay({}).slice(0, 5)).toEqual([
      { name: "token_embd.weight", shape: [64, 100] },
      { name: "output_norm.weight", shape: [64] },
      { name: "output.weight", shape: [64, 100] },
      { name: "blk.0.attn_norm.weight", shape: [64] },
      { name: "blk.0.attn_q.weight", shape: [64, 64] },
    ]);
  });
  test("options add and remove tensors", () => {
    const names = (options: LayoutOptions) => lay({}, options).map(({ name }) => name);
    expect(names({ tiedEmbeddings: true })).not.toContain("output.weight");
    expect(names({ attentionBias: true })).toContain("blk.1.attn_k.bias");
    expect(names({ fusedQueryKeyValue: true })).toContain("blk.1.attn_qkv.weight");
  });
  test("every covered architecture is one that hyper-parameters can be read of", () => {
    const known = new Set(knownArchitectures());
    expect(coveredArchitectures().filter((name) => !known.has(name))).toEqual([]);
    expect(coveredArchitectures().length).toBeGreaterThan(140);
  });
  test("an architecture without rows asks for a file", () => {
    const hyper = { ...readHyperparameters(small, undefined), architecture: "gptj" };
    expect(() => layoutTensors(hyper)).toThrow(InputError);
    expect(() => layoutTensors(hyper)).toThrow(/gptj.*Pass a GGUF file/);
  });
  test.each([
    ["qwen3.embedding_length", 0, /token_embd\.weight the shape 0 x 100/],
    ["qwen3.feed_forward_length", 0, /blk\.0\.ffn_gate\.weight the shape 64 x 0/],
  ])("%s = %d is refused", (key, count, message) => {
    expect(() => lay({ [key]: count })).toThrow(message);
  });
  test("a decoder of a billion layers is refused before it is laid out", () => {
    const t5 = {
      ...Object.fromEntries(Object.entries(small).map(([key, entry]) => [key.replace("qwen3", "t5"), entry])),
      "general.architecture": "t5",
      "t5.attention.relative_buckets_count": 32,
      "t5.decoder_block_count": 1e9,
    };
    expect(() => layoutTensors(readHyperparameters(t5, undefined))).toThrow(/1000000000 layers/);
  });
  test("a missing width is named", () => {
    const { "qwen3.feed_forward_length": _, ...without } = small;
    expect(() => layoutTensors(readHyperparameters(without, undefined))).toThrow(/qwen3\.feed_forward_length/);
  });
});
