import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModelCatalog } from "../../../src/core/sources/model-catalog.ts";
import { resolveModel } from "../../../src/core/sources/model-reference.ts";
import { refreshCatalog } from "../../../src/core/sources/refresh.ts";
import { userCatalog, userModelsFolder } from "../../../src/core/sources/user-models.ts";
import { realWorld, type World } from "../../../src/core/sources/world.ts";
import { type HubServer, startHub } from "../../hub-server.ts";

const home = mkdtempSync(join(tmpdir(), "user-models-"));
let folders = 0;
let hub: HubServer;

function newWorld(): World {
  return realWorld({ HOME: join(home, String(folders++)), HF_ENDPOINT: hub.url });
}
function writeRows(world: World, name: string, rows: unknown): void {
  mkdirSync(userModelsFolder(world), { recursive: true });
  writeFileSync(join(userModelsFolder(world), name), typeof rows === "string" ? rows : JSON.stringify(rows));
}

beforeAll(async () => {
  hub = await startHub();
});
afterAll(async () => {
  await hub.close();
  rmSync(home, { recursive: true });
});

const ownModel = { id: "acme-7b", repo: "acme/Acme-7B", architectureId: "qwen2.5-7b", trainedContextTokens: 32_768 };

describe("a user's own rows", () => {
  it("are models like the catalog's, by id and repository", async () => {
    const world = newWorld();
    writeRows(world, "acme.json", { models: [{ ...ownModel, license: "private" }] });
    const { catalog, warnings } = await userCatalog(world);
    expect(warnings).toEqual([]);
    expect(catalog.find("acme-7b")?.entry).toMatchObject({ id: "acme-7b", family: "Private", source: "acme.json" });
    expect(catalog.models.length).toBe((await loadModelCatalog()).models.length + 1);
    const resolved = await resolveModel("acme/Acme-7B:Q4_K_M", world);
    expect(resolved).toMatchObject({ id: "acme-7b", recipe: "Q4_K_M" });
    expect(resolved.shapes).toEqual((await resolveModel("qwen2.5-7b", world)).shapes);
    expect(catalog.closest("acme-7c", 3)).toContain("acme-7b");
  });

  it("may bring an architecture of their own, and win over the catalog's", async () => {
    const world = newWorld();
    const keys = {
      block_count: 2,
      context_length: 4096,
      embedding_length: 256,
      feed_forward_length: 512,
      vocab_size: 1000,
      "attention.head_count": 4,
      "attention.head_count_kv": 2,
    };
    writeRows(world, "tiny.json", {
      architectures: [{ id: "tiny", architecture: "qwen3", keys }],
      models: [{ ...ownModel, id: "qwen3-8b", repo: "acme/Tiny", architectureId: "tiny" }],
    });
    const { catalog, warnings } = await userCatalog(world);
    expect(warnings).toEqual([]);
    const found = catalog.find("qwen3-8b");
    expect(found?.entry.repo).toBe("acme/Tiny");
    expect(found && catalog.hyperparametersOf(found.entry).layerCount).toBe(2);
    expect(found && catalog.architectureOf(found.entry).parameterCount).toBeGreaterThan(500_000);
  });

  it("are read again when their files change", async () => {
    const world = newWorld();
    writeRows(world, "a.json", { models: [ownModel] });
    expect((await userCatalog(world)).catalog.find("acme-7b")).toBeDefined();
    expect((await userCatalog(world)).catalog).toBe((await userCatalog(world)).catalog);
    writeRows(world, "b.json", { models: [{ ...ownModel, id: "acme-8b", repo: "acme/Acme-8B" }] });
    expect((await userCatalog(world)).catalog.find("acme-8b")).toBeDefined();
  });

  it.each<[string, unknown, RegExp]>([
    ["no JSON", "{", /a\.json was not read/],
    ["an unknown field", { models: [{ ...ownModel, colour: "red" }] }, /a\.json was not read: models\.0: .*colour/],
    [
      "an architecture that is not there",
      { models: [{ ...ownModel, architectureId: "nowhere" }] },
      /acme-7b was left out: there is no architecture nowhere/,
    ],
    [
      "a count that its keys contradict",
      {
        architectures: [
          {
            id: "x",
            architecture: "llama",
            keys: {
              block_count: 1,
              context_length: 64,
              embedding_length: 64,
              feed_forward_length: 64,
              vocab_size: 100,
              "attention.head_count": 1,
            },
            parameterCount: 7_000_000,
          },
        ],
        models: [],
      },
      /lays out \d+ weights and says 7000000/,
    ],
  ])("leave the rest alone when a file holds %s", async (_, rows, message) => {
    const world = newWorld();
    writeRows(world, "a.json", rows);
    writeRows(world, "good.json", { models: [{ ...ownModel, id: "good-7b", repo: "acme/Good-7B" }] });
    const { catalog, warnings } = await userCatalog(world);
    expect(warnings.join("\n")).toMatch(message);
    expect(catalog.find("good-7b")).toBeDefined();
    expect(catalog.find("qwen3-8b")).toBeDefined();
  });
});

describe("refreshCatalog", () => {
  const config = {
    model_type: "qwen3",
    hidden_size: 1024,
    intermediate_size: 3072,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    head_dim: 128,
    vocab_size: 151_936,
    max_position_embeddings: 40_960,
    tie_word_embeddings: true,
  };

  it("brings popularity, new files and new models into the user's overlay, and resumes where it was interrupted", async () => {
    hub.downloads.set("Qwen/Qwen3-8B", 123_456_789);
    hub.downloads.set("Qwen/Qwen9-1B", 20_000);
    hub.downloads.set("Qwen/Qwen9-Odd", 20_000);
    hub.repos.set("Qwen/Qwen3-8B", {});
    hub.repos.set("Qwen/Qwen9-1B", { "config.json": JSON.stringify(config) });
    hub.repos.set("Qwen/Qwen9-Odd", { "config.json": '{"model_type":"never-heard-of"}' });
    hub.repos.set("Qwen/Qwen9-1B-AWQ", {});
    hub.repos.set("newquants/Qwen3-8B-GGUF", {});
    const world = newWorld();
    const authors = ["Qwen", "newquants"];

    const stop = new AbortController();
    const interrupted = refreshCatalog(world, {
      authors,
      signal: stop.signal,
      onProgress: ({ doneCount }) => void (doneCount === 1 && stop.abort()),
    });
    // stopped as the second author begins: the first is done
    await interrupted.catch(() => undefined);

    const seen: string[] = [];
    const report = await refreshCatalog(world, {
      authors,
      onProgress: ({ doneCount, totalCount, step }) => void seen.push(`${doneCount}/${totalCount} ${step}`),
    });
    expect(seen).toEqual(["0/2 Qwen", "1/2 newquants", "2/2 "]);
    expect(report).toMatchObject({ popularityCount: 1, ggufRepoCount: 1, newModels: ["qwen9-1b"] });
    expect(report.leftOut.map(({ repo }) => repo)).toEqual(["Qwen/Qwen9-Odd"]);

    const { catalog, warnings } = await userCatalog(world);
    expect(warnings).toEqual([]);
    expect(catalog.find("qwen3-8b")?.entry.popularity?.downloadCount).toBe(123_456_789);
    expect(catalog.find("newquants/Qwen3-8B-GGUF")?.entry.id).toBe("qwen3-8b");
    expect((await resolveModel("qwen9-1b:Q4_K_M", world)).model("Q4_K_M").tensors.length).toBe(310);
    // the package's own catalog is as it was
    expect((await loadModelCatalog()).find("qwen9-1b")).toBeUndefined();
  });

  it("takes over the authors that are done when the Hub fails between two", async () => {
    const world = newWorld();
    const flaky: World = {
      ...world,
      fetch: async (input, init) =>
        String(input).includes("author=newquants") ? Promise.reject(new TypeError("cut")) : world.fetch(input, init),
    };
    await expect(refreshCatalog(flaky, { authors: ["Qwen", "newquants"] })).rejects.toThrow("Hub cannot be asked");
    const report = await refreshCatalog({ ...world }, { authors: ["Qwen", "newquants"] });
    expect(report.resumedCount).toBe(1);
    expect(report.newModels).toEqual(["qwen9-1b"]);
  });
});
