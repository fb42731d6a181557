/** Inference runtimes on the PATH or answering on their usual port. */
import type { World } from "../world.ts";
import type { ProbedRuntime } from "./result.ts";

interface RuntimeRow {
  readonly name: string;
  readonly programs: readonly string[];
  /** answers with JSON when it runs; undefined = has no port of its own */
  readonly endpoint: string | undefined;
  readonly probePath: string;
  readonly versionArgs: readonly string[];
}

const RUNTIMES: readonly RuntimeRow[] = [
  { name: "llama.cpp", programs: ["llama-server", "llama-cli"], endpoint: "http://127.0.0.1:8080", probePath: "/props", versionArgs: ["--version"] },
  { name: "ollama", programs: ["ollama"], endpoint: "http://127.0.0.1:11434", probePath: "/api/version", versionArgs: ["--version"] },
  { name: "lmstudio", programs: ["lms"], endpoint: "http://127.0.0.1:1234", probePath: "/api/v0/models", versionArgs: ["version"] },
  { name: "vllm", programs: ["vllm"], endpoint: "http://127.0.0.1:8000", probePath: "/version", versionArgs: ["--version"] },
  { name: "mlx", programs: ["mlx_lm.server", "mlx_lm.generate"], endpoint: undefined, probePath: "", versionArgs: [] },
  { name: "exo", programs: ["exo"], endpoint: undefined, probePath: "", versionArgs: [] },
];

/** A local port answers at once or refuses at once. */
const PORT_TIMEOUT_MS = 300;

async function findProgram(world: World, names: readonly string[]): Promise<string | undefined> {
  const windows = world.platform === "win32";
  const folders = (world.env["PATH"] ?? world.env["Path"] ?? "").split(windows ? ";" : ":").filter((folder) => folder !== "").slice(0, 64);
  const suffixes = windows ? [".exe", ".cmd"] : [""];
  const paths = names.flatMap((name) => folders.flatMap((folder) => suffixes.map((suffix) => `${folder}${windows ? "\\" : "/"}${name}${suffix}`)));
  const found = await Promise.all(paths.map((path) => world.stat(path)));
  return paths[found.findIndex((facts) => facts?.kind === "file")];
}

/** `0.17.4`, `version: 4567 (abc)`, `b9010`: the first thing that looks like one. */
export function parseVersion(text: string): string | undefined {
  return /\bb\d{4,6}\b|\bv?(\d+\.\d+(?:\.\d+)*(?:[-+][\w.]+)?)/.exec(text)?.[0] ?? /version:?\s*(\d+)/i.exec(text)?.[1];
}

async function answers(world: World, url: string): Promise<boolean> {
  try {
    const response = await world.fetch(url, { signal: AbortSignal.timeout(PORT_TIMEOUT_MS) });
    return response.ok && (response.headers.get("content-type") ?? "").includes("json");
  } catch {
    return false;
  }
}

/** Local TCP ports that something listens on, from `/proc/net/tcp` and `tcp6`; undefined where the system has no such files. */
export function parseListening(texts: readonly (string | undefined)[]): ReadonlySet<number> | undefined {
  const known = texts.flatMap((text) => text ?? []);
  if (known.length === 0) return undefined;
  const rows = known.flatMap((text) => [...text.matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A /gm)]);
  return new Set(rows.map((row) => Number.parseInt(row[1] ?? "0", 16)));
}

/** Asks only where something listens: the first request of a process costs more than the rest of the probe. */
function mayAnswer(endpoint: string, listening: ReadonlySet<number> | undefined): boolean {
  const url = new URL(endpoint);
  const local = url.hostname === "127.0.0.1" || url.hostname === "localhost";
  return !local || listening === undefined || listening.has(Number(url.port));
}

async function sightRuntime(world: World, row: RuntimeRow, listening: ReadonlySet<number> | undefined, signal: AbortSignal | undefined): Promise<ProbedRuntime | undefined> {
  const configured = row.name === "ollama" ? ollamaEndpoint(world.env["OLLAMA_HOST"]) : undefined;
  const endpoint = configured ?? row.endpoint;
  const [path, running] = await Promise.all([findProgram(world, row.programs), endpoint !== undefined && mayAnswer(endpoint, listening) ? answers(world, endpoint + row.probePath) : false]);
  if (path === undefined && !running) return undefined;
  let version: string | undefined;
  if (path !== undefined && row.versionArgs.length > 0) {
    const printed = await world.exec(path, row.versionArgs, { timeoutMs: 3000, signal });
    if (printed.outcome === "exited") version = parseVersion(`${printed.stdout}\n${printed.stderr}`);
  }
  return { name: row.name, version, path, endpoint: running ? endpoint : undefined, running };
}

/** `OLLAMA_HOST` may be a host, host:port or URL; 0.0.0.0 listens everywhere, so the loopback reaches it. */
export function ollamaEndpoint(value: string | undefined): string | undefined {
  if (value === undefined || value === "") return undefined;
  const match = /^(?:(https?):\/\/)?([\w.-]+)(?::(\d{1,5}))?\/?$/.exec(value);
  if (match === null) return undefined;
  const host = match[2] === "0.0.0.0" ? "127.0.0.1" : match[2];
  return `${match[1] ?? "http"}://${host}:${match[3] ?? "11434"}`;
}

export async function sightRuntimes(world: World, signal?: AbortSignal): Promise<readonly ProbedRuntime[]> {
  const listening = parseListening(await Promise.all([world.readFile("/proc/net/tcp", 4_000_000), world.readFile("/proc/net/tcp6", 4_000_000)]));
  return (await Promise.all(RUNTIMES.map((row) => sightRuntime(world, row, listening, signal)))).flatMap((runtime) => runtime ?? []);
}
