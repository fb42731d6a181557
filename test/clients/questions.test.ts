/**
 * Thirty questions as people ask them, each with the call that an agent should make of it and the field of the answer that settles it.
 * Whether an agent really makes that call is tried by giving a fresh one `tools/list` and the questions; here every expected call must
 * be one the tools take, and answer.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { StdioSession } from "./program.ts";

const row = z.strictObject({
  question: z.string().min(10),
  tool: z.enum(["probe_hardware", "fit_model", "rank_models", "plan_config", "pareto_frontier"]),
  arguments: z.record(z.string(), z.unknown()),
  answer: z.string(),
});
const rows = z.array(row).parse(JSON.parse(readFileSync(join(import.meta.dirname, "../questions.json"), "utf8")));

let session: StdioSession;
beforeAll(async () => {
  session = new StdioSession();
  await session.initialize();
});
afterAll(() => void session.child.kill());

it("there are thirty, for every tool", () => {
  expect(rows).toHaveLength(30);
  expect(new Set(rows.map(({ question }) => question)).size).toBe(30);
  expect(new Set(rows.map(({ tool }) => tool)).size).toBe(5);
});

it.for(rows)("$question", async ({ tool, arguments: args, answer }) => {
  const { structuredContent, content, isError } = await session.call(tool, args);
  expect(isError, content[0]?.text).toBeFalsy();
  const settled = structuredContent?.[answer];
  expect(settled, `${answer} in ${content[0]?.text?.slice(0, 400)}`).toBeDefined();
  if (answer === "models" || answer === "points" || answer === "commands")
    expect(settled, content[0]?.text).not.toHaveLength(0);
});
