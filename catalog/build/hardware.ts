/**
 * Condenses the collected device facts into `catalog/hardware/*.json`: one row a device, short ids, one file a vendor and class.
 * Run by hand: `npx tsx catalog/build/hardware.ts <folder with devices.jsonl and amd-names.jsonl>`. The same facts give the same files.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { backends as knownBackends } from "../../src/core/facts/hardware.ts";
import { printedKey } from "../../src/core/sources/device-names.ts";
import { hardwareCatalog } from "../../src/core/sources/hardware-catalog.ts";
import { type HardwareRow, hardwareFile } from "../../src/core/sources/hardware-row.ts";
import { compiledHardware, hardwareRows } from "./compile-hardware.ts";
import { familyOf } from "./hardware/family.ts";
import { furtherNames } from "./hardware/further-names.ts";
import { furtherRows } from "./hardware/further-rows.ts";
import { shortId } from "./hardware/ids.ts";
import { pciIdsOf } from "./hardware/pci.ts";
import { modelPatterns } from "./hardware/processors.ts";
import { bandwidthSources, sourceOf, sourceTitles } from "./hardware/sources.ts";

const device = z.object({
  id: z.string(),
  name: z.string(),
  variant: z.string().optional(),
  aliases: z.array(z.string()),
  vendor: z.string(),
  class: z.string(),
  form: z.string().optional(),
  memory_bytes: z.array(z.number()),
  nvidia_smi_memory_mib: z.array(z.number()).optional(),
  cuda_memory_mib: z.array(z.number()).optional(),
  unified_memory: z.boolean(),
  memory_type: z.string(),
  memory_bus_bits: z.number().optional(),
  memory_rate_gbps: z.number().optional(),
  memory_bandwidth_gbps: z.number(),
  verified: z.boolean(),
  verified_by: z.array(z.string()).nullish(),
  fp16_tflops: z.number().nullish(),
  fp16_acc16_tflops: z.number().nullish(),
  fp32_tflops: z.number().nullish(),
  int8_tops: z.number().nullish(),
  compute_capability: z.string().nullish(),
  gfx_arch: z.string().nullish(),
  architecture: z.string().nullish(),
  chip: z.string().nullish(),
  gpu_cores: z.number().nullish(),
  cpu_cores: z.number().nullish(),
  tdp_w: z.number().nullish(),
  pcie_gen: z.number().nullish(),
  pcie_lanes: z.number().nullish(),
  link_gbps: z.number().nullish(),
  release_year: z.number().nullish(),
  backends: z.array(z.string()),
  pci_ids: z.array(z.string()).nullish(),
  estimated: z.array(z.string()).optional(),
  note: z.string().optional(),
  source: z.array(z.string()),
});
export type CollectedDevice = z.output<typeof device>;

const amdName = z.object({ vendor_id: z.string(), device_id: z.string(), rev_id: z.string(), gfx: z.string() });

const GIB = 2 ** 30;

const renamedFields: Readonly<Record<string, string>> = {
  fp16_tflops: "fp16Tflops",
  fp32_tflops: "fp32Tflops",
  int8_tops: "int8Tops",
  nvidia_smi_memory_mib: "driverMemoryMiB",
  memory_bandwidth_gbps: "bandwidthGBps",
  memory_bytes: "memoryGiB",
  memory_rate_gbps: "memoryRateGbps",
  gpu_cores: "gpuCoreCount",
  tdp_w: "powerW",
};

/** Apple sells the fuller chips with more memory; the facts give sizes per chip already. After-market sizes stand apart. */
function memorySizes(row: CollectedDevice): Pick<HardwareRow, "memoryGiB" | "moddedMemoryGiB"> {
  const sizes = row.memory_bytes.map((bytes) => bytes / GIB).sort((a, b) => a - b);
  const modded = /(\d+)GB is an aftermarket/.exec(row.note ?? "")?.[1];
  if (modded === undefined) return { memoryGiB: sizes };
  return { memoryGiB: sizes.filter((size) => size !== Number(modded)), moddedMemoryGiB: [Number(modded)] };
}

function kindOf(row: CollectedDevice): HardwareRow["kind"] {
  if (row.class === "cpu" || row.backends[0] === "cpu" || row.backends.includes("cpu")) return "cpu";
  return row.unified_memory ? "unified" : "gpu";
}

const ARM_VENDORS = new Set([
  "Apple",
  "Ampere",
  "AWS",
  "Microsoft",
  "Qualcomm",
  "Raspberry",
  "Orange",
  "Radxa",
  "Rockchip",
  "Khadas",
  "Odroid",
  "MediaTek",
]);

/** Every NVIDIA chip with a processor of its own is ARM (Tegra, Grace); so are these vendors' parts. */
function cpuArchOf(row: CollectedDevice): HardwareRow["cpuArch"] {
  if (row.architecture?.startsWith("RISC-V")) return "riscv64";
  const phone = /phone$/.test(row.name);
  const nvidiaChip = row.vendor === "NVIDIA" && (row.unified_memory || /^NVIDIA G[HB]\d/.test(row.name));
  return (ARM_VENDORS.has(row.vendor) && row.class !== "datacenter") || nvidiaChip || phone ? "arm64" : undefined;
}

const forms: Readonly<Record<string, HardwareRow["form"]>> = { igpu: "apu", apu: "apu", cpu: "cpu" };

function formOf(row: CollectedDevice): HardwareRow["form"] {
  const form =
    row.form ??
    (row.class === "datacenter"
      ? "server"
      : row.class === "edge"
        ? "module"
        : row.class === "soc_unified"
          ? "soc"
          : "desktop");
  const parsed = z
    .enum(["desktop", "laptop", "workstation", "server", "module", "board", "soc", "apu", "cpu"])
    .safeParse(forms[form] ?? form);
  if (!parsed.success) throw new Error(`${row.id}: unknown form ${form}`);
  return parsed.data;
}

/** llama.cpp's backends only; one that is built by volunteers for a card the vendor dropped comes last. */
function backendsOf(row: CollectedDevice): HardwareRow["backends"] {
  if (kindOf(row) === "cpu") return ["cpu"];
  const official = row.backends.filter((name) => !name.includes("("));
  const unofficial = row.backends
    .filter((name) => name.endsWith("(unofficial)"))
    .map((name) => name.replace(/\(.*/, ""));
  return knownBackends
    .filter((name) => official.includes(name) || unofficial.includes(name))
    .sort((a, b) => order(a, official, unofficial) - order(b, official, unofficial));
}
const order = (name: string, official: readonly string[], unofficial: readonly string[]): number =>
  official.includes(name) ? official.indexOf(name) : 100 + unofficial.indexOf(name);

/** Every name of a row, its further ones too. Marks are left out: no lookup sees them. */
function allNames(row: CollectedDevice, id: string): string[] {
  const names = [...row.aliases, ...(furtherNames[id] ?? [])];
  return [
    ...new Set(
      names.map((name) =>
        name
          .replace(/\((R|TM)\)/g, "")
          .replace(/\s+/g, " ")
          .trim(),
      ),
    ),
  ].sort();
}

/** The aliases that a lookup needs: names that already lead to exactly the rows that carry them are left out. */
function keepNeeded(rows: HardwareRow[], namesOf: ReadonlyMap<string, readonly string[]>): HardwareRow[] {
  const carriers = new Map<string, Set<string>>();
  for (const row of rows) {
    for (const name of [row.name, ...(namesOf.get(row.id) ?? [])]) {
      carriers.set(printedKey(name), (carriers.get(printedKey(name)) ?? new Set()).add(row.id));
    }
  }
  const kept = new Map<string, Set<string>>();
  for (let added = 1; added > 0; ) {
    added = 0;
    const current = rows.map((row) => ({ ...row, aliases: [...(kept.get(row.id) ?? [])].sort() }));
    const catalog = hardwareCatalog(current);
    for (const [id, names] of namesOf) {
      for (const name of names) {
        const wanted = carriers.get(printedKey(name)) ?? new Set();
        // as printed, and as others write it down, without marks and brackets
        const right = [name, printedKey(name)].every((spelling) => {
          const found = catalog.named(spelling);
          return found.length === wanted.size && found.every((entry) => wanted.has(entry.id));
        });
        if (right || kept.get(id)?.has(name)) continue;
        kept.set(id, (kept.get(id) ?? new Set()).add(name));
        added++;
      }
    }
  }
  return rows
    .map((row) => {
      const aliases = [...(kept.get(row.id) ?? [])].sort();
      return Object.fromEntries(
        Object.entries(row).flatMap(([key, value]) =>
          key === "aliases" ? (aliases.length > 0 ? [[key, aliases]] : []) : [[key, value]],
        ),
      );
    })
    .map((row) => hardwareFile.parse([row])[0] ?? fail("row"));
}

function withoutEmpty<T extends object>(value: T): T {
  for (const [key, item] of Object.entries(value)) {
    if (
      item === undefined ||
      item === null ||
      item === "" ||
      (Array.isArray(item) && item.length === 0 && key !== "memoryGiB" && key !== "backends")
    ) {
      Reflect.deleteProperty(value, key);
    }
  }
  return value;
}

function rowOf(
  row: CollectedDevice,
  gfxOf: (pci: string) => string | undefined,
  all: readonly CollectedDevice[],
): HardwareRow {
  const family = familyOf(row);
  const built: Record<string, unknown> = {
    id: shortId(row),
    name: row.name,
    variant: row.variant?.replace(/^Apple /, "Apple ") ?? undefined,
    aliases: allNames(row, shortId(row)),
    modelPattern: modelPatterns[shortId(row)],
    vendor: row.vendor === "generic" ? "Generic" : row.vendor,
    kind: kindOf(row),
    form: formOf(row),
    architecture: row.architecture,
    chip: row.chip,
    family,
    ...memorySizes(row),
    driverMemoryMiB: row.nvidia_smi_memory_mib,
    cudaMemoryMiB: row.cuda_memory_mib,
    memoryType: row.memory_type,
    memoryBusBits: row.memory_bus_bits,
    memoryRateGbps: row.memory_rate_gbps,
    bandwidthGBps: row.memory_bandwidth_gbps,
    fp16Tflops: row.fp16_acc16_tflops ?? row.fp16_tflops,
    fp16WithFp32AccumulateTflops:
      row.fp16_acc16_tflops != null && row.fp16_acc16_tflops !== row.fp16_tflops ? row.fp16_tflops : undefined,
    fp32Tflops: row.fp32_tflops,
    int8Tops: row.int8_tops,
    computeCapability: row.compute_capability,
    gfx: row.gfx_arch,
    gpuCoreCount: row.gpu_cores,
    cpuArch: cpuArchOf(row),
    cpuCoreCount: row.cpu_cores,
    powerW: row.tdp_w,
    pcieGeneration: row.pcie_gen,
    pcieLanes: row.pcie_lanes,
    peerLinkGBps: row.link_gbps,
    releaseYear: row.release_year,
    backends: backendsOf(row),
    pciIds: pciIdsOf(row, all, gfxOf),
    note: row.note,
    source: sourceOf(row.source),
    bandwidthAgreesWith: row.verified ? bandwidthSources(row.verified_by ?? [], row.source) : undefined,
    estimated: row.estimated?.map((field) => renamedFields[field] ?? field),
  };
  return hardwareFile.parse([withoutEmpty(built)])[0] ?? fail(row.id);
}
const fail = (id: string): never => {
  throw new Error(`${id}: no row`);
};

function fileOf(row: HardwareRow): string {
  const vendor = row.vendor.toLowerCase();
  if (row.kind === "cpu")
    return row.vendor === "Generic" ? "memory-configurations" : row.form === "cpu" ? "processors" : "boards";
  if (vendor === "nvidia") {
    if (row.kind === "unified" || row.form === "module") return "nvidia-unified";
    if (row.name.includes("GeForce") || /TITAN|P10[24]-|CMP/.test(row.name))
      return row.form === "laptop" ? "nvidia-geforce-laptop" : "nvidia-geforce";
    return row.form === "server" ? "nvidia-data-center" : "nvidia-workstation";
  }
  if (vendor === "amd")
    return row.kind === "unified"
      ? "amd-integrated"
      : /Instinct|BC-250|MI\d/.test(row.name)
        ? "amd-instinct"
        : "amd-radeon";
  if (vendor === "intel") return row.kind === "unified" ? "intel-integrated" : "intel-discrete";
  return vendor === "apple" ? "apple" : "accelerators";
}

function readLines<T>(path: string, schema: z.ZodType<T>): T[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => schema.parse(JSON.parse(line)));
}

function main(facts: string): void {
  const collected = readLines(join(facts, "devices.jsonl"), device);
  const gfx = new Map(
    readLines(join(facts, "amd-names.jsonl"), amdName).map((row) => [
      `${row.vendor_id}:${row.device_id}:${row.rev_id}`,
      row.gfx,
    ]),
  );
  const files = new Map<string, HardwareRow[]>();
  const allRows = [
    ...collected.map((row) => rowOf(row, (pci) => gfx.get(pci), collected)),
    ...hardwareFile.parse(furtherRows.map(withoutEmpty)),
  ];
  const namesOf = new Map(allRows.map((row) => [row.id, row.aliases ?? []]));
  for (const row of keepNeeded(allRows, namesOf)) {
    files.set(fileOf(row), [...(files.get(fileOf(row)) ?? []), row]);
  }
  const folder = join(import.meta.dirname, "../hardware");
  mkdirSync(folder, { recursive: true });
  const ids = new Set<string>();
  for (const [name, rows] of [...files].sort()) {
    for (const row of rows) {
      if (ids.has(row.id)) throw new Error(`id ${row.id} twice`);
      ids.add(row.id);
    }
    writeFileSync(join(folder, `${name}.json`), `[\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(",\n")}\n]\n`);
  }
  writeFileSync(join(folder, "sources.json"), `${JSON.stringify(sourceTitles, null, 2)}\n`);
  writeFileSync(join(folder, "../hardware-compiled.json"), compiledHardware(hardwareRows(folder)));
  console.log(`${ids.size} devices in ${files.size} files`);
}

const facts = process.argv[2];
if (facts === undefined) throw new Error("Which folder holds devices.jsonl? Name it as the argument.");
main(facts);
