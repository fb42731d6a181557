/** `--http [port]` and `--sse [port]`: options, the secret from the environment, and an end on signals. */

import { pageHtml } from "../apps/html.ts";
import { InputError } from "../core/facts/input-error.ts";
import type { World } from "../core/sources/world.ts";
import { buildServer } from "../server.ts";
import { objectionTo } from "../transport/guard.ts";
import { serveHttp } from "../transport/http.ts";
import { answersInThreads } from "../work/pool.ts";
import { readWords } from "./options.ts";

const DEFAULT_PORT = 3917;
const known: ReadonlySet<string> = new Set([
  "http",
  "sse",
  "stateless",
  "port",
  "host",
  "allowed-host",
  "allowed-origin",
  "allow-root",
]);

export async function runHttp(world: World, argv: readonly string[], threadScript: URL): Promise<void> {
  const { options, words } = readWords(argv, (name) => name === "stateless");
  for (const name of options.keys()) {
    if (!known.has(name))
      throw new InputError(
        `Unknown option --${name}. Send only: ${[...known].map((option) => `--${option}`).join(", ")}.`,
      );
  }
  if (words[0] !== undefined)
    throw new InputError(`"${words[0]}" is not understood. Send the port as --http ${DEFAULT_PORT}.`);
  const sent = [...(options.get("port") ?? []), ...(options.get("http") ?? []), ...(options.get("sse") ?? [])].find(
    (value) => value !== "true",
  );
  const port = Number(sent ?? DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new InputError(`"${sent}" is not a port. Send 0 to 65535.`);
  const host = options.get("host")?.at(-1) ?? "127.0.0.1";
  const token = world.env["MODELFIT_TOKEN"] || undefined;
  const objection = objectionTo(host, token);
  if (objection !== undefined) throw new InputError(objection);
  const answers = answersInThreads(world, threadScript, 2, options.get("allow-root") ?? []);
  const running = await serveHttp(() => buildServer(answers, { remote: true }), {
    host,
    port,
    sse: options.has("sse"),
    stateless: options.has("stateless"),
    allowedHosts: (options.get("allowed-host") ?? []).map((host) => host.toLowerCase()),
    page: pageHtml,
    allowedOrigins: options.get("allowed-origin") ?? [],
    token,
  });
  process.stderr.write(
    `modelfit-mcp listens on ${running.url}/mcp${options.has("sse") ? ` and ${running.url}/sse` : ""}; a page for people is at ${running.url}/\n`,
  );
  const end = () => {
    answers.close();
    setTimeout(() => process.exit(0), 100).unref();
    running.close().then(() => process.exit(0));
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
}
