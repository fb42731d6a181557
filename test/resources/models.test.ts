import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadModelCatalog } from "../../src/core/sources/model-catalog.ts";
import { realWorld } from "../../src/core/sources/world.ts";
import { readResource } from "../../src/resources/index.ts";
import { modelPage } from "../../src/resources/model-page.ts";
import { fakeWorld } from "../fake-world.ts";

const context = (world = fakeWorld({})) => ({ world, signal: new AbortController().signal, remote: false });

async function read(uri: string, world = fakeWorld({})): Promise<object> {
  const reading = await readResource(uri, context(world));
  if (reading.outcome !== "found") throw new Error(reading.outcome === "not-found" ? reading.reason : "a page");
  return reading.document;
}

const home = mkdtempSync(join(tmpdir(), "model-page-"));
afterAll(() => rmSync(home, { recursive: true }));

describe("modelfit://catalog/models", () => {
  it("lists every model over its pages, each once", async () => {
    const ids: string[] = [];
    let uri: string | undefined = "modelfit://catalog/models";
    for (let page = 0; uri !== undefined && page < 20; page++) {
      const document: object = await read(uri);
      if (!("rows" in document) || !Array.isArray(document.rows)) throw new Error("no rows");
      ids.push(...document.rows.map(({ id }: { id: string }) => id));
      uri = "next" in document && typeof document.next === "string" ? document.next : undefined;
    }
    const { models } = await loadModelCatalog();
    expect(new Set(ids)).toEqual(new Set(models.map(({ id }) => id)));
    expect(ids.length).toBe(models.length);
  });

  it("has a page for a model: recipes in bytes, where to get it, what it needs", async () => {
    const page = await read("modelfit://catalog/models/qwen3-8b");
    expect(page).toMatchObject({
      id: "qwen3-8b",
      architecture: { architecture: "qwen3", evidence: "A" },
      getIt: { makers: "Qwen/Qwen3-8B", ollama: "qwen3:8b" },
      needs: { recipe: "Q4_K_M", backend: "cuda" },
    });
    // test/truth/weights.jsonl: Qwen3-8B
    expect(page).toMatchObject({ recipes: expect.arrayContaining([{ recipe: "Q4_K_M", tensorBytes: 5_021_827_072 }]) });
    expect(JSON.stringify(page).length).toBeLessThan(12_000);
  });

  it("needs more the longer it reads, and no longer than it was trained for", async () => {
    const catalog = await loadModelCatalog();
    const of = (id: string) => {
      const page = modelPage(catalog, catalog.find(id)?.entry ?? never());
      return "needs" in page && typeof page.needs === "object" && page.needs !== null && "at" in page.needs
        ? page.needs.at
        : undefined;
    };
    const at = of("llama-3.1-8b-instruct");
    if (!Array.isArray(at)) throw new Error("no needs");
    expect(at.map(({ contextTokens }) => contextTokens)).toEqual([8192, 32_768, 131_072]);
    expect(at[1].deviceBytes - at[0].deviceBytes).toBeGreaterThan(3 * 2 ** 30);
    expect(of("bge-large-en-v1.5")).toMatchObject([{ contextTokens: 512 }]);
    expect(of("gpt-oss-20b")).toBeDefined();
  });

  it("has a page for models of every architecture", { timeout: 300_000 }, async () => {
    const catalog = await loadModelCatalog();
    const seen = new Set<string>();
    for (const entry of catalog.models) {
      if (seen.has(entry.architectureId)) continue;
      seen.add(entry.architectureId);
      expect(modelPage(catalog, entry), entry.id).toMatchObject({ id: entry.id });
    }
    expect(seen.size).toBe(catalog.architectures.size);
  });

  it("shows what strangers wrote on one line, without control characters", async () => {
    const world = realWorld({ HOME: home });
    mkdirSync(join(home, ".config/modelfit-mcp/models"), { recursive: true });
    const model = {
      id: "odd",
      repo: "a/b",
      name: `x\u0000\u202e\n${"y".repeat(5000)}`,
      architectureId: "qwen3-8b",
      trainedContextTokens: 4096,
      license: "\u001b[31mred",
    };
    writeFileSync(join(home, ".config/modelfit-mcp/models/odd.json"), JSON.stringify({ models: [model] }));
    const reading = await readResource("modelfit://catalog/models/odd", context(Object.assign(fakeWorld({}), world)));
    const text = JSON.stringify(reading);
    expect(reading.outcome).toBe("found");
    expect(text).not.toMatch(/\\u0000|\\u001b|\\n|\u202e/);
    expect(text).not.toContain("y".repeat(400));
  });

  it("names the nearest for one that is not there", async () => {
    const reading = await readResource("modelfit://catalog/models/qwen3-8c", context());
    expect(reading).toMatchObject({ outcome: "not-found", reason: expect.stringContaining("qwen3-8b") });
  });
});

function never(): never {
  throw new Error("no such model");
}
