/** Every command of many plans: flags that exist, values they take, and patterns that mean what was planned. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { roledTensors } from "../../../src/core/estimate/roles.ts";
import { placeRun } from "../../../src/core/facts/place.ts";
import { defaultRun } from "../../../src/core/facts/run-defaults.ts";
import { overridesOf } from "../../../src/core/present/llama-cpp.ts";
import { quotePowershellWord, shellCommand, withEnvironment } from "../../../src/core/present/shell.ts";
import { readGgufFile } from "../../../src/core/sources/gguf/read.ts";
import { plan } from "../../../src/library.ts";
import { fakeWorld } from "../../fake-world.ts";
import { flagFaults, flags } from "./engine-flags.ts";

const logs = new URL("../../../../shared/engines/logs/", import.meta.url);
const engines = ["llama.cpp", "ollama", "lm-studio", "vllm", "transformers", "mlx"];

describe("commands", () => {
  it.each([
    { model: "qwen3-8b", hardware: "rtx-4090, ram=64GiB" },
    { model: "qwen3-30b-a3b:Q4_K_M", hardware: "rtx-3060-12gb, ram=64GiB", run: "-np 4 -ctk q8_0 -ctv q8_0" },
    { model: "llama-3.3-70b-instruct", hardware: "2x rtx-3090 + rtx-4090, ram=128GiB", objective: "context" },
    { model: "llama-3.3-70b-instruct", hardware: "rtx-4090, ram=64GiB", recipe: "mixed" },
    {
      model: "qwen3-30b-a3b",
      hardware: "rtx-3060-12gb, ram=64GiB",
      recipe: "mixed",
      imatrixPath: "$(rm -rf x); im.gguf",
    },
    { model: "gpt-oss-120b", hardware: "rtx-4090 + rtx-3060-12gb, ram=128GiB" },
    { model: "qwen3-8b", hardware: "m3-max-64gb" },
    { model: "qwen3-4b", hardware: "cpu, ram=32GiB", run: "-t 8 -lm none -ctk f32 -ctv f32" },
  ] as const)("of %j have only flags and values that exist", async (asked) => {
    const answer = await plan({ ...asked, engines, detail: "detailed" }, { world: fakeWorld({}) });
    expect(answer.feasible).toBe(true);
    for (const { argv, command } of answer.commands) {
      expect(flagFaults(argv)).toEqual([]);
      expect(command).toBe(shellCommand(argv));
    }
    const programs = new Set(answer.commands.map(({ argv }) => argv[0]));
    expect(programs).toContain("llama-server");
    expect(programs).toContain("lms");
    // whatever an engine cannot do here is said
    for (const [engine, program] of [
      ["vllm", "vllm"],
      ["mlx", "mlx_lm.server"],
      ["transformers", "transformers"],
    ] as const)
      expect(programs.has(program) || answer.notes.some((note) => note.startsWith(`No commands for ${engine}:`))).toBe(
        true,
      );
    if ("imatrixPath" in asked)
      expect(answer.commands.find(({ argv }) => argv[0] === "llama-quantize")?.command).toContain(
        `'${asked.imatrixPath}'`,
      );
  });

  it("use flags that llama.cpp v0.5.0 prints in its help", ({ skip }) => {
    if (!existsSync(logs)) return skip("the recorded help texts are not here");
    const files = {
      "llama-server": "llama-server_help.txt",
      "llama-bench": "llama-bench_help.txt",
      "llama-quantize": "llama-quantize_help.txt",
    };
    for (const [program, file] of Object.entries(files)) {
      const help = readFileSync(new URL(file, logs), "utf8");
      for (const flag of Object.keys(flags[program] ?? {}))
        expect(new RegExp(`(^|[\\s,])${flag}([\\s,]|$)`, "m").test(help), `${program} ${flag}`).toBe(true);
    }
  });
});

describe("-ot rules", () => {
  const folder = new URL("../../truth/gguf/", import.meta.url);
  const headers = readdirSync(folder).filter((file) => file.endsWith(".gguf"));

  it(`move exactly the tensors that a run means, over all names of ${headers.length} headers`, async () => {
    let moved = 0;
    for (const file of headers) {
      const model = await readGgufFile(new URL(file, folder).pathname);
      const L = model.hyper.layerCount;
      for (const n of [1, 2, 9, 10, 11, Math.floor(L / 2), L]) {
        const run = { ...defaultRun(4096), offloadedLayers: L + 1, cpuMoeLayers: n, cpuFfnLayers: n };
        const meant = placeRun(L, run, [{ name: "CUDA0", freeBytes: 1 }]);
        const rules = overridesOf(run).map(({ pattern }) => new RegExp(pattern));
        for (const { name } of roledTensors(model)) {
          const matched = rules.some((rule) => rule.test(name));
          expect(matched, `${file} ${name} ${n}`).toBe(meant.overrideOf(name) !== undefined);
          if (matched) moved++;
        }
      }
    }
    expect(moved).toBeGreaterThan(5_000);
  });
});

describe("PowerShell words", () => {
  it.each([
    ["-ngl", "-ngl"],
    ["19,30", "'19,30'"],
    ["@file", "'@file'"],
    ["it's", "'it''s'"],
    ["C:\\models\\a.gguf", "C:\\models\\a.gguf"],
    ['{"a":1}', "'{\"a\":1}'"],
    ["$env:X", "'$env:X'"],
  ])("%s", (word, quoted) => {
    expect(quotePowershellWord(word)).toBe(quoted);
  });
  it("sets variables for one program in either shell", () => {
    expect(withEnvironment([["A", "1"]], ["ollama", "serve"])).toEqual(["env", "A=1", "ollama", "serve"]);
    expect(withEnvironment([["A", "1"]], ["ollama", "serve"], "powershell")).toEqual([
      "cmd",
      "/c",
      "set A=1&& ollama serve",
    ]);
  });
});
