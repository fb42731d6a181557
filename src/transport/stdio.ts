/** MCP over standard input and output. Standard output belongs to the protocol; the process ends with its client. */
import { Writable } from "node:stream";
import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";

/** How long answers that are under way may still take once the client has closed our input. */
const GRACE_MS = 50;

/** Serves until the client goes; then stops what is still running and ends the process within 200 ms. */
export async function serveStdio(server: Server, stop: () => void): Promise<void> {
  const transport = new StdioServerTransport(process.stdin, takeStdout());
  const pending = new Set<string | number>();
  let ending = false;

  const end = () => {
    server.close().catch(() => {});
    stop();
    process.exit(0);
  };
  const endWhenAnswered = () => {
    if (ending) return;
    ending = true;
    setTimeout(end, GRACE_MS);
    if (pending.size === 0) setImmediate(end);
  };

  process.stdin.on("end", endWhenAnswered);
  process.stdin.on("close", endWhenAnswered);
  process.stdin.on("error", end);
  process.stdout.on("error", end);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);

  await server.connect(transport);

  const receive = transport.onmessage;
  transport.onmessage = (message) => {
    if ("method" in message && "id" in message) pending.add(message.id);
    receive?.(message);
  };
  const send = transport.send.bind(transport);
  transport.send = async (message) => {
    await send(message);
    if (!("method" in message) && message.id !== undefined) pending.delete(message.id);
    if (ending && pending.size === 0) setImmediate(end);
  };
}

/** Keeps standard output for the protocol: whatever else writes there lands on standard error. */
function takeStdout(): Writable {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  return new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => {
      write(chunk, (error) => done(error ?? null));
    },
  });
}
