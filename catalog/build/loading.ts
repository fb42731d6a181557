/**
 * What llama.cpp v0.5.0 does with each architecture of the catalog, found by handing llama-fit-params a header of each: hyper-parameters, the
 * tensors laid out, a hole for the weights. 473 of 477 load; these do not. A converter that wrote other keys or tensors could change that.
 */

/** Architecture id → why its files do not load, in the loader's own terms. */
export const cannotLoad: Readonly<Record<string, string>> = {
  "falcon-rw-1b": "its biases are tensors that llama.cpp v0.5.0 does not know for falcon",
  "minitron-8b": "its heads are wider than its hidden size, which llama.cpp v0.5.0 does not allow for nemotron",
  "phi-tiny-moe": "its heads are narrower than its hidden size, which llama.cpp v0.5.0 does not allow for phimoe",
  // conversion/*.py of v0.5.0 reads LLaDAModelLM and LLaDAMoEModel, not LLaDA2MoeModelLM
  "llada2-mini": "llama.cpp v0.5.0 has no converter for LLaDA 2",
  "llada2-flash": "llama.cpp v0.5.0 has no converter for LLaDA 2",
  "sarvam-105b": "its queries have no low rank, which llama.cpp v0.5.0 requires for deepseek2 of this depth",
};

/** Models that write a text as a whole, which no chat server of llama.cpp runs (`llm_arch_is_diffusion`, src/llama-arch.cpp:1100, v0.5.0). */
export const diffusionArchitectures: ReadonlySet<string> = new Set(["dream", "llada", "llada-moe", "rnd1"]);

/** Architecture id → llama.cpp's architecture where the facts name the one it is built like. Source: conversion/dream.py, conversion/llada.py. */
export const diffusionModels: Readonly<Record<string, string | undefined>> = {
  "dream-7b": "dream",
  "llada-8b": "llada",
  "llada2-mini": undefined,
  "llada2-flash": undefined,
};
