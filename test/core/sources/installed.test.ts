import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findOllamaModel, installedModels, parseOllamaName } from "../../../src/core/sources/installed.ts";
import { resolveModel } from "../../../src/core/sources/model-reference.ts";
import { recipeInName } from "../../../src/core/sources/recipe-name.ts";
import { realWorld } from "../../../src/core/sources/world.ts";
import { fakeWorld } from "../../fake-world.ts";

const QWEN = join(import.meta.dirname, "../../truth/gguf/Qwen3-0.6B-Q4_K_M.gguf");
const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const manifest = (model: string, extra: readonly object[] = []): string =>
  JSON.stringify({
    schemaVersion: 2,
    layers: [{ mediaType: "application/vnd.ollama.image.model", digest: model, size: 522640000 }, ...extra],
  });

const machine = fakeWorld({
  homeDir: "/home/u",
  files: {
    "/home/u/.ollama/models/manifests/registry.ollama.ai/library/qwen3/0.6b": manifest(digest("a")),
    "/home/u/.ollama/models/manifests/hf.co/unsloth/Qwen3-8B-GGUF/Q4_K_M": manifest(digest("b"), [
      { mediaType: "application/vnd.ollama.image.projector", digest: digest("c"), size: 5 },
    ]),
    "/home/u/.ollama/models/manifests/registry.ollama.ai/library/evil/latest": manifest(
      "sha256:../../../../etc/passwd",
    ),
    "/home/u/.ollama/models/manifests/registry.ollama.ai/library/broken/latest": "{",
    "/home/u/.cache/huggingface/hub/models--unsloth--Qwen3-8B-GGUF/snapshots/abc123/Qwen3-8B-Q4_K_M.gguf": "12345",
    "/home/u/.cache/huggingface/hub/models--unsloth--Qwen3-8B-GGUF/snapshots/abc123/UD/big-00001-of-00002.gguf": "123",
    "/home/u/.cache/huggingface/hub/models--unsloth--Qwen3-8B-GGUF/snapshots/abc123/UD/big-00002-of-00002.gguf": "1234",
    "/home/u/.cache/huggingface/hub/models--unsloth--Qwen3-8B-GGUF/snapshots/abc123/mmproj-F16.gguf": "1",
    "/home/u/.cache/huggingface/hub/datasets--x--y/snapshots/abc/file.gguf": "1",
    "/home/u/.cache/llama.cpp/ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q8_0.gguf": "123456",
  },
});

describe("installedModels", () => {
  it("finds what Ollama, the Hub's cache and llama.cpp's hold", async () => {
    const found = await installedModels(machine);
    expect(found.map(({ store, name, sizeBytes, recipe, repo }) => [store, name, sizeBytes, recipe, repo])).toEqual([
      ["ollama", "hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M", 522640000, undefined, "unsloth/Qwen3-8B-GGUF"],
      ["ollama", "qwen3:0.6b", 522640000, undefined, undefined],
      ["hugging-face", "Qwen3-8B-Q4_K_M.gguf", 5, "Q4_K_M", "unsloth/Qwen3-8B-GGUF"],
      ["hugging-face", "big-00001-of-00002.gguf", 7, undefined, "unsloth/Qwen3-8B-GGUF"],
      ["llama.cpp", "ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q8_0.gguf", 6, "Q8_0", undefined],
    ]);
    expect(found[2]?.projectorPath).toMatch(/mmproj-F16\.gguf$/);
  });

  it("finds nothing on an empty machine", async () => {
    expect(await installedModels(fakeWorld({}))).toEqual([]);
  });
});

describe("Ollama names", () => {
  it.each([
    ["qwen3:8b", "registry.ollama.ai/library/qwen3:8b"],
    ["qwen3", "registry.ollama.ai/library/qwen3:latest"],
    ["user/model", "registry.ollama.ai/user/model:latest"],
    ["hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M", "hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M"],
  ])("reads %s", (text, path) => {
    const name = parseOllamaName(text);
    expect(`${name?.host}/${name?.namespace}/${name?.model}:${name?.tag}`).toBe(path);
  });
  it.each(["", "../x", "a/b/c/d:e", "x:../../y", "a b", "..:..", "qwen3:"])("refuses %j", (text) => {
    expect(parseOllamaName(text)).toBeUndefined();
  });
  it("never leaves the blob folder", async () => {
    expect(await findOllamaModel(machine, "evil")).toBeUndefined();
    expect(await findOllamaModel(machine, "../../../../etc/passwd")).toBeUndefined();
  });

  const root = mkdtempSync(join(tmpdir(), "ollama-"));
  afterAll(() => rmSync(root, { recursive: true }));
  it("lead to the real file", async () => {
    const models = join(root, ".ollama/models");
    const folder = join(models, "manifests/registry.ollama.ai/library/qwen3");
    mkdirSync(folder, { recursive: true });
    mkdirSync(join(models, "blobs"));
    copyFileSync(QWEN, join(models, "blobs", digest("a").replace(":", "-")));
    const world = realWorld({ HOME: root });
    await world.writeFile(join(folder, "0.6b"), manifest(digest("a")));
    const resolved = await resolveModel("ollama:qwen3:0.6b", world);
    expect(resolved).toMatchObject({ id: "qwen3-0.6b", recipe: "Q4_K_M", format: "gguf" });
    expect(readFileSync(resolved.file ?? "").length).toBe(readFileSync(QWEN).length);
    await expect(resolveModel("ollama:never-heard-of", world)).rejects.toThrow(
      /Ollama has no model "never-heard-of" here/,
    );
  });
});

describe("recipeInName", () => {
  it.each([
    ["Qwen3-8B-Q4_K_M.gguf", "Q4_K_M"],
    ["qwen3-8b-q4_k_s.gguf", "Q4_K_S"],
    ["gpt-oss-20b-mxfp4.gguf", undefined],
    ["model.IQ2_XXS.gguf", "IQ2_XXS"],
    ["Qwen3-8B-UD-Q4_K_XL.gguf", undefined],
    ["Qwen3-8B-F16.gguf", "F16"],
  ])("%s → %s", (name, recipe) => {
    expect(recipeInName(name)).toBe(recipe);
  });
});
