/**
 * `run`: llama.cpp's own flags as people paste them → what was said, ready to be laid over defaults.
 * Source of names and value grammar: llama.cpp v0.5.0 common/arg.cpp. Nothing is lost: a flag that is not read here is an error.
 */
import { closestNames } from "../facts/closest.ts";
import { InputError } from "../facts/input-error.ts";
import { cacheTypes, type CacheType, type Run, type TensorOverride } from "../facts/run.ts";
import { ALL_LAYERS, defaultRun, type Program, programRun, programs } from "../facts/run-defaults.ts";
import { MIB, type Tokens } from "../units.ts";

type Changes = { -readonly [Key in keyof Run]?: Run[Key] };

/** What a run string says; `changes` holds only what was given, so a planner knows what is fixed. */
export interface ParsedRun {
  readonly program: Program | undefined;
  /** `-m` or `-hf` */
  readonly model: string | undefined;
  readonly changes: Readonly<Changes>;
  /** `-c 0`: the trained context */
  readonly fullContext: boolean;
  /** `-dev`: names in order; empty array = `none` */
  readonly devices: readonly string[] | undefined;
  readonly draftModel: string | undefined;
  readonly projector: string | undefined;
  readonly speculation: readonly string[];
  readonly notes: readonly string[];
}

interface Draft {
  changes: Changes;
  overrides: TensorOverride[];
  model?: string;
  fullContext: boolean;
  devices?: string[];
  draftModel?: string;
  projector?: string;
  speculation: string[];
  notes: string[];
}

interface Flag {
  readonly names: readonly string[];
  readonly env: string;
  /** "none": takes no value */
  readonly value: "none" | "required";
  readonly read: (value: string, draft: Draft, flag: string) => void;
}

/** llama-fit-params prints a rule per layer: half this for a model of 100 layers */
const MAX_TEXT = 65_536;
const MAX_CONTEXT_TOKENS = 2 ** 30;
const MAX_LAYERS = ALL_LAYERS;

function whole(value: string, flag: string, low: number, high: number): number {
  const number = Number(value);
  if (!/^-?\d+$/.test(value) || number < low || number > high)
    throw new InputError(`${flag} ${value.slice(0, 32)} is not a whole number from ${low} to ${high}. Send a number in that range.`);
  return number;
}

function oneOf<Name extends string>(value: string, flag: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === value);
  if (found === undefined)
    throw new InputError(`${flag} ${value.slice(0, 32)} is not a value that llama.cpp takes. Send one of: ${names.join(", ")}.`);
  return found;
}

function truth(value: string, flag: string): boolean {
  return oneOf(value.toLowerCase(), flag, ["on", "off", "1", "0", "true", "false", "enabled", "disabled"]).match(/^(on|1|true|enabled)$/) !== null;
}

/** std::regex is backtracking too: a repeated group that itself repeats can take exponential time. */
function override(rule: string, flag: string): TensorOverride {
  const split = rule.indexOf("=");
  const pattern = rule.slice(0, split);
  const buffer = rule.slice(split + 1);
  if (split < 1 || buffer.length === 0)
    throw new InputError(`${flag} ${rule.slice(0, 64)} is not PATTERN=BUFFER. Send for example blk\\.(1[0-9])\\.ffn_.*_exps=CPU.`);
  if (pattern.length > 1024 || /\([^()]*[+*{][^()]*\)[+*{]/.test(pattern))
    throw new InputError(`The override pattern ${pattern.slice(0, 64)} repeats a repetition or is over 1024 characters. Send a simpler pattern.`);
  try {
    new RegExp(pattern);
  } catch {
    throw new InputError(`The override pattern ${pattern.slice(0, 64)} is not a valid regular expression. Send an ECMAScript pattern.`);
  }
  return { pattern, buffer };
}

const count = (field: "sequences" | "batchTokens" | "ubatchTokens" | "mainDevice" | "threads", low: number, high: number) =>
  (value: string, draft: Draft, flag: string): void => {
    draft.changes[field] = whole(value, flag, low, high);
  };

const cacheType = (field: "cacheTypeK" | "cacheTypeV") => (value: string, draft: Draft, flag: string): void => {
  draft.changes[field] = oneOf<CacheType>(value, flag, cacheTypes);
};

const flags: readonly Flag[] = [
  {
    names: ["-c", "--ctx-size"],
    env: "LLAMA_ARG_CTX_SIZE",
    value: "required",
    read: (value, draft, flag) => {
      const tokens = whole(value, flag, 0, MAX_CONTEXT_TOKENS);
      if (tokens === 0) draft.fullContext = true;
      else draft.changes.contextTokens = tokens;
    },
  },
  {
    names: ["-np", "--parallel"],
    env: "LLAMA_ARG_N_PARALLEL",
    value: "required",
    read: (value, draft, flag) => {
      if (value === "-1") {
        draft.changes.sequences = 4;
        draft.changes.unifiedCache = true;
      } else draft.changes.sequences = whole(value, flag, 1, 256);
    },
  },
  { names: ["-kvu", "--kv-unified"], env: "LLAMA_ARG_KV_UNIFIED", value: "none", read: (value, draft, flag) => void (draft.changes.unifiedCache = value === "" || truth(value, flag)) },
  { names: ["-no-kvu", "--no-kv-unified"], env: "LLAMA_ARG_NO_KV_UNIFIED", value: "none", read: (_, draft) => void (draft.changes.unifiedCache = false) },
  { names: ["-b", "--batch-size"], env: "LLAMA_ARG_BATCH", value: "required", read: count("batchTokens", 1, 1_048_576) },
  { names: ["-ub", "--ubatch-size"], env: "LLAMA_ARG_UBATCH", value: "required", read: count("ubatchTokens", 1, 1_048_576) },
  { names: ["-ctk", "--cache-type-k"], env: "LLAMA_ARG_CACHE_TYPE_K", value: "required", read: cacheType("cacheTypeK") },
  { names: ["-ctv", "--cache-type-v"], env: "LLAMA_ARG_CACHE_TYPE_V", value: "required", read: cacheType("cacheTypeV") },
  {
    names: ["-fa", "--flash-attn"],
    env: "LLAMA_ARG_FLASH_ATTN",
    value: "required",
    read: (value, draft, flag) => {
      if (value !== "auto" && value !== "-1") draft.changes.flashAttention = truth(value, flag);
    },
  },
  {
    names: ["-ngl", "--gpu-layers", "--n-gpu-layers"],
    env: "LLAMA_ARG_N_GPU_LAYERS",
    value: "required",
    read: (value, draft, flag) => {
      const all = value === "auto" || value === "all" || value === "-1" || value === "-2";
      draft.changes.offloadedLayers = all ? ALL_LAYERS : whole(value, flag, 0, MAX_LAYERS);
    },
  },
  {
    names: ["-ts", "--tensor-split"],
    env: "LLAMA_ARG_TENSOR_SPLIT",
    value: "required",
    read: (value, draft, flag) => {
      const shares = value.split(/[,/]/).map(Number);
      if (shares.length > 64 || shares.some((share) => !(share >= 0 && share <= 1e9)) || !shares.some((share) => share > 0))
        throw new InputError(`${flag} ${value.slice(0, 64)} is not a list of proportions. Send for example 3,1.`);
      draft.changes.tensorSplit = shares;
    },
  },
  { names: ["-sm", "--split-mode"], env: "LLAMA_ARG_SPLIT_MODE", value: "required", read: (value, draft, flag) => void (draft.changes.splitMode = oneOf(value, flag, ["none", "layer", "row", "tensor"])) },
  { names: ["-mg", "--main-gpu"], env: "LLAMA_ARG_MAIN_GPU", value: "required", read: count("mainDevice", 0, 63) },
  {
    names: ["-dev", "--device"],
    env: "LLAMA_ARG_DEVICE",
    value: "required",
    read: (value, draft) => void (draft.devices = value === "none" ? [] : value.split(",")),
  },
  {
    names: ["-ot", "--override-tensor"],
    env: "LLAMA_ARG_OVERRIDE_TENSOR",
    value: "required",
    read: (value, draft, flag) => {
      for (const rule of value.split(",")) draft.overrides.push(override(rule, flag));
    },
  },
  { names: ["-cmoe", "--cpu-moe"], env: "LLAMA_ARG_CPU_MOE", value: "none", read: (_, draft) => void (draft.changes.cpuMoeLayers = MAX_LAYERS) },
  { names: ["-ncmoe", "--n-cpu-moe"], env: "LLAMA_ARG_N_CPU_MOE", value: "required", read: (value, draft, flag) => void (draft.changes.cpuMoeLayers = whole(value, flag, 0, MAX_LAYERS)) },
  { names: ["-ncffn", "--n-cpu-ffn"], env: "LLAMA_ARG_N_CPU_FFN", value: "required", read: (value, draft, flag) => void (draft.changes.cpuFfnLayers = whole(value, flag, 0, MAX_LAYERS)) },
  { names: ["-kvo", "--kv-offload"], env: "LLAMA_ARG_KV_OFFLOAD", value: "none", read: (value, draft, flag) => void (draft.changes.cacheOffload = value === "" || truth(value, flag)) },
  { names: ["-nkvo", "--no-kv-offload"], env: "LLAMA_ARG_NO_KV_OFFLOAD", value: "none", read: (_, draft) => void (draft.changes.cacheOffload = false) },
  { names: ["--swa-full"], env: "LLAMA_ARG_SWA_FULL", value: "none", read: (value, draft, flag) => void (draft.changes.swaFull = value === "" || truth(value, flag)) },
  { names: ["-t", "--threads"], env: "LLAMA_ARG_THREADS", value: "required", read: count("threads", 1, 1024) },
  { names: ["-lm", "--load-mode"], env: "LLAMA_ARG_LOAD_MODE", value: "required", read: (value, draft, flag) => void (draft.changes.loadMode = oneOf(value, flag, ["auto", "none", "mmap", "mlock", "mmap+mlock", "dio"])) },
  {
    names: ["-cram", "--cache-ram"],
    env: "LLAMA_ARG_CACHE_RAM",
    value: "required",
    read: (value, draft, flag) => {
      const mebibytes = whole(value, flag, -1, 2 ** 30);
      draft.changes.promptCacheBytes = mebibytes < 0 ? Number.POSITIVE_INFINITY : mebibytes * MIB;
    },
  },
  { names: ["--spec-type"], env: "LLAMA_ARG_SPEC_TYPE", value: "required", read: (value, draft) => void draft.speculation.push(...value.split(",")) },
  { names: ["-md", "--model-draft"], env: "LLAMA_ARG_SPEC_DRAFT_MODEL", value: "required", read: (value, draft) => void (draft.draftModel = value) },
  { names: ["-mm", "--mmproj"], env: "LLAMA_ARG_MMPROJ", value: "required", read: (value, draft) => void (draft.projector = value) },
  { names: ["-m", "--model"], env: "LLAMA_ARG_MODEL", value: "required", read: (value, draft) => void (draft.model = value) },
  { names: ["-hf", "-hfr", "--hf-repo"], env: "LLAMA_ARG_HF_REPO", value: "required", read: (value, draft) => void (draft.model = value) },
];

const byName = new Map(flags.flatMap((flag) => [...flag.names, flag.env].map((name) => [name, flag] as const)));

/** Splits like a shell does for plain quoting; nothing is expanded and nothing ever reaches a shell. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  const pattern = /\s*(?:'([^']*)'|"((?:[^"\\]|\\.)*)"|((?:[^\s'"\\]|\\.)+))(\s|$)?/gy;
  let current = "";
  let position = 0;
  while (position < text.trimEnd().length) {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match === null) throw new InputError("The run string has an unclosed quote. Close it, or send the flags without quotes.");
    const [whole, single, double, bare, end] = match;
    current += single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? (bare ?? "").replace(/\\([\s'"])/g, "$1");
    position += whole.length;
    if (end !== undefined) {
      words.push(current);
      current = "";
    }
  }
  if (current !== "") words.push(current);
  return words;
}

function unknownFlag(word: string): InputError {
  const nearest = closestNames(word, [...byName.keys()], 3);
  const hint = nearest.length > 0 ? ` Did you mean ${nearest.join(", ")}?` : "";
  return new InputError(`The run flag ${word.slice(0, 48)} is not read here.${hint} Send only flags that decide memory or speed, such as -c 8192 -ngl 99.`);
}

/** `-ngl=40`, `--ctx-size 8192`, `LLAMA_ARG_CTX_SIZE=8192` → flag and value. @throws InputError naming the flag and its range */
export function parseRun(text: string): ParsedRun {
  if (text.length > MAX_TEXT) throw new InputError(`The run string is ${text.length} characters long; at most ${MAX_TEXT} are read. Send only the flags that matter.`);
  const words = splitWords(text);
  const draft: Draft = { changes: {}, overrides: [], fullContext: false, speculation: [], notes: [] };
  const firstWord = words[0] ?? "";
  const program = programs.find((name) => firstWord === name || firstWord.endsWith(`/${name}`));
  if (program === undefined && words.length > 0 && !firstWord.startsWith("-") && !firstWord.startsWith("LLAMA_ARG_"))
    throw new InputError(`The run string begins with "${firstWord.slice(0, 32)}". Begin with a flag such as -c 8192, or with one of: ${programs.join(", ")}.`);
  for (let index = program === undefined ? 0 : 1; index < words.length; index++) {
    const word = words[index] ?? "";
    const equals = word.startsWith("--") || word.startsWith("LLAMA_ARG_") ? word.indexOf("=") : -1;
    const name = (equals > 0 ? word.slice(0, equals) : word).replace(/^(--.*)$/, (long) => long.replaceAll("_", "-"));
    const flag = byName.get(name);
    if (flag === undefined) throw unknownFlag(name);
    if (flag.value === "none") flag.read(equals > 0 ? word.slice(equals + 1) : "", draft, name);
    else {
      const value = equals > 0 ? word.slice(equals + 1) : words[++index];
      if (value === undefined) throw new InputError(`${name} needs a value. Send for example ${name} ${name === "-ot" ? "'exps=CPU'" : "8192"}.`);
      flag.read(value, draft, name);
    }
  }
  if (draft.overrides.length > 0) draft.changes.overrides = draft.overrides;
  return {
    program,
    model: draft.model,
    changes: draft.changes,
    fullContext: draft.fullContext,
    devices: draft.devices,
    draftModel: draft.draftModel,
    projector: draft.projector,
    speculation: draft.speculation.filter((type) => type !== "none"),
    notes: draft.notes,
  };
}

/** Architectures whose graph never takes flash attention (llama.cpp v0.5.0 src/llama-context.cpp:3757). */
const withoutFlashAttention = new Set(["grok"]);

/**
 * The resolved run: what was said over a program's defaults or ours.
 * @param contextTokens what stands when no `-c` is given and no program was named (the use case's, at most the trained one)
 * @throws InputError for combinations llama.cpp refuses
 */
export function resolveRun(
  parsed: ParsedRun,
  model: { readonly architecture: string; readonly layerCount: number; readonly trainedContextTokens: Tokens },
  contextTokens: Tokens,
): Run {
  const base = parsed.program === undefined ? defaultRun(contextTokens) : programRun(parsed.program, model.trainedContextTokens);
  const explicitSequences = parsed.changes.sequences !== undefined;
  const merged: Run = {
    ...base,
    ...(explicitSequences ? { unifiedCache: false } : {}),
    ...(parsed.fullContext ? { contextTokens: model.trainedContextTokens } : {}),
    ...parsed.changes,
  };
  const run: Run = {
    ...merged,
    offloadedLayers: Math.min(merged.offloadedLayers, model.layerCount + 1),
    cpuMoeLayers: Math.min(merged.cpuMoeLayers, model.layerCount),
    cpuFfnLayers: Math.min(merged.cpuFfnLayers, model.layerCount),
    flashAttention: merged.flashAttention && !withoutFlashAttention.has(model.architecture),
  };
  const quantizedValues = run.cacheTypeV !== "f16" && run.cacheTypeV !== "f32" && run.cacheTypeV !== "bf16";
  if (quantizedValues && !run.flashAttention)
    throw new InputError(`A ${run.cacheTypeV} V cache needs flash attention, and this run has it off. Send -fa on, or -ctv f16.`);
  if (run.contextTokens < run.sequences)
    throw new InputError(`-c ${run.contextTokens} leaves no context for ${run.sequences} sequences. Send a larger -c.`);
  return run;
}
