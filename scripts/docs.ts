/** Writes the generated parts of the README: the table of tools. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tools } from "../src/tools/index.ts";
import { root } from "./prepare.mjs";

/** The text with the part between `<!-- name:begin -->` and `<!-- name:end -->` replaced. */
export function withPart(text: string, name: string, part: string): string {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const start = text.indexOf(begin);
  const stop = text.indexOf(end);
  if (start < 0 || stop < start) throw new Error(`README.md has no ${begin} … ${end}`);
  return `${text.slice(0, start + begin.length)}\n${part.trim()}\n${text.slice(stop)}`;
}

export function toolTable(): string {
  const rows = tools.map(({ name, title, description }) => `| \`${name}\` | ${title} | ${description} |`);
  return ["| tool | question | what it does |", "|---|---|---|", ...rows].join("\n");
}

if (process.argv[1]?.endsWith("docs.ts")) {
  const path = join(root, "README.md");
  writeFileSync(path, withPart(readFileSync(path, "utf8"), "tools", toolTable()));
}
