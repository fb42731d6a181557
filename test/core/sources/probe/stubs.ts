/** Real programs that stand in for vendor tools, in a folder of their own that is all of the PATH. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realWorld, type World } from "../../../../src/core/sources/world.ts";

export interface StubMachine {
  readonly world: World;
  /** one line for each start of a stub: its name and arguments */
  calls(): readonly string[];
  remove(): void;
}

/** `scripts`: name → shell commands. Each start is written down first. */
export function stubMachine(scripts: Readonly<Record<string, string>>): StubMachine {
  const folder = mkdtempSync(join(tmpdir(), "modelfit-stubs-"));
  const log = join(folder, "calls.log");
  for (const [name, script] of Object.entries(scripts)) {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\necho "${name} $*" >> '${log}'\nPATH=/usr/bin:/bin\n${script}\n`);
    chmodSync(path, 0o755);
  }
  return {
    world: realWorld({ PATH: folder, HOME: folder }),
    calls: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const identity = "0, NVIDIA GeForce RTX 4090, GPU-1, 00000000:01:00.0, 0x268410DE, 24564, 800, 23300, 580.95";
const details = "00000000:01:00.0, 460, 8.9, [N/A], HMM, 10501, 4, 16";

/** Vendor tools that answer after a time, as the shell sleeps. */
export function answering(seconds: string): Readonly<Record<string, string>> {
  return {
    "nvidia-smi": `sleep ${seconds}\ncase "$1" in *index,name*) echo "${identity}";; *memory.reserved*) echo "${details}";; *compute-apps*) echo "77, /opt/engine/llama-server, 700";; esac`,
    "rocm-smi": `sleep ${seconds}\necho '{}'`,
    lspci: `sleep ${seconds}`,
    dmidecode: `sleep ${seconds}\nexit 1`,
    "npu-smi": `sleep ${seconds}\nexit 1`,
    "llama-server": `sleep ${seconds}\ncase "$1" in --version) echo "version: 7001 (abcdef0)" >&2;; *) echo "Available devices:"; echo "  CUDA0: NVIDIA GeForce RTX 4090 (24080 MiB, 23200 MiB free)";; esac`,
    ollama: `sleep ${seconds}\necho "ollama version is 0.17.4"`,
  };
}
