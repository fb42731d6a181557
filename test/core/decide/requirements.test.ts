import { describe, expect, it } from "vitest";
import { readRequirements } from "../../../src/core/decide/requirements.ts";

const GIB = 2 ** 30;
const MIB = 2 ** 20;

describe("readRequirements", () => {
  it.each([
    ["min 20 tok/s", { minDecodeTokensPerSecond: 20 }],
    ["at least 12.5 tokens per second", { minDecodeTokensPerSecond: 12.5 }],
    ["at least 12,5 tok/s", { minDecodeTokensPerSecond: 12.5 }],
    ["20+ tok/s", { minDecodeTokensPerSecond: 20 }],
    ["≥ 20 t/s", { minDecodeTokensPerSecond: 20 }],
    [">15tps", { minDecodeTokensPerSecond: 15 }],
    ["faster than 30 tokens/s", { minDecodeTokensPerSecond: 30 }],
    ["speed of at least 25 tok/s", { minDecodeTokensPerSecond: 25 }],
    ["10 tokens a second or more", { minDecodeTokensPerSecond: 10 }],
    ["max 8 GB RAM", { maxMemoryBytes: 8 * GIB }],
    ["under 24GiB VRAM", { maxMemoryBytes: 24 * GIB }],
    ["≤ 7,5 GB", { maxMemoryBytes: 7.5 * GIB }],
    ["fits in 12 GB", { maxMemoryBytes: 12 * GIB }],
    ["ram < 16gb", { maxMemoryBytes: 16 * GIB }],
    ["VRAM: 24 GB", { maxMemoryBytes: 24 * GIB }],
    ["no more than 6 gigabytes of memory", { maxMemoryBytes: 6 * GIB }],
    ["8 GB max", { maxMemoryBytes: 8 * GIB }],
    ["at most 8192 MiB", { maxMemoryBytes: 8192 * MIB }],
    ["10 GB VRAM or less", { maxMemoryBytes: 10 * GIB }],
    ["within 48 GB of GPU memory", { maxMemoryBytes: 48 * GIB }],
    ["32k context", { minContextTokens: 32768 }],
    ["≥ 32k context", { minContextTokens: 32768 }],
    ["at least 16384 tokens context", { minContextTokens: 16384 }],
    ["16,384 tokens of context", { minContextTokens: 16384 }],
    ["context >= 64k", { minContextTokens: 65536 }],
    ["context window of 128k", { minContextTokens: 131072 }],
    ["32k+ ctx", { minContextTokens: 32768 }],
    ["8192 ctx", { minContextTokens: 8192 }],
    ["1M context", { minContextTokens: 1048576 }],
    ["context of at least 32768 tokens", { minContextTokens: 32768 }],
    ["128k-token context", { minContextTokens: 131072 }],
    ["under 14b", { maxParameterCount: 14e9 }],
    ["under 10B", { maxParameterCount: 10e9 }],
    ["at least 3B parameters", { minParameterCount: 3e9 }],
    ["less than 10 billion parameters", { maxParameterCount: 10e9 }],
    ["<= 9b params", { maxParameterCount: 9e9 }],
    ["over 30B", { minParameterCount: 30e9 }],
    ["30B+", { minParameterCount: 30e9 }],
    ["30B+ parameters", { minParameterCount: 30e9 }],
    ["smaller than 600M", { maxParameterCount: 600e6 }],
    ["1,5B or more", { minParameterCount: 1.5e9 }],
    ["between 3B and 14B", { minParameterCount: 3e9, maxParameterCount: 14e9 }],
    ["7b-14b", { minParameterCount: 7e9, maxParameterCount: 14e9 }],
    ["4 to 8 billion", { minParameterCount: 4e9, maxParameterCount: 8e9 }],
    ["apache-2.0", { license: "apache-2.0" }],
    ["Apache 2", { license: "apache-2.0" }],
    ["Apache 2.0 licence", { license: "apache-2.0" }],
    ["under the Apache license", { license: "apache-2.0" }],
    ["license: mit", { license: "mit" }],
    ["MIT licensed", { license: "mit" }],
    ["licence = gemma", { license: "gemma" }],
    ["cc-by-nc-4.0", { license: "cc-by-nc-4.0" }],
    ["commercial use", { license: "commercial" }],
    ["for commercial use allowed", { license: "commercial" }],
    ["with vision", { capabilities: ["vision"] }],
    ["with tools and vision", { capabilities: ["tools", "vision"] }],
    ["must support function calling", { capabilities: ["tools"] }],
    ["multimodal", { capabilities: ["vision"] }],
    ["needs tool use", { capabilities: ["tools"] }],
    ["reasoning model", { capabilities: ["thinking"] }],
    ["family qwen3", { family: "qwen3" }],
    ["only gemma models", { family: "gemma" }],
    ["Qwen family", { family: "qwen" }],
  ])("reads %s", (text, expected) => {
    expect(readRequirements(text)).toMatchObject({ ...expected, unread: [] });
  });

  it.each(["that feels warm", "max 20 tok/s", "min 8 GB", "8b", "", "at most 32k context", "fast", "cheap to run"])(
    "does not guess what %j means",
    (text) => {
      expect(readRequirements(text)).toEqual({ capabilities: [], unread: text === "" ? [] : [text] });
    },
  );

  it("reads a list and hands back what it could not", () => {
    const read = readRequirements("min 20 tok/s, max 8 GB RAM, apache-2.0, with vision, that feels warm");
    expect(read).toEqual({
      minDecodeTokensPerSecond: 20,
      maxMemoryBytes: 8 * GIB,
      license: "apache-2.0",
      capabilities: ["vision"],
      unread: ["that feels warm"],
    });
  });
});
