import { describe, expect, test } from "vitest";
import { ALL_LAYERS } from "../../../src/core/facts/run-defaults.ts";
import { parseRun, resolveRun, splitWords } from "../../../src/core/sources/run-string.ts";
import { MIB } from "../../../src/core/units.ts";

const model = { architecture: "qwen3", layerCount: 36, trainedContextTokens: 40960 };

describe("what is read", () => {
  const cases: readonly (readonly [string, object])[] = [
    ["-c 8192 -ctk q8_0 -ctv q8_0", { contextTokens: 8192, cacheTypeK: "q8_0", cacheTypeV: "q8_0" }],
    ["--ctx-size 8192 --n-gpu-layers all", { contextTokens: 8192, offloadedLayers: ALL_LAYERS }],
    ["--ctx_size=8192", { contextTokens: 8192 }],
    ["LLAMA_ARG_CTX_SIZE=4096 LLAMA_ARG_N_CPU_MOE=3", { contextTokens: 4096, cpuMoeLayers: 3 }],
    [
      "-ngl auto -ncffn 4 -nkvo --swa-full",
      { offloadedLayers: ALL_LAYERS, cpuFfnLayers: 4, cacheOffload: false, swaFull: true },
    ],
    ["-ts 3/1 -sm layer -mg 1", { tensorSplit: [3, 1], splitMode: "layer", mainDevice: 1 }],
    ["-np -1", { sequences: 4, unifiedCache: true }],
    ["-fa off", { flashAttention: false }],
    ["-fa auto", {}],
    ["-cram 512 -lm none -t 8", { promptCacheBytes: 512 * MIB, loadMode: "none", threads: 8 }],
    [
      "-ot 'blk\\.(1[0-9])\\.ffn_.*_exps=CPU,output=CUDA0'",
      {
        overrides: [
          { pattern: "blk\\.(1[0-9])\\.ffn_.*_exps", buffer: "CPU" },
          { pattern: "output", buffer: "CUDA0" },
        ],
      },
    ],
  ];
  test.for(cases)("%s", ([text, changes]) => {
    expect(parseRun(text).changes).toEqual(changes);
  });

  test("a program and its model", () => {
    const parsed = parseRun("/usr/bin/llama-server -m 'my model.gguf' -c 4096 -dev CUDA1,CUDA0");
    expect(parsed).toMatchObject({ program: "llama-server", model: "my model.gguf", devices: ["CUDA1", "CUDA0"] });
  });

  test("words split like a shell's, without expanding anything", () => {
    expect(splitWords(`a 'b c' "d \\"e" f\\ g $HOME`)).toEqual(["a", "b c", 'd "e', "f g", "$HOME"]);
  });
});

describe("what a run resolves to", () => {
  test("without a program: one slot, the caller's context", () => {
    expect(resolveRun(parseRun(""), model, 16384)).toMatchObject({
      contextTokens: 16384,
      sequences: 1,
      unifiedCache: false,
      offloadedLayers: 37,
      outputs: "server",
    });
  });
  test("llama-server: four slots over one cache, the trained context", () => {
    expect(resolveRun(parseRun("llama-server"), model, 16384)).toMatchObject({
      contextTokens: 40960,
      sequences: 4,
      unifiedCache: true,
    });
  });
  test("llama-server -np 2: its own caches", () => {
    expect(resolveRun(parseRun("llama-server -np 2"), model, 16384)).toMatchObject({
      sequences: 2,
      unifiedCache: false,
    });
  });
  test("llama-fit-params: outputs for every token of a batch", () => {
    expect(resolveRun(parseRun("llama-fit-params -c 4096"), model, 1)).toMatchObject({
      outputs: "batch",
      contextTokens: 4096,
    });
  });
  test("-c 0 is the trained context", () => {
    expect(resolveRun(parseRun("-c 0"), model, 8192).contextTokens).toBe(40960);
  });
});

describe("what is refused, with what to send instead", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["--ctx-sze 8192", /--ctx-sze is not read here.*--ctx-size/],
    ["-c -5", /-c -5 is not a whole number from 0/],
    ["-c 1e99", /whole number/],
    ["-c", /needs a value/],
    ["-ctk q3_K", /one of: f32, f16/],
    ["-ts 0,0", /list of proportions/],
    ["-ot foo", /PATTERN=BUFFER/],
    ["-ot '(a+)+b=CPU'", /simpler pattern/],
    ["-ot '[=CPU'", /valid regular expression/],
    ["-c '8192", /unclosed quote/],
    ["rm -rf /", /begins with "rm"/],
    [`-c ${"9".repeat(70_000)}`, /at most 65536/],
  ];
  test.for(cases)("%s", ([text, message]) => {
    expect(() => parseRun(text)).toThrow(message);
  });
  test("a quantized V cache without flash attention", () => {
    expect(() => resolveRun(parseRun("-fa off -ctv q8_0"), model, 8192)).toThrow(/needs flash attention/);
  });
});
