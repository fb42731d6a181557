/**
 * llama.cpp's run flags as rows: names, environment variable, and what a value says.
 * Source of names and value grammar: llama.cpp v0.5.0 common/arg.cpp.
 */
import { InputError } from "../facts/input-error.ts";
import { cacheTypes, type Run, type TensorOverride } from "../facts/run.ts";
import { ALL_LAYERS } from "../facts/run-defaults.ts";
import { MIB } from "../units.ts";

export type RunChanges = { -readonly [Key in keyof Run]?: Run[Key] };

/** What one flag says. */
export interface Said {
  readonly changes?: RunChanges;
  readonly overrides?: readonly TensorOverride[];
  readonly model?: string;
  readonly fullContext?: true;
  readonly devices?: readonly string[];
  readonly draftModel?: string;
  readonly projector?: string;
  readonly speculation?: readonly string[];
}

export interface RunFlag {
  readonly names: readonly string[];
  readonly env: string;
  /** a switch takes no value, but may be given one as `--flag=on` or by its environment variable */
  readonly kind: "switch" | "value";
  readonly read: (value: string, flag: string) => Said;
}

const MAX_CONTEXT_TOKENS = 2 ** 30;
const MAX_BATCH_TOKENS = 2 ** 20;
const SPLIT_MODES = ["none", "layer", "row", "tensor"] as const;
const LOAD_MODES = ["auto", "none", "mmap", "mlock", "mmap+mlock", "dio"] as const;

function whole(value: string, flag: string, low: number, high: number): number {
  const number = Number(value);
  if (!/^-?\d+$/.test(value) || number < low || number > high)
    throw new InputError(
      `${flag} ${value.slice(0, 32)} is not a whole number from ${low} to ${high}. Send a number in that range.`,
    );
  return number;
}

function oneOf<Name extends string>(value: string, flag: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === value);
  if (found === undefined)
    throw new InputError(
      `${flag} ${value.slice(0, 32)} is not a value that llama.cpp takes. Send one of: ${names.join(", ")}.`,
    );
  return found;
}

function isOn(value: string, flag: string): boolean {
  const word = oneOf(value.toLowerCase(), flag, ["on", "off", "1", "0", "true", "false", "enabled", "disabled"]);
  return word === "on" || word === "1" || word === "true" || word === "enabled";
}

/** A bare switch turns its field on. */
const switched = (value: string, flag: string) => value === "" || isOn(value, flag);

/** std::regex is backtracking too: a repeated group that itself repeats can take exponential time. */
function override(rule: string, flag: string): TensorOverride {
  const split = rule.indexOf("=");
  const pattern = rule.slice(0, split);
  const buffer = rule.slice(split + 1);
  if (split < 1 || buffer.length === 0)
    throw new InputError(
      `${flag} ${rule.slice(0, 64)} is not PATTERN=BUFFER. Send for example blk\\.(1[0-9])\\.ffn_.*_exps=CPU.`,
    );
  if (pattern.length > 1024 || /\([^()]*[+*{][^()]*\)[+*{]/.test(pattern))
    throw new InputError(
      `The override pattern ${pattern.slice(0, 64)} repeats a repetition or is over 1024 characters. Send a simpler pattern.`,
    );
  try {
    new RegExp(pattern);
  } catch {
    throw new InputError(
      `The override pattern ${pattern.slice(0, 64)} is not a valid regular expression. Send an ECMAScript pattern.`,
    );
  }
  return { pattern, buffer };
}

function shares(value: string, flag: string): number[] {
  const numbers = value.split(/[,/]/).map(Number);
  if (
    numbers.length > 64 ||
    numbers.some((share) => !(share >= 0 && share <= 1e9)) ||
    !numbers.some((share) => share > 0)
  )
    throw new InputError(`${flag} ${value.slice(0, 64)} is not a list of proportions. Send for example 3,1.`);
  return numbers;
}

/** `auto` and `all` are the same here: everything that the model has. */
function layerCount(value: string, flag: string): number {
  return ["auto", "all", "-1", "-2"].includes(value) ? ALL_LAYERS : whole(value, flag, 0, ALL_LAYERS);
}

function promptCacheBytes(value: string, flag: string): number {
  const mebibytes = whole(value, flag, -1, 2 ** 30);
  return mebibytes < 0 ? Number.POSITIVE_INFINITY : mebibytes * MIB;
}

type Row = readonly [names: string, env: string, kind: RunFlag["kind"], read: RunFlag["read"]];

const rows: readonly Row[] = [
  [
    "-c --ctx-size",
    "CTX_SIZE",
    "value",
    (value, flag) => {
      const contextTokens = whole(value, flag, 0, MAX_CONTEXT_TOKENS);
      return contextTokens === 0 ? { fullContext: true } : { changes: { contextTokens } };
    },
  ],
  [
    "-np --parallel",
    "N_PARALLEL",
    "value",
    (value, flag) => ({
      changes: value === "-1" ? { sequences: 4, unifiedCache: true } : { sequences: whole(value, flag, 1, 256) },
    }),
  ],
  [
    "-kvu --kv-unified",
    "KV_UNIFIED",
    "switch",
    (value, flag) => ({ changes: { unifiedCache: switched(value, flag) } }),
  ],
  ["-no-kvu --no-kv-unified", "NO_KV_UNIFIED", "switch", () => ({ changes: { unifiedCache: false } })],
  [
    "-b --batch-size",
    "BATCH",
    "value",
    (value, flag) => ({ changes: { batchTokens: whole(value, flag, 1, MAX_BATCH_TOKENS) } }),
  ],
  [
    "-ub --ubatch-size",
    "UBATCH",
    "value",
    (value, flag) => ({ changes: { ubatchTokens: whole(value, flag, 1, MAX_BATCH_TOKENS) } }),
  ],
  [
    "-ctk --cache-type-k",
    "CACHE_TYPE_K",
    "value",
    (value, flag) => ({ changes: { cacheTypeK: oneOf(value, flag, cacheTypes) } }),
  ],
  [
    "-ctv --cache-type-v",
    "CACHE_TYPE_V",
    "value",
    (value, flag) => ({ changes: { cacheTypeV: oneOf(value, flag, cacheTypes) } }),
  ],
  [
    "-fa --flash-attn",
    "FLASH_ATTN",
    "value",
    (value, flag) => (value === "auto" || value === "-1" ? {} : { changes: { flashAttention: isOn(value, flag) } }),
  ],
  [
    "-ngl --gpu-layers --n-gpu-layers",
    "N_GPU_LAYERS",
    "value",
    (value, flag) => ({ changes: { offloadedLayers: layerCount(value, flag) } }),
  ],
  ["-ts --tensor-split", "TENSOR_SPLIT", "value", (value, flag) => ({ changes: { tensorSplit: shares(value, flag) } })],
  [
    "-sm --split-mode",
    "SPLIT_MODE",
    "value",
    (value, flag) => ({ changes: { splitMode: oneOf(value, flag, SPLIT_MODES) } }),
  ],
  ["-mg --main-gpu", "MAIN_GPU", "value", (value, flag) => ({ changes: { mainDevice: whole(value, flag, 0, 63) } })],
  ["-dev --device", "DEVICE", "value", (value) => ({ devices: value === "none" ? [] : value.split(",") })],
  [
    "-ot --override-tensor",
    "OVERRIDE_TENSOR",
    "value",
    (value, flag) => ({ overrides: value.split(",").map((rule) => override(rule, flag)) }),
  ],
  [
    "-cmoe --cpu-moe",
    "CPU_MOE",
    "switch",
    (value, flag) => ({ changes: { cpuMoeLayers: switched(value, flag) ? ALL_LAYERS : 0 } }),
  ],
  [
    "-ncmoe --n-cpu-moe",
    "N_CPU_MOE",
    "value",
    (value, flag) => ({ changes: { cpuMoeLayers: whole(value, flag, 0, ALL_LAYERS) } }),
  ],
  [
    "-ncffn --n-cpu-ffn",
    "N_CPU_FFN",
    "value",
    (value, flag) => ({ changes: { cpuFfnLayers: whole(value, flag, 0, ALL_LAYERS) } }),
  ],
  [
    "-kvo --kv-offload",
    "KV_OFFLOAD",
    "switch",
    (value, flag) => ({ changes: { cacheOffload: switched(value, flag) } }),
  ],
  ["-nkvo --no-kv-offload", "NO_KV_OFFLOAD", "switch", () => ({ changes: { cacheOffload: false } })],
  ["--swa-full", "SWA_FULL", "switch", (value, flag) => ({ changes: { swaFull: switched(value, flag) } })],
  ["-t --threads", "THREADS", "value", (value, flag) => ({ changes: { threads: whole(value, flag, 1, 1024) } })],
  [
    "-lm --load-mode",
    "LOAD_MODE",
    "value",
    (value, flag) => ({ changes: { loadMode: oneOf(value, flag, LOAD_MODES) } }),
  ],
  [
    "-cram --cache-ram",
    "CACHE_RAM",
    "value",
    (value, flag) => ({ changes: { promptCacheBytes: promptCacheBytes(value, flag) } }),
  ],
  [
    "--spec-type",
    "SPEC_TYPE",
    "value",
    (value) => ({ speculation: value.split(",").filter((type) => type !== "none") }),
  ],
  ["-md --model-draft", "SPEC_DRAFT_MODEL", "value", (value) => ({ draftModel: value })],
  ["-mm --mmproj", "MMPROJ", "value", (value) => ({ projector: value })],
  ["-m --model", "MODEL", "value", (value) => ({ model: value })],
  ["-hf -hfr --hf-repo", "HF_REPO", "value", (value) => ({ model: value })],
];

export const runFlags: readonly RunFlag[] = rows.map(([names, env, kind, read]) => ({
  names: names.split(" "),
  env: `LLAMA_ARG_${env}`,
  kind,
  read,
}));
