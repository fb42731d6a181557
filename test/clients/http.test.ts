import { request } from "node:http";
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
    ["an unknown path", "GET", "/", {}, "", 404],
    ["a preflight", "OPTIONS", "/mcp", { origin: "http://localhost:3000" }, "", 204],
    ["health", "GET", "/healthz", {}, "", 200],
    ["a message without its stream", "POST", "/messages?sessionId=nope", {}, initialize, 404],
  ])("%s", async (_, method, path, more, body, status) => {
    const answer = await send(open, method, path, { ...headers, ...more }, body);
    expect(answer.status, answer.body).toBe(status);
    expect(answer.body).not.toMatch(/<html|\n\s+at |node_modules/);
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
    expect((await send(closed, "GET", "/sse", { authorization: "Bearer s3cret" })).status).toBe(404);
  });

  it("does not listen for others without a token", async () => {
    await expect(startHttp(["--http", "0", "--host", "0.0.0.0"], { MODELFIT_TOKEN: "" })).rejects.toThrow(
      /ended with 2: .*MODELFIT_TOKEN/,
    );
  });
});
