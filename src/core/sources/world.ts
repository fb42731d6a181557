/**
 * Every effect of this program, as one value that is passed in: processes, files, network, clock, environment.
 * Sources take a `World` and nothing else, so that a test can hand them a recorded machine.
 */

export type ExecResult =
  | { readonly outcome: "exited"; readonly exitCode: number; readonly stdout: string; readonly stderr: string }
  /** killed after `timeoutMs`, or cancelled; a hung tool is not an absent one */
  | { readonly outcome: "timed-out"; readonly stdout: string; readonly stderr: string }
  | { readonly outcome: "not-found" };

export interface ExecOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** text for the standard input; nothing when absent */
  readonly input?: string | undefined;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "link" | "other";
}

export interface FileFacts {
  readonly kind: "file" | "directory" | "other";
  readonly sizeBytes: number;
  readonly modifiedSeconds: number;
}

/** A file opened for reads at any offset; close it. */
export interface OpenFile {
  readonly sizeBytes: number;
  /** at most `lengthBytes` from `offsetBytes`; shorter at the end of the file */
  read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What the operating system says about itself without a vendor tool. */
export interface SystemFacts {
  readonly cpuModel: string;
  readonly physicalCoreCount: number | undefined;
  readonly osName: string;
  readonly memoryTotalBytes: number;
  readonly memoryFreeBytes: number;
  /** display adapters by name, on systems whose own sources the probe does not read; never their memory */
  readonly displays?: readonly { readonly vendor: string; readonly model: string; readonly bus: string }[];
}

export interface World {
  /** Runs a program without a shell, in the C locale. Output past 4 MB is dropped. Never rejects. */
  exec(file: string, args: readonly string[], options: ExecOptions): Promise<ExecResult>;
  /** The whole file as UTF-8; undefined when it is absent or unreadable; throws `InputError` past `maxBytes`. */
  readFile(path: string, maxBytes: number): Promise<string | undefined>;
  /** undefined when it is absent or unreadable */
  openFile(path: string): Promise<OpenFile | undefined>;
  /** Replaces the file in one step, folders included. */
  writeFile(path: string, text: string): Promise<void>;
  /** Deletes a file; one that is gone already is no error. */
  removeFile(path: string): Promise<void>;
  /** empty when it is absent or unreadable; sorted by name */
  listDir(path: string): Promise<readonly DirectoryEntry[]>;
  /** follows links; undefined when it is absent */
  stat(path: string): Promise<FileFacts | undefined>;
  /** the path with every link resolved; undefined when it is absent */
  realPath(path: string): Promise<string | undefined>;
  /** of the file system that holds `path` */
  diskSpace(path: string): Promise<{ readonly totalBytes: number; readonly freeBytes: number } | undefined>;
  /** CPU, OS and memory as the operating system names them: the last resort of the probe */
  system(): Promise<SystemFacts>;
  readonly fetch: typeof globalThis.fetch;
  /** milliseconds since 1970 */
  now(): number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly arch: string;
  readonly homeDir: string;
}

/** The machine this runs on. `env` comes from `src/cli.ts`, the only reader of the environment; all modules load on first use. */
export function realWorld(env: Readonly<Record<string, string | undefined>>): World {
  return {
    exec: async (file, args, options) => (await import("./world/processes.ts")).exec(env, file, args, options),
    readFile: async (path, maxBytes) => (await import("./world/files.ts")).readText(path, maxBytes),
    openFile: async (path) => (await import("./world/files.ts")).openForReading(path),
    writeFile: async (path, text) => (await import("./world/files.ts")).replaceFile(path, text),
    removeFile: async (path) => (await import("./world/files.ts")).removeFile(path),
    listDir: async (path) => (await import("./world/files.ts")).listDirectory(path),
    stat: async (path) => (await import("./world/files.ts")).fileFacts(path),
    realPath: async (path) => (await import("./world/files.ts")).resolveLinks(path),
    diskSpace: async (path) => (await import("./world/files.ts")).diskSpace(path),
    system: async () => (await import("./world/system.ts")).systemFacts(),
    fetch: (input, init) => globalThis.fetch(input, init),
    now: () => Date.now(),
    env,
    platform: process.platform,
    arch: process.arch,
    homeDir: env["HOME"] ?? env["USERPROFILE"] ?? ".",
  };
}
