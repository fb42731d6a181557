import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InputError } from "../../../src/core/facts/input-error.ts";
import { tensorBytes } from "../../../src/core/facts/tensor.ts";
import { loadModelCatalog } from "../../../src/core/sources/model-catalog.ts";
import { entryOfInstalled, guessByName } from "../../../src/core/sources/model-identity.ts";
import { resolveModel } from "../../../src/core/sources/model-reference.ts";
import { realWorld, type World } from "../../../src/core/sources/world.ts";
import { fakeWorld } from "../../fake-world.ts";

const TRUTH = join(import.meta.dirname, "../../truth/gguf");
const QWEN = join(TRUTH, "Qwen3-0.6B-Q4_K_M.gguf");
const offline = fakeWorld({});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "models-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const fail = async (reference: string, world: World = offline): Promise<string> => {
  try {
    await resolveModel(reference, world);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return error instanceof Error ? error.message : "";
  }
  throw new Error(`${reference} was resolved`);
};

describe("catalog names", () => {
  it.each([
    ["qwen3-8b", "qwen3-8b", "Qwen/Qwen3-8B", undefined, "gguf"],
    ["qwen3-8b:Q4_K_M", "qwen3-8b", "Qwen/Qwen3-8B", "Q4_K_M", "gguf"],
    ["qwen3-8b:q4_k_m", "qwen3-8b", "Qwen/Qwen3-8B", "Q4_K_M", "gguf"],
    [" Qwen/Qwen3-8B:IQ4_XS ", "qwen3-8b", "Qwen/Qwen3-8B", "IQ4_XS", "gguf"],
    ["unsloth/Qwen3-8B-GGUF:Q5_K_M", "qwen3-8b", "unsloth/Qwen3-8B-GGUF", "Q5_K_M", "gguf"],
    ["hf.co/unsloth/Qwen3-8B-GGUF:Q8_0", "qwen3-8b", "unsloth/Qwen3-8B-GGUF", "Q8_0", "gguf"],
    ["https://huggingface.co/Qwen/Qwen3-8B", "qwen3-8b", "Qwen/Qwen3-8B", undefined, "gguf"],
    ["mlx-community/Qwen3-8B-4bit", "qwen3-8b", "mlx-community/Qwen3-8B-4bit", undefined, "mlx"],
    ["Qwen/Qwen3-8B-AWQ", "qwen3-8b", "Qwen/Qwen3-8B-AWQ", undefined, "safetensors"],
    ["qwen3:8b", "qwen3-8b", "Qwen/Qwen3-8B", undefined, "gguf"],
  ])("%s", async (reference, id, repo, recipe, format) => {
    const resolved = await resolveModel(reference, offline);
    expect([resolved.id, resolved.repo, resolved.recipe, resolved.format]).toEqual([id, repo, recipe, format]);
    expect(resolved.warnings).toEqual([]);
  });

  it("gives each recipe its own tensors, once", async () => {
    const { model } = await resolveModel("qwen3-8b", offline);
    const bytes = (["Q4_K_M", "Q8_0", "F16"] as const).map((recipe) =>
      model(recipe).tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0),
    );
    expect(bytes).toEqual([5_021_827_072, 8_703_561_728, 16_382_087_168]);
    expect(model("Q4_K_M")).toBe(model("Q4_K_M"));
  });

  it("warns where dimensions are recalled only, and calls them assumed", async () => {
    const { warnings, model } = await resolveModel("codestral-22b-v0.1", offline);
    expect(warnings.join()).toContain("recalled from its published config");
    expect([model("Q4_K_M").evidence, (await resolveModel("qwen3-8b", offline)).model("Q4_K_M").evidence]).toEqual([
      "assumed",
      "catalog",
    ]);
  });

  it("names the closest for one that is not there", async () => {
    expect(await fail("qwen3-8c")).toMatch(/closest names are qwen3-8b,.*Send a catalog id/);
    expect(await fail("qwen3-8b:Q4_Z")).toMatch(/no recipe of llama\.cpp\. Send one of .*Q4_/);
    expect(await fail("gpt-oss-21b")).toContain("gpt-oss-20b");
  });

  it.each([
    "",
    "   ",
    "a".repeat(2000),
    "qwen3-8b\u0000",
    "qwen\n3",
    "$(reboot)",
    "; rm -rf /;",
    "__proto__",
    "constructor",
  ])("refuses %j", async (reference) => {
    expect(await fail(reference)).toMatch(/Send /);
  });
});

describe("paths", () => {
  const world = realWorld({ HOME: tmpdir() });

  it("reads a GGUF file as it is stored, and any other recipe of it", async () => {
    const resolved = await resolveModel(QWEN, world);
    expect(resolved).toMatchObject({ file: QWEN, recipe: "Q4_K_M", format: "gguf" });
    expect(resolved.model("Q4_K_M")).toBe(resolved.stored);
    expect(resolved.warnings.join()).toContain("only a header");
    const catalog = await resolveModel("qwen3-0.6b", offline);
    expect(resolved.model("Q8_0").tensors.map(tensorBytes)).toEqual(
      resolved.shapes.map(({ name }) =>
        tensorBytes(
          catalog.model("Q8_0").tensors.find((tensor) => tensor.name === name) ?? { name, shape: [], type: "f32" },
        ),
      ),
    );
  });

  it("takes the one model of a folder, and asks which where there are more", async () => {
    const one = join(folder, "one");
    mkdirSync(one);
    copyFileSync(QWEN, join(one, "m.gguf"));
    writeFileSync(join(one, "mmproj-m.gguf"), "GGUF");
    expect((await resolveModel(one, world)).file).toBe(join(one, "m.gguf"));
    copyFileSync(QWEN, join(one, "n.gguf"));
    expect(await fail(`${one}/`, world)).toMatch(/holds 2 models: m\.gguf, n\.gguf/);
  });

  it("reads a config.json, alone or in its folder", async () => {
    const checkpoint = join(folder, "checkpoint");
    mkdirSync(checkpoint);
    const config = {
      model_type: "qwen3",
      hidden_size: 1024,
      intermediate_size: 3072,
      num_hidden_layers: 28,
      num_attention_heads: 16,
      num_key_value_heads: 8,
      head_dim: 128,
      vocab_size: 151936,
      max_position_embeddings: 40960,
      tie_word_embeddings: true,
      rope_theta: 1000000,
      quantization: { group_size: 64, bits: 4 },
    };
    writeFileSync(join(checkpoint, "config.json"), JSON.stringify(config));
    const resolved = await resolveModel(checkpoint, world);
    expect(resolved).toMatchObject({
      file: join(checkpoint, "config.json"),
      format: "mlx",
      checkpoint: { name: "mlx 4-bit" },
    });
    expect(resolved.shapes).toEqual((await resolveModel("qwen3-0.6b", offline)).shapes);
    expect((await resolveModel(join(checkpoint, "config.json"), world)).hyper).toEqual(resolved.hyper);
  });

  const files: readonly (readonly [name: string, content: () => string | Uint8Array, message: RegExp])[] = [
    ["text.gguf", () => "hello", /is not a GGUF file/],
    ["cut.gguf", () => readFileSync(QWEN).subarray(0, 600), /truncated|cannot be read/],
    ["part-00001-of-00003.gguf", () => readFileSync(QWEN), /no file .*part-00002-of-00003\.gguf/],
    ["many-00001-of-99999.gguf", () => readFileSync(QWEN), /claims 99999 shards/],
    ["a/config.json", () => "{", /is not JSON/],
    ["b/config.json", () => "[]", /does not hold an object/],
    ["c/config.json", () => '{"model_type":"qwen9"}', /model_type "qwen9", which is not read here/],
    ["d/config.json", () => '{"model_type":"qwen3","hidden_size":-4,"num_hidden_layers":3}', /hidden_size is -4/],
    [
      "e/config.json",
      () => '{"model_type":"qwen3","hidden_size":64,"num_hidden_layers":100000000}',
      /layers|num_hidden_layers/,
    ],
  ];
  it.each(files)("says what is wrong with %s", async (name, content, message) => {
    const path = join(folder, name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, content());
    expect(await fail(path, world)).toMatch(message);
  });

  it("says what is missing", async () => {
    expect(await fail(join(folder, "none.gguf"), world)).toContain("There is no file or folder");
    expect(await fail(`${folder}/`, world)).toMatch(/holds neither|holds \d+ models/);
  });

  it("refuses paths of a caller that is not on this machine", async () => {
    await expect(resolveModel(QWEN, world, { local: false })).rejects.toThrow("cannot be named from another one");
    await expect(resolveModel("ollama:qwen3:8b", world, { local: false })).resolves.toMatchObject({ id: "qwen3-8b" });
  });
});

describe("files of catalog models", () => {
  const world = realWorld({ HOME: tmpdir() });
  it.each([
    ["Qwen3-0.6B-Q4_K_M.gguf", "Qwen3-0.6B-Q4_K_M.gguf", "qwen3-0.6b"],
    ["Qwen3-0.6B-Q4_K_M.gguf", "renamed.gguf", "qwen3-0.6b"],
    ["gpt-oss-20b-MXFP4_MOE.gguf", "gpt-oss-20b-mxfp4.gguf", "gpt-oss-20b"],
    ["Llama-3.2-1B-Q4_K_M.gguf", "Llama-3.2-1B-Instruct-UD-Q4_K_XL.gguf", "llama-3.2-1b-instruct"],
    // a name that lies about the dimensions is not believed, the header's own name is
    ["Llama-3.2-1B-Q4_K_M.gguf", "Qwen3-8B-Q4_K_M.gguf", "llama-3.2-1b"],
  ])("%s as %s is %s", async (source, name, id) => {
    const path = join(folder, `named-${id}-${name.length}`, name);
    mkdirSync(join(path, ".."), { recursive: true });
    copyFileSync(join(TRUTH, source), path);
    expect((await resolveModel(path, world)).id).toBe(id);
  });

  it.each([
    [{ store: "ollama", name: "qwen3:8b", path: "/b", sizeBytes: 1 }, "qwen3-8b"],
    [
      {
        store: "ollama",
        name: "hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M",
        repo: "unsloth/Qwen3-8B-GGUF",
        path: "/b",
        sizeBytes: 1,
      },
      "qwen3-8b",
    ],
    [
      { store: "hugging-face", name: "x.gguf", repo: "bartowski/Qwen_Qwen3-8B-GGUF", path: "/b", sizeBytes: 1 },
      "qwen3-8b",
    ],
    [{ store: "llama.cpp", name: "gemma-3-4b-it-Q8_0.gguf", path: "/b", sizeBytes: 1 }, "gemma-3-4b-it"],
    [{ store: "llama.cpp", name: "my-own.gguf", path: "/b", sizeBytes: 1 }, undefined],
  ] as const)("%j", async (installed, id) => {
    expect(entryOfInstalled(await loadModelCatalog(), installed)?.id).toBe(id);
  });
});

describe("repositories the catalog does not hold", () => {
  it.each([
    ["bartowski/Qwen_Qwen3-8B-GGUF", "qwen3-8b"],
    ["someone/gpt-oss-20b-i1-GGUF", "gpt-oss-20b"],
    ["someone/Qwen3-30B-A3B-mlx-4bit", "qwen3-30b-a3b"],
    ["someone/Mistral-Nemo-Instruct-2407-3.5bpw-exl2", "mistral-nemo-instruct-2407"],
  ])("takes %s for %s by its name when the Hub cannot be asked", async (repo, id) => {
    const resolved = await resolveModel(`${repo}:Q4_K_M`, offline);
    expect(resolved).toMatchObject({ id, repo, recipe: "Q4_K_M" });
    expect(resolved.warnings.join()).toContain("by its name");
  });

  it("guesses nothing from a name that says nothing", async () => {
    expect(guessByName(await loadModelCatalog(), "someone/my-own-finetune-GGUF")).toBeUndefined();
    expect(await fail("someone/my-own-finetune-GGUF")).toMatch(
      /cannot be asked \(no connection\).*Without a network these work/,
    );
  });
});
