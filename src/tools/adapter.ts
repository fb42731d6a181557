/** Tool records as MCP: the list that clients see, and calls with their results, errors, progress and cancellation. */
import { type CallToolResult, ErrorCode, type ListToolsResult, McpError } from "@modelcontextprotocol/sdk/types.js";
import { closestNames } from "../core/facts/closest.ts";
import { InputError } from "../core/facts/input-error.ts";
import { readArguments } from "./arguments.ts";
import { advertise } from "./schemas/advertise.ts";
import type { Attachment, Tool, ToolContext } from "./tool.ts";

/** `tools/list`: the same bytes on every connection. */
export function describeTools(tools: readonly Tool[]): ListToolsResult["tools"] {
  return tools.map((tool) => ({
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: advertise(tool.input),
    outputSchema: advertise(tool.output),
    annotations: { ...tool.annotations },
    // hosts of the year before read the second
    ...(tool.view === undefined ? {} : { _meta: { ui: { resourceUri: tool.view }, "ui/resourceUri": tool.view } }),
  }));
}

export type ToolResult = CallToolResult;

export type CallContext = Omit<ToolContext, "attach">;

/** The protocol's code and words for an error that `callTool` threw. */
export function failureOf(error: unknown): { readonly code: number; readonly message: string } {
  if (!(error instanceof McpError))
    return { code: ErrorCode.InternalError, message: "The server failed because of a fault of its own." };
  // the SDK puts the code before the words
  return { code: error.code, message: error.message.replace(/^MCP error -?\d+: /, "") };
}

/**
 * One call. What the caller can fix comes back as a result with `isError` and text only; an unknown tool or a bug of ours is thrown as a
 * protocol error that names neither stack nor path.
 */
export async function callTool(
  tools: readonly Tool[],
  name: string,
  sent: Readonly<Record<string, unknown>>,
  context: CallContext,
): Promise<CallToolResult> {
  const tool = tools.find((candidate) => candidate.name === name);
  if (tool === undefined) {
    const nearest = closestNames(
      name,
      tools.map((candidate) => candidate.name),
      1,
    )[0];
    const hint = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
    throw new McpError(ErrorCode.InvalidParams, `Unknown tool "${name.slice(0, 80)}".${hint}`);
  }
  const attachments: Attachment[] = [];
  try {
    const args = readArguments(tool.input, sent);
    const { summary, ...rest } = await tool.run(args, {
      ...context,
      attach: (attachment) => attachments.push(attachment),
    });
    const structuredContent = { summary, ...rest };
    return {
      content: [
        { type: "text", text: JSON.stringify(structuredContent) },
        ...attachments.map((resource) => ({ type: "resource" as const, resource: { ...resource } })),
      ],
      structuredContent,
    };
  } catch (error) {
    if (error instanceof InputError) return { content: [{ type: "text", text: error.message }], isError: true };
    if (context.signal.aborted) throw new McpError(ErrorCode.ConnectionClosed, `${name} was cancelled.`);
    console.error(error);
    throw new McpError(
      ErrorCode.InternalError,
      `${name} failed because of a fault of its own; these arguments are not to blame.`,
    );
  }
}

/** At least this long between two progress messages: clients need a sign of life, not a film. */
const PROGRESS_GAP_MS = 1000;

/** Progress that only grows, at most once a second; the first message goes out at once. */
export function pacedProgress(
  now: () => number,
  send: (progress: { progress: number; total?: number; message: string }) => void,
): ToolContext["progress"] {
  let last = Number.NEGATIVE_INFINITY;
  let sentAtMs = Number.NEGATIVE_INFINITY;
  return (done, total, message) => {
    const atMs = now();
    if (done <= last || atMs - sentAtMs < PROGRESS_GAP_MS) return;
    last = done;
    sentAtMs = atMs;
    send({ progress: done, message, ...(total === undefined ? {} : { total }) });
  };
}
