/**
 * `run`: llama.cpp's own flags as people paste them → what was said, ready to be laid over defaults.
 * Nothing is lost: a flag that is not read here is an error.
 */
import { closestNames } from "../facts/closest.ts";
import { InputError } from "../facts/input-error.ts";
import type { Run } from "../facts/run.ts";
import { defaultRun, type Program, programRun, programs } from "../facts/run-defaults.ts";
import type { Tokens } from "../units.ts";
import { type RunChanges, type RunFlag, runFlags, type Said } from "./run-flags.ts";

/** What a run string says; `changes` holds only what was given, so a planner knows what is fixed. */
export interface ParsedRun {
  readonly program: Program | undefined;
  /** `-m` or `-hf` */
  readonly model: string | undefined;
  readonly changes: Readonly<RunChanges>;
  /** `-c 0`: the trained context */
  readonly fullContext: boolean;
  /** `-dev`: names in order; empty array = `none` */
  readonly devices: readonly string[] | undefined;
  readonly draftModel: string | undefined;
  readonly projector: string | undefined;
  readonly speculation: readonly string[];
}

/** llama-fit-params prints a rule per layer: half this for a model of 100 layers */
const MAX_TEXT = 65_536;

const byName = new Map<string, RunFlag>(
  runFlags.flatMap((flag) => [...flag.names, flag.env].map((name) => [name, flag] as const)),
);

/** Splits like a shell does for plain quoting; nothing is expanded and nothing ever reaches a shell. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  const pattern = /\s*(?:'([^']*)'|"((?:[^"\\]|\\.)*)"|((?:[^\s'"\\]|\\.)+))(\s|$)?/gy;
  let current = "";
  let position = 0;
  while (position < text.trimEnd().length) {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match === null)
      throw new InputError("The run string has an unclosed quote. Close it, or send the flags without quotes.");
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
  return new InputError(
    `The run flag ${word.slice(0, 48)} is not read here.${hint} Send only flags that decide memory or speed, such as -c 8192 -ngl 99.`,
  );
}

/** The flag's words, one by one. @throws InputError naming the flag and its range */
function readFlags(words: readonly string[]): Said[] {
  const said: Said[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    const equals = word.startsWith("--") || word.startsWith("LLAMA_ARG_") ? word.indexOf("=") : -1;
    const given = equals > 0 ? word.slice(0, equals) : word;
    const name = given.startsWith("--") ? given.replaceAll("_", "-") : given;
    const flag = byName.get(name);
    if (flag === undefined) throw unknownFlag(name);
    if (equals > 0) said.push(flag.read(word.slice(equals + 1), name));
    else if (flag.kind === "switch") said.push(flag.read("", name));
    else {
      index++;
      const value = words[index];
      if (value === undefined)
        throw new InputError(
          `${name} needs a value. Send for example ${name} ${name === "-ot" ? "'exps=CPU'" : "8192"}.`,
        );
      said.push(flag.read(value, name));
    }
  }
  return said;
}

/** `-ngl 40`, `--ctx-size=8192`, `LLAMA_ARG_CTX_SIZE=8192`, with or without a program before them. @throws InputError naming the flag and its range */
export function parseRun(text: string): ParsedRun {
  if (text.length > MAX_TEXT)
    throw new InputError(
      `The run string is ${text.length} characters long; at most ${MAX_TEXT} are read. Send only the flags that matter.`,
    );
  const words = splitWords(text);
  const firstWord = words[0] ?? "";
  const program = programs.find((name) => firstWord === name || firstWord.endsWith(`/${name}`));
  if (program === undefined && words.length > 0 && !firstWord.startsWith("-") && !firstWord.startsWith("LLAMA_ARG_"))
    throw new InputError(
      `The run string begins with "${firstWord.slice(0, 32)}". Begin with a flag such as -c 8192, or with one of: ${programs.join(", ")}.`,
    );
  const said = readFlags(program === undefined ? words : words.slice(1));
  const overrides = said.flatMap((part) => part.overrides ?? []);
  const last = <Key extends "model" | "devices" | "draftModel" | "projector">(key: Key): Said[Key] | undefined =>
    said.findLast((part) => part[key] !== undefined)?.[key];
  return {
    program,
    model: last("model"),
    changes: Object.assign({}, ...said.map((part) => part.changes), overrides.length > 0 ? { overrides } : {}),
    fullContext: said.some((part) => part.fullContext === true),
    devices: last("devices"),
    draftModel: last("draftModel"),
    projector: last("projector"),
    speculation: said.flatMap((part) => part.speculation ?? []),
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
  const base =
    parsed.program === undefined ? defaultRun(contextTokens) : programRun(parsed.program, model.trainedContextTokens);
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
    throw new InputError(
      `A ${run.cacheTypeV} V cache needs flash attention, and this run has it off. Send -fa on, or -ctv f16.`,
    );
  if (run.contextTokens < run.sequences)
    throw new InputError(`-c ${run.contextTokens} leaves no context for ${run.sequences} sequences. Send a larger -c.`);
  return run;
}
