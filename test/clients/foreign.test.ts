/** Clients that we did not write: the AI SDK's own protocol implementation and the official Inspector. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { createMCPClient } from "@ai-sdk/mcp";
import { Experimental_StdioMCPTransport as StdioTransport } from "@ai-sdk/mcp/mcp-stdio";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { calls } from "./calls.ts";
import { cliPath, root } from "./program.ts";

const ajv = new Ajv({ strict: false });

describe("the AI SDK's client over stdio", () => {
  it("lists, calls, reads", async () => {
    const client = await createMCPClient({
      transport: new StdioTransport({ command: process.execPath, args: [cliPath] }),
    });
    expect(client.instructions?.length).toBeLessThanOrEqual(1500);
    const tools = await client.tools();
    expect(Object.keys(tools)).toHaveLength(5);
    const result: unknown = await tools["fit_model"]?.execute(
      { model: "qwen3-8b:Q4_K_M", hardware: "rtx-4090, ram=64GiB" },
      { toolCallId: "1", messages: [] },
    );
    expect(result).toMatchObject({ structuredContent: { runMode: "gpu" } });
    expect((await client.listResources()).resources.length).toBeGreaterThanOrEqual(3);
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(2);
    expect((await client.experimental_listPrompts()).prompts).toHaveLength(3);
    await client.close();
  });
});

const run = promisify(execFile);
const inspector = join(root, "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");

async function inspect(...args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(process.execPath, [inspector, "--cli", process.execPath, cliPath, ...args], {
    maxBuffer: 1e7,
  });
  return JSON.parse(stdout);
}

describe("the Inspector", () => {
  it("finds no fault in the schemas and validates every answer", async () => {
    const listed = JSON.parse(JSON.stringify(await inspect("--method", "tools/list", "--strict")));
    expect(listed.tools).toHaveLength(5);
    for (const { tool, args } of calls.filter(
      (call, index) => calls.findIndex(({ tool: name }) => name === call.tool) === index,
    )) {
      const pairs = Object.entries(args).flatMap(([name, value]) => [
        "--tool-arg",
        `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`,
      ]);
      const answer = JSON.parse(JSON.stringify(await inspect("--method", "tools/call", "--tool-name", tool, ...pairs)));
      const { outputSchema } = listed.tools.find(({ name }: { name: string }) => name === tool);
      expect(
        ajv.validate(outputSchema, answer.structuredContent),
        `${tool}: ${JSON.stringify(ajv.errors)} ${JSON.stringify(answer).slice(0, 300)}`,
      ).toBe(true);
    }
  }, 60_000);

  it("finds the view of pareto_frontier", async () => {
    expect(await inspect("--method", "tools/call", "--tool-name", "pareto_frontier", "--app-info")).toMatchObject({
      hasApp: true,
    });
  });

  it("reads a resource", async () => {
    expect(
      JSON.stringify(await inspect("--method", "resources/read", "--uri", "modelfit://catalog/models/qwen3-8b")),
    ).toContain("Qwen/Qwen3-8B");
  });
});
