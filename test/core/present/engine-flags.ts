/**
 * Every flag that our commands use, with the grammar of its value, as the engines print them: llama.cpp v0.5.0 `--help` of each program, the others'
 * documentation of August 2026. `undefined` = no value.
 */
const whole = /^-?\d+$/;
const cacheType = /^(f32|f16|bf16|q8_0|q4_0|q4_1|iq4_nl|q5_0|q5_1)$/;
const rules = (separator: string) =>
  new RegExp(`^[^=,;]+=[A-Z][A-Za-z0-9]*(\\[[^\\]]+\\])?(${separator}[^=,;]+=[A-Z][A-Za-z0-9]*(\\[[^\\]]+\\])?)*$`);
const any = /^.+$/;
const ggmlType = /^(f32|f16|bf16|q[2-6]_k|q[458]_[01]|iq[1-4]_(xxs|xs|s|m|nl)|mxfp4)$/;

export type Grammar = Readonly<Record<string, RegExp | undefined>>;

export const flags: Readonly<Record<string, Grammar>> = {
  "llama-server": {
    "-m": /\.gguf$/,
    "-hf": /^[\w.-]+\/[\w.-]+:\w+$/,
    "--no-mmproj": undefined,
    "-c": whole,
    "-np": whole,
    "-kvu": undefined,
    "-b": whole,
    "-ub": whole,
    "-ctk": cacheType,
    "-ctv": cacheType,
    "-fa": /^(on|off|auto)$/,
    "-ngl": /^(\d+|auto|all)$/,
    "-sm": /^(none|layer|row|tensor)$/,
    "-mg": whole,
    "-ts": /^[\d.]+([,/][\d.]+)*$/,
    "-ot": rules(","),
    "-nkvo": undefined,
    "--swa-full": undefined,
    "-t": whole,
    "-lm": /^(auto|none|mmap|mlock|mmap\+mlock|dio)$/,
    "-fit": /^(on|off)$/,
    "-cram": whole,
    "--rpc": /^[\w.:-]+(,[\w.:-]+)*$/,
    "-dev": any,
    "--host": any,
    "--port": whole,
  },
  "llama-bench": {
    "-m": /\.gguf$/,
    "-hf": /^[\w.-]+\/[\w.-]+:\w+$/,
    "-b": whole,
    "-ub": whole,
    "-ctk": /^(f16|bf16|q8_0|q4_0|q4_1|iq4_nl|q5_0|q5_1)$/,
    "-ctv": /^(f16|bf16|q8_0|q4_0|q4_1|iq4_nl|q5_0|q5_1)$/,
    "-fa": /^(on|off|auto|0|1)$/,
    "-ngl": whole,
    "-sm": /^(none|layer|row|tensor)$/,
    "-mg": whole,
    "-ts": /^[\d.]+(\/[\d.]+)*$/,
    "-ot": rules(";"),
    "-nkvo": /^[01]$/,
    "-t": whole,
    "-p": whole,
    "-n": whole,
    "-d": whole,
    "-r": whole,
    "-o": /^(csv|json|jsonl|md|sql)$/,
  },
  "llama-quantize": {
    "--imatrix": any,
    "--token-embedding-type": ggmlType,
    "--output-tensor-type": ggmlType,
    "--tensor-type": new RegExp(`^[^=,A-Z]+=${ggmlType.source.slice(1)}`),
  },
  "ggml-rpc-server": { "-H": any, "-p": whole, "-c": undefined },
  vllm: {
    "--host": any,
    "--port": whole,
    "--max-model-len": whole,
    "--max-num-seqs": whole,
    "--max-num-batched-tokens": whole,
    "--gpu-memory-utilization": /^0\.\d+$/,
    "--kv-cache-dtype": /^(auto|fp8)$/,
    "--tensor-parallel-size": whole,
    "--pipeline-parallel-size": whole,
    "--distributed-executor-backend": /^ray$/,
    "--quantization": /^(fp8|bitsandbytes)$/,
    "--served-model-name": any,
  },
  lms: {
    "--gguf": undefined,
    "-y": undefined,
    "-c": undefined,
    "--user-repo": /^[\w.-]+\/[\w.-]+$/,
    "--gpu": /^(max|off|0?\.\d+|[01])$/,
    "--context-length": whole,
    "--parallel": whole,
    "--identifier": any,
    "-p": whole,
  },
  "mlx_lm.convert": {
    "--hf-path": any,
    "--mlx-path": any,
    "-q": undefined,
    "--q-bits": /^[2348]$/,
    "--q-group-size": /^(32|64|128)$/,
  },
  "mlx_lm.server": {
    "--model": any,
    "--host": any,
    "--port": whole,
    "--decode-concurrency": whole,
    "--prompt-concurrency": whole,
    "--prefill-step-size": whole,
  },
  transformers: {
    "--host": any,
    "--port": whole,
    "--dtype": /^auto$/,
    "--device": /^auto$/,
    "--quantization": /^bnb-[48]bit$/,
  },
};

/** What is wrong with a command's flags; empty when nothing is. */
export function flagFaults(argv: readonly string[]): string[] {
  const [program = "", ...words] = argv;
  const grammar = flags[program];
  if (!grammar) return [];
  const faults: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (!word.startsWith("-")) continue;
    if (!Object.hasOwn(grammar, word)) {
      faults.push(`${program} has no ${word}`);
      continue;
    }
    const value = grammar[word];
    if (value === undefined) continue;
    at++;
    if (!value.test(words[at] ?? "")) faults.push(`${program} ${word} cannot be "${words[at]}"`);
  }
  return faults;
}
