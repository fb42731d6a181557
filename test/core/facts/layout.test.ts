/** Tensor tables laid out from metadata alone, held against the headers of measured files. */
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readHyperparameters } from "../../../src/core/facts/hyperparameters.ts";
import { type LayoutOptions, layoutTensors } from "../../../src/core/facts/layout.ts";
import type { TensorShape } from "../../../src/core/facts/tensor.ts";
import { readGgufFile } from "../../../src/core/sources/gguf/read.ts";

const headers = new URL("../../truth/gguf/", import.meta.url);

/** What a file of this model has and its metadata does not say, where that differs from the architecture's default. */
const optionsOf: Readonly<Record<string, LayoutOptions>> = {
  "Llama-3.2-1B": { tiedEmbeddings: true },
  "SmolLM2-135M": { tiedEmbeddings: true },
  "Qwen3-0.6B": { tiedEmbeddings: true },
  "Granite-4.0-H-Tiny": { tiedEmbeddings: true },
  // its header has three matrices where published files have one
  "Phi-4-14B": { fusedQueryKeyValue: false },
};

const table = (tensors: readonly TensorShape[]): string[] => tensors.map(({ name, shape }) => `${name} ${shape.join("x")}`).sort();

describe("layout from metadata equals the measured file's table", () => {
  const files = readdirSync(headers).filter((name) => name.endsWith(".gguf"));
  test("there are headers to compare with", () => expect(files.length).toBeGreaterThanOrEqual(30));
  test.each(files)("%s", async (file) => {
    const { hyper, tensors } = await readGgufFile(new URL(file, headers).pathname);
    const fromMetadata = readHyperparameters(hyper.metadata, undefined);
    const model = file.replace(/-[^-]*\.gguf$/, "");
    expect(table(layoutTensors(fromMetadata, optionsOf[model]))).toEqual(table(tensors));
  });
});
