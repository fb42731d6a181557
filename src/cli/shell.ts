/** Any tool as a shell command: its options are the fields of its input schema. */
import { closestNames } from "../core/facts/closest.ts";
import { InputError } from "../core/facts/input-error.ts";
import type { World } from "../core/sources/world.ts";
import { fieldsOf, readArguments } from "../tools/arguments.ts";
import { tools } from "../tools/index.ts";
import type { Attachment, Tool, ToolContext } from "../tools/tool.ts";
import { readWords } from "./options.ts";
import { printable } from "./print.ts";

/** `here` and the protocol options are no tools, but a misspelt word may mean them. */
const otherCommands = ["here", "catalog", "--http", "--sse", "--version", "--help"];

export function findTool(name: string): Tool {
  const wanted = name.replaceAll("-", "_");
  const tool = tools.find((candidate) => candidate.name === wanted);
  if (tool !== undefined) return tool;
  const names = [...tools.map((candidate) => candidate.name), ...otherCommands];
  const [nearest] = closestNames(name, names, 1);
  throw new InputError(
    `Unknown command "${name}". ${nearest === undefined ? "" : `Did you mean "${nearest}"? `}Send one of: ${names.join(", ")}.`,
  );
}

/** Runs one tool and prints its answer; the exit code is 0, or 2 for what the caller can fix. */
export async function runTool(world: World, name: string, argv: readonly string[]): Promise<number> {
  try {
    const tool = findTool(name);
    const attachments: Attachment[] = [];
    const { json, ...sent } = argumentsOf(tool, argv);
    const answer = await tool.run(readArguments(tool.input, sent), shellContext(world, attachments));
    process.stdout.write(json === undefined ? printable(answer) : `${JSON.stringify(answer)}\n`);
    for (const attachment of attachments) process.stdout.write(json === undefined ? `\n${attachment.text}\n` : "");
    return 0;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

/** The context of a person at a shell: progress on standard error when it is a terminal, Ctrl-C ends the process. */
export function shellContext(world: World, attachments: Attachment[]): ToolContext {
  return {
    world,
    signal: new AbortController().signal,
    progress: (_done, _total, message) => {
      if (process.stderr.isTTY) process.stderr.write(`${message}\n`);
    },
    attach: (attachment) => attachments.push(attachment),
    remote: false,
  };
}

function argumentsOf(tool: Tool, argv: readonly string[]): Record<string, unknown> {
  const fields = fieldsOf(tool.input);
  const camel = (name: string) => name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const isFlag = (name: string) => name === "json" || fields.get(camel(name))?.type === "boolean";
  const { options, words } = readWords(argv, isFlag);
  const sent: Record<string, unknown> = {};
  for (const [name, values] of options) {
    sent[camel(name)] = fields.get(camel(name))?.type === "array" && values.length > 1 ? values : values.at(-1);
  }
  const [first, second] = words;
  if (second !== undefined || (first !== undefined && !fields.has("model"))) {
    throw new InputError(
      `"${second ?? first}" is not understood. Send options as --name value; ${tool.name} knows ${[...fields.keys()].join(", ")}.`,
    );
  }
  if (first !== undefined) sent["model"] = first;
  return sent;
}
