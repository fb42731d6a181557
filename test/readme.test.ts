import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { toolTable, withPart } from "../scripts/docs.ts";

it("the README's table of tools is as the tools say (npm run docs renews it)", () => {
  const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");
  expect(withPart(readme, "tools", toolTable())).toBe(readme);
});
