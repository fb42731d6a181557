/** Hyper-parameters from keys: the measured headers, each architecture's own rules, and headers nobody should trust. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { knownArchitectures, readHyperparameters } from "../../../src/core/facts/hyperparameters.ts";
import { InputError } from "../../../src/core/facts/input-error.ts";
import type { LayerFacts, Metadata, MetadataValue } from "../../../src/core/facts/model.ts";
import { readGgufFile } from "../../../src/core/sources/gguf/read.ts";
import { truthFolder } from "../../truth/rows.ts";

type Keys = Readonly<Record<string, MetadataValue>>;

/** A plain 8-layer decoder of 8 heads, with `keys` (under the architecture's prefix) changed or added. */
function metadataOf(architecture: string, keys: Keys = {}): Metadata {
  const base: Keys = {
    block_count: 8,
    context_length: 4096,
    embedding_length: 512,
    feed_forward_length: 1024,
    vocab_size: 1000,
    "attention.head_count": 8,
    ...keys,
  };
  return Object.fromEntries([
    ["general.architecture", architecture],
    ...Object.entries(base).map(([key, value]) => [`${architecture}.${key}`, value] as const),
  ]);
}

const layersOf = (architecture: string, keys?: Keys): readonly LayerFacts[] =>
  readHyperparameters(metadataOf(architecture, keys), undefined).layers;
/** Layers as a string of marks, easy to compare with a pattern. */
const marks = (layers: readonly LayerFacts[], mark: (layer: LayerFacts) => string): string => layers.map(mark).join("");
const windowMarks = (layers: readonly LayerFacts[]) =>
  marks(layers, ({ windowTokens }) => (windowTokens > 0 ? "w" : "F"));
const cacheMarks = (layers: readonly LayerFacts[]) => marks(layers, ({ hasCache }) => (hasCache ? "c" : "-"));
const kindMarks = (layers: readonly LayerFacts[]) =>
  marks(layers, ({ attention, recurrent }) => (attention && recurrent ? "B" : attention ? "A" : recurrent ? "R" : "-"));
const moeMarks = (layers: readonly LayerFacts[]) => marks(layers, ({ moe }) => (moe ? "m" : "d"));

describe("measured headers", () => {
  const files = readdirSync(join(truthFolder, "gguf")).filter((name) => name.endsWith(".gguf"));
  test("are there", () => expect(files.length).toBeGreaterThanOrEqual(30));
  test.each(files)("%s: keys alone say what keys and tensors say", async (file) => {
    const { hyper, tensors } = await readGgufFile(join(truthFolder, "gguf", file));
    expect(readHyperparameters(hyper.metadata, undefined)).toEqual(readHyperparameters(hyper.metadata, tensors));
  });
});

describe("windows", () => {
  const window = { "attention.sliding_window": 256 };
  test.each([
    ["gemma2", {}, "wFwFwFwF", 4096],
    ["gemma2", window, "wFwFwFwF", 256],
    ["gemma3", window, "wwwwwFww", 256],
    ["gemma3", {}, "FFFFFFFF", 0],
    ["gemma3n", window, "wwwwFwww", 256],
    ["gpt-oss", window, "wFwFwFwF", 256],
    ["cohere2", window, "wwwFwwwF", 256],
    ["cohere2moe", window, "FwwwFwww", 256],
    ["plamo3", window, "wwwwwwwF", 256],
    ["llama4", {}, "wwwFwwwF", 8192],
    ["llama4", { "attention.sliding_window": 0 }, "FFFFFFFF", 0],
    ["smallthinker", window, "FwwwFwww", 4096],
    ["smallthinker", {}, "FFFFFFFF", 0],
    ["exaone4", window, "FFFFFFFF", 0],
    ["olmo2", { ...window, "attention.sliding_window_pattern": 2 }, "wFwFwFwF", 256],
    [
      "mimo2",
      { ...window, "attention.sliding_window_pattern": [true, true, false, true, true, false, false, true] },
      "wwFwwFFw",
      256,
    ],
    ["modern-bert", window, "FwwFwwFw", 256],
    ["qwen2", window, "FFFFFFFF", 0],
    ["phi3", window, "FFFFFFFF", 0],
    ["gemma2", { nextn_predict_layers: 3 }, "wFwFwFFF", 4096],
  ] as const)("%s %j: %s, %i tokens", (architecture, keys, pattern, tokens) => {
    const layers = layersOf(architecture, keys);
    expect(windowMarks(layers)).toBe(pattern);
    expect(Math.max(...layers.map(({ windowTokens }) => windowTokens))).toBe(tokens);
  });

  test("exaone4 has its window in the 64-layer model only", () => {
    expect(windowMarks(layersOf("exaone4", { block_count: 64 }).slice(0, 8))).toBe("wwwFwwwF");
  });

  test("windowed layers may have heads of another width", () => {
    const pattern = [true, true, true, false, true, true, true, false];
    const dims = {
      "attention.key_length": 128,
      "attention.value_length": 128,
      "attention.key_length_swa": 64,
      "attention.value_length_swa": 32,
    };
    const layers = layersOf("gemma4", {
      ...window,
      ...dims,
      "attention.sliding_window_pattern": pattern,
      "attention.shared_kv_layers": 2,
    });
    expect(layers.slice(2, 4).map(({ keyDim, valueDim }) => [keyDim, valueDim])).toEqual([
      [64, 32],
      [128, 128],
    ]);
    expect(cacheMarks(layers)).toBe("cccccc--");
  });
});

describe("recurrent and hybrid", () => {
  const ssm = {
    "ssm.conv_kernel": 4,
    "ssm.inner_size": 1024,
    "ssm.state_size": 128,
    "ssm.group_count": 2,
    "ssm.time_step_rank": 16,
  };
  const kvHeads = { "attention.head_count_kv": [0, 0, 0, 2, 0, 0, 0, 2] };
  test.each([
    ["mamba", { ...ssm, "attention.head_count": 0 }, "RRRRRRRR", 3 * 1024, 128 * 1024],
    ["mamba2", { ...ssm, "attention.head_count": 0 }, "RRRRRRRR", 3 * (1024 + 2 * 2 * 128), 128 * 1024],
    ["rwkv7", { "attention.head_count": 0, "wkv.head_size": 64 }, "RRRRRRRR", 2 * 512, 512 * 64],
    ["arwkv7", { "attention.head_count": 0, "wkv.head_size": 64, token_shift_count: 1 }, "RRRRRRRR", 512, 512 * 64],
    ["falcon-h1", ssm, "BBBBBBBB", 3 * (1024 + 512), 128 * 1024],
    ["jamba", { ...ssm, ...kvHeads }, "RRRARRRA", 3 * 1024, 128 * 1024],
    ["granitehybrid", { ...ssm, ...kvHeads }, "RRRARRRA", 3 * (1024 + 512), 128 * 1024],
    ["lfm2", { ...kvHeads, "shortconv.l_cache": 3 }, "RRRARRRA", 2 * 512, 0],
    ["qwen3next", ssm, "RRRARRRA", 3 * (1024 + 512), 128 * 1024],
    ["qwen35", { ...ssm, full_attention_interval: 2 }, "RARARARA", 3 * (1024 + 512), 128 * 1024],
    ["qwen35", { ...ssm, nextn_predict_layers: 1 }, "RRRARRRA", 3 * (1024 + 512), 128 * 1024],
    ["minimax-01", {}, "RRRRRRRA", 0, 64 * 64 * 8],
    ["kimi-linear", { ...kvHeads, "ssm.conv_kernel": 4, "kda.head_dim": 32 }, "RRRARRRA", 3 * 3 * 8 * 32, 32 * 32 * 8],
    [
      "nemotron_h",
      { ...ssm, ...kvHeads, feed_forward_length: [0, 1024, 0, 0, 0, 1024, 0, 0] },
      "R-RAR-RA",
      3 * (1024 + 512),
      128 * 1024,
    ],
    ["llama", {}, "AAAAAAAA", 0, 0],
  ] as const)("%s %j: %s", (architecture, keys, pattern, convolution, state) => {
    const layers = layersOf(architecture, keys);
    expect(kindMarks(layers)).toBe(pattern);
    expect(Math.max(...layers.map(({ convStateElements }) => convStateElements))).toBe(convolution);
    expect(Math.max(...layers.map(({ stateElements }) => stateElements))).toBe(state);
    for (const layer of layers)
      if (!layer.attention)
        expect([layer.hasCache, layer.headCount, layer.kvHeadCount, layer.keyDim]).toEqual([false, 0, 0, 0]);
  });
});

describe("caches", () => {
  const latent = {
    "attention.kv_lora_rank": 512,
    "attention.key_length": 576,
    "attention.value_length": 512,
    "attention.head_count_kv": 1,
    "rope.dimension_count": 64,
  };
  const mla = { ...latent, "attention.key_length_mla": 192, "attention.value_length_mla": 128 };
  const indexer = { ...mla, "attention.indexer.key_length": 128 };
  const indexerMarks = (layers: readonly LayerFacts[]) =>
    marks(layers, ({ indexerKeyDim }) => (indexerKeyDim ? "i" : "-"));

  test("latent attention caches one wide head", () => {
    const hyper = readHyperparameters(metadataOf("deepseek2", mla), undefined);
    expect(hyper.latent).toEqual({ queryRank: 0, kvRank: 512, ropeDim: 64, keyDim: 192, valueDim: 128 });
    expect(hyper.layers[0]).toMatchObject({ kvHeadCount: 1, keyDim: 576 });
    expect(readHyperparameters(metadataOf("deepseek2", latent), undefined).latent).toBeUndefined();
  });
  test.each([
    ["llama", { nextn_predict_layers: 1 }, "ccccccc-"],
    ["hy_v4", { ...mla, nextn_predict_layers: 1 }, "cccccccc"],
    ["bert", { "attention.causal": false }, "--------"],
    ["dream", {}, "--------"],
    ["gemma3n", { "attention.sliding_window": 64, block_count: 24 }, `${"c".repeat(20)}----`],
    ["deci", { "attention.head_count": [8, 0, 8, 8, 0, 8, 8, 8] }, "c-cc-ccc"],
  ] as const)("%s %j: %s", (architecture, keys, pattern) =>
    expect(cacheMarks(layersOf(architecture, keys))).toBe(pattern),
  );

  test.each([
    ["deepseek32", { ...indexer, nextn_predict_layers: 1 }, "iiiiiii-"],
    ["glm-dsa", indexer, "iiiiiiii"],
    ["glm-dsa", { ...indexer, context_length: 1_048_576 }, "iii---i-"],
    ["glm-dsa", { ...indexer, "attention.indexer.types": [1, 0, 1, 0, 1, 0, 1, 0] }, "i-i-i-i-"],
    ["minimax-m3", { "attention.indexer.key_length": 128, leading_dense_block_count: 2 }, "--iiiiii"],
    ["deepseek2", indexer, "--------"],
  ] as const)("indexer of %s %j: %s", (architecture, keys, pattern) =>
    expect(indexerMarks(layersOf(architecture, keys))).toBe(pattern),
  );

  test("layers that run again are layers; a router layer keeps one head", () => {
    expect(layersOf("nanbeige", { num_loops: 3 })).toHaveLength(24);
    const layers = layersOf("graniteswitch", { "attention.head_count_kv": 4 });
    expect(layers.at(-1)).toMatchObject({ index: 8, hasCache: true, nextn: false, headCount: 1, kvHeadCount: 1 });
  });
});

describe("experts", () => {
  const experts = { expert_count: 16, expert_used_count: 4, expert_feed_forward_length: 128 };
  test.each([
    ["qwen3moe", experts, "mmmmmmmm"],
    ["deepseek2", { ...experts, leading_dense_block_count: 3 }, "dddmmmmm"],
    ["llama4", { ...experts, interleave_moe_layer_step: 2 }, "dmdmdmdm"],
    ["ernie4_5-moe", { ...experts, interleave_moe_layer_step: 1, leading_dense_block_count: 1 }, "dmmmmmmm"],
    ["nomic-bert-moe", { ...experts, moe_every_n_layers: 2 }, "dmdmdmdm"],
    ["exaone-moe", { ...experts, "attention.sliding_window": 64, nextn_predict_layers: 1 }, "mmmmmmmd"],
    ["hunyuan-dense", { expert_count: 1, expert_used_count: 1 }, "dddddddd"],
    ["llama", {}, "dddddddd"],
  ] as const)("%s %j: %s", (architecture, keys, pattern) =>
    expect(moeMarks(layersOf(architecture, keys))).toBe(pattern),
  );

  test.each([
    [
      "deepseek2",
      { ...experts, expert_shared_count: 2 },
      { total: 16, used: 4, shared: 2, feedForwardLength: 128, sharedFeedForwardLength: 256 },
    ],
    [
      "qwen2moe",
      { ...experts, expert_feed_forward_length: 0, expert_shared_feed_forward_length: 512 },
      { total: 16, used: 4, shared: 1, feedForwardLength: 256, sharedFeedForwardLength: 512 },
    ],
    [
      "bailingmoe2",
      { ...experts, expert_shared_count: 2, expert_shared_feed_forward_length: 64 },
      { total: 16, used: 4, shared: 2, feedForwardLength: 128, sharedFeedForwardLength: 128 },
    ],
    [
      "llama",
      { expert_count: 8, expert_used_count: 2 },
      { total: 8, used: 2, shared: 0, feedForwardLength: 1024, sharedFeedForwardLength: 0 },
    ],
  ] as const)("%s %j", (architecture, keys, expected) =>
    expect(readHyperparameters(metadataOf(architecture, keys), undefined).experts).toEqual(expected),
  );

  test("tensors overrule the rule", () => {
    const tensors = [
      { name: "token_embd.weight", shape: [512, 2000] },
      { name: "blk.5.ffn_down_exps.weight", shape: [96, 512, 16] },
      { name: "blk.0.ffn_down.weight", shape: [700, 512] },
    ];
    const hyper = readHyperparameters(
      metadataOf("jamba", { ...experts, "ssm.conv_kernel": 4, "ssm.inner_size": 64, "ssm.state_size": 16 }),
      tensors,
    );
    expect(moeMarks(hyper.layers)).toBe("dddddmdd");
    expect(hyper.layers[0]?.feedForwardLength).toBe(700);
    expect(hyper.vocabularyCount).toBe(2000);
    expect(hyper.experts?.feedForwardLength).toBe(96);
  });
});

test("every known architecture is an own row, and none of JavaScript's", () => {
  expect(knownArchitectures().length).toBeGreaterThanOrEqual(125);
  expect(() => readHyperparameters(metadataOf("constructor"), undefined)).toThrow(InputError);
});

describe("untrusted headers", () => {
  const long = Array.from({ length: 600 }, () => 1);
  test.each([
    ["no architecture", {}, "general.architecture is missing"],
    ["unknown architecture", metadataOf("gpt9"), "gpt9 is unknown"],
    ["a projector", metadataOf("clip"), "an image or audio projector"],
    ["no layers", metadataOf("llama", { block_count: 0 }), "0 layers"],
    ["513 layers", metadataOf("llama", { block_count: 513 }), "from 0 to 512"],
    ["looped layers", metadataOf("nanbeige", { block_count: 400, num_loops: 400 }), "160000 layers"],
    ["negative", metadataOf("llama", { embedding_length: -1 }), "embedding_length is -1"],
    ["fraction", metadataOf("llama", { "attention.head_count": 1.5 }), "is 1.5"],
    ["text", metadataOf("llama", { embedding_length: "many" }), 'is "many"'],
    ["2^64 - 1", metadataOf("llama", { "attention.key_length": 2 ** 64 }), "not a whole number"],
    ["not a number", metadataOf("llama", { "attention.key_length": Number.NaN }), "not a whole number"],
    ["missing key", { "general.architecture": "llama", "llama.block_count": 2 }, "embedding_length is missing"],
    ["too many entries", metadataOf("llama", { "attention.head_count_kv": long }), "600 entries"],
    ["wrong number of entries", metadataOf("llama", { "attention.head_count_kv": [1, 2] }), "2 entries for 8 layers"],
    ["no pattern", metadataOf("mimo2", { "attention.sliding_window": 128 }), "sliding_window_pattern is missing"],
    ["no window", metadataOf("gpt-oss"), "sliding_window is missing"],
    ["more NextN blocks than layers", metadataOf("llama", { nextn_predict_layers: 9 }), "from 0 to 8"],
    [
      "more active experts than experts",
      metadataOf("qwen3moe", { expert_count: 4, expert_used_count: 5 }),
      "from 0 to 4",
    ],
    ["huge vocabulary", metadataOf("llama", { vocab_size: 2 ** 25 }), "from 0 to 16777216"],
    [
      "interval of nought",
      metadataOf("qwen3next", {
        full_attention_interval: 0,
        "ssm.inner_size": 1,
        "ssm.state_size": 1,
        "ssm.group_count": 1,
      }),
      "full_attention_interval",
    ],
  ] as const)("%s", (_, metadata, message) => {
    const read = () => readHyperparameters(metadata, undefined);
    expect(read).toThrow(InputError);
    expect(read).toThrow(message);
  });
});
