/**
 * MCP over HTTP on plain `node:http`: Streamable HTTP at /mcp, the older SSE pair at /sse and /messages when asked for, /healthz.
 * One MCP server per session. Every refusal is a JSON-RPC error; no page, stack or path ever leaves.
 */
import { randomUUID } from "node:crypto";
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { type GuardOptions, judge, objectionTo } from "./guard.ts";
import { type Session, sessionTable } from "./sessions.ts";

export interface HttpOptions extends GuardOptions {
  readonly host: string;
  /** 0 = any free one */
  readonly port: number;
  /** also serve the older HTTP+SSE transport */
  readonly sse: boolean;
}

export interface RunningHttp {
  readonly url: string;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 256 * 1024;
const SSE_KEEPALIVE_MS = 15_000;

/** Listens and serves until closed. Throws before listening when an open address has no token. */
export async function serveHttp(newServer: () => Server, options: HttpOptions): Promise<RunningHttp> {
  const objection = objectionTo(options.host, options.token);
  if (objection !== undefined) throw new Error(objection);
  const guarded = {
    ...options,
    allowedHosts: [...options.allowedHosts, ...(isWildcard(options.host) ? [] : [options.host.toLowerCase()])],
  };
  const sessions = sessionTable();
  const http = createServer({ headersTimeout: 10_000, requestTimeout: 60_000 }, (request, response) => {
    answer(request, response, guarded, sessions, newServer).catch((error: unknown) => {
      console.error(error);
      refuse(response, 500, -32603, "The server failed because of a fault of its own.");
    });
  });
  http.maxConnections = 256;
  const port = await listen(http, options);
  const shown = options.host.includes(":") && !options.host.startsWith("[") ? `[${options.host}]` : options.host;
  return {
    url: `http://${shown}:${port}`,
    close: async () => {
      await sessions.closeAll();
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}

const isWildcard = (host: string) => host === "0.0.0.0" || host === "::";

function listen(http: HttpServer, options: HttpOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(options.port, options.host.replace(/^\[|\]$/g, ""), () => {
      const address = http.address();
      resolve(typeof address === "object" && address !== null ? address.port : options.port);
    });
  });
}

type Sessions = ReturnType<typeof sessionTable>;

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpOptions,
  sessions: Sessions,
  newServer: () => Server,
): Promise<void> {
  const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
  const preflight = request.method === "OPTIONS";
  const verdict = judge(request.headers, options, !preflight && path !== "/healthz");
  if (verdict.outcome === "refused") return refuse(response, verdict.status, -32000, verdict.reason);
  allowOrigin(request, response);
  if (preflight) return void response.writeHead(204).end();
  if (path === "/healthz") return sendJson(response, 200, { status: "ok" });
  if (path === "/mcp") return answerStreamable(request, response, sessions, newServer);
  if (options.sse && path === "/sse" && request.method === "GET") return openSse(response, sessions, newServer);
  if (options.sse && path === "/messages" && request.method === "POST") {
    return answerSse(request, response, sessions, new URLSearchParams(query).get("sessionId"));
  }
  return refuse(
    response,
    404,
    -32000,
    `There is nothing here. Send MCP requests to /mcp${options.sse ? " or open /sse" : ""}.`,
  );
}

function allowOrigin(request: IncomingMessage, response: ServerResponse): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("vary", "origin");
  response.setHeader("access-control-expose-headers", "mcp-session-id, mcp-protocol-version");
  response.setHeader("access-control-allow-methods", "GET, POST, DELETE");
  response.setHeader(
    "access-control-allow-headers",
    "authorization, content-type, accept, mcp-session-id, mcp-protocol-version, last-event-id, mcp-method, mcp-name",
  );
}

async function answerStreamable(
  request: IncomingMessage,
  response: ServerResponse,
  sessions: Sessions,
  newServer: () => Server,
): Promise<void> {
  const id = request.headers["mcp-session-id"];
  if (typeof id === "string") {
    const session = sessions.find(id);
    if (session === undefined || session.kind !== "streamable") {
      return refuse(response, 404, -32001, "This session has ended. Initialize a new one.");
    }
    return session.transport.handleRequest(request, response);
  }
  if (request.method !== "POST") return refuse(response, 400, -32000, "A session is needed. Initialize one with POST.");
  const server = newServer();
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    maxRequestBodySize: MAX_BODY_BYTES,
    onsessioninitialized: (sessionId) => sessions.add(sessionId, { kind: "streamable", server, transport }),
    onsessionclosed: (sessionId) => sessions.remove(sessionId),
  });
  await server.connect(transport);
  await transport.handleRequest(request, response);
  if (transport.sessionId === undefined) await server.close();
}

async function openSse(response: ServerResponse, sessions: Sessions, newServer: () => Server): Promise<void> {
  const { SSEServerTransport } = await import("@modelcontextprotocol/sdk/server/sse.js");
  const transport = new SSEServerTransport("/messages", response);
  const server = newServer();
  sessions.add(transport.sessionId, { kind: "sse", server, transport });
  const keepAlive = setInterval(() => response.write(": keep-alive\n\n"), SSE_KEEPALIVE_MS);
  keepAlive.unref();
  response.on("close", () => {
    clearInterval(keepAlive);
    sessions.remove(transport.sessionId);
  });
  await server.connect(transport);
}

async function answerSse(
  request: IncomingMessage,
  response: ServerResponse,
  sessions: Sessions,
  id: string | null,
): Promise<void> {
  const session: Session | undefined = id === null ? undefined : sessions.find(id);
  if (session === undefined || session.kind !== "sse")
    return refuse(response, 404, -32001, "This session has ended. Open /sse again.");
  const body = await readBody(request);
  if (body === undefined)
    return refuse(response, 413, -32000, `The request is larger than ${MAX_BODY_BYTES} bytes. Send less.`);
  try {
    await session.transport.handleMessage(JSON.parse(body));
  } catch {
    return refuse(response, 400, -32700, "The request is not a JSON-RPC message. Send one as JSON.");
  }
  response.writeHead(202).end();
}

/** undefined past the limit */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of request) {
    const chunk = Buffer.from(part);
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES) return undefined;
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString("utf8");
}

function refuse(response: ServerResponse, status: number, code: number, message: string): void {
  if (response.headersSent) return void response.end();
  if (status === 401) response.setHeader("www-authenticate", "Bearer");
  sendJson(response, status, { jsonrpc: "2.0", error: { code, message }, id: null });
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
