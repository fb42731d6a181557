/**
 * The server that the protocol's conformance suite expects by name: every tool, prompt and resource its scenarios ask for. It is served
 * by our own HTTP host, so that what the suite finds is the host's doing. `npx tsx test/conformance/serve.ts [port]` serves it.
 */
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CallToolRequestSchema,
  type CallToolResult,
  CompleteRequestSchema,
  type ElicitRequestFormParams,
  GetPromptRequestSchema,
  type GetPromptResult,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  type ServerNotification,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";

/** one red pixel, and a wave file without samples */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

const text = (words: string) => ({ type: "text" as const, text: words });
const image = { type: "image" as const, data: png, mimeType: "image/png" };
const embedded = (uri: string, words: string) => ({
  type: "resource" as const,
  resource: { uri, mimeType: "text/plain", text: words },
});

interface Call {
  readonly server: Server;
  readonly args: Readonly<Record<string, unknown>>;
  readonly progressToken: string | number | undefined;
  readonly notify: (notification: ServerNotification) => Promise<void>;
  readonly elicit: (message: string, schema: ElicitRequestFormParams["requestedSchema"]) => Promise<string>;
}

interface Fixture {
  readonly description: string;
  readonly properties?: Readonly<Record<string, object>>;
  run(call: Call): Promise<CallToolResult>;
}

const says = (...content: CallToolResult["content"]): CallToolResult => ({ content });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const tools: Readonly<Record<string, Fixture>> = {
  test_simple_text: {
    description: "Answers with text.",
    run: async () => says(text("This is a simple text response for testing.")),
  },
  test_image_content: { description: "Answers with an image.", run: async () => says(image) },
  test_audio_content: {
    description: "Answers with sound.",
    run: async () => says({ type: "audio", data: wav, mimeType: "audio/wav" }),
  },
  test_embedded_resource: {
    description: "Answers with a resource.",
    run: async () => says(embedded("test://embedded-resource", "This is an embedded resource content.")),
  },
  test_multiple_content_types: {
    description: "Answers with text, an image and a resource.",
    run: async () =>
      says(text("Multiple content types test:"), image, embedded("test://mixed-content-resource", '{"test":"data"}')),
  },
  test_tool_with_logging: {
    description: "Logs three times.",
    run: async ({ notify }) => {
      for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
        await notify({ method: "notifications/message", params: { level: "info", data } });
        await pause(50);
      }
      return says(text("Tool with logging executed successfully"));
    },
  },
  test_error_handling: {
    description: "Fails.",
    run: async () => ({ ...says(text("This tool intentionally returns an error for testing")), isError: true }),
  },
  test_tool_with_progress: {
    description: "Tells how far it is.",
    run: async ({ notify, progressToken }) => {
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined)
          await notify({ method: "notifications/progress", params: { progressToken, progress, total: 100 } });
        await pause(50);
      }
      return says(text(String(progressToken ?? 0)));
    },
  },
  test_sampling: {
    description: "Asks the client's model.",
    properties: { prompt: { type: "string", description: "What to ask" } },
    run: async ({ server, args }) => {
      const messages = [{ role: "user" as const, content: text(String(args["prompt"])) }];
      const { content } = await server.createMessage({ messages, maxTokens: 100 });
      return says(text(`LLM response: ${!Array.isArray(content) && content.type === "text" ? content.text : "none"}`));
    },
  },
  test_elicitation: {
    description: "Asks the user.",
    properties: { message: { type: "string", description: "What to ask" } },
    run: async ({ args, elicit }) => {
      const properties = { response: { type: "string" as const, description: "User's response" } };
      return says(
        text(
          `User response: ${await elicit(String(args["message"]), { type: "object", properties, required: ["response"] })}`,
        ),
      );
    },
  },
  test_elicitation_sep1034_defaults: {
    description: "Asks the user with defaults.",
    run: async ({ elicit }) =>
      says(
        text(
          `Elicitation completed: ${await elicit("Check the values", {
            type: "object",
            properties: {
              name: { type: "string", default: "John Doe" },
              age: { type: "integer", default: 30 },
              score: { type: "number", default: 95.5 },
              status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
              verified: { type: "boolean", default: true },
            },
            required: [],
          })}`,
        ),
      ),
  },
  test_elicitation_sep1330_enums: {
    description: "Asks the user to choose.",
    run: async ({ elicit }) => {
      const options = ["option1", "option2", "option3"];
      const titled = [
        { const: "value1", title: "First Option" },
        { const: "value2", title: "Second Option" },
        { const: "value3", title: "Third Option" },
      ];
      const answer = await elicit("Choose", {
        type: "object",
        properties: {
          untitledSingle: { type: "string", enum: options },
          titledSingle: { type: "string", oneOf: titled },
          legacyEnum: { type: "string", enum: ["opt1", "opt2", "opt3"], enumNames: ["One", "Two", "Three"] },
          untitledMulti: { type: "array", items: { type: "string", enum: options } },
          titledMulti: { type: "array", items: { anyOf: titled } },
        },
        required: [],
      });
      return says(text(`Elicitation completed: ${answer}`));
    },
  },
};

const prompts: Readonly<
  Record<string, { readonly args: readonly string[]; get(args: Readonly<Record<string, string>>): GetPromptResult }>
> = {
  test_simple_prompt: {
    args: [],
    get: () => ({ messages: [{ role: "user", content: text("This is a simple prompt for testing.") }] }),
  },
  test_prompt_with_arguments: {
    args: ["arg1", "arg2"],
    get: ({ arg1, arg2 }) => ({
      messages: [{ role: "user", content: text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`) }],
    }),
  },
  test_prompt_with_embedded_resource: {
    args: ["resourceUri"],
    get: ({ resourceUri = "" }) => ({
      messages: [
        { role: "user", content: embedded(resourceUri, "Embedded resource content for testing.") },
        { role: "user", content: text("Please process the embedded resource above.") },
      ],
    }),
  },
  test_prompt_with_image: {
    args: [],
    get: () => ({
      messages: [
        { role: "user", content: image },
        { role: "user", content: text("Please analyze the image above.") },
      ],
    }),
  },
};

const documents: Readonly<
  Record<string, { readonly mimeType: string; readonly text?: string; readonly blob?: string }>
> = {
  "test://static-text": { mimeType: "text/plain", text: "This is the content of the static text resource." },
  "test://static-binary": { mimeType: "image/png", blob: png },
  "test://watched-resource": { mimeType: "text/plain", text: "Watched resource content" },
};

function read(uri: string) {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id !== undefined)
    return {
      uri,
      mimeType: "application/json",
      text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
    };
  const document = documents[uri];
  if (document === undefined) throw new McpError(-32002, "Resource not found", { uri });
  return {
    uri,
    mimeType: document.mimeType,
    ...(document.blob === undefined ? { text: document.text ?? "" } : { blob: document.blob }),
  };
}

export function fixtureServer(): Server {
  const capabilities = { tools: {}, prompts: {}, resources: { subscribe: true }, completions: {}, logging: {} };
  const server = new Server({ name: "conformance-fixtures", version: "1.0.0" }, { capabilities });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: Object.entries(tools).map(([name, { description, properties = {} }]) => {
      return { name, description, inputSchema: { type: "object" as const, properties: { ...properties } } };
    }),
  }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
    const tool = tools[params.name];
    if (tool === undefined) throw new McpError(-32602, `Unknown tool ${params.name}`);
    const elicit: Call["elicit"] = async (message, requestedSchema) => {
      const { action, content } = await server.elicitInput(
        { message, requestedSchema },
        { relatedRequestId: extra.requestId },
      );
      return `action=${action}, content=${JSON.stringify(content ?? {})}`;
    };
    const progressToken = extra._meta?.progressToken;
    return tool.run({ server, args: params.arguments ?? {}, progressToken, notify: extra.sendNotification, elicit });
  });
  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: Object.entries(prompts).map(([name, { args }]) => {
      return {
        name,
        description: name,
        arguments: args.map((arg) => ({ name: arg, description: arg, required: true })),
      };
    }),
  }));
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => {
    const prompt = prompts[params.name];
    if (prompt === undefined) throw new McpError(-32602, `Unknown prompt ${params.name}`);
    return prompt.get(params.arguments ?? {});
  });
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: Object.entries(documents).map(([uri, { mimeType }]) => ({ uri, name: uri, mimeType })),
  }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" }],
  }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => ({ contents: [read(params.uri)] }));
  server.setRequestHandler(SubscribeRequestSchema, () => ({}));
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}));
  server.setRequestHandler(SetLevelRequestSchema, () => ({}));
  server.setRequestHandler(CompleteRequestSchema, () => ({ completion: { values: [], total: 0, hasMore: false } }));
  return server;
}
