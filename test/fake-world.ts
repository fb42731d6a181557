/** A machine made of recorded inputs: files by path, commands by their command line. Everything else is absent. */
import type { DirectoryEntry, ExecResult, SystemFacts, World } from "../src/core/sources/world.ts";

export interface FakeMachine {
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** by "file arg arg"; a string is the stdout of a program that exits with 0; the longest key that begins the command line answers */
  readonly commands?: Readonly<Record<string, string | ExecResult>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly platform?: string;
  readonly arch?: string;
  readonly homeDir?: string;
  readonly disks?: Readonly<Record<string, { readonly totalBytes: number; readonly freeBytes: number }>>;
  readonly system?: SystemFacts;
  readonly fetch?: typeof globalThis.fetch;
  readonly nowMs?: number;
}

export interface FakeWorld extends World {
  /** the command lines that were asked for */
  readonly ran: string[];
  readonly written: Map<string, string>;
}

const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content;

export function fakeWorld(machine: FakeMachine): FakeWorld {
  const files = machine.files ?? {};
  const commands = machine.commands ?? {};
  const ran: string[] = [];
  const written = new Map<string, string>();
  const contentOf = (path: string): string | Uint8Array | undefined => written.get(path) ?? files[path];
  const isDirectory = (path: string): boolean =>
    [...Object.keys(files), ...written.keys()].some((file) => file.startsWith(`${path.replace(/\/$/, "")}/`));
  return {
    ran,
    written,
    async exec(file, args) {
      const line = [file, ...args].join(" ");
      ran.push(line);
      const key = Object.keys(commands)
        .filter((candidate) => line === candidate || line.startsWith(`${candidate} `))
        .sort((a, b) => b.length - a.length)[0];
      const answer = key === undefined ? undefined : commands[key];
      if (answer === undefined) return { outcome: "not-found" };
      return typeof answer === "string" ? { outcome: "exited", exitCode: 0, stdout: answer, stderr: "" } : answer;
    },
    async readFile(path, maxBytes) {
      const content = contentOf(path);
      if (content === undefined) return undefined;
      const bytes = bytesOf(content);
      if (bytes.length > maxBytes) throw new Error(`fake file ${path} is larger than ${maxBytes} bytes`);
      return new TextDecoder().decode(bytes);
    },
    async openFile(path) {
      const content = contentOf(path);
      if (content === undefined) return undefined;
      const bytes = bytesOf(content);
      return {
        sizeBytes: bytes.length,
        read: async (offsetBytes, lengthBytes) => bytes.slice(offsetBytes, offsetBytes + lengthBytes),
        close: async () => {},
      };
    },
    async writeFile(path, text) {
      written.set(path, text);
    },
    async removeFile(path) {
      written.delete(path);
    },
    async listDir(path) {
      const prefix = `${path.replace(/\/$/, "")}/`;
      const entries = new Map<string, DirectoryEntry>();
      for (const file of [...Object.keys(files), ...written.keys()]) {
        if (!file.startsWith(prefix)) continue;
        const [name = "", ...rest] = file.slice(prefix.length).split("/");
        if (rest.length > 0 || !entries.has(name))
          entries.set(name, { name, kind: rest.length > 0 ? "directory" : "file" });
      }
      return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async stat(path) {
      const content = contentOf(path);
      if (content !== undefined) return { kind: "file", sizeBytes: bytesOf(content).length, modifiedSeconds: 0 };
      return isDirectory(path) ? { kind: "directory", sizeBytes: 0, modifiedSeconds: 0 } : undefined;
    },
    async realPath(path) {
      return contentOf(path) !== undefined || isDirectory(path) ? path : undefined;
    },
    async diskSpace(path) {
      return machine.disks?.[path];
    },
    async system() {
      return (
        machine.system ?? {
          cpuModel: "",
          physicalCoreCount: undefined,
          osName: "",
          memoryTotalBytes: 0,
          memoryFreeBytes: 0,
        }
      );
    },
    fetch: machine.fetch ?? (async () => Promise.reject(new Error("no network in this machine"))),
    now: () => machine.nowMs ?? 0,
    env: machine.env ?? {},
    platform: machine.platform ?? "linux",
    arch: machine.arch ?? "x64",
    homeDir: machine.homeDir ?? "/home/user",
  };
}
