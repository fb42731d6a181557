/** The layer table of the design as data, and the checker over one file's text. */

/** What a layer may import besides itself. `types:x` = only with `import type`; `packages` = anything from npm; `sdk` = the MCP SDK. */
const table: Readonly<Record<string, readonly string[]>> = {
  units: [],
  // the error that a caller can fix: a class without a thought, thrown wherever input is judged
  errors: [],
  facts: ["units"],
  sources: ["facts", "units", "zod", "node", "packages", "catalog"],
  estimate: ["facts", "units"],
  decide: ["estimate", "facts", "units"],
  present: ["types:decide", "facts", "units"],
  answers: ["facts", "units", "sources", "estimate", "decide", "present"],
  tools: ["answers", "facts", "units", "sources", "estimate", "decide", "present", "zod"],
  adapter: ["tools", "facts", "units", "sdk"],
  resources: ["apps", "facts", "units", "sources", "estimate", "decide", "present", "tools", "zod"],
  // the values of the lists, the questions of the protocol, and the threads in which they are answered
  work: ["types:adapter", "adapter", "tools", "resources", "sources", "node"],
  server: ["apps", "tools", "adapter", "resources", "version", "work", "sdk"],
  transport: ["server", "work", "sdk", "node"],
  // pages as text
  apps: ["node"],
  library: ["answers", "facts", "units", "sources", "estimate", "decide", "present", "tools"],
  version: ["manifest"],
  cli: ["facts", "units", "sources", "tools", "resources", "server", "transport", "version", "work", "apps"],
};

/** Layers whose functions are pure: the same answer always, at once. */
const pureLayers: ReadonlySet<string> = new Set(["units", "facts", "estimate", "decide", "present"]);
const impure = [
  /\bawait\b/,
  /\basync\b/,
  /\bMath\.random\b/,
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bperformance\b/,
  /\bprocess\.\w/,
  /\bfetch\(/,
];

/** The layer of a file by its path from the repository's root; undefined outside src/ and catalog/. */
export function layerOf(path: string): string | undefined {
  if (path.startsWith("catalog/")) return "catalog";
  if (path === "package.json") return "manifest";
  if (path === "src/core/facts/input-error.ts") return "errors";
  if (path === "src/tools/adapter.ts" || path === "src/tools/listed.ts") return "adapter";
  if (/^src\/core\/units(-text)?\.ts$/.test(path)) return "units";
  return /^src\/core\/(\w+)\//.exec(path)?.[1] ?? /^src\/(\w+)[/.]/.exec(path)?.[1];
}

/** What is wrong in a file, one sentence each. */
export function layerFaults(path: string, text: string): readonly string[] {
  const layer = layerOf(path);
  const allowed = layer === undefined ? undefined : table[layer];
  if (layer === undefined || allowed === undefined) return [`${path}: belongs to no layer`];
  const faults: string[] = [];
  for (const [, keyword = "", specifier = ""] of text.matchAll(
    /^\s*((?:import|export)\b[^"';]*?from\s*|import\s*)"([^"]+)"/gm,
  )) {
    check(specifier, /^(import|export) type\b/.test(keyword.trim()));
  }
  for (const [, specifier = ""] of text.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g)) check(specifier, false);
  if (/^import \{ z \} from "zod"/m.test(text))
    faults.push(`${path}: import * as z from "zod", or the bundle keeps all of it`);
  if (pureLayers.has(layer)) {
    const code = withoutWords(text);
    for (const pattern of impure) {
      const found = pattern.exec(code);
      if (found !== null) faults.push(`${path}: ${layer} is pure and must not use ${found[0]}`);
    }
  }
  return faults;

  function check(specifier: string, typeOnly: boolean): void {
    const target = targetOf(path, specifier);
    const fine =
      target === layer ||
      target === "errors" ||
      allowed?.includes(target) ||
      (typeOnly && allowed?.includes(`types:${target}`));
    if (!fine) faults.push(`${path}: ${layer} must not import ${target} (${specifier})`);
  }
}

function targetOf(path: string, specifier: string): string {
  if (specifier.startsWith("node:")) return "node";
  if (specifier === "zod") return "zod";
  if (specifier.startsWith("@modelcontextprotocol/sdk")) return "sdk";
  if (!specifier.startsWith(".")) return "packages";
  const parts = path.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return layerOf(parts.join("/")) ?? parts.join("/");
}

/** The code without comments and string contents, where "await" is only a word. */
function withoutWords(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\/\/.*$/gm, "")
    .replace(/"(?:[^"\\\n]|\\.)*"/g, '""')
    .replace(/`(?:[^`\\]|\\.)*`/g, "``");
}
