/**
 * Number formats that makers publish their weights in, where it is not 16 bits: recipes above it only make files larger, not better.
 * Source: `quantization_config` of the published config.json; llama.cpp v0.5.0 conversion/gpt_oss.py and kimi_k3.py keep MXFP4 as it is.
 */
import type { NativeFormat } from "../../src/core/facts/catalog-model.ts";

const mxfp4: NativeFormat = { name: "mxfp4", weights: "experts", recipe: "MXFP4_MOE" };
const int4: NativeFormat = { name: "int4", weights: "experts" };
const fp8: NativeFormat = { name: "fp8", weights: "linear" };

export const nativeFormats: Readonly<Record<string, NativeFormat>> = {
  "openai/gpt-oss-20b": mxfp4,
  "openai/gpt-oss-120b": mxfp4,
  "openai/gpt-oss-safeguard-20b": mxfp4,
  "openai/gpt-oss-safeguard-120b": mxfp4,
  "moonshotai/Kimi-K3": mxfp4,
  "moonshotai/Kimi-K2-Thinking": int4,
  "moonshotai/Kimi-K2.5": int4,
  "moonshotai/Kimi-K2.6": int4,
  "moonshotai/Kimi-K2-Instruct": fp8,
  "moonshotai/Kimi-K2-Instruct-0905": fp8,
  "deepseek-ai/DeepSeek-V3": fp8,
  "deepseek-ai/DeepSeek-V3-0324": fp8,
  "deepseek-ai/DeepSeek-V3.1": fp8,
  "deepseek-ai/DeepSeek-V3.1-Terminus": fp8,
  "deepseek-ai/DeepSeek-V3.2": fp8,
  "deepseek-ai/DeepSeek-V3.2-Exp": fp8,
  "deepseek-ai/DeepSeek-R1": fp8,
  "deepseek-ai/DeepSeek-R1-0528": fp8,
};
