import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkModels } from "../../catalog/build/check-models.ts";

const CATALOG = join(import.meta.dirname, "../../catalog");

describe("catalog/models and catalog/quality", () => {
  it("have no problems", () => {
    expect(checkModels(CATALOG)).toEqual([]);
  });

  const folders: string[] = [];
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });
  /** The catalog with one text of a file replaced. */
  const spoiled = (file: string, from: string, to: string): readonly string[] => {
    const folder = mkdtempSync(join(tmpdir(), "catalog-"));
    folders.push(folder);
    for (const part of ["models", "models-compiled.json", "quality"])
      cpSync(join(CATALOG, part), join(folder, part), { recursive: true });
    const path = join(folder, file);
    const text = readFileSync(path, "utf8");
    expect(text).toContain(from);
    writeFileSync(path, text.replace(from, to));
    return checkModels(folder);
  };

  it.each([
    [
      "a layer too many",
      "models/gpt-oss.json",
      '"id":"gpt-oss-20b","architecture":"gpt-oss","keys":{"block_count":24',
      '"id":"gpt-oss-20b","architecture":"gpt-oss","keys":{"block_count":25',
      "lays out",
    ],
    [
      "a base that is not there",
      "models/qwen.json",
      '"base":"qwen2.5-7b"',
      '"base":"qwen2.5-7x"',
      "its base qwen2.5-7x is not in the catalog",
    ],
    [
      "two models of one id",
      "models/qwen.json",
      '{"id":"qwen3-4b","repo"',
      '{"id":"qwen3-8b","repo"',
      "two models have the id qwen3-8b",
    ],
    [
      "an unknown field",
      "models/gpt-oss.json",
      '"repo":"openai/gpt-oss-20b"',
      '"repo":"openai/gpt-oss-20b","colour":"red"',
      "colour",
    ],
    ["an ability of nobody", "quality/abilities.json", '"qwen3-8b":', '"qwen3-8z":', "qwen3-8z is not in the catalog"],
  ])("report %s", (_, file, from, to, message) => {
    expect(spoiled(file, from, to).join("\n")).toContain(message);
  });
});
