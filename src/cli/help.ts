/** Help texts; a tool's options are read from its schema. */
import { fieldsOf } from "../tools/arguments.ts";
import { tools } from "../tools/index.ts";
import { findTool } from "./shell.ts";

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** General help, or the help of one tool. Throws InputError for an unknown one. */
export function help(toolName: string | undefined): string {
  return toolName === undefined || toolName === "here" ? generalHelp() : toolHelp(toolName);
}

function generalHelp(): string {
  return `modelfit-mcp: which open-weight model runs on this machine, how well, and with which command.

  modelfit-mcp                    MCP server on standard input and output (what a client starts)
  modelfit-mcp here               probe this machine, rank the catalog, plan the best model
                                  (--use-case coding, --hardware "2x rtx-3090, ram=64GiB", --json)
  modelfit-mcp --http [port]      MCP over HTTP on 127.0.0.1, and a page for people at /
                                  (--host, --allowed-host, --allowed-origin, --stateless, --allow-root FOLDER
                                  lets callers name files there; the environment's MODELFIT_TOKEN is the
                                  bearer token they must send)
  modelfit-mcp --sse [port]       the same, with the older HTTP+SSE transport as well
  modelfit-mcp <tool> [options]   one tool as a command; --json prints what a client gets
  modelfit-mcp catalog refresh    ask the Hub for models newer than this release; kept in your data folder
  modelfit-mcp --help <tool>      the options of a tool
  modelfit-mcp --version

  Before any of these: --offline keeps off the network; --facts FILE takes measured facts from a file.

Tools:
${tools.map((tool) => `  ${tool.name.padEnd(18)}${tool.title}`).join("\n")}
`;
}

function toolHelp(name: string): string {
  const tool = findTool(name);
  const rows = [...fieldsOf(tool.input)].map(([field, { description, enum: words }]) => {
    return `  --${kebab(field)}\n      ${description}${words === undefined ? "" : `\n      one of: ${words.join(", ")}`}`;
  });
  return `${tool.name}: ${tool.description}\n\n${rows.join("\n")}\n  --json\n      print the answer as JSON\n`;
}
