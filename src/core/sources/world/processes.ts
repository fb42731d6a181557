/** Runs programs: no shell, C locale, capped output, and a parent that stops waiting when the child does not die. */
import { type ChildProcess, spawn } from "node:child_process";
import type { ExecOptions, ExecResult } from "../world.ts";

/** More than any hardware tool prints (`nvidia-smi -q` of 8 cards is 0.2 MB); keeps a runaway tool from filling memory. */
const MAX_OUTPUT_CHARACTERS = 4_000_000;

class Capture {
  text = "";
  add(chunk: string): void {
    if (this.text.length < MAX_OUTPUT_CHARACTERS) this.text += chunk.slice(0, MAX_OUTPUT_CHARACTERS - this.text.length);
  }
}

const GROUPS = process.platform !== "win32";

function killAll(child: ChildProcess): void {
  try {
    if (GROUPS && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // the group has ended meanwhile
  }
  child.kill("SIGKILL");
}

/** Never rejects. A child in uninterruptible sleep survives SIGKILL, so the timer resolves by itself instead of waiting for the exit. */
export function exec(
  env: Readonly<Record<string, string | undefined>>,
  file: string,
  args: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  const { signal } = options;
  if (signal?.aborted) return Promise.resolve({ outcome: "timed-out", stdout: "", stderr: "" });
  return new Promise((resolve) => {
    const stdout = new Capture();
    const stderr = new Capture();
    const child = spawn(file, [...args], {
      env: { ...env, LC_ALL: "C" },
      stdio: ["pipe", "pipe", "pipe"],
      windowsHide: true,
      // a group of its own, so that what a script started dies with it
      detached: GROUPS,
    });
    const finish = (result: ExecResult): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      resolve(result);
    };
    const giveUp = (): void => {
      killAll(child);
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      child.unref();
      finish({ outcome: "timed-out", stdout: stdout.text, stderr: stderr.text });
    };
    const timer = setTimeout(giveUp, options.timeoutMs);
    signal?.addEventListener("abort", giveUp, { once: true });
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => stdout.add(chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => stderr.add(chunk));
    // a child that closes its input early is no error of ours
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.on("error", () => finish({ outcome: "not-found" }));
    child.on("close", (code) =>
      finish({ outcome: "exited", exitCode: code ?? 128, stdout: stdout.text, stderr: stderr.text }),
    );
  });
}
