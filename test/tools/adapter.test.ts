import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { InputError } from "../../src/core/facts/input-error.ts";
import { callTool, describeTools, pacedProgress } from "../../src/tools/adapter.ts";
import type { Tool } from "../../src/tools/tool.ts";
import { fakeWorld } from "../fake-world.ts";

const annotations = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };

function tool(run: Tool["run"]): Tool {
  return {
    name: "count_words",
    title: "Count words",
    description: "Counts.",
    input: z.object({ text: z.string().describe("Text. e.g. a b") }),
    output: z.object({ summary: z.string(), wordCount: z.int() }),
    annotations,
    run,
  };
}
const context = () => ({
  world: fakeWorld({}),
  signal: new AbortController().signal,
  progress: () => {},
  remote: false,
});
const call = (run: Tool["run"], sent: Record<string, unknown> = { text: "a b" }) =>
  callTool([tool(run)], "count_words", sent, context());

describe("callTool", () => {
  it("puts the summary first, and the same JSON into the text", async () => {
    const result = await call(async () => ({ wordCount: 2, summary: "Two words." }));
    expect(result.content).toEqual([{ type: "text", text: '{"summary":"Two words.","wordCount":2}' }]);
    expect(result.structuredContent).toEqual({ summary: "Two words.", wordCount: 2 });
    expect(result.isError).toBeUndefined();
  });
  it("adds attachments as resources", async () => {
    const result = await call(async (_, { attach }) => {
      attach({ uri: "modelfit://chart/1", mimeType: "image/svg+xml", text: "<svg/>" });
      return { summary: "A chart.", wordCount: 0 };
    });
    expect(result.content[1]).toEqual({
      type: "resource",
      resource: { uri: "modelfit://chart/1", mimeType: "image/svg+xml", text: "<svg/>" },
    });
  });
  it("returns what the caller can fix as text alone", async () => {
    const result = await call(async () => {
      throw new InputError("This is wrong. Send that.");
    });
    expect(result).toEqual({ content: [{ type: "text", text: "This is wrong. Send that." }], isError: true });
  });
  it("returns unknown arguments as text alone", async () => {
    const result = await call(async () => ({ summary: "", wordCount: 0 }), { texts: "a" });
    expect(result.isError).toBe(true);
    expect(JSON.stringify(result.content)).toContain("Did you mean `text`?");
  });
  it("throws our own faults without stack, path or message", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const failing = call(async () => {
      throw new Error("ENOENT /home/someone/secret");
    });
    await expect(failing).rejects.toMatchObject({ code: -32603 });
    await expect(failing).rejects.not.toThrow(/secret/);
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
  });
  it("names the nearest tool", async () => {
    await expect(callTool([tool(async () => ({ summary: "" }))], "count_word", {}, context())).rejects.toThrow(
      "Did you mean count_words?",
    );
  });
});

describe("describeTools", () => {
  it("shows the subset every host takes", () => {
    const [described] = describeTools([tool(async () => ({ summary: "" }))]);
    expect(described).toEqual({
      name: "count_words",
      title: "Count words",
      description: "Counts.",
      inputSchema: {
        type: "object",
        properties: { text: { type: "string", description: "Text. e.g. a b" } },
        required: ["text"],
      },
      outputSchema: {
        type: "object",
        properties: { summary: { type: "string" }, wordCount: { type: "integer" } },
        required: ["summary", "wordCount"],
      },
      annotations,
    });
  });
});

describe("pacedProgress", () => {
  it("only grows, once a second", () => {
    let nowMs = 0;
    const sent: number[] = [];
    const progress = pacedProgress(
      () => nowMs,
      (message) => sent.push(message.progress),
    );
    for (const [atMs, done] of [
      [0, 1],
      [500, 2],
      [1000, 3],
      [2500, 3],
      [3000, 2],
      [3500, 4],
    ] as const) {
      nowMs = atMs;
      progress(done, 4, "measuring");
    }
    expect(sent).toEqual([1, 3, 4]);
  });
});
