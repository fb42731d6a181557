/**
 * The prober against captured outputs of real machines, which are not part of this project: read from beside it when they are there.
 * A case counts when one of its files is something that the prober reads; the rest need tools that it does not run.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { parseDmidecode } from "../../../../src/core/sources/probe/dimms.ts";
import { probe } from "../../../../src/core/sources/probe/probe.ts";
import type { ProbeResult } from "../../../../src/core/sources/probe/result.ts";
import type { ExecResult } from "../../../../src/core/sources/world.ts";
import { type FakeMachine, fakeWorld } from "../../../fake-world.ts";

const folder = join(import.meta.dirname, "../../../../../shared/hardware/probe");

const gpu = z.object({ name: z.string().nullish(), canonical: z.string().nullish(), vram_bytes: z.number().nullish(), unified: z.boolean().nullish(), compute_capability: z.string().nullish() });
/** Free-form words where a value belongs are no expectation. */
const expectation = z.object({
  gpu_count: z.number().nullish().catch(undefined),
  gpus: z.array(gpu).optional(),
  status: z.string().optional().catch(undefined),
  memory_total_bytes: z.number().optional(),
  memory_available_bytes: z.number().optional().catch(undefined),
  usable_ram_bytes: z.number().nullish(),
  gpu_budget_bytes: z.number().optional().catch(undefined),
  usable_gpu_bytes: z.number().optional(),
  cpu_cores: z.number().optional().catch(undefined),
  configured_mts: z.number().nullish(),
  bandwidth_gbps_true: z.number().optional().catch(undefined),
  mig_devices: z.array(z.object({ profile: z.string() })).optional(),
});
type Expectation = z.output<typeof expectation>;

const DEFAULT_MEMINFO = "MemTotal: 134217728 kB\nMemFree: 1000 kB\nMemAvailable: 120000000 kB\n";

/** Headerless CSV files of the captures, by their number of columns: the fields that were asked for. */
const columns: Readonly<Record<number, string>> = {
  4: "name, memory.total, memory.free, utilization.gpu",
  5: "name, memory.total, memory.used, memory.free, driver_version",
  7: "index, name, memory.total, memory.used, memory.free, utilization.gpu, temperature.gpu",
};

function withHeader(csv: string): string {
  const first = csv.split("\n")[0] ?? "";
  return /memory\.\w+|driver_version/.test(first) ? csv : `${columns[first.split(",").length] ?? "name"}\n${csv}`;
}

/** The case's files where the prober would look for them; undefined when it reads none of them. */
function machineOf(files: ReadonlyMap<string, string>): FakeMachine | undefined {
  const placed: Record<string, string> = {};
  const commands: Record<string, string | ExecResult> = {};
  let read = 0;
  const put = (name: string, place: (text: string) => void): void => {
    const text = files.get(name);
    if (text === undefined) return;
    place(text);
    read++;
  };
  const card = "/sys/class/drm/card0/device";
  for (const name of ["uevent", "vendor", "device", "revision", "mem_info_vram_total", "mem_info_vram_used", "mem_info_gtt_total"]) {
    put(name, (text) => {
      placed[`${card}/${name}`] = text;
    });
  }
  // captures of the memory files alone do not say whose they are: Strix Halo by their title
  if (files.has("mem_info_gtt_total") && !files.has("device")) Object.assign(placed, { [`${card}/vendor`]: "0x1002", [`${card}/device`]: "0x1586", [`${card}/revision`]: "0xc1" });
  put("proc-meminfo.txt", (text) => {
    placed["/proc/meminfo"] = text;
  });
  put("memory.max", (text) => Object.assign(placed, { "/proc/self/cgroup": "0::/x\n", "/sys/fs/cgroup/x/memory.max": text }));
  put("memory.limit_in_bytes", (text) => Object.assign(placed, { "/proc/self/cgroup": "4:memory:/x\n", "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": text }));
  const table = files.get("nvidia-smi.txt");
  put("nvidia-smi-query-gpu.csv", (text) => {
    commands["nvidia-smi"] = withHeader(text);
    const more = files.get("nvidia-smi-query-gpu-device.csv");
    if (more !== undefined) commands["nvidia-smi"] = joinColumns(withHeader(text), more);
    if (table !== undefined) commands["nvidia-smi --plain"] = table;
  });
  if (table !== undefined && !files.has("nvidia-smi-query-gpu.csv") && !table.includes("|")) {
    commands["nvidia-smi"] = { outcome: "exited", exitCode: Number(files.get("exit_code.txt") ?? "255"), stdout: table, stderr: "" };
    read++;
  }
  put("nvidia-smi-L.txt", (text) => {
    commands["nvidia-smi -L"] = text;
    if (!files.has("nvidia-smi-query-gpu.csv")) read--;
  });
  const registry = [...files].filter(([name]) => name.startsWith("reg-query")).map(([, text]) => text).join("\n");
  if (registry !== "") {
    const system = { cpuModel: "", physicalCoreCount: 8, osName: "", memoryTotalBytes: 32 * 2 ** 30, memoryFreeBytes: 2 ** 30 };
    return { platform: "win32", system, commands: { "reg.exe": registry } };
  }
  const displays = [...files.keys()].find((name) => name.startsWith("system_profiler-SPDisplays") && name.endsWith(".json"));
  const apple = /"sppci_model"\s*:\s*"(Apple M[^"]*)"/.exec(files.get(displays ?? "") ?? "")?.[1];
  const sysctl = files.get("sysctl-hw.txt") ?? files.get("sysctl-iogpu.txt");
  if (apple !== undefined || sysctl !== undefined) {
    commands["system_profiler"] = files.get(displays ?? "") ?? "{}";
    const size = sysctl?.includes("hw.memsize") === true ? "" : "hw.memsize: 68719476736\n";
    commands["sysctl"] = `${size}hw.optional.arm64: 1\nmachdep.cpu.brand_string: ${apple ?? "Apple M4 Pro"}\n${sysctl ?? ""}`;
    return { platform: "darwin", arch: "arm64", commands };
  }
  return read > 0 ? { files: { "/proc/meminfo": DEFAULT_MEMINFO, ...placed }, commands } : undefined;
}

const joinColumns = (csv: string, more: string): string =>
  csv.trim().split("\n").map((line, i) => `${line}, ${i === 0 ? "pci.device_id, compute_cap, addressing_mode, utilization.gpu, power.draw, temperature.gpu" : more.trim()}`).join("\n");

const plain = (name: string): string => name.toLowerCase().replace(/\(.*?\)|nvidia|amd|apple|geforce|intel|[^a-z0-9]/g, "");

/** What differs from the expectation, in words; empty = satisfied. */
function differences(result: ProbeResult, expected: Expectation): string[] {
  const wrong: string[] = [];
  const check = (what: string, got: unknown, wanted: unknown): void => {
    if (got !== wanted) wrong.push(`${what} ${String(got)} instead of ${String(wanted)}`);
  };
  const { devices, host } = result;
  if (expected.mig_devices !== undefined) check("slices", devices.length, expected.mig_devices.length);
  else {
    if (typeof expected.gpu_count === "number") check("GPUs", devices.length, expected.gpu_count);
    for (const [i, wanted] of (expected.gpus ?? []).entries()) {
      const device = devices[i];
      if (device === undefined) continue;
      const name = wanted.canonical ?? wanted.name;
      // an expectation that itself says the revision is needed cannot be met by name
      if (name != null && !name.includes("revision needed") && plain(device.name) !== plain(name)) wrong.push(`name ${device.name} instead of ${name}`);
      if (typeof wanted.vram_bytes === "number") check("memory", device.memoryTotalBytes.value, wanted.vram_bytes);
      if (typeof wanted.unified === "boolean") check("unified", device.kind === "unified", wanted.unified);
      if (typeof wanted.compute_capability === "string") check("capability", device.computeCapability, wanted.compute_capability);
    }
  }
  if (expected.status !== undefined && result.warnings.length === 0) wrong.push(`no warning for ${expected.status}`);
  if (expected.memory_total_bytes !== undefined) check("RAM", host.ramTotalBytes.value, expected.memory_total_bytes);
  if (expected.memory_available_bytes !== undefined) check("available", host.ramAvailableBytes.value, expected.memory_available_bytes);
  if (expected.usable_ram_bytes !== undefined) check("limit", host.ramLimitBytes?.value ?? null, expected.usable_ram_bytes);
  if (expected.gpu_budget_bytes !== undefined) check("budget", devices[0]?.memoryUsableBytes.value, expected.gpu_budget_bytes);
  if (expected.usable_gpu_bytes !== undefined) check("usable", devices[0]?.memoryUsableBytes.value, expected.usable_gpu_bytes);
  if (expected.bandwidth_gbps_true !== undefined) check("bandwidth", (devices[0]?.bandwidthBytesPerSecond.value ?? 0) / 1e9, expected.bandwidth_gbps_true);
  return wrong;
}

function filesOf(name: string): Map<string, string> {
  const inside = readdirSync(join(folder, name)).filter((file) => file !== "expected.json");
  return new Map(inside.map((file) => [file, readFileSync(join(folder, name, file), "utf8")]));
}

describe("captured machines", () => {
  it.skipIf(existsSync(folder))("are absent: no captures lie beside the project", () => {
    expect(existsSync(folder)).toBe(false);
  });
  it.runIf(existsSync(folder))("are read as they are", async () => {
    const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "expected.json")));
    const failed: string[] = [];
    let covered = 0;
    for (const name of names) {
      const files = filesOf(name);
      const modules = files.get("dmidecode-memory.txt");
      const machine = machineOf(files);
      if (modules === undefined && machine === undefined) continue;
      covered++;
      const expected = expectation.parse(JSON.parse(readFileSync(join(folder, name, "expected.json"), "utf8")));
      const wrong =
        machine === undefined
          ? [parseDmidecode(modules ?? "").configuredMegatransfers ?? null].filter((value) => value !== (expected.configured_mts ?? null)).map((value) => `speed ${value} instead of ${expected.configured_mts}`)
          : differences(await probe(fakeWorld(machine)), expected);
      if (wrong.length > 0) failed.push(`${name}: ${wrong.join("; ")}`);
    }
    console.log(`captured machines: ${names.length} cases, ${covered} with files that the prober reads, ${covered - failed.length} as expected\n${failed.join("\n")}`);
    expect(covered).toBeGreaterThanOrEqual(48);
    expect(failed.length).toBeLessThanOrEqual(3);
  });
});
