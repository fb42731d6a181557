/**
 * The scenarios that the protocol's conformance suite requires of a server (2025-11-25), through our HTTP host and the official client:
 * those that need fixtures against `fixtures.ts`, those of any server against ours.
 */
import { request } from "node:http";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildServer } from "../../src/server.ts";
import { type RunningHttp, serveHttp } from "../../src/transport/http.ts";
import { answersHere } from "../../src/work/answers.ts";
import { fakeWorld } from "../fake-world.ts";
import { fixtureServer } from "./fixtures.ts";

const options = { host: "127.0.0.1", port: 0, sse: false, allowedHosts: [], allowedOrigins: [], token: undefined };
let fixtures: RunningHttp;
let ours: RunningHttp;

beforeAll(async () => {
  fixtures = await serveHttp(fixtureServer, options);
  ours = await serveHttp(() => buildServer(answersHere(fakeWorld({})), { remote: true }), options);
});
afterAll(() => Promise.all([fixtures.close(), ours.close()]));

async function connect(where: RunningHttp): Promise<Client> {
  const client = new Client(
    { name: "scenarios", version: "1" },
    { capabilities: { sampling: {}, elicitation: { form: { applyDefaults: true } } } },
  );
  client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
    role: "assistant",
    model: "test",
    content: { type: "text", text: `heard ${JSON.stringify(params.messages[0]?.content).length}` },
  }));
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { response: "yes" } }));
  // the SDK's own transport type disagrees with its interface under exactOptionalPropertyTypes
  const transport = new StreamableHTTPClientTransport(new URL(`${where.url}/mcp`));
  await client.connect({
    start: () => transport.start(),
    send: (message) => transport.send(message),
    close: () => transport.close(),
    set onmessage(handler: NonNullable<typeof transport.onmessage>) {
      transport.onmessage = handler;
    },
    set onclose(handler: () => void) {
      transport.onclose = handler;
    },
    set onerror(handler: (error: Error) => void) {
      transport.onerror = handler;
    },
    setProtocolVersion: (version: string) => transport.setProtocolVersion(version),
  });
  return client;
}

describe("scenarios with fixtures", () => {
  let client: Client;
  beforeAll(async () => {
    client = await connect(fixtures);
  });
  afterAll(() => client.close());

  it.each([
    ["test_simple_text", {}, ["text"]],
    ["test_image_content", {}, ["image"]],
    ["test_audio_content", {}, ["audio"]],
    ["test_embedded_resource", {}, ["resource"]],
    ["test_multiple_content_types", {}, ["text", "image", "resource"]],
    ["test_error_handling", {}, ["text"]],
  ])("%s", async (name, args, types) => {
    const { content, isError } = await client.callTool({ name, arguments: args });
    expect(Array.isArray(content) ? content.map(({ type }) => type) : []).toEqual(types);
    expect(isError ?? false).toBe(name === "test_error_handling");
  });

  it.each([
    ["test_sampling", { prompt: "hello" }, "LLM response: heard"],
    ["test_elicitation", { message: "Name?" }, 'User response: action=accept, content={"response":"yes"}'],
    [
      "test_elicitation_sep1034_defaults",
      {},
      '"name":"John Doe","age":30,"score":95.5,"status":"active","verified":true',
    ],
    ["test_elicitation_sep1330_enums", {}, "action=accept"],
  ])("%s asks the client and hears its answer", async (name, args, words) => {
    expect(JSON.stringify((await client.callTool({ name, arguments: args })).content).replaceAll("\\", "")).toContain(
      words,
    );
  });

  it("test_tool_with_logging logs before it answers", async () => {
    const heard: unknown[] = [];
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void heard.push(params.data));
    await client.callTool({ name: "test_tool_with_logging" });
    expect(heard).toEqual(["Tool execution started", "Tool processing data", "Tool execution completed"]);
  });

  it("test_tool_with_progress tells its progress in order", async () => {
    const heard: number[] = [];
    await client.callTool({ name: "test_tool_with_progress" }, undefined, {
      onprogress: ({ progress }) => heard.push(progress),
    });
    expect(heard).toEqual([0, 50, 100]);
  });

  it("lists and reads resources, templates and prompts", async () => {
    expect((await client.listResources()).resources).toHaveLength(3);
    expect((await client.readResource({ uri: "test://static-text" })).contents[0]).toHaveProperty("text");
    expect((await client.readResource({ uri: "test://static-binary" })).contents[0]).toHaveProperty("blob");
    expect(JSON.stringify(await client.readResource({ uri: "test://template/123/data" }))).toContain("123");
    await expect(client.readResource({ uri: "test://none" })).rejects.toMatchObject({ code: -32002 });
    await client.subscribeResource({ uri: "test://watched-resource" });
    await client.unsubscribeResource({ uri: "test://watched-resource" });
    expect((await client.listPrompts()).prompts).toHaveLength(4);
    const prompt = await client.getPrompt({ name: "test_prompt_with_arguments", arguments: { arg1: "a", arg2: "b" } });
    expect(JSON.stringify(prompt)).toContain("arg1='a', arg2='b'");
    expect(JSON.stringify(await client.getPrompt({ name: "test_prompt_with_image" }))).toContain("image/png");
    expect(
      JSON.stringify(
        await client.getPrompt({ name: "test_prompt_with_embedded_resource", arguments: { resourceUri: "test://x" } }),
      ),
    ).toContain("test://x");
    expect(
      await client.complete({
        ref: { type: "ref/prompt", name: "test_prompt_with_arguments" },
        argument: { name: "arg1", value: "a" },
      }),
    ).toHaveProperty("completion.values");
    expect(await client.setLoggingLevel("debug")).toEqual({});
    expect(await client.ping()).toEqual({});
  });
});

const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };

function post(
  where: RunningHttp,
  body: object,
  sent: Record<string, string> = {},
): Promise<{ status: number; session: string; type: string }> {
  return new Promise((resolve, reject) => {
    const call = request(`${where.url}/mcp`, { method: "POST", headers: { ...headers, ...sent } }, (response) => {
      response.resume().on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          session: String(response.headers["mcp-session-id"] ?? ""),
          type: String(response.headers["content-type"] ?? ""),
        }),
      );
    });
    call.on("error", reject);
    call.end(JSON.stringify({ jsonrpc: "2.0", ...body }));
  });
}
const hello = {
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
};

describe("scenarios of any server, against ours", () => {
  it("initialize, ping, tools, resources, templates, prompts; names as they must be", async () => {
    const client = await connect(ours);
    expect(client.getServerVersion()).toMatchObject({ name: "modelfit-mcp" });
    expect(await client.ping()).toEqual({});
    const { tools } = await client.listTools();
    for (const { name, inputSchema } of tools) {
      expect(name).toMatch(/^[A-Za-z0-9_.-]{1,128}$/);
      expect(inputSchema.type).toBe("object");
    }
    expect((await client.listResources()).resources.length).toBeGreaterThan(2);
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(2);
    expect((await client.listPrompts()).prompts).toHaveLength(3);
    await client.close();
  });

  it("dns-rebinding-protection: foreign hosts and origins are refused, this machine's are served", async () => {
    for (const [sent, status] of [
      [{ host: "evil.example.com" }, 403],
      [{ origin: "http://evil.example.com" }, 403],
      [{ host: "localhost:1", origin: "http://localhost:1" }, 200],
    ] as const) {
      expect((await post(ours, { id: 1, ...hello }, { ...sent })).status).toBe(status);
    }
  });

  it("server-session-lifecycle: an id, served while it lives, 404 once it ended, 400 without one", async () => {
    const { session, status } = await post(ours, { id: 1, ...hello });
    expect(status).toBe(200);
    expect(session).toMatch(/^[\x21-\x7e]+$/);
    const with_ = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
    expect((await post(ours, { method: "notifications/initialized" }, with_)).status).toBe(202);
    expect((await post(ours, { id: 2, method: "ping" }, with_)).status).toBe(200);
    expect((await post(ours, { id: 2, method: "ping" })).status).toBe(400);
    expect(
      (await post(ours, { id: 2, method: "ping" }, { ...with_, "mcp-protocol-version": "1999-01-01" })).status,
    ).toBe(400);
    const ended = await fetch(`${ours.url}/mcp`, { method: "DELETE", headers: with_ });
    expect(ended.status).toBe(200);
    expect((await post(ours, { id: 3, method: "ping" }, with_)).status).toBe(404);
  });

  it("server-sse-multiple-streams: several requests of one session are answered side by side", async () => {
    const { session } = await post(ours, { id: 1, ...hello });
    const answers = await Promise.all(
      [2, 3, 4].map((id) => post(ours, { id, method: "ping" }, { "mcp-session-id": session })),
    );
    expect(answers.map(({ status, type }) => [status, type])).toEqual(Array(3).fill([200, "text/event-stream"]));
  });
});
