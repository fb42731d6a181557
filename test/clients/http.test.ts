import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMCPClient } from "@ai-sdk/mcp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HttpProgram, startHttp } from "./program.ts";

let open: HttpProgram;
let closed: HttpProgram;

beforeAll(async () => {
  open = await startHttp(["--sse", "0"]);
  closed = await startHttp(["--http", "0"], { MODELFIT_TOKEN: "s3cret" });
});
afterAll(async () => {
  await Promise.all([open.stop(), closed.stop()]);
});

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
});
const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** With `node:http`, because fetch does not let a test choose its Host. */
function send(
  program: HttpProgram,
  method: string,
  path: string,
  sent: Record<string, string>,
  body = "",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(`${program.url}${path}`, { method, headers: sent }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += String(chunk);
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    call.on("error", reject);
    call.end(body);
  });
}

describe("Streamable HTTP", () => {
  it.each(["http", "sse"] as const)("serves a foreign client over %s", async (type) => {
    const client = await createMCPClient({
      transport: { type, url: `${open.url}/${type === "http" ? "mcp" : "sse"}` },
    });
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      "probe_hardware",
      "fit_model",
      "rank_models",
      "plan_config",
      "pareto_frontier",
    ]);
    await client.close();
  });

  it.each([
    ["a good request", "POST", "/mcp", {}, initialize, 200],
    ["a page of this machine", "POST", "/mcp", { origin: "http://localhost:3000" }, initialize, 200],
    ["a foreign page", "POST", "/mcp", { origin: "https://evil.example" }, initialize, 403],
    ["a page without origin", "POST", "/mcp", { origin: "null" }, initialize, 403],
    ["a foreign host", "POST", "/mcp", { host: "evil.example" }, initialize, 403],
    ["bad JSON", "POST", "/mcp", {}, "{", 400],
    ["text", "POST", "/mcp", { "content-type": "text/plain" }, initialize, 415],
    ["too much", "POST", "/mcp", {}, `{"jsonrpc":"2.0","id":1,"method":"${"a".repeat(300_000)}"}`, 413],
    ["no session", "GET", "/mcp", {}, "", 400],
    ["an unknown session", "POST", "/mcp", { "mcp-session-id": "nope" }, initialize, 404],
    ["an unknown path", "GET", "/nope", {}, "", 404],
    ["a path that climbs", "GET", "/../../etc/passwd", {}, "", 404],
    ["the page", "GET", "/", { accept: "text/html" }, "", 200],
    ["the page for a foreign host", "GET", "/", { host: "evil.example" }, "", 403],
    ["a session id that is none", "POST", "/mcp", { "mcp-session-id": "%0d%0aset-cookie: a=b" }, initialize, 404],
    ["headers without end", "POST", "/mcp", { "x-long": "a".repeat(20_000) }, initialize, 431],
    ["a preflight", "OPTIONS", "/mcp", { origin: "http://localhost:3000" }, "", 204],
    ["health", "GET", "/healthz", {}, "", 200],
    ["a message without its stream", "POST", "/messages?sessionId=nope", {}, initialize, 404],
  ])("%s", async (_, method, path, more, body, status) => {
    const answer = await send(open, method, path, { ...headers, ...more }, body);
    expect(answer.status, answer.body).toBe(status);
    expect(answer.body).not.toMatch(/\n\s+at |node_modules/);
    if (path !== "/") expect(answer.body).not.toContain("<html");
    expect(answer.headers["set-cookie"]).toBeUndefined();
    if (status >= 400) expect(JSON.parse(answer.body)).toMatchObject({ jsonrpc: "2.0", error: {} });
    if ("origin" in more && status < 300) expect(answer.headers["access-control-allow-origin"]).toBe(more.origin);
  });

  it("ends a session when asked", async () => {
    const first = await send(open, "POST", "/mcp", headers, initialize);
    const session = { ...headers, "mcp-session-id": String(first.headers["mcp-session-id"]) };
    expect((await send(open, "DELETE", "/mcp", session)).status).toBe(200);
    const ping = JSON.stringify({ jsonrpc: "2.0", id: 2, method: "ping" });
    expect((await send(open, "POST", "/mcp", session, ping)).status).toBe(404);
  });

  it("keeps strangers out with a token", async () => {
    expect((await send(closed, "POST", "/mcp", headers, initialize)).status).toBe(401);
    expect((await send(closed, "POST", "/mcp", { ...headers, authorization: "Bearer wrong" }, initialize)).status).toBe(
      401,
    );
    expect(
      (await send(closed, "POST", "/mcp", { ...headers, authorization: "Bearer s3cret" }, initialize)).status,
    ).toBe(200);
    expect((await send(closed, "POST", "/mcp?token=s3cret&access_token=s3cret", headers, initialize)).status).toBe(401);
    expect((await send(closed, "GET", "/sse", { authorization: "Bearer s3cret" })).status).toBe(404);
  });

  it("does not listen for others without a token", async () => {
    await expect(startHttp(["--http", "0", "--host", "0.0.0.0"], { MODELFIT_TOKEN: "" })).rejects.toThrow(
      /ended with 2: .*MODELFIT_TOKEN/,
    );
  });
});

/** The text of a tool's error through a session of its own, or "fine". */
async function callOver(program: HttpProgram, name: string, args: object): Promise<string> {
  const first = await send(program, "POST", "/mcp", headers, initialize);
  const session = { ...headers, "mcp-session-id": String(first.headers["mcp-session-id"]) };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name, arguments: args } });
  const answer = await send(program, "POST", "/mcp", session, body);
  const { result } = JSON.parse(/^data: (.*)$/m.exec(answer.body)?.[1] ?? "{}");
  return result?.isError ? result.content[0].text : result === undefined ? answer.body : "fine";
}

describe("callers over the network", () => {
  let folder: string;
  let rooted: HttpProgram;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "modelfit-"));
    mkdirSync(join(folder, "open"));
    mkdirSync(join(folder, "openly"));
    for (const name of ["open/inside.gguf", "secret.gguf", "openly/near.gguf"])
      writeFileSync(join(folder, name), "GGUF");
    // Windows lets not everybody make links
    if (process.platform !== "win32") symlinkSync(join(folder, "secret.gguf"), join(folder, "open/link.gguf"));
    rooted = await startHttp(["--http", "0", "--allow-root", join(folder, "open")]);
  });
  afterAll(async () => {
    await rooted.stop();
    rmSync(folder, { recursive: true });
  });

  it("must not measure", async () => {
    expect(await callOver(open, "probe_hardware", { measure: true })).toMatch(/not offered over the network/);
  });

  it("reach files below allowed folders alone, wherever links lead", async () => {
    // read, and found to be no model
    expect(await callOver(rooted, "fit_model", { model: join(folder, "open/inside.gguf") })).toMatch(/GGUF/);
    const refusals = [
      join(folder, "secret.gguf"),
      join(folder, "open/link.gguf"),
      join(folder, "open/../secret.gguf"),
      join(folder, "openly/near.gguf"),
      join(folder, "open/no-such-file.gguf"),
      "/etc/passwd",
      "../../etc/passwd",
      "~/.ssh/id_rsa",
    ];
    const said = await Promise.all(refusals.map((model) => callOver(rooted, "fit_model", { model })));
    // one answer for all, so that nobody learns which files there are
    for (const text of said) expect(text).toMatch(/not|no/i);
    const generic = (text: string, index: number) =>
      text.replaceAll(refusals[index] ?? "", "…").replace(/closest.*/, "");
    expect(new Set(said.slice(0, 5).map(generic)).size).toBe(1);
  });

  it.each([
    "http://169.254.169.254/latest",
    "file:///etc/passwd",
    "https://huggingface.co@evil.example/a/b",
    "a/../../b",
  ])("cannot make the server fetch %s", async (model) => {
    expect(await callOver(open, "fit_model", { model })).toMatch(/no model|not|No /);
  });

  it("cannot open sessions without end", async () => {
    const crowd = await startHttp(["--http", "0"]);
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => (await send(crowd, "POST", "/mcp", headers, initialize)).status),
    );
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(128);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(20);
    await crowd.stop();
  });

  it("cannot stop it with half requests or nonsense", async () => {
    const { hostname, port } = new URL(open.url);
    const half = Array.from({ length: 200 }, () => connect(Number(port), hostname).on("error", () => {}));
    for (const socket of half) socket.write("POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    const nonsense = [
      "{",
      "[]",
      "null",
      "[1,2]",
      '{"jsonrpc":"1.0"}',
      '{"jsonrpc":"2.0","id":{},"method":3}',
      `${"[".repeat(50_000)}`,
      '{"jsonrpc":"2.0","id":1e999,"method":"ping"}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}',
      "\ufffd\u0000",
      '{"__proto__":{"a":1}}',
    ];
    for (let round = 0; round < 10; round++)
      await Promise.all(
        nonsense.map(async (body) => {
          const { status } = await send(open, "POST", "/mcp", headers, body);
          expect(status, body.slice(0, 60)).toBeGreaterThanOrEqual(400);
          expect(status, body.slice(0, 60)).toBeLessThan(500);
        }),
      );
    expect(await callOver(open, "fit_model", { model: "qwen3-8b", hardware: "rtx-4090" })).toBe("fine");
    for (const socket of half) socket.destroy();
  });

  it("need no session where there are none", async () => {
    const stateless = await startHttp(["--http", "0", "--stateless"]);
    const listing = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
    const { status, body } = await send(stateless, "POST", "/mcp", headers, listing);
    expect([status, body.includes("pareto_frontier")]).toEqual([200, true]);
    expect((await send(stateless, "POST", "/mcp", headers, initialize)).headers["mcp-session-id"]).toBeUndefined();
    expect((await send(stateless, "GET", "/mcp", headers)).status).toBe(405);
    await stateless.stop();
  });

  it("ends with work under way", async () => {
    const busy = await startHttp(["--http", "0"]);
    const call = callOver(busy, "rank_models", { hardware: "rtx-4090, ram=64GiB" }).catch(() => "broken off");
    await new Promise((resolve) => setTimeout(resolve, 400));
    const startMs = performance.now();
    await busy.stop();
    expect(performance.now() - startMs).toBeLessThan(500);
    await call;
  });
});
