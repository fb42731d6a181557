import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { toolReference, toolTable, withPart } from "../scripts/docs.ts";

it("the README's table of tools is as the tools say (npm run docs renews it)", () => {
  const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");
  expect(withPart(readme, "tools", toolTable())).toBe(readme);
});

it("docs/tools.md is as the tools say (npm run docs renews it)", () => {
  expect(readFileSync(join(import.meta.dirname, "../docs/tools.md"), "utf8")).toBe(toolReference());
});

it("the install links hold the configuration that the README shows", () => {
  const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");
  const wanted = { command: "npx", args: ["-y", "modelfit-mcp"] };
  const cursor = /install-mcp\?name=modelfit&config=([^)\s]+)/.exec(readme)?.[1] ?? "";
  expect(JSON.parse(Buffer.from(decodeURIComponent(cursor), "base64").toString())).toEqual(wanted);
  const code = /redirect\?url=([^)\s]+)/.exec(readme)?.[1] ?? "";
  const link = decodeURIComponent(code);
  expect(link).toMatch(/^vscode:mcp\/install\?/);
  expect(JSON.parse(decodeURIComponent(link.split("?")[1] ?? ""))).toEqual({ name: "modelfit", ...wanted });
});
