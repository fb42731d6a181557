/**
 * The measured truth, read: what llama.cpp itself said it allocated (README.md beside this file says how each row was made).
 * Nothing is estimated here.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MemoryUse } from "../../src/core/facts/memory.ts";
import type { Model } from "../../src/core/facts/model.ts";
import { readGgufFile } from "../../src/core/sources/gguf/read.ts";

export const truthFolder = fileURLToPath(new URL(".", import.meta.url));

export interface WeightsRow {
  readonly model: string;
  readonly arch: string;
  readonly quant: string;
  readonly n_params: number;
  readonly tensor_bytes: number;
  readonly by_type: Readonly<Record<string, number>>;
}

interface RawUse {
  readonly model: number;
  readonly context: number;
  readonly compute: number;
}

interface RawMemoryRow {
  readonly model: string;
  readonly arch: string;
  readonly quant: string;
  readonly n_devices: number;
  readonly n_parallel?: number;
  readonly kv_unified?: boolean;
  readonly args: string;
  readonly devices: readonly RawUse[];
  readonly host: RawUse;
  readonly cpu_repack_model: number;
}

export interface MemoryRow {
  readonly model: string;
  readonly architecture: string;
  readonly recipe: string;
  readonly program: "llama-fit-params" | "llama-server";
  readonly sequences: number | undefined;
  readonly unifiedCache: boolean;
  readonly args: string;
  /** free memory of each device where it decides the split; equal ones otherwise */
  readonly deviceGiB: readonly number[] | undefined;
  readonly devices: readonly MemoryUse[];
  readonly host: MemoryUse;
}

export function readRows<Row>(folder: string, file: string): Row[] {
  const path = join(folder, file);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Row => JSON.parse(line));
}

const use = ({ model, context, compute }: RawUse): MemoryUse => ({
  modelBytes: model,
  contextBytes: context,
  computeBytes: compute,
});

/** Weights that the engine repacks for its CPU stand outside its own table; they are host weights all the same. */
export function readMemoryRows(folder: string, file: "memory.jsonl" | "memory_server.jsonl"): MemoryRow[] {
  return readRows<RawMemoryRow>(folder, file).map((row) => ({
    model: row.model,
    architecture: row.arch,
    recipe: row.quant,
    program: file === "memory.jsonl" ? "llama-fit-params" : "llama-server",
    sequences: row.n_parallel,
    unifiedCache: row.kv_unified ?? false,
    args: row.args,
    deviceGiB: undefined,
    devices: row.devices.map(use),
    host: { ...use(row.host), modelBytes: row.host.model + row.cpu_repack_model },
  }));
}

interface RawFitRow {
  readonly model: string;
  readonly arch: string;
  readonly quant: string;
  readonly devices_gib: readonly number[];
  readonly fitted: string;
  readonly memory: { readonly devices: readonly RawUse[]; readonly host: RawUse; readonly cpu_repack_model: number };
}

/** What llama-fit-params chose, as one more set of runs whose memory is known: splits and overrides of every kind. */
export function readFitRows(folder: string): MemoryRow[] {
  return readRows<RawFitRow>(folder, "fit.jsonl").map((row) => ({
    model: row.model,
    architecture: row.arch,
    recipe: row.quant,
    program: "llama-fit-params",
    sequences: undefined,
    unifiedCache: false,
    args: row.fitted,
    deviceGiB: row.devices_gib,
    devices: row.memory.devices.map(use),
    host: { ...use(row.memory.host), modelBytes: row.memory.host.model + row.memory.cpu_repack_model },
  }));
}

/** Models by `name-recipe`, each header read once. */
export function modelReader(folder: string): (name: string, recipe: string) => Promise<Model> {
  const known = new Map<string, Promise<Model>>();
  return (name, recipe) => {
    const key = `${name}-${recipe}`;
    const model = known.get(key) ?? readGgufFile(join(folder, "gguf", `${key}.gguf`));
    known.set(key, model);
    return model;
  };
}
