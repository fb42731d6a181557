/**
 * Writes docs/tools.md and the generated parts of the README: the table of tools, the accuracy, and what the program says for a machine
 * that is named.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fieldsOf } from "../src/tools/arguments.ts";
import { tools } from "../src/tools/index.ts";
import { accuracyTable } from "../test/truth/accuracy-table.ts";
import { ensureBuilt, root } from "./prepare.mjs";

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

/** docs/tools.md: every argument and every field of an answer, from the tools' own records. */
export function toolReference(): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const parts = tools.flatMap((tool) => {
    const inputs = [...fieldsOf(tool.input)].map(([name, { type, itemType, description, enum: words, itemEnum }]) => {
      const kind = type === "array" ? `list of ${itemType}` : type;
      const choices = words ?? itemEnum;
      return `| \`${name}\` | ${kind} | ${cell(description)}${choices === undefined ? "" : ` One of ${choices.join(", ")}.`} |`;
    });
    const outputs = [...fieldsOf(tool.output)].map(([name, { type, description }]) => {
      return `| \`${name}\` | ${type === "array" ? "list" : type} | ${cell(description)} |`;
    });
    return [
      `## \`${tool.name}\`: ${tool.title}`,
      tool.description,
      ["| argument | type | |", "|---|---|---|", ...inputs].join("\n"),
      ["| field of the answer | type | |", "|---|---|---|", ...outputs].join("\n"),
    ];
  });
  const head = "# The tools\n\nGenerated from the tools' own records by `npm run docs`.";
  return `${[head, ...parts].join("\n\n")}\n`;
}

const EXAMPLE = ["--hardware", "rtx-4090, ram=64GiB", "--use-case", "coding"];

function transcript(): string {
  const said = execFileSync(process.execPath, [join(root, "dist/cli.js"), "here", ...EXAMPLE], { encoding: "utf8" });
  const asked = EXAMPLE.map((word) => (word.includes(" ") ? `"${word}"` : word)).join(" ");
  return `\`\`\`text\n$ npm start -- ${asked}\n${said.replaceAll(root, "<folder>").trim()}\n\`\`\``;
}

if (process.argv[1]?.endsWith("docs.ts")) {
  await ensureBuilt();
  const path = join(root, "README.md");
  const parts = { tools: toolTable(), transcript: transcript(), accuracy: await accuracyTable() };
  const text = Object.entries(parts).reduce(
    (readme, [name, part]) => withPart(readme, name, part),
    readFileSync(path, "utf8"),
  );
  writeFileSync(path, text);
  writeFileSync(join(root, "docs/tools.md"), toolReference());
}
