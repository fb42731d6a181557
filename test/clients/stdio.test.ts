import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { tools } from "../../src/tools/index.ts";
import { expectGolden } from "../golden.ts";
import { calls } from "./calls.ts";
import { StdioSession } from "./program.ts";

const ajv = new Ajv({ strict: false });
let session: StdioSession;

beforeAll(async () => {
  session = new StdioSession();
  await session.initialize();
});
afterAll(() => void session.child.kill());

describe("a session over stdio", () => {
  it.each(calls)("answers $tool $args as its schemas say, within its budget", async ({ tool: name, args }) => {
    const tool = tools.find((candidate) => candidate.name === name);
    const listed = await session.request("tools/list");
    const schema = JSON.parse(JSON.stringify(listed.result))["tools"].find(
      (candidate: { name: string }) => candidate.name === name,
    ).outputSchema;
    const { content, structuredContent, isError } = await session.call(name, args);
    expect(content[0]?.text).toBeTypeOf("string");
    expect(isError, content[0]?.text).toBeFalsy();
    expect(ajv.validate(schema, structuredContent), JSON.stringify(ajv.errors)).toBe(true);
    const whole = tool?.output.safeParse(structuredContent);
    expect(whole?.success, whole?.error?.message).toBe(true);
    expect(content[0]?.text).toBe(JSON.stringify(structuredContent));
    expect(Object.keys(structuredContent ?? {})[0]).toBe("summary");
    expect(content.filter(({ type }) => type === "text")).toHaveLength(1);
    expect(content[0]?.text?.length).toBeLessThanOrEqual("detail" in args ? 30_000 : 10_000);
    expect(content[0]?.text).not.toContain("null");
  });

  it("lists the tools as the sources describe them", async () => {
    const { result } = await session.request("tools/list");
    expectGolden("tools-list.json", `${JSON.stringify(result?.["tools"], undefined, 1)}\n`);
  });

  it("attaches the chart as an SVG", async () => {
    const result = await session.call("pareto_frontier", {
      model: "qwen3-8b",
      hardware: "rtx-4090, ram=64GiB",
      chart: true,
    });
    expect(JSON.stringify(result.content[1])).toContain("<svg");
  });

  it.each([
    ["fit_model", { model: "no-such-model-xyz" }, /no-such-model-xyz/],
    ["fit_model", { model: "qwen3-8bb", hardware: "rtx-4090" }, /qwen3-8b/],
    ["fit_model", { model: "qwen3-8b", hardware: "rtx-4099" }, /rtx-40/],
    ["fit_model", { model: `${import.meta.dirname}/calls.ts` }, /./],
    ["fit_model", { model: "/no/such/file.gguf" }, /./],
    ["fit_model", { model: "qwen3-8b", hardware: "rtx-4090", run: "-c -5" }, /./],
    ["fit_model", { model: "qwen3-8b", hardware: "rtx-4090", run: "--contxt 8" }, /./],
    ["fit_model", { model: "qwen3-8b:Q9_Z" }, /./],
    ["fit_model", { model: "qwen3-8b", vram: 24 }, /Unknown argument `vram`/],
    ["fit_model", {}, /`model` is missing/],
    ["rank_models", { limit: -1 }, /from 1 to 50/],
    ["rank_models", { useCase: "codin" }, /coding/],
    ["rank_models", { hardware: "rtx-4090", models: ["nonsense-model"] }, /./],
    ["plan_config", { model: "qwen3-8b", hardware: "custom(memory=-3GiB)" }, /./],
    ["plan_config", { model: "qwen3-8b", hardware: "rtx-4090", minContextTokens: 0 }, /from 1/],
    ["pareto_frontier", { objectives: ["decode", "beauty"] }, /quality/],
  ])("%s %j is the caller's to fix", async (tool, args, message) => {
    const result = await session.call(tool, args);
    expect(result.isError, result.content[0]?.text).toBe(true);
    expect(result.structuredContent).toBeUndefined();
    expect(result.content).toHaveLength(1);
    expect(result.content[0]?.text).toMatch(message);
    expect(result.content[0]?.text).not.toMatch(/\n\s+at |node_modules|ZodError/);
  });

  it.each([
    ["nothing", new Uint8Array()],
    ["a beginning", new TextEncoder().encode("GGUF\u0003\u0000\u0000\u0000\u0001")],
    ["counts without end", new Uint8Array([71, 71, 85, 70, 3, 0, 0, 0, ...Array(16).fill(255)])],
    ["another format", new TextEncoder().encode("PK\u0003\u0004 and so on")],
  ])("a GGUF file that holds %s is the caller's to fix", async (_, bytes) => {
    const folder = mkdtempSync(join(tmpdir(), "modelfit-"));
    const path = join(folder, "broken.gguf");
    writeFileSync(path, bytes);
    const result = await session.call("fit_model", { model: path, hardware: "rtx-4090" });
    rmSync(folder, { recursive: true });
    expect(result.isError, result.content[0]?.text).toBe(true);
    expect((await session.request("ping")).result).toEqual({});
  });

  it("tells how far it is to those who ask, and stops when they cancel", async () => {
    const folder = mkdtempSync(join(tmpdir(), "modelfit-"));
    const fresh = new StdioSession({ XDG_DATA_HOME: folder, XDG_CACHE_HOME: folder });
    await fresh.initialize();
    const params = { name: "probe_hardware", arguments: { measure: true }, _meta: { progressToken: "t" } };
    fresh.send({ id: 77, method: "tools/call", params });
    const progress = () => fresh.messages.filter(({ method }) => method === "notifications/progress").length;
    await vi.waitFor(() => expect(progress()).toBeGreaterThan(0), 10_000);
    fresh.send({ method: "notifications/cancelled", params: { requestId: 77 } });
    expect((await fresh.request("ping")).result).toEqual({});
    const heard = progress();
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(progress()).toBe(heard);
    expect(fresh.messages.some(({ id }) => id === 77)).toBe(false);
    expect(fresh.stderr).toBe("");
    await fresh.end();
    rmSync(folder, { recursive: true, force: true });
  });

  it("stops when it is cancelled, and answers the next", async () => {
    const fresh = new StdioSession();
    await fresh.initialize();
    fresh.send({
      id: 77,
      method: "tools/call",
      params: { name: "rank_models", arguments: { hardware: "rtx-4090, ram=64GiB" } },
    });
    fresh.send({ method: "notifications/cancelled", params: { requestId: 77 } });
    expect((await fresh.request("ping")).result).toEqual({});
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(fresh.messages.some(({ id }) => id === 77)).toBe(false);
    expect(fresh.stderr).toBe("");
    await fresh.end();
  });

  it("takes null for absent and numbers as text", async () => {
    const plain = await session.call("fit_model", {
      model: "qwen3-8b:Q4_K_M",
      hardware: "rtx-4090, ram=64GiB",
      promptTokens: 512,
    });
    const odd = await session.call("fit_model", {
      model: "qwen3-8b:Q4_K_M",
      gpu: "rtx-4090, ram=64GiB",
      prompt_tokens: "512",
      run: null,
      marginMiB: null,
    });
    expect(odd).toEqual(plain);
  });

  it("refuses an unknown tool and an unknown method as protocol errors", async () => {
    expect((await session.request("tools/call", { name: "fit_modle", arguments: {} })).error).toMatchObject({
      code: -32602,
    });
    expect((await session.request("server/discover")).error).toMatchObject({ code: -32601 });
  });

  it("lists, reads and completes resources", async () => {
    expect(JSON.stringify((await session.request("resources/list")).result)).toContain("modelfit://hardware/local");
    const read = await session.request("resources/read", { uri: "modelfit://catalog/hardware/RTX%204090" });
    expect(JSON.stringify(read.result)).toContain("topModels");
    expect(
      (await session.request("resources/read", { uri: "modelfit://catalog/models/Qwen%2FQwen3-8B" })).error,
    ).toBeUndefined();
    expect(
      (await session.request("resources/read", { uri: "modelfit://catalog/models?page=2" })).error,
    ).toBeUndefined();
    expect((await session.request("resources/read", { uri: "modelfit://hardware/local" })).error).toBeUndefined();
    expect(
      (await session.request("resources/read", { uri: "modelfit://catalog/models/nope-nope" })).error,
    ).toMatchObject({ code: -32002 });
    const ref = { type: "ref/resource", uri: "modelfit://catalog/hardware/{id}" };
    const completed = await session.request("completion/complete", { ref, argument: { name: "id", value: "rtx-409" } });
    expect(JSON.stringify(completed.result)).toContain("rtx-4090");
  });

  it("lists and gives prompts", async () => {
    expect(JSON.stringify((await session.request("prompts/list")).result)).toContain("choose_model");
    const prompt = await session.request("prompts/get", { name: "explain_fit", arguments: { model: "qwen3-8b" } });
    expect(JSON.stringify(prompt.result)).toContain("fit_model");
    expect((await session.request("prompts/get", { name: "explain_fit", arguments: {} })).error).toMatchObject({
      code: -32602,
    });
  });

  it("after all of that still answers, in JSON-RPC alone and with nothing on stderr", async () => {
    expect((await session.request("ping")).result).toEqual({});
    expect(session.messages.length).toBe(session.lines.length);
    expect(session.messages.every((message) => message.id !== undefined || message.method !== undefined)).toBe(true);
    expect(session.stderr).toBe("");
  });
});
