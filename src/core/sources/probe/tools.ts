/**
 * Asks the tools of a machine. One that hung is not asked again for a while, by whichever call, and what cannot change while the machine
 * runs (a list of devices, a version) is asked once per world.
 */
import type { ExecResult, World } from "../world.ts";

interface Memory {
  /** tool → when it hung, milliseconds */
  readonly hung: Map<string, number>;
  readonly lasting: Map<string, Promise<ExecResult>>;
  readonly paths: Map<string, Promise<string | undefined>>;
}

/** A driver that hangs does so until something is reset; asking again costs 5 s each time. */
const HUNG_FOR_MS = 120_000;

const memories = new WeakMap<World, Memory>();

function memoryOf(world: World): Memory {
  const known = memories.get(world);
  if (known !== undefined) return known;
  const fresh: Memory = { hung: new Map(), lasting: new Map(), paths: new Map() };
  memories.set(world, fresh);
  return fresh;
}

/** Forgets what was asked: `refresh` of probe_hardware. */
export function forgetTools(world: World): void {
  memories.delete(world);
}

export interface Question {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** the answer cannot change while the machine runs */
  readonly lasting?: boolean;
}

/** Where a program lies on the PATH; undefined = nowhere. Without a PATH the system looks for itself. */
export function findTool(world: World, name: string): Promise<string | undefined> {
  const { paths } = memoryOf(world);
  const known = paths.get(name);
  if (known !== undefined) return known;
  const search = onPath(world, name);
  paths.set(name, search);
  return search;
}

async function onPath(world: World, name: string): Promise<string | undefined> {
  const windows = world.platform === "win32";
  const path = world.env["PATH"] ?? world.env["Path"];
  if (/[\\/]/.test(name)) return (await world.stat(name)) === undefined ? undefined : name;
  if (path === undefined) return name;
  const folders = path
    .split(windows ? ";" : ":")
    .filter((folder) => folder !== "")
    .slice(0, 64);
  const suffixes = windows && !/\.\w{3}$/.test(name) ? [".exe", ".cmd"] : [""];
  const candidates = folders.flatMap((folder) =>
    suffixes.map((suffix) => `${folder}${windows ? "\\" : "/"}${name}${suffix}`),
  );
  const found = await Promise.all(candidates.map((candidate) => world.stat(candidate)));
  return candidates[found.findIndex((facts) => facts?.kind === "file")];
}

/** Runs a tool where there is one. */
export async function ask(
  world: World,
  tool: string,
  args: readonly string[],
  question: Question,
): Promise<ExecResult> {
  const memory = memoryOf(world);
  const since = memory.hung.get(tool);
  if (since !== undefined && world.now() - since < HUNG_FOR_MS) return { outcome: "timed-out", stdout: "", stderr: "" };
  const key = [tool, ...args].join("\0");
  const known = question.lasting === true ? memory.lasting.get(key) : undefined;
  if (known !== undefined) return known;
  const run = runTool(world, memory, tool, args, question);
  if (question.lasting === true) {
    memory.lasting.set(key, run);
    // a call that was cancelled or hung says nothing about the next one
    void run.then((result) => result.outcome === "timed-out" && memory.lasting.delete(key));
  }
  return run;
}

async function runTool(
  world: World,
  memory: Memory,
  tool: string,
  args: readonly string[],
  question: Question,
): Promise<ExecResult> {
  const path = await findTool(world, tool);
  if (path === undefined) return { outcome: "not-found" };
  const result = await world.exec(path, args, { timeoutMs: question.timeoutMs, signal: question.signal });
  if (result.outcome === "timed-out" && question.signal?.aborted !== true) memory.hung.set(tool, world.now());
  return result;
}

/** What a tool printed; empty where it is absent, failed or hung. */
export async function printed(
  world: World,
  tool: string,
  args: readonly string[],
  question: Question,
): Promise<string> {
  const result = await ask(world, tool, args, question);
  return result.outcome === "exited" && result.exitCode === 0 ? result.stdout : "";
}
