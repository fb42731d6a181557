/** Inference runtimes on the PATH or answering on their usual port, and what llama.cpp itself says about this machine's devices. */
import type { World } from "../world.ts";
import { isRecord } from "./amd-smi.ts";
import { backendOf } from "./engine-lines.ts";
import { parseEngineDevices } from "./engines.ts";
import type { MemoryHolder, ProbedRuntime } from "./result.ts";
import type { SightedDevice } from "./sighting.ts";
import { ask, findTool } from "./tools.ts";

interface RuntimeRow {
  readonly name: string;
  readonly programs: readonly string[];
  /** answers with JSON when it runs; undefined = has no port of its own */
  readonly endpoint: string | undefined;
  readonly probePath: string;
  /** undefined = asking starts Python and its libraries for seconds: the installed package's folder says it */
  readonly versionArgs: readonly string[] | undefined;
  readonly packageName?: string;
  /** programs that lie outside the PATH */
  readonly places?: readonly string[];
}

const RUNTIMES: readonly RuntimeRow[] = [
  {
    name: "llama.cpp",
    programs: ["llama-server", "llama-cli", "llama-bench"],
    endpoint: "http://127.0.0.1:8080",
    probePath: "/props",
    versionArgs: ["--version"],
  },
  {
    name: "ollama",
    programs: ["ollama"],
    endpoint: "http://127.0.0.1:11434",
    probePath: "/api/version",
    versionArgs: ["--version"],
  },
  {
    name: "lmstudio",
    programs: ["lms"],
    endpoint: "http://127.0.0.1:1234",
    probePath: "/api/v0/models",
    versionArgs: ["version"],
  },
  {
    name: "vllm",
    programs: ["vllm"],
    endpoint: "http://127.0.0.1:8000",
    probePath: "/version",
    versionArgs: undefined,
    packageName: "vllm",
  },
  {
    name: "mlx",
    programs: ["mlx_lm.server", "mlx_lm.generate"],
    endpoint: undefined,
    probePath: "",
    versionArgs: undefined,
    packageName: "mlx_lm",
  },
  {
    name: "transformers",
    programs: ["transformers", "transformers-cli"],
    endpoint: undefined,
    probePath: "",
    versionArgs: undefined,
    packageName: "transformers",
  },
  {
    name: "docker-model-runner",
    programs: ["docker-model"],
    endpoint: "http://127.0.0.1:12434",
    probePath: "/engines/v1/models",
    versionArgs: undefined,
    places: [
      "~/.docker/cli-plugins/docker-model",
      "/usr/libexec/docker/cli-plugins/docker-model",
      "/usr/lib/docker/cli-plugins/docker-model",
      "/usr/local/lib/docker/cli-plugins/docker-model",
    ],
  },
  { name: "exo", programs: ["exo"], endpoint: undefined, probePath: "", versionArgs: undefined, packageName: "exo" },
];

/** A local port answers at once or refuses at once. */
const PORT_TIMEOUT_MS = 300;

/** Starting CUDA on eight cards is slow. */
const LIST_TIMEOUT_MS = 15_000;

async function findProgram(world: World, row: RuntimeRow): Promise<string | undefined> {
  // without a PATH nothing is installed where it could be found
  if ((world.env["PATH"] ?? world.env["Path"]) === undefined) return undefined;
  const paths = await Promise.all(row.programs.map((program) => findTool(world, program)));
  const found = paths.find((path) => path !== undefined);
  if (found !== undefined) return found;
  const places = (row.places ?? []).map((place) => place.replace("~", world.homeDir));
  const facts = await Promise.all(places.map((place) => world.stat(place)));
  return places[facts.findIndex((fact) => fact?.kind === "file")];
}

/** `0.17.4`, `version: 4567 (abc)`, `b9010`: the first thing that looks like one. */
export function parseVersion(text: string): string | undefined {
  return /\bb\d{4,6}\b|\bv?(\d+\.\d+(?:\.\d+)*(?:[-+][\w.]+)?)/.exec(text)?.[0] ?? /version:?\s*(\d+)/i.exec(text)?.[1];
}

/** The version of a Python package from its folder beside the program: `bin/vllm` → `lib/python3.12/site-packages/vllm-0.9.1.dist-info`. */
async function packageVersion(world: World, program: string, name: string): Promise<string | undefined> {
  const prefix = /^(.*)[\\/](?:bin|Scripts)[\\/][^\\/]+$/.exec((await world.realPath(program)) ?? program)?.[1];
  if (prefix === undefined) return undefined;
  const pythons = (await world.listDir(`${prefix}/lib`)).filter((entry) => entry.name.startsWith("python3"));
  for (const folder of [
    ...pythons.map((python) => `${prefix}/lib/${python.name}/site-packages`),
    `${prefix}/Lib/site-packages`,
  ]) {
    for (const entry of await world.listDir(folder)) {
      const version = new RegExp(`^${name}-(\\d[\\w.+!]*)\\.dist-info$`, "i").exec(entry.name)?.[1];
      if (version !== undefined) return version;
    }
  }
  return undefined;
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
  const rows = known.flatMap((text) => [
    ...text.matchAll(/^[ \t]*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A /gm),
  ]);
  return new Set(rows.map((row) => Number.parseInt(row[1] ?? "0", 16)));
}

/** Asks only where something listens: the first request of a process costs more than the rest of the probe. */
function mayAnswer(endpoint: string, listening: ReadonlySet<number> | undefined): boolean {
  const url = new URL(endpoint);
  const local = url.hostname === "127.0.0.1" || url.hostname === "localhost";
  return !local || listening === undefined || listening.has(Number(url.port));
}

async function versionOf(
  world: World,
  row: RuntimeRow,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (row.versionArgs === undefined)
    return row.packageName === undefined ? undefined : packageVersion(world, path, row.packageName);
  const printed = await ask(world, path, row.versionArgs, { timeoutMs: 3000, signal, lasting: true });
  return printed.outcome === "exited" ? parseVersion(`${printed.stdout}\n${printed.stderr}`) : undefined;
}

async function sightRuntime(
  world: World,
  row: RuntimeRow,
  listening: ReadonlySet<number> | undefined,
  signal: AbortSignal | undefined,
): Promise<ProbedRuntime | undefined> {
  const configured = row.name === "ollama" ? ollamaEndpoint(world.env["OLLAMA_HOST"]) : undefined;
  const endpoint = configured ?? row.endpoint;
  const [path, running] = await Promise.all([
    findProgram(world, row),
    endpoint !== undefined && mayAnswer(endpoint, listening) ? answers(world, endpoint + row.probePath) : false,
  ]);
  if (path === undefined && !running) return undefined;
  const version = path === undefined ? undefined : await versionOf(world, row, path, signal);
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
  const listening = parseListening(
    await Promise.all([world.readFile("/proc/net/tcp", 4_000_000), world.readFile("/proc/net/tcp6", 4_000_000)]),
  );
  return (await Promise.all(RUNTIMES.map((row) => sightRuntime(world, row, listening, signal)))).flatMap(
    (runtime) => runtime ?? [],
  );
}

/** What Ollama holds loaded: the name of each model and its memory on the GPU. */
export async function sightLoaded(world: World, runtimes: readonly ProbedRuntime[]): Promise<readonly MemoryHolder[]> {
  const endpoint = runtimes.find(({ name, running }) => name === "ollama" && running)?.endpoint;
  if (endpoint === undefined) return [];
  try {
    const response = await world.fetch(`${endpoint}/api/ps`, { signal: AbortSignal.timeout(PORT_TIMEOUT_MS) });
    return parseLoaded(await response.json());
  } catch {
    return [];
  }
}

/** Answer of `/api/ps`. */
function parseLoaded(json: unknown): readonly MemoryHolder[] {
  const models = isRecord(json) && Array.isArray(json["models"]) ? json["models"].slice(0, 32).filter(isRecord) : [];
  return models.flatMap(({ name, size_vram: held }) =>
    typeof name === "string" && typeof held === "number" && held > 0
      ? [{ processName: `ollama (${name.slice(0, 100)})`, heldBytes: held }]
      : [],
  );
}

export interface EngineView {
  /** it printed a list, which may be empty */
  readonly answered: boolean;
  readonly devices: readonly SightedDevice[];
  readonly backends: readonly string[];
  readonly warnings: readonly string[];
}

/** What llama.cpp here finds, in its own order; the list goes to one stream and the start-up lines to the other. */
export async function sightEngine(world: World, signal?: AbortSignal): Promise<EngineView> {
  for (const program of ["llama-server", "llama-cli", "llama-bench"]) {
    const result = await ask(world, program, ["--list-devices"], { timeoutMs: LIST_TIMEOUT_MS, signal, lasting: true });
    if (result.outcome === "not-found") continue;
    if (result.outcome === "timed-out")
      return {
        answered: false,
        devices: [],
        backends: [],
        warnings: [
          `${program} --list-devices did not answer within ${LIST_TIMEOUT_MS / 1000} s; its totals are not known.`,
        ],
      };
    const text = `${result.stderr}\n${result.stdout}`;
    const devices = parseEngineDevices(text);
    const loaded = [...text.matchAll(/loaded (\w+) backend/g)].flatMap((match) => backendOf(match[1] ?? "") ?? []);
    const listed = devices.flatMap(({ engineTotals }) => engineTotals.map(({ backend }) => backend));
    return {
      answered: /Available devices|"devices"/.test(text),
      devices,
      backends: [...new Set([...loaded, ...listed])],
      warnings: [],
    };
  }
  return { answered: false, devices: [], backends: [], warnings: [] };
}
