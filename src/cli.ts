#!/usr/bin/env node
/**
 * The command line: the one place that reads argv and the environment. Without arguments it is an MCP server on stdio; everything
 * heavy is imported only on the way that needs it.
 */
import { withSettings } from "./cli/settings.ts";
import { InputError } from "./core/facts/input-error.ts";
import { realWorld } from "./core/sources/world.ts";

// standard output belongs to the protocol or to the answer; chatter goes to standard error
console.log = console.error;
console.info = console.error;
console.debug = console.error;

/** built beside this file */
const threadScript = new URL("./thread.js", import.meta.url);

async function main(): Promise<void> {
  const { env, words } = withSettings(process.env, process.argv.slice(2));
  const [command, ...rest] = words;
  const world = realWorld(env);
  if (command === undefined || command === "--stdio") {
    if (process.stdin.isTTY)
      process.stderr.write(
        "modelfit-mcp speaks MCP on standard input. For an answer here: modelfit-mcp here (or --help).\n",
      );
    const [{ buildServer }, { serveStdio }, { answersInThreads }] = await Promise.all([
      import("./server.ts"),
      import("./transport/stdio.ts"),
      import("./work/pool.ts"),
    ]);
    const answers = answersInThreads(world, threadScript, 1);
    await serveStdio(buildServer(answers, { remote: false }), () => answers.close());
  } else if (command === "--version" || command === "-v") {
    process.stdout.write(`${(await import("./version.ts")).version}\n`);
  } else if (command === "--help" || command === "-h" || command === "help") {
    process.stdout.write((await import("./cli/help.ts")).help(rest[0]));
  } else if (command === "--http" || command === "--sse") {
    await (await import("./cli/http.ts")).runHttp(world, words, threadScript);
  } else if (command === "catalog") {
    process.exitCode = await (await import("./cli/catalog.ts")).runCatalog(world, rest);
  } else if (command === "here") {
    process.exitCode = await (await import("./cli/here.ts")).runHere(world, rest, process.argv[1] ?? "modelfit-mcp");
  } else {
    process.exitCode = await (await import("./cli/shell.ts")).runTool(world, command, rest);
  }
}

// a reader that goes away (`| head`) is no error
process.stdout.on("error", () => process.exit(0));

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof InputError ? 2 : 1);
});
