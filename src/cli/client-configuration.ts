/** What to paste into an AI client so that it starts this server. */
import type { World } from "../core/sources/world.ts";

/** From a package manager's folder the package is named; from anywhere else, the script itself. */
export async function clientConfiguration(world: World, programPath: string): Promise<readonly string[]> {
  const path = (await world.realPath(programPath)) ?? programPath;
  const packaged = /[\\/]node_modules[\\/]/.test(path);
  const [command, args] = packaged ? ["npx", ["-y", "modelfit-mcp"]] : ["node", [path]];
  const shell = [command, ...args].map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `"${word}"`)).join(" ");
  return [
    "To ask from an AI client, add this to its MCP configuration:",
    ...JSON.stringify({ mcpServers: { modelfit: { command, args } } }, undefined, 2)
      .split("\n")
      .map((line) => `  ${line}`),
    `or, for Claude Code:  claude mcp add modelfit -- ${shell}`,
  ];
}
