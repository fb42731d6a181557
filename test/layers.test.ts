import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { layerFaults } from "./layer-table.ts";

const root = join(import.meta.dirname, "..");
const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => `src/${name.replaceAll("\\", "/")}`);

describe("layers", () => {
  it("hold in every source file", () => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.flatMap((path) => layerFaults(path, readFileSync(join(root, path), "utf8")))).toEqual([]);
  });

  it.each([
    ["src/core/facts/a.ts", 'import { z } from "zod";', "facts must not import zod"],
    ["src/core/facts/a.ts", 'import {\n  a,\n  b,\n} from "../sources/world.ts";', "facts must not import sources"],
    ["src/core/estimate/a.ts", 'import { plan } from "../decide/plan.ts";', "estimate must not import decide"],
    ["src/core/estimate/a.ts", "export const now = () => Date.now();", "must not use Date.now"],
    ["src/core/decide/a.ts", "export async function a() {}", "must not use async"],
    ["src/core/decide/deep/a.ts", 'import { readFile } from "node:fs";', "decide must not import node"],
    ["src/core/present/a.ts", 'import { plan } from "../decide/plan.ts";', "present must not import decide"],
    [
      "src/tools/fit-model.ts",
      'import type { A } from "@modelcontextprotocol/sdk/types.js";',
      "tools must not import sdk",
    ],
    ["src/transport/a.ts", 'export { a } from "../core/facts/a.ts";', "transport must not import facts"],
    ["src/core/sources/a.ts", 'const a = await import("../decide/a.ts");', "sources must not import decide"],
    ["src/core/sources/a.ts", 'import { z } from "zod";', "import * as z"],
    ["src/stray/a.ts", "", "belongs to no layer"],
  ])("refuse %s: %s", (path, text, fault) => {
    expect(layerFaults(path, text).join("\n")).toContain(fault);
  });

  it.each([
    ["src/core/present/a.ts", 'import type { Plan } from "../decide/plan.ts";'],
    ["src/core/facts/a.ts", '// await the end\nexport const word = "Date.now";'],
    ["src/core/sources/a.ts", 'import list from "../../../catalog/list.json" with { type: "json" };'],
  ])("allow %s: %s", (path, text) => {
    expect(layerFaults(path, text)).toEqual([]);
  });
});
