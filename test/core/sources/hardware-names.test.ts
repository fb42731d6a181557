/**
 * Every name that the collected device facts and the published measurements use, held against the catalog. The facts lie beside the
 * project (`../shared`), not in it: without them these tests say so and are skipped.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { identifyingWords, printedKey } from "../../../src/core/sources/device-names.ts";
import { type HardwareCatalog, loadHardwareCatalog } from "../../../src/core/sources/hardware-catalog.ts";
import { parseHardware } from "../../../src/core/sources/hardware-expression.ts";
import { resolveDevice } from "../../../src/core/sources/hardware-variant.ts";
import { matchEntry } from "../../../src/core/sources/probe/match.ts";
import { sighted } from "../../../src/core/sources/probe/sighting.ts";
import { GIB } from "../../../src/core/units.ts";

const shared = join(import.meta.dirname, "../../../../shared");
const here = existsSync(join(shared, "hardware/devices.jsonl"));
const text = (path: string): string => readFileSync(join(shared, path), "utf8");
const lines = <T>(path: string, schema: z.ZodType<T>): T[] =>
  text(path)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => schema.parse(JSON.parse(line)));

const collected = z.object({
  id: z.string(),
  name: z.string(),
  variant: z.string().optional(),
  aliases: z.array(z.string()),
  memory_bytes: z.array(z.number()),
  memory_bandwidth_gbps: z.number(),
});
const ambiguous = z.object({
  alias_normalized: z.string(),
  separable_by: z.array(z.string()),
  candidates: z.array(
    z.object({ id: z.string(), memory_bytes: z.array(z.number()).optional(), gpu_cores: z.number().optional() }),
  ),
});
const measured = z.record(z.string(), z.object({ gbps: z.number().nullish(), vram_gb: z.number().nullish() }));

let catalog: HardwareCatalog;
beforeAll(async () => {
  catalog = await loadHardwareCatalog();
});

/** The catalog's id of a collected device: the row that bears its name and variant. */
function idOf(device: z.output<typeof collected>): string | undefined {
  const rows = catalog.entries.filter(({ row }) => row.name === device.name && row.variant === device.variant);
  return rows.length === 1 ? rows[0]?.id : undefined;
}

describe.skipIf(!here)(here ? "collected names" : "collected names: ../shared/hardware is not here", () => {
  it("has a row for every device, with its bandwidth", () => {
    const devices = lines("hardware/devices.jsonl", collected);
    expect(devices.length).toBe(619);
    const ids = devices.map(idOf);
    expect(devices.filter((_, i) => ids[i] === undefined).map(({ id }) => id)).toEqual([]);
    expect(new Set(ids).size).toBe(619);
    for (const device of devices)
      expect(catalog.byId(idOf(device) ?? "")?.row.bandwidthGBps, device.id).toBe(device.memory_bandwidth_gbps);
  });

  it("leads every name to exactly the devices that carry it", () => {
    const devices = lines("hardware/devices.jsonl", collected);
    const carriers = new Map<string, Set<string>>();
    const spellings = new Map<string, string[]>();
    for (const device of devices) {
      for (const name of [device.name, ...device.aliases]) {
        const key = printedKey(name);
        carriers.set(key, (carriers.get(key) ?? new Set()).add(idOf(device) ?? ""));
        spellings.set(key, [...(spellings.get(key) ?? []), name]);
      }
    }
    expect(carriers.size).toBeGreaterThan(1800);
    const wrong = [...carriers].flatMap(([key, ids]) =>
      [key, ...(spellings.get(key) ?? [])].flatMap((name) => {
        // names of people add carriers ("A100"); they must never take one away, nor add one to a name of one device
        const found = catalog.named(name).map(({ id }) => id);
        const right = [...ids].every((id) => found.includes(id)) && (ids.size > 1 || found.length === 1);
        return right ? [] : [`${name}: ${found.join()} instead of ${[...ids].join()}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("reads every name as a hardware expression", () => {
    let read = 0;
    for (const device of lines("hardware/devices.jsonl", collected)) {
      for (const name of [device.name, ...device.aliases]) {
        const ids = catalog.named(name).map(({ id }) => id);
        // what no engine drives is known by name and refused for that reason alone
        const driven = catalog.named(name).some(({ backends }) => backends.length > 0);
        if (!driven) expect(() => parseHardware(name, catalog), name).toThrow(/no backend/);
        else expect(ids, name).toContain(parseHardware(name, catalog).name.split(" ")[0]);
        read++;
      }
    }
    expect(read).toBeGreaterThan(2500);
  });

  it("leaves of ambiguous names what memory and core count leave", () => {
    const devices = new Map(lines("hardware/devices.jsonl", collected).map((device) => [device.id, device]));
    const cases = z.array(ambiguous).parse(JSON.parse(text("hardware/ambiguous-names.json")));
    let separated = 0;
    for (const { alias_normalized: name, separable_by: by, candidates } of cases) {
      for (const candidate of candidates) {
        const device = devices.get(candidate.id);
        const id = device === undefined ? undefined : idOf(device);
        const found = catalog.named(name).map((entry) => entry.id);
        // "5B" and "5B+" are two boards: the plus sign is a part of the name here
        if (name !== "radxa rock 5b") expect(found, name).toContain(id);
        const size = device?.memory_bytes.find((bytes) =>
          candidates.every((other) => other.id === candidate.id || other.memory_bytes?.includes(bytes) !== true),
        );
        const byCores =
          by.includes("gpu_cores") && new Set(candidates.map(({ gpu_cores }) => gpu_cores)).size === candidates.length;
        if (!byCores && (size === undefined || !by.includes("vram"))) continue;
        const row = catalog.byId(id ?? "");
        // "AMD Radeon Graphics" is what every such driver prints: the prober waits for a PCI id
        if (name === "radxa rock 5b" || identifyingWords(name).length === 0 || row === undefined) continue;
        const told = byCores ? { gpuCoreCount: candidate.gpu_cores } : { totalBytes: size };
        const shown = sighted({ vendor: "other", source: "test", name, unified: row.kind === "unified", ...told });
        expect(matchEntry(shown, catalog, size ?? 16 * GIB).entry?.id, `${name} as ${candidate.id}`).toBe(id);
        separated++;
      }
    }
    expect(separated).toBeGreaterThan(150);
  });
});

const measurements = existsSync(join(shared, "truth/speed.jsonl"));
describe.skipIf(!measurements)(
  measurements ? "measured devices" : "measured devices: ../shared/truth is not here",
  () => {
    it("maps every device of the published measurements to a row of its bandwidth", () => {
      const rates = measured.parse(JSON.parse(text("truth/device_bandwidth.json")));
      const speeds = lines("truth/speed.jsonl", z.object({ device: z.string() })).map(({ device }) => device);
      const calibrated = [...text("speed/calibration.json").matchAll(/(?:dev\||"device": ?")([^|"]+)/g)].map(
        (match) => match[1] ?? "",
      );
      const names = [...new Set([...Object.keys(rates), ...speeds, ...calibrated])];
      expect(names.length).toBeGreaterThan(150);
      const problems = names.flatMap((name) => {
        try {
          const { entry } = resolveDevice(name, catalog);
          const rate = rates[name]?.gbps;
          // memory that a machine is fitted with is its own; a dedicated card or a chip with soldered memory has one rate
          const fixed = entry.kind === "gpu" || entry.memoryBytes.length > 0;
          const off = rate && fixed ? Math.abs(entry.row.bandwidthGBps / rate - 1) : 0;
          return off > 0.2 ? [`${name}: ${entry.id} has ${entry.row.bandwidthGBps} GB/s, measured with ${rate}`] : [];
        } catch (error) {
          return [`${name}: ${error instanceof Error ? error.message : ""}`];
        }
      });
      expect(problems).toEqual([]);
    });
  },
);
