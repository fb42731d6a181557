/** Bar: a remote GGUF file is profiled in one request, its exact table in three, and every fault ends in an error or a retried success. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { InputError } from "../../../src/core/facts/input-error.ts";
import type { Tensor } from "../../../src/core/facts/tensor.ts";
import { diskCache } from "../../../src/core/sources/cache/disk.ts";
import { hubOf, withoutNetwork } from "../../../src/core/sources/hub.ts";
import { loadModelCatalog, type ModelCatalog } from "../../../src/core/sources/model-catalog.ts";
import { resolveModel } from "../../../src/core/sources/model-reference.ts";
import { realWorld, type World } from "../../../src/core/sources/world.ts";
import { composeGguf, dataBytes, type GgufValue, tokenizerPairs } from "../../compose-gguf.ts";
import { type HubServer, startHub } from "../../hub-server.ts";

const home = mkdtempSync(join(tmpdir(), "hub-"));
const REPO = "someone/Their-Tune-GGUF";
const FILE = "Their-Tune-Q4_K_M.gguf";
const RESOLVE = `/${REPO}/resolve/main/${FILE}`;
const TREE = `/api/models/${REPO}/tree/main`;

let hub: HubServer;
let catalog: ModelCatalog;
let tensors: readonly Tensor[];
let header: Buffer;
let folder = 0;

/** A machine whose cache is empty. */
function newWorld(env: Readonly<Record<string, string>> = {}): World {
  return realWorld({ HF_ENDPOINT: hub.url, HF_TOKEN: "hf_secret", HOME: join(home, String(folder++)), ...env });
}

/** A whole file of a catalog model as llama-quantize writes it: hyper-parameters, a tokenizer of megabytes, then the file type. */
async function composeModel(id: string): Promise<{ header: Buffer; tensors: readonly Tensor[] }> {
  const found = catalog.find(id);
  if (found === undefined) throw new Error(`no ${id}`);
  const { architecture, keys } = catalog.architectureOf(found.entry);
  const resolved = await resolveModel(id, newWorld(), { catalog });
  const made = resolved.model("Q4_K_M").tensors;
  const pairs = Object.entries(keys).map(([key, value]): [string, GgufValue] => {
    if (typeof value === "string") return [`${architecture}.${key}`, { text: value }];
    if (typeof value === "number")
      return [`${architecture}.${key}`, Number.isInteger(value) ? { u32: value } : { f32: value }];
    throw new Error(`key ${key}`);
  });
  return {
    tensors: made,
    header: composeGguf({
      pairs: [
        ["general.architecture", { text: architecture }],
        ["general.name", { text: "Their\u0007 Tune\u202e" }],
        ...pairs.filter(([key]) => !key.endsWith("vocab_size")),
        ...tokenizerPairs(Number(keys["vocab_size"])),
        ["general.quantization_version", { u32: 2 }],
        ["general.file_type", { u32: 15 }],
      ],
      tensors: made,
    }),
  };
}

beforeAll(async () => {
  hub = await startHub();
  catalog = await loadModelCatalog();
  ({ header, tensors } = await composeModel("qwen3-8b"));
});
afterAll(async () => {
  await hub.close();
  rmSync(home, { recursive: true });
});
beforeEach(() => {
  hub.asked.length = 0;
  hub.faults.clear();
  hub.redirects = false;
  hub.repos.clear();
  hub.repos.set(REPO, { [FILE]: { start: header, sizeBytes: header.length + dataBytes(tensors) } });
});

const fileRequests = () => hub.asked.filter(({ path }) => path.includes("/resolve/") && !path.startsWith("/cdn"));

describe("a remote GGUF file of a covered architecture", () => {
  it("is profiled from its first 256 kB and its size in one request", async () => {
    const resolved = await resolveModel(`${REPO}:Q4_K_M`, newWorld());
    expect(fileRequests().map(({ range, sentBytes }) => [range, sentBytes])).toEqual([["bytes=0-262143", 262_144]]);
    expect(resolved.recipe).toBe("Q4_K_M");
    expect(resolved.stored?.tensors).toEqual(tensors);
    expect(resolved.stored?.name).toBe("Their Tune");
    expect(resolved.stored?.source).toMatch(/tensors laid out, 0\.0\d+ % off its size/);
    expect(resolved.published).toEqual([
      { name: "Q4_K_M", recipe: "Q4_K_M", sizeBytes: header.length + dataBytes(tensors), files: [FILE] },
    ]);
  });

  it("is read exactly where its size contradicts its name: in three requests at most", async () => {
    hub.repos.set(REPO, { "Their-Tune-Q5_K_M.gguf": { start: header, sizeBytes: header.length + dataBytes(tensors) } });
    const resolved = await resolveModel(`${REPO}:Q5_K_M`, newWorld());
    expect(fileRequests().length).toBeLessThanOrEqual(3);
    // the name said Q5_K_M; the file knows better
    expect(resolved.stored?.recipe).toBe("Q4_K_M");
    expect(resolved.stored?.tensors).toEqual(tensors);
    expect(resolved.stored?.fileBytes).toBeGreaterThan(header.length + dataBytes(tensors) - 32);
    expect(hub.asked.reduce((sum, { sentBytes }) => sum + sentBytes, 0)).toBeLessThan(1.6 * header.length);
  });

  it("gives its exact table on demand in three requests, and asks only whether it still holds when asked again", async () => {
    const world = newWorld();
    const model = await hubOf(world).readGguf(REPO, [FILE], { exact: true });
    expect(model.tensors).toEqual(tensors);
    expect(fileRequests().length).toBeLessThanOrEqual(3);
    hub.asked.length = 0;
    await hubOf(world).readGguf(REPO, [FILE], { exact: true });
    expect(hub.asked).toEqual([]);
    // another process, two minutes later
    const later: World = { ...world, now: () => Date.now() + 120_000 };
    expect((await hubOf(later).readGguf(REPO, [FILE], { exact: true })).tensors).toEqual(tensors);
    expect(fileRequests().map(({ status }) => status)).toEqual([304]);
    // a new version of the file
    hub.asked.length = 0;
    const shorter = tensors.slice(0, -1);
    const { header: other } = await composeModel("qwen3-4b");
    hub.repos.set(REPO, { [FILE]: { start: other, sizeBytes: other.length + dataBytes(shorter) } });
    const muchLater: World = { ...world, now: () => Date.now() + 240_000 };
    expect((await hubOf(muchLater).readGguf(REPO, [FILE], { exact: true })).tensors).not.toEqual(tensors);
    expect(fileRequests().every(({ status }) => status === 206)).toBe(true);
  });

  it("follows redirects to another origin, without the token", async () => {
    hub.redirects = true;
    const resolved = await resolveModel(`${REPO}:Q4_K_M`, newWorld());
    expect(resolved.stored?.tensors.length).toBe(tensors.length);
    expect(hub.asked.filter(({ path }) => path.startsWith("/cdn")).map(({ authorization }) => authorization)).toEqual([
      undefined,
    ]);
    expect(fileRequests().map(({ authorization }) => authorization)).toEqual(["Bearer hf_secret"]);
  });

  it("is read from a server without ranges, and no further than needed", async () => {
    hub.faults.set(RESOLVE, { kind: "no-ranges" });
    const resolved = await resolveModel(`${REPO}:Q4_K_M`, newWorld());
    expect(resolved.stored?.tensors).toEqual(tensors);
  });

  it("is refused when it ends inside its header", async () => {
    const cut = header.subarray(0, header.length / 2);
    hub.repos.set(REPO, { [FILE]: { start: cut, sizeBytes: cut.length } });
    await expect(resolveModel(`${REPO}:Q4_K_M`, newWorld())).rejects.toThrow(/is truncated/);
  });
});

describe("faults that pass", () => {
  it.each([429, 500, 502, 503, 504])("retries after %i", async (status) => {
    hub.faults.set(RESOLVE, { kind: "status", status, times: 2, headers: { "retry-after": "0" } });
    const resolved = await resolveModel(`${REPO}:Q4_K_M`, newWorld());
    expect(resolved.stored?.tensors.length).toBe(tensors.length);
    expect(fileRequests().map((request) => request.status)).toEqual([status, status, 206]);
  });

  it("waits as long as Retry-After says", async () => {
    hub.faults.set(TREE, { kind: "status", status: 429, times: 1, headers: { "retry-after": "1" } });
    const start = performance.now();
    await resolveModel(`${REPO}:Q4_K_M`, newWorld());
    expect(performance.now() - start).toBeGreaterThan(990);
  });

  it("reads again what broke off", async () => {
    hub.faults.set(RESOLVE, { kind: "cut", times: 2 });
    expect((await resolveModel(`${REPO}:Q4_K_M`, newWorld())).stored?.tensors.length).toBe(tensors.length);
  });
});

describe("faults that stay", () => {
  it.each<[string, Parameters<HubServer["faults"]["set"]>[1], RegExp]>([
    [
      "401",
      { kind: "status", status: 401, times: 99 },
      /does not exist on the Hugging Face Hub, or is private or gated.*set HF_TOKEN/,
    ],
    [
      "a gate",
      { kind: "status", status: 403, times: 99, headers: { "x-error-code": "GatedRepo" } },
      /is gated.*Accept its terms.*HF_TOKEN/,
    ],
    ["404", { kind: "status", status: 404, times: 99 }, /no such file/],
    [
      "429 for an hour",
      { kind: "status", status: 429, times: 99, headers: { "retry-after": "3600" } },
      /refuses more requests for now \(it asks to wait 3600 s\)/,
    ],
    [
      "429 for ever",
      { kind: "status", status: 429, times: 99, headers: { "retry-after": "0" } },
      /refuses more requests/,
    ],
    ["500 for ever", { kind: "status", status: 500, times: 99, headers: { "retry-after": "0" } }, /it answered 500/],
    ["connections that always break", { kind: "cut", times: 99 }, /the connection broke off/],
    ["fewer bytes than promised", { kind: "short" }, /the connection broke off/],
    ["another range", { kind: "wrong-range" }, /for the range 0-262143/],
  ])("says what is wrong: %s", { timeout: 20_000 }, async (_, fault, message) => {
    hub.faults.set(RESOLVE, fault);
    const failed = hubOf(newWorld()).readGguf(REPO, [FILE]);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toThrow(InputError);
    await expect(failed).rejects.not.toThrow("hf_secret");
    expect(fileRequests().length).toBeLessThanOrEqual(3);
  });

  it.each(["silent", "drip"] as const)("gives up on a %s server after 5 s, once", { timeout: 20_000 }, async (kind) => {
    hub.faults.set(RESOLVE, { kind });
    const start = performance.now();
    await expect(hubOf(newWorld()).readGguf(REPO, [FILE])).rejects.toThrow("no answer within 5 s");
    expect(performance.now() - start).toBeLessThan(7000);
    expect(fileRequests().length).toBe(1);
  });
});

describe("without a network", () => {
  it("answers from what is cached, else says so; asks nobody", async () => {
    const world = newWorld();
    await resolveModel(`${REPO}:Q4_K_M`, world);
    hub.asked.length = 0;
    const offline = withoutNetwork({ ...world, now: () => Date.now() + 86_400_000 });
    expect((await resolveModel(`${REPO}:Q4_K_M`, offline)).stored?.tensors).toEqual(tensors);
    await expect(resolveModel("someone/Never-Seen-GGUF:Q4_K_M", offline)).rejects.toThrow(
      /the network is forbidden here.*Without a network these work/,
    );
    await expect(offline.fetch("https://huggingface.co/api/models")).rejects.toThrow("the network is forbidden here");
    expect(hub.asked).toEqual([]);
    expect((await offline.fetch(`${hub.url}/api/models`)).status).toBe(200);
  });

  it("uses what is cached when the Hub is down", async () => {
    const world = newWorld();
    await resolveModel(`${REPO}:Q4_K_M`, world);
    for (const path of [TREE, RESOLVE])
      hub.faults.set(path, { kind: "status", status: 503, times: 999, headers: { "retry-after": "0" } });
    const later: World = { ...world, now: () => Date.now() + 86_400_000 };
    expect((await resolveModel(`${REPO}:Q4_K_M`, later)).stored?.tensors).toEqual(tensors);
  });
});

describe("repositories", () => {
  it("list their recipes, shards together and dynamic ones by their own names", async () => {
    hub.repos.set("someone/Many-GGUF", {
      "Many-UD-Q4_K_XL.gguf": { start: header, sizeBytes: header.length + dataBytes(tensors) },
      "BF16/Many-BF16-00001-of-00002.gguf": { start: header, sizeBytes: 9e9 },
      "BF16/Many-BF16-00002-of-00002.gguf": { start: header, sizeBytes: 7e9 },
      "mmproj-F16.gguf": { start: header, sizeBytes: 1e9 },
      "Many.imatrix.gguf": { start: header, sizeBytes: 1e6 },
    });
    const { published, stored, recipe } = await resolveModel("someone/Many-GGUF:UD-Q4_K_XL", newWorld());
    expect(published?.map(({ name, sizeBytes, files }) => [name, sizeBytes, files.length])).toEqual([
      ["UD-Q4_K_XL", header.length + dataBytes(tensors), 1],
      ["BF16", 16e9, 2],
    ]);
    expect(stored?.tensors).toEqual(tensors);
    expect(recipe).toBe("Q4_K_M");
  });

  it("give a publisher's own mix of a catalog model, which only its file tells", async () => {
    const file = { start: header, sizeBytes: header.length + dataBytes(tensors) };
    hub.repos.set("unsloth/Qwen3-8B-GGUF", { "Qwen3-8B-UD-Q4_K_XL.gguf": file });
    const world = newWorld();
    for (const name of ["unsloth/Qwen3-8B-GGUF:UD-Q4_K_XL", "qwen3-8b:UD-Q4_K_XL"]) {
      const resolved = await resolveModel(name, world);
      expect(resolved).toMatchObject({
        id: "qwen3-8b",
        repo: "unsloth/Qwen3-8B-GGUF",
        file: "Qwen3-8B-UD-Q4_K_XL.gguf",
      });
      expect(resolved.stored?.tensors).toEqual(tensors);
    }
    await expect(resolveModel("qwen3-8b:UD-Q4_K_XL", world, { online: false })).rejects.toThrow(
      /publisher's own mix.*qwen3-8b:Q4_K_M/,
    );
    await expect(resolveModel("qwen3-8b:Q4_K_N", world)).rejects.toThrow("is no recipe of llama.cpp");
  });

  it("are searched by name and author, in plain text", async () => {
    hub.repos.set("other/Their-Tune-AWQ", {});
    const found = await hubOf(newWorld()).search({ name: "their-tune", author: "someone" });
    expect(found).toEqual([
      { repo: REPO, task: "text-generation", downloadCount: 1000, likeCount: 0, gated: false, updated: "2026-03-04" },
    ]);
  });

  it("show what their safetensors files hold", async () => {
    const json = JSON.stringify({
      __metadata__: { format: "pt" },
      "model.embed_tokens.weight": { dtype: "BF16", shape: [100, 64], data_offsets: [0, 12_800] },
      "model.layers.0.mlp.up_proj.weight": { dtype: "F8_E4M3", shape: [32, 64], data_offsets: [12_800, 14_848] },
    });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    const start = Buffer.concat([length, Buffer.from(json)]);
    const serve = (sizeBytes: number, bytes = start): void =>
      void hub.repos.set("someone/Checkpoint", { "model.safetensors": { start: bytes, sizeBytes } });
    serve(start.length + 14_848);
    expect(await hubOf(newWorld()).readSafetensors("someone/Checkpoint", ["model.safetensors"])).toEqual([
      { name: "model.embed_tokens.weight", dtype: "BF16", shape: [100, 64], sizeBytes: 12_800 },
      { name: "model.layers.0.mlp.up_proj.weight", dtype: "F8_E4M3", shape: [32, 64], sizeBytes: 2048 },
    ]);
    serve(start.length + 100);
    await expect(hubOf(newWorld()).readSafetensors("someone/Checkpoint", ["model.safetensors"])).rejects.toThrow(
      "does not fill the bytes",
    );
    length.writeBigUInt64LE(2n ** 60n);
    serve(1e9, Buffer.concat([length, Buffer.from(json)]));
    await expect(hubOf(newWorld()).readSafetensors("someone/Checkpoint", ["model.safetensors"])).rejects.toThrow(
      "claims a header of",
    );
  });
});

describe("the cache on disk", () => {
  it("keeps texts by name, refuses what was changed, and stays below its limit", async () => {
    const world = newWorld();
    const cache = diskCache(world, "test", 20_000);
    await cache.put("a key", "some text", '"1"');
    expect(await cache.get("a key")).toMatchObject({ text: "some text", etag: '"1"' });
    expect(await cache.get("another")).toBeUndefined();
    const contents = join(world.homeDir, ".cache/modelfit-mcp/test/contents");
    for (const name of readdirSync(contents)) writeFileSync(join(contents, name), "other text");
    expect(await cache.get("a key")).toBeUndefined();
    // each process sweeps at its first write
    for (let index = 0; index < 40; index++)
      await diskCache(world, "test", 20_000).put(`key ${index}`, `${index}`.repeat(500), undefined);
    const sizes = readdirSync(contents).map((name) => readFileSync(join(contents, name)).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(21_000);
    expect(sizes.length).toBeGreaterThan(3);
  });

  it("is whole for every reader while many write", async () => {
    const world = newWorld();
    const caches = Array.from({ length: 8 }, () => diskCache(world, "many", 10_000_000));
    const texts = caches.map((_, index) => `${index}`.repeat(100_000));
    const seen = new Set<string>();
    await Promise.all(
      caches.map(async (cache, index) => {
        for (let round = 0; round < 5; round++) {
          await cache.put("shared", texts[index] ?? "", undefined);
          const held = await cache.get("shared");
          if (held) seen.add(held.text);
        }
      }),
    );
    expect(seen.size).toBeGreaterThan(0);
    for (const text of seen) expect(texts).toContain(text);
    expect(readdirSync(join(world.homeDir, ".cache/modelfit-mcp/many/names")).length).toBe(1);
  });

  it("does without a disk that cannot be written to", async () => {
    const world = newWorld();
    writeFileSync(join(home, "file"), "");
    const cache = diskCache({ ...world, env: { ...world.env, XDG_CACHE_HOME: join(home, "file") } }, "x");
    await cache.put("a", "b", undefined);
    expect(await cache.get("a")).toBeUndefined();
    expect(existsSync(join(home, "file/x"))).toBe(false);
  });
});
