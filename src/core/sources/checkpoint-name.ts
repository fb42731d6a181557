/** How a quantized checkpoint is stored, by what its publisher calls it: used where its config cannot be read. */
import { type CheckpointFormat, checkpointFormat } from "../facts/checkpoint-format.ts";

/** The usual settings of each tool: mlx_lm.convert groups of 64, AutoAWQ and GPTQModel groups of 128. First match wins. */
const rules: readonly (readonly [name: RegExp, config: (bits: number) => object])[] = [
  [/nvfp4/i, () => ({ quant_method: "modelopt", quant_algo: "NVFP4" })],
  [/mxfp4/i, () => ({ quant_method: "mxfp4" })],
  [/fp8/i, () => ({ quant_method: "fp8" })],
  [/awq/i, () => ({ quant_method: "awq", bits: 4, group_size: 128 })],
  [/gptq/i, (bits) => ({ quant_method: "gptq", bits, group_size: 128 })],
  [/bnb-4bit/i, () => ({ quant_method: "bitsandbytes", load_in_4bit: true })],
  [/(mlx|^mlx-community\/).*\d-?bit/i, (bits) => ({ bits, group_size: 64 })],
];

/** undefined where the name does not say */
export function checkpointOfName(repo: string): CheckpointFormat | undefined {
  const rule = rules.find(([name]) => name.test(repo));
  const bits = Number(
    /(?:int|[-_])([2-8])(?:-?bit)?(?:$|[-_.])/i.exec(repo)?.[1] ?? /([2-8])-?bit/i.exec(repo)?.[1] ?? 4,
  );
  return rule === undefined ? undefined : checkpointFormat(rule[1](bits));
}
