/**
 * MCP over HTTP on plain `node:http`: Streamable HTTP at /mcp, the older SSE pair at /sse and /messages when asked for, /healthz.
 * One MCP server per session. Every refusal is a JSON-RPC error; no page, stack or path ever leaves.
 */
import { randomUUID } from "node:crypto";
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { type Bucket, tokenBucket } from "../work/bucket.ts";
import { type GuardOptions, judge, objectionTo } from "./guard.ts";
import { type ServedPage, servedPage } from "./page.ts";
import { type Session, sessionTable } from "./sessions.ts";

export interface HttpOptions extends GuardOptions {
  readonly host: string;
  /** 0 = any free one */
  readonly port: number;
  /** also serve the older HTTP+SSE transport */
  readonly sse: boolean;
  /** no sessions: every request stands for itself */
  readonly stateless?: boolean;
  /** the page for people at `/`; nothing is there without it */
  readonly page?: string;
}

export interface RunningHttp {
  readonly url: string;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 256 * 1024;
const SSE_KEEPALIVE_MS = 15_000;
const MAX_CONNECTIONS = 256;
const MAX_HEADER_BYTES = 16 * 1024;
/** New sessions of one address at once, and then each second. */
const SESSION_BURST = 128;
const SESSIONS_PER_SECOND = 10;

/** Listens and serves until closed. Throws before listening when an open address has no token. */
export async function serveHttp(newServer: () => Server, options: HttpOptions): Promise<RunningHttp> {
  const objection = objectionTo(options.host, options.token);
  if (objection !== undefined) throw new Error(objection);
  const guarded = {
    ...options,
    allowedHosts: [...options.allowedHosts, ...(isWildcard(options.host) ? [] : [options.host.toLowerCase()])],
  };
  const host: Host = {
    options: guarded,
    sessions: sessionTable(),
    openings: tokenBucket(SESSION_BURST, SESSIONS_PER_SECOND, Date.now),
    newServer,
    page: options.page === undefined ? undefined : servedPage(options.page),
  };
  const limits = {
    headersTimeout: 10_000,
    requestTimeout: 60_000,
    maxHeaderSize: MAX_HEADER_BYTES,
    connectionsCheckingInterval: 2000,
  };
  const http = createServer(limits, (request, response) => {
    answer(request, response, host).catch((error: unknown) => {
      console.error(error);
      refuse(response, 500, -32603, "The server failed because of a fault of its own.");
    });
  });
  http.maxConnections = MAX_CONNECTIONS;
  http.on("clientError", refuseRaw);
  const port = await listen(http, options);
  const shown = options.host.includes(":") && !options.host.startsWith("[") ? `[${options.host}]` : options.host;
  return {
    url: `http://${shown}:${port}`,
    close: async () => {
      await host.sessions.closeAll();
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

/** What every request is answered with. */
interface Host {
  readonly options: HttpOptions;
  readonly sessions: ReturnType<typeof sessionTable>;
  readonly openings: Bucket;
  readonly newServer: () => Server;
  readonly page: ServedPage | undefined;
}

async function answer(request: IncomingMessage, response: ServerResponse, host: Host): Promise<void> {
  const { options, page } = host;
  const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
  const preflight = request.method === "OPTIONS";
  // the page itself is no secret: it asks its reader for the token
  const open = path === "/healthz" || (path === "/" && page !== undefined);
  const verdict = judge(request.headers, options, !preflight && !open);
  if (verdict.outcome === "refused") return refuse(response, verdict.status, -32000, verdict.reason);
  allowOrigin(request, response);
  if (preflight) return void response.writeHead(204).end();
  if (path === "/healthz") return sendJson(response, 200, { status: "ok" });
  if (path === "/" && page !== undefined && (request.method === "GET" || request.method === "HEAD"))
    return void response.writeHead(200, page.headers).end(request.method === "HEAD" ? undefined : page.html);
  if (path === "/mcp") return answerStreamable(request, response, host);
  if (options.sse && path === "/sse" && request.method === "GET") return openSse(request, response, host);
  if (options.sse && path === "/messages" && request.method === "POST") {
    return answerSse(request, response, host, new URLSearchParams(query).get("sessionId"));
  }
  const elsewhere = options.sse ? " or open /sse" : "";
  return refuse(response, 404, -32000, `There is nothing here. Send MCP requests to /mcp${elsewhere}.`);
}

/** False, and answered, when that address has opened too many sessions just now. */
function mayOpen(request: IncomingMessage, response: ServerResponse, { openings }: Host): boolean {
  if (openings.has(request.socket.remoteAddress ?? "")) return true;
  response.setHeader("retry-after", "1");
  refuse(
    response,
    429,
    -32000,
    "Too many sessions were opened from this address just now. Wait a second, then try again.",
  );
  return false;
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

async function answerStreamable(request: IncomingMessage, response: ServerResponse, host: Host): Promise<void> {
  const { sessions, newServer, openings, options } = host;
  if (options.stateless) return answerOnce(request, response, newServer);
  const address = request.socket.remoteAddress ?? "";
  const id = request.headers["mcp-session-id"];
  if (typeof id === "string") {
    const session = sessions.find(id);
    if (session === undefined || session.kind !== "streamable") {
      return refuse(response, 404, -32001, "This session has ended. Initialize a new one.");
    }
    return session.transport.handleRequest(request, response);
  }
  if (request.method !== "POST") return refuse(response, 400, -32000, "A session is needed. Initialize one with POST.");
  if (!mayOpen(request, response, host)) return;
  const server = newServer();
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    maxRequestBodySize: MAX_BODY_BYTES,
    onsessioninitialized: (sessionId) => {
      openings.take(address);
      sessions.add(sessionId, { kind: "streamable", server, transport });
    },
    onsessionclosed: (sessionId) => sessions.remove(sessionId),
  });
  await server.connect(transport);
  await transport.handleRequest(request, response);
  if (transport.sessionId === undefined) await server.close();
}

/** Without sessions: each request is answered by a server of its own, so that any of several processes may answer the next. */
async function answerOnce(request: IncomingMessage, response: ServerResponse, newServer: () => Server): Promise<void> {
  if (request.method !== "POST")
    return refuse(response, 405, -32000, "Without sessions there is only POST. Send that.");
  const server = newServer();
  const transport = new StreamableHTTPServerTransport({ maxRequestBodySize: MAX_BODY_BYTES });
  response.on("close", () => server.close().catch(() => {}));
  await server.connect(transport);
  await transport.handleRequest(request, response);
}

async function openSse(request: IncomingMessage, response: ServerResponse, host: Host): Promise<void> {
  if (!mayOpen(request, response, host)) return;
  const { sessions, newServer } = host;
  host.openings.take(request.socket.remoteAddress ?? "");
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
  { sessions }: Host,
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

/** What Node itself could not read as a request: malformed, too slow, or with too long a header. */
function refuseRaw(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const [status, words] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? ["431 Request Header Fields Too Large", `The headers are larger than ${MAX_HEADER_BYTES} bytes. Send less.`]
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? ["408 Request Timeout", "The request took too long to arrive. Send it at once."]
        : ["400 Bad Request", "This is not an HTTP request. Send one."];
  const body = JSON.stringify({ jsonrpc: "2.0", error: { code: -32700, message: words }, id: null });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
