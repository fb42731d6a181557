import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hubOf } from "../../../src/core/sources/hub.ts";
import { resolveModel } from "../../../src/core/sources/model-reference.ts";
import { realWorld, type World } from "../../../src/core/sources/world.ts";

const home = mkdtempSync(join(tmpdir(), "hub-"));
const TRUTH = join(import.meta.dirname, "../../truth/gguf");
const header = (name: string): string => join(TRUTH, `${name}.gguf`);

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
};

/** A file of a repository: real headers from disk, or a text. */
const repos: Readonly<Record<string, Readonly<Record<string, string | { readonly path: string }>>>> = {
  "tester/tiny-GGUF": {
    "tiny-Q4_K_M.gguf": { path: header("Qwen3-0.6B-Q4_K_M") },
    "other-F16.gguf": { path: header("bge-large-en-F16") },
    "mmproj-F16.gguf": "GGUF",
    "README.md": "words",
  },
  "tester/split-GGUF": {
    "big/m-Q4_K_M-00001-of-00002.gguf": { path: header("Qwen3-0.6B-Q4_K_M") },
    "big/m-Q4_K_M-00002-of-00002.gguf": { path: header("Llama-3.2-1B-Q4_K_M") },
  },
  "tester/lost-GGUF": { "m-Q4_K_M-00001-of-00003.gguf": { path: header("Qwen3-0.6B-Q4_K_M") } },
  "tester/broken-GGUF": { "m-Q4_K_M.gguf": "this is no model at all, whatever its name says" },
  "tester/checkpoint": { "config.json": JSON.stringify(config), "model.safetensors": "x" },
  "tester/awq": {
    "config.json": JSON.stringify({
      ...config,
      quantization_config: { quant_method: "awq", bits: 4, group_size: 128 },
    }),
  },
  "tester/odd": { "config.json": "{ no json" },
  "tester/huge": { "config.json": " ".repeat(17 * 1024 * 1024) },
  "tester/empty": { "README.md": "words" },
  "someone/Qwen3-8B-finetune-GGUF": { "x-Q4_K_M.gguf": { path: header("Qwen3-8B-Q4_K_M") } },
};

interface Asked {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}
const asked: Asked[] = [];

function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  content: string | { readonly path: string },
): void {
  const range = /^bytes=(\d+)-(\d+)?$/.exec(request.headers.range ?? "");
  const size = typeof content === "string" ? Buffer.byteLength(content) : statSync(content.path).size;
  const start = Math.min(Number(range?.[1] ?? 0), size);
  const end = Math.min(range?.[2] === undefined ? size : Number(range[2]) + 1, size);
  let body: Buffer;
  if (typeof content === "string") body = Buffer.from(content).subarray(start, end);
  else {
    const file = openSync(content.path, "r");
    body = Buffer.alloc(end - start);
    readSync(file, body, 0, body.length, start);
    closeSync(file);
  }
  response.writeHead(range ? 206 : 200, {
    "content-length": body.length,
    "content-range": `bytes ${start}-${end - 1}/${size}`,
    etag: '"abc"',
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** The Hub's two routes that are used here: the tree of a repository, and a file of it. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
  asked.push({ url, authorization: request.headers.authorization, range: request.headers.range });
  if (url.startsWith("/api/models/tester/slow/")) return;
  if (url.startsWith("/api/models/tester/private/")) {
    response.writeHead(401, { "content-type": "application/json" }).end('{"error":"Invalid username or password."}');
    return;
  }
  const tree = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/main/.exec(url);
  const files = tree ? repos[tree[1] ?? ""] : undefined;
  if (files) {
    const entries = Object.entries(files).map(([path, content]) => ({
      type: "file",
      path,
      oid: "0",
      size: typeof content === "string" ? content.length : statSync(content.path).size,
    }));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(entries));
    return;
  }
  const file = /^\/([^/]+\/[^/]+)\/resolve\/main\/(.+)$/.exec(url);
  const content = file ? repos[file[1] ?? ""]?.[file[2] ?? ""] : undefined;
  if (content === undefined)
    response.writeHead(404, { "content-type": "application/json" }).end('{"error":"Repository not found"}');
  else sendFile(request, response, content);
}

let server: Server;
let world: World;
beforeAll(async () => {
  server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  world = realWorld({ HF_ENDPOINT: `http://127.0.0.1:${address.port}`, HF_TOKEN: "hf_secret", HOME: home });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(home, { recursive: true });
});

describe("resolveModel over HTTP", () => {
  it("reads a GGUF repository's header by ranges and leaves the recipe to the caller", async () => {
    asked.length = 0;
    const resolved = await resolveModel("tester/tiny-GGUF", world);
    expect(resolved).toMatchObject({ repo: "tester/tiny-GGUF", file: "tiny-Q4_K_M.gguf", format: "gguf" });
    expect(resolved.recipe).toBeUndefined();
    expect(resolved.stored).toBeUndefined();
    expect(resolved.hyper.architecture).toBe("qwen3");
    expect(asked.filter(({ url }) => url.includes("/resolve/")).every(({ range }) => range !== undefined)).toBe(true);
    expect(asked.length).toBeLessThanOrEqual(4);
    expect(new Set(asked.map(({ authorization }) => authorization))).toEqual(new Set(["Bearer hf_secret"]));
  });

  it("takes the file of the recipe that is named", async () => {
    const resolved = await resolveModel("tester/tiny-GGUF:f16", world);
    expect(resolved).toMatchObject({ file: "other-F16.gguf", recipe: "F16" });
    expect(resolved.stored?.hyper.architecture).toBe("bert");
    expect(resolved.model("F16")).toBe(resolved.stored);
    await expect(resolveModel("tester/tiny-GGUF:Q2_K", world)).rejects.toThrow(
      /has no file "Q2_K"\. It has Q4_K_M, F16/,
    );
  });

  it("joins the shards of a split file, and misses one", async () => {
    const resolved = await resolveModel("tester/split-GGUF:Q4_K_M", world);
    const parts = await Promise.all(
      ["Qwen3-0.6B-Q4_K_M", "Llama-3.2-1B-Q4_K_M"].map((name) => resolveModel(header(name), world)),
    );
    expect(resolved.stored?.tensors.length).toBe(
      parts.reduce((sum, part) => sum + (part.stored?.tensors.length ?? 0), 0),
    );
    expect(resolved.stored?.fileBytes).toBe(parts.reduce((sum, part) => sum + (part.stored?.fileBytes ?? 0), 0));
    await expect(resolveModel("tester/lost-GGUF", world)).rejects.toThrow(
      "one of 3 shards, of which the repository has 1",
    );
  });

  it("reads a checkpoint's config, and how it is quantized", async () => {
    const resolved = await resolveModel("tester/checkpoint:Q4_K_M", world);
    expect(resolved).toMatchObject({ repo: "tester/checkpoint", recipe: "Q4_K_M", format: "safetensors" });
    expect(resolved.shapes).toEqual((await resolveModel("qwen3-0.6b", world)).shapes);
    expect((await resolveModel("tester/awq", world)).checkpoint?.name).toBe("awq");
  });

  it.each([
    ["tester/broken-GGUF", /m-Q4_K_M\.gguf is not a GGUF file/],
    ["tester/odd", /config\.json of tester\/odd is not JSON/],
    ["tester/huge", /larger than a model's header can be/],
    ["tester/empty", /holds neither a GGUF file nor a config\.json/],
    ["tester/private", /does not exist on the Hugging Face Hub, or is private or gated/],
    ["tester/nothing", /no repository tester\/nothing on the Hugging Face Hub/],
  ])("says what is wrong with %s", async (repo, message) => {
    await expect(resolveModel(repo, world)).rejects.toThrow(message);
  });

  it("gives up after 5 s", { timeout: 15_000 }, async () => {
    const start = performance.now();
    await expect(resolveModel("tester/slow", world)).rejects.toThrow(
      /no answer within 5 s.*Without a network these work/,
    );
    expect(performance.now() - start).toBeLessThan(8000);
  });

  it("asks nothing when the network is forbidden or the catalog knows", async () => {
    asked.length = 0;
    await expect(
      resolveModel("tester/never-asked-GGUF", { ...world, env: { ...world.env, HF_HUB_OFFLINE: "1" } }),
    ).rejects.toThrow("cannot be asked");
    await expect(resolveModel("tester/tiny-GGUF", world, { online: false })).rejects.toThrow("There is no model");
    await resolveModel("unsloth/Qwen3-8B-GGUF:Q4_K_M", world);
    expect(asked).toEqual([]);
  });

  it.each(["../../etc", "a/b/c", "a", "a/..", "https://x/y"])("asks for no repository named %j", async (name) => {
    asked.length = 0;
    await expect(hubOf(world).listFiles(name)).rejects.toThrow("no name of a Hub repository");
    expect(asked).toEqual([]);
  });
});
