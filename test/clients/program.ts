/** The built program as a client sees it: a process with two pipes, or an address. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");
export const cliPath = join(root, "dist/cli.js");

/** One JSON-RPC answer or notification, as it came. */
export interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
}

export interface ToolResult {
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  readonly isError?: boolean;
}

export class StdioSession {
  readonly child: ChildProcessWithoutNullStreams;
  readonly lines: string[] = [];
  readonly messages: Message[] = [];
  stderr = "";
  readonly #waiting = new Map<number, (message: Message) => void>();
  #rest = "";
  #nextId = 1;

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [cliPath], { env: { ...process.env, ...env }, stdio: "pipe" });
    this.child.stderr.on("data", (chunk) => {
      this.stderr += String(chunk);
    });
    this.child.stdout.on("data", (chunk) => {
      this.#rest += String(chunk);
      const lines = this.#rest.split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#take(line);
    });
  }

  #take(line: string): void {
    this.lines.push(line);
    const message: Message = JSON.parse(line);
    this.messages.push(message);
    if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
  }

  send(message: object): void {
    this.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }

  request(method: string, params: object = {}): Promise<Message> {
    const id = this.#nextId++;
    this.send({ id, method, params });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  async initialize(): Promise<Message> {
    const answer = await this.request("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "test", version: "1" },
    });
    this.send({ method: "notifications/initialized" });
    return answer;
  }

  async call(name: string, args: object): Promise<ToolResult> {
    const { result, error } = await this.request("tools/call", { name, arguments: args });
    if (error !== undefined) throw new Error(`${error.code} ${error.message}`);
    return { content: [], ...result };
  }

  /** Closes our end; resolves with the exit code and how long the end took. */
  async end(): Promise<{ code: number | null; tookMs: number }> {
    const startMs = performance.now();
    this.child.stdin.end();
    const exited: number | null = this.child.exitCode ?? (await once(this.child, "exit"))[0];
    return { code: exited, tookMs: performance.now() - startMs };
  }
}

export interface HttpProgram {
  readonly url: string;
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** Starts the program with these options on any free port. */
export async function startHttp(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<HttpProgram> {
  const child = spawn(process.execPath, [cliPath, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on("data", (chunk) => {
      said += String(chunk);
      const found = /http:\/\/[^/\s]+/.exec(said);
      if (found !== null) resolve(found[0]);
    });
    child.on("exit", (code) => reject(new Error(`ended with ${code}: ${said}`)));
  });
  return {
    url,
    pid: child.pid,
    stop: async () => {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}

const initializeLine = `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } } })}\n`;
const echo = ["-e", "process.stdin.once('data', () => process.stdout.write('x\\n'))"];

/** Milliseconds from starting the process to the first line of its answer to `initialize`, or of bare Node to anything. */
export async function timeToFirstLineMs(what: "bare" | "ours"): Promise<number> {
  const startMs = performance.now();
  const child = spawn(process.execPath, what === "bare" ? echo : [cliPath], { stdio: ["pipe", "pipe", "ignore"] });
  child.stdin.write(initializeLine);
  await once(child.stdout, "data");
  const tookMs = performance.now() - startMs;
  child.kill();
  return tookMs;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
