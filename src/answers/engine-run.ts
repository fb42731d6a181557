/** `run` in the words of engines that read checkpoints: what decides memory is read, the rest is named. */
import { InputError } from "../core/facts/input-error.ts";
import { splitWords } from "../core/sources/run-string.ts";

export interface EngineFlags {
  readonly contextTokens?: number;
  readonly sequences?: number;
  readonly batchTokens?: number;
  readonly utilizationFraction?: number;
  readonly cacheBytesPerElement?: number;
  readonly tensorParallel?: number;
  readonly pipelineParallel?: number;
  readonly unread: readonly string[];
}

type Numbers = Exclude<keyof EngineFlags, "unread">;

interface Flag {
  readonly field: Numbers;
  readonly low: number;
  readonly high: number;
  readonly whole: boolean;
}

const MAX_CONTEXT_TOKENS = 2 ** 30;
const counted = (field: Numbers, high: number): Flag => ({ field, low: 1, high, whole: true });

/** vLLM's `vllm serve --help`, mlx_lm.server's `--help`; Transformers has no such flags. */
const flagsOf: Readonly<Record<string, Readonly<Record<string, Flag>>>> = {
  vllm: {
    "--max-model-len": counted("contextTokens", MAX_CONTEXT_TOKENS),
    "--max-num-seqs": counted("sequences", 65_536),
    "--max-num-batched-tokens": counted("batchTokens", 2 ** 20),
    "--tensor-parallel-size": counted("tensorParallel", 64),
    "-tp": counted("tensorParallel", 64),
    "--pipeline-parallel-size": counted("pipelineParallel", 64),
    "-pp": counted("pipelineParallel", 64),
    "--gpu-memory-utilization": { field: "utilizationFraction", low: 0.05, high: 1, whole: false },
  },
  mlx: {
    "--max-kv-size": counted("contextTokens", MAX_CONTEXT_TOKENS),
    "--prefill-step-size": counted("batchTokens", 2 ** 20),
    "--prompt-concurrency": counted("sequences", 1024),
  },
  transformers: {},
};

/** Bytes of a cached element by vLLM's `--kv-cache-dtype`. */
const cacheBytes: Readonly<Record<string, number>> = {
  auto: 2,
  bfloat16: 2,
  float16: 2,
  fp8: 1,
  fp8_e4m3: 1,
  fp8_e5m2: 1,
  fp8_inc: 1,
};

/** @throws InputError for a value out of range; unread flags are listed */
export function parseEngineRun(engine: string, text: string): EngineFlags {
  const known = flagsOf[engine] ?? {};
  const words = splitWords(text);
  const read: Partial<Record<Numbers, number>> = {};
  const unread: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (!word.startsWith("-")) continue;
    const [name = "", inline] = word.split("=", 2);
    const value = inline ?? (words[index + 1]?.startsWith("-") ? undefined : words[index + 1]);
    if (engine === "vllm" && name === "--kv-cache-dtype") {
      const bytes = Object.hasOwn(cacheBytes, value ?? "") ? cacheBytes[value ?? ""] : undefined;
      if (bytes === undefined)
        throw new InputError(
          `--kv-cache-dtype ${value?.slice(0, 32) ?? ""} is not read. Send one of ${Object.keys(cacheBytes).join(", ")}.`,
        );
      read.cacheBytesPerElement = bytes;
      continue;
    }
    const flag = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!flag) {
      unread.push(name);
      continue;
    }
    const number = Number(value);
    if (
      value === undefined ||
      !(number >= flag.low && number <= flag.high) ||
      (flag.whole && !Number.isInteger(number))
    )
      throw new InputError(
        `${name} ${value?.slice(0, 32) ?? ""} is not a ${flag.whole ? "whole number" : "number"} from ${flag.low} to ${flag.high}. Send a number in that range.`,
      );
    read[flag.field] = number;
  }
  return { ...read, unread };
}
