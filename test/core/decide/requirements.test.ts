import { describe, expect, it } from "vitest";
import { readRequirements } from "../../../src/core/decide/requirements.ts";

const GIB = 2 ** 30;

describe("readRequirements", () => {
  it.each([
    ["min 20 tok/s", { minDecodeTokensPerSecond: 20 }],
    ["at least 12.5 tokens per second", { minDecodeTokensPerSecond: 12.5 }],
    ["max 8 GB RAM", { maxMemoryBytes: 8 * GIB }],
    ["under 24GiB VRAM", { maxMemoryBytes: 24 * GIB }],
    ["apache-2.0", { license: "apache-2.0" }],
    ["Apache 2", { license: "apache-2.0" }],
    ["32k context", { minContextTokens: 32768 }],
    ["at least 16384 tokens context", { minContextTokens: 16384 }],
    ["under 14b", { maxParameterCount: 14e9 }],
    ["at least 3B parameters", { minParameterCount: 3e9 }],
    ["license: mit", { license: "mit" }],
    ["commercial use", { license: "commercial" }],
  ])("reads %s", (text, expected) => {
    expect(readRequirements(text)).toMatchObject({ ...expected, unread: [] });
  });

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
