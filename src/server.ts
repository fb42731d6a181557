/**
 * One MCP server per connection: a cheap factory over records. Nothing is probed, read or loaded before a client asks, so that
 * `initialize` is answered at once.
 */
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { version } from "./version.ts";
import { type Answers, CallFailure, type ProgressMessage } from "./work/answers.ts";

export interface ServerOptions {
  /** true for callers over the network */
  readonly remote: boolean;
}

const instructions = `Answers which open-weight model a machine can run, how fast, and with which command, by calculation: nothing is downloaded or started.
Order: rank_models to choose (it probes this machine by itself), fit_model to judge one model, plan_config for a configuration with commands, pareto_frontier to weigh goals against each other, probe_hardware to see what was found.
hardware: leave it out for this machine; else "rtx-4090", "2x rtx-3090, ram=64GiB", "m3-max-64gb", "cpu, ram=64GiB" or "custom(memory=24GiB, bandwidth=936GBps), ram=64GiB".
model: a catalog id with optional recipe ("qwen3-8b:Q4_K_M"), a Hub repository, a GGUF path or "ollama:name".
Speeds are 80 % intervals low/mid/high in tokens per second; memory is in bytes, per device, as llama.cpp counts it. evidence says what is measured, reported, catalog or assumed: repeat doubts to the user.
Answers are short; detail: "detailed" adds tables. Commands are for the user to run; argv runs as it stands.`;

const icon =
  "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAzMiAzMiI+PHJlY3Qgd2lkdGg9IjMyIiBoZWlnaHQ9IjMyIiByeD0iNiIgZmlsbD0iIzFmNmY1YyIvPjxwYXRoIGQ9Ik03IDIzVjE1aDR2OHptNyAwVjloNHYxNHptNyAwdi02aDR2NnoiIGZpbGw9IiNmZmYiLz48L3N2Zz4=";

/** A server without a transport; `connect` gives it one. */
export function buildServer(answers: Answers, options: ServerOptions): Server {
  const server = new Server(
    {
      name: "modelfit-mcp",
      title: "modelfit: which model runs here",
      version,
      icons: [{ src: icon, mimeType: "image/svg+xml", sizes: ["any"] }],
    },
    {
      capabilities: {
        tools: {},
        resources: {},
        prompts: {},
        completions: {},
        extensions: { "io.modelcontextprotocol/ui": { mimeTypes: ["text/html;profile=mcp-app"] } },
      },
      instructions,
    },
  );
  serveTools(server, answers, options);
  serveResources(server, answers, options);
  servePrompts(server, answers);
  return server;
}

/** Runs a handler; what is not a protocol error already is a bug of ours and leaves as one, without stack or path. */
async function guarded<Result>(handler: () => Promise<Result>): Promise<Result> {
  try {
    return await handler();
  } catch (error) {
    if (error instanceof McpError) throw error;
    if (error instanceof CallFailure) throw new McpError(error.code, error.message);
    console.error(error);
    throw new McpError(ErrorCode.InternalError, "The server failed because of a fault of its own.");
  }
}

function serveTools(server: Server, answers: Answers, { remote }: ServerOptions): void {
  server.setRequestHandler(ListToolsRequestSchema, () =>
    guarded(async () => ({ tools: (await import("./tools/listed.ts")).listed })),
  );
  server.setRequestHandler(CallToolRequestSchema, ({ params }, { signal, _meta, sendNotification }) =>
    guarded(() => {
      const progressToken = _meta?.progressToken;
      const progress =
        progressToken === undefined
          ? undefined
          : (message: ProgressMessage) => {
              sendNotification({ method: "notifications/progress", params: { progressToken, ...message } }).catch(
                () => {},
              );
            };
      return answers.callTool(params.name, params.arguments ?? {}, { signal, remote, progress });
    }),
  );
}

function serveResources(server: Server, answers: Answers, { remote }: ServerOptions): void {
  server.setRequestHandler(ListResourcesRequestSchema, () =>
    guarded(async () => ({ resources: (await import("./resources/listed.ts")).listed.resources })),
  );
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () =>
    guarded(async () => ({ resourceTemplates: (await import("./resources/listed.ts")).listed.resourceTemplates })),
  );
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }, { signal }) =>
    guarded(async () => {
      const found = await answers.readResource(params.uri, { signal, remote });
      // -32002 is the protocol's "resource not found"
      if (found.outcome === "not-found") throw new McpError(-32002, found.reason, { uri: params.uri });
      if (found.outcome === "page") {
        const { view } = (await import("./resources/listed.ts")).listed;
        return { contents: [{ uri: params.uri, text: found.html, ...view }] };
      }
      return { contents: [{ uri: params.uri, mimeType: "application/json", text: JSON.stringify(found.document) }] };
    }),
  );
  server.setRequestHandler(CompleteRequestSchema, ({ params }) =>
    guarded(async () => {
      const owner = params.ref.type === "ref/resource" ? params.ref.uri : params.ref.name;
      const values = await answers.complete(owner, params.argument.name, params.argument.value);
      return { completion: { values: values.slice(0, 100), total: values.length, hasMore: values.length > 100 } };
    }),
  );
}

function servePrompts(server: Server, answers: Answers): void {
  server.setRequestHandler(ListPromptsRequestSchema, () =>
    guarded(async () => ({ prompts: (await import("./resources/listed.ts")).listed.prompts })),
  );
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) =>
    guarded(async () => {
      const found = await answers.getPrompt(params.name, params.arguments ?? {});
      if (found.outcome === "not-found") throw new McpError(ErrorCode.InvalidParams, found.reason);
      return {
        description: found.description,
        messages: [{ role: "user" as const, content: { type: "text" as const, text: found.text } }],
      };
    }),
  );
}
