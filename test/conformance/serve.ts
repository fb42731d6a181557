/** Serves the fixtures for the official suite: `npx tsx test/conformance/serve.ts 3918`. */
import { serveHttp } from "../../src/transport/http.ts";
import { fixtureServer } from "./fixtures.ts";

const options = {
  host: "127.0.0.1",
  port: Number(process.argv[2] ?? 3918),
  sse: false,
  allowedHosts: [],
  allowedOrigins: [],
  token: undefined,
};
const { url } = await serveHttp(fixtureServer, options);
process.stderr.write(`${url}/mcp\n`);
