/** A container of 2 GiB: every answer is for 2 GiB, whatever memory the machine has. */
import { spawn } from "node:child_process";
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { GIB, MIB } from "../../../../src/core/units.ts";
import { fit, probe, rank } from "../../../../src/library.ts";
import { fakeWorld } from "../../../fake-world.ts";

const meminfo = `MemTotal: ${64 * 1024 * 1024} kB\nMemFree: 1024 kB\nMemAvailable: ${60 * 1024 * 1024} kB\n`;
const cpuinfo = [0, 1, 2, 3]
  .map(
    (id) =>
      `processor : ${id}\nmodel name : AMD Ryzen 7 5700G with Radeon Graphics\nphysical id : 0\ncore id : ${id}\nflags : avx2 fma f16c\n`,
  )
  .join("\n");

const containers: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  [
    "cgroup v2",
    {
      "/proc/self/cgroup": "0::/kubepods/pod\n",
      "/sys/fs/cgroup/kubepods/pod/memory.max": "max\n",
      "/sys/fs/cgroup/kubepods/memory.max": `${2 * GIB}\n`,
      "/sys/fs/cgroup/kubepods/memory.current": `${200 * MIB}\n`,
      "/sys/fs/cgroup/kubepods/memory.stat": `anon 1\ninactive_file ${150 * MIB}\n`,
    },
  ],
  [
    "cgroup v2 in a namespace",
    {
      "/proc/self/cgroup": "0::/\n",
      "/sys/fs/cgroup/memory.max": `${2 * GIB}\n`,
      "/sys/fs/cgroup/memory.current": `${100 * MIB}\n`,
    },
  ],
  [
    "cgroup v1",
    {
      "/proc/self/cgroup": "5:cpu:/x\n4:memory:/docker/abc\n",
      "/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": `${2 * GIB}\n`,
      "/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": `${100 * MIB}\n`,
    },
  ],
  [
    "cgroup v1 in a namespace",
    {
      "/proc/self/cgroup": "4:memory:/docker/abc\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": `${2 * GIB}\n`,
      "/sys/fs/cgroup/memory/memory.usage_in_bytes": `${100 * MIB}\n`,
    },
  ],
];

describe("a container of 2 GiB", () => {
  const worldOf = (files: Readonly<Record<string, string>>) =>
    fakeWorld({ files: { "/proc/meminfo": meminfo, "/proc/cpuinfo": cpuinfo, ...files } });
  it.each(containers)("is what fit and rank answer for (%s)", async (_name, files) => {
    const context = { world: worldOf(files) };
    const { host } = await probe({}, context);
    expect(host.ramLimitBytes).toBe(2 * GIB);
    expect(host.ramAvailableBytes).toBeLessThanOrEqual(2 * GIB);
    for (const memoryBasis of ["now", "idle"] as const) {
      const small = await fit({ model: "qwen3-0.6b:Q4_K_M", memoryBasis, run: "-c 2048" }, context);
      expect(small.fitLevel, memoryBasis).not.toBe("too-tight");
      const large = await fit({ model: "qwen3-8b:Q4_K_M", memoryBasis }, context);
      expect(large.fitLevel, memoryBasis).toBe("too-tight");
      const ranked = await rank({ memoryBasis, limit: 20 }, context);
      expect(ranked.models.length).toBeGreaterThan(0);
      expect(Math.max(...ranked.models.map(({ memoryBytes }) => memoryBytes))).toBeLessThanOrEqual(2 * GIB);
    }
  });
  it("answers otherwise outside of it", async () => {
    const large = await fit({ model: "qwen3-8b:Q4_K_M", memoryBasis: "now" }, { world: worldOf({}) });
    expect(large.fitLevel).not.toBe("too-tight");
  });
});

/** A real group where this user may make one: as root on most machines, nowhere else. */
const root = "/sys/fs/cgroup/memory";
const folder = join(root, `modelfit-test-${process.pid}`);
const program = `
const { probe, fit, realWorld } = await import(process.argv[1]);
const context = { world: realWorld({ PATH: "", HOME: "/nonexistent" }) };
const { host } = await probe({}, context);
const { fitLevel } = await fit({ model: "qwen3-8b:Q4_K_M" }, context);
console.log(JSON.stringify({ limit: host.ramLimitBytes, available: host.ramAvailableBytes, fitLevel }));`;

function made(): boolean {
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, "memory.limit_in_bytes"), String(2 * GIB));
    return true;
  } catch {
    return false;
  }
}

describe("a real memory group", () => {
  it("binds what the program answers", { timeout: 60_000 }, async (context) => {
    if (!made()) return context.skip("no memory group can be made here");
    try {
      const library = join(import.meta.dirname, "../../../../src/library.ts");
      // the shell puts itself into the group, then becomes the program
      const child = spawn(
        "/bin/sh",
        [
          "-c",
          `echo $$ > ${folder}/cgroup.procs && exec "$0" --import tsx --input-type=module -e "$1" "$2"`,
          process.execPath,
          program,
          library,
        ],
        { cwd: join(import.meta.dirname, "../../../..") },
      );
      let printed = "";
      let failed = "";
      child.stdout.on("data", (chunk) => {
        printed += chunk;
      });
      child.stderr.on("data", (chunk) => {
        failed += chunk;
      });
      const code = await new Promise((resolve) => child.on("close", resolve));
      expect(code, failed).toBe(0);
      const seen: unknown = JSON.parse(printed);
      expect(seen).toMatchObject({ limit: 2 * GIB, fitLevel: "too-tight" });
      expect(seen).toHaveProperty("available");
    } finally {
      rmdirSync(folder);
    }
  });
});
