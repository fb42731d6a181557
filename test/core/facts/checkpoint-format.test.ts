import { describe, expect, test } from "vitest";
import { checkpointBytes, checkpointFormat } from "../../../src/core/facts/checkpoint-format.ts";

const WIDTH = 4096;
const ROWS = 14336;
const bitsPerWeight = (config: unknown) => (8 * checkpointFormat(config).matrixBytes(WIDTH, ROWS)) / (WIDTH * ROWS);

describe("bits per weight of a 4096 × 14336 matrix, from each format's buffers", () => {
  const cases: readonly (readonly [string, unknown, number])[] = [
    ["bf16", undefined, 16],
    // 4 bits + (16 + 4) / 128, and 32 bits of group index per input over 14336 rows
    ["gptq 4-bit g128", { quant_method: "gptq", bits: 4, group_size: 128, desc_act: true }, 4 + 20 / 128 + 32 / ROWS],
    ["gptq 4-bit, one group a row", { quant_method: "gptq", bits: 4, group_size: -1 }, 4 + 20 / WIDTH + 32 / ROWS],
    ["awq 4-bit g128", { quant_method: "awq", bits: 4, group_size: 128 }, 4 + 20 / 128],
    [
      "bitsandbytes nf4, double",
      { quant_method: "bitsandbytes", load_in_4bit: true, bnb_4bit_use_double_quant: true },
      4 + 8 / 64 + 32 / (64 * 256),
    ],
    ["bitsandbytes int8", { quant_method: "bitsandbytes", load_in_8bit: true }, 8 + 32 / WIDTH],
    ["fp8 in blocks", { quant_method: "fp8", weight_block_size: [128, 128] }, 8 + 32 / (128 * 128)],
    ["mxfp4", { quant_method: "mxfp4" }, 4.25],
    ["mlx 4-bit g64", { group_size: 64, bits: 4 }, 4.5],
    [
      "compressed-tensors w4a16",
      {
        quant_method: "compressed-tensors",
        config_groups: { group_0: { weights: { num_bits: 4, group_size: 128, symmetric: true, type: "int" } } },
      },
      4 + 16 / 128,
    ],
  ];
  test.for(cases)("%s", ([, config, bits]) => {
    expect(bitsPerWeight(config)).toBeCloseTo(bits, 4);
  });
});

test("norms, routers and embeddings stay in two bytes", () => {
  const shapes = [
    { name: "token_embd.weight", shape: [4096, 1000] },
    { name: "blk.0.attn_norm.weight", shape: [4096] },
    { name: "blk.0.ffn_gate_inp.weight", shape: [4096, 64] },
    { name: "blk.0.ffn_up_exps.weight", shape: [4096, 256, 64] },
  ];
  const rest = 2 * (4096 * 1000 + 4096 + 4096 * 64);
  expect(checkpointBytes(shapes, checkpointFormat({ quant_method: "mxfp4" }))).toBe(
    rest + ((4096 * 256 * 64) / 32) * 17,
  );
});

describe("bad configurations are named", () => {
  test.for([
    [{ quant_method: "magic" }, /"magic" is not known/],
    [{ quant_method: "gptq", bits: 99 }, /bits is not a whole number from 2 to 8/],
    ["gptq", /not an object/],
  ] as const)("%o", ([config, message]) => {
    expect(() => checkpointFormat(config)).toThrow(message);
  });
});
