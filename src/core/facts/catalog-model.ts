/** What the model catalog says: architectures (dimensions, as GGUF key-values) and the models that share them. */
import type { Tokens } from "../units.ts";
import type { LayoutOptions } from "./layout.ts";
import type { MetadataValue } from "./model.ts";

export const catalogUseCases = [
  "general",
  "chat",
  "coding",
  "reasoning",
  "tool-use",
  "multimodal",
  "embedding",
  "reranking",
] as const;
export type CatalogUseCase = (typeof catalogUseCases)[number];

/** `true` where the facts say so; absent is unknown, never "no". */
export interface Capabilities {
  readonly tools?: true;
  readonly thinking?: true;
  readonly vision?: true;
  /** fills in the middle of code */
  readonly infill?: true;
  readonly embedding?: true;
  readonly reranking?: true;
}

/** The number format a maker published, where it is not 16 bits: finer recipes make larger files of the same weights. */
export interface NativeFormat {
  readonly name: "mxfp4" | "int4" | "fp8";
  /** which weights are stored in it */
  readonly weights: "experts" | "linear";
  /** llama.cpp's recipe that keeps it as it is */
  readonly recipe?: string;
}

/**
 * What a model is, where it is no assistant: `base`: not tuned to follow instructions; `safety`: a classifier of prompts and answers; `ocr`:
 * reads documents and nothing else; `translation`; `reward`: scores answers; `diffusion`: writes a text as a whole, which no chat server of
 * llama.cpp runs.
 */
export const modelTraits = ["base", "safety", "ocr", "translation", "reward", "diffusion"] as const;
export type ModelTrait = (typeof modelTraits)[number];

export interface ArchitectureEntry {
  readonly id: string;
  /** llama.cpp's `general.architecture` */
  readonly architecture: string;
  /** GGUF key-values without the architecture's prefix (`tokenizer.…` keys whole), prediction layers left out */
  readonly keys: Readonly<Record<string, MetadataValue>>;
  /** what the key-values do not say and the architecture's default does not either */
  readonly layout: LayoutOptions;
  /** weights of the text model, by the tensors this lays out */
  readonly parameterCount: number;
  /** weights used for one token, for a mixture of experts */
  readonly activeParameterCount?: number;
  /** why llama.cpp v0.5.0 refuses its files; absent: a header of it was loaded */
  readonly cannotLoad?: string;
  /** prediction (NextN) layers that some published files hold beside these */
  readonly nextnParameterCount?: number;
  /** A: a checkpoint's or file's own count agrees; B: confirmed by a second source; C: recalled from the published config, unconfirmed */
  readonly evidence: "A" | "B" | "C";
  /** what stands behind the dimensions */
  readonly basis: string;
  readonly source: string;
}

export interface ModelEntry {
  readonly id: string;
  /** the makers' repository on the Hugging Face Hub */
  readonly repo: string;
  readonly name: string;
  readonly family: string;
  readonly architectureId: string;
  /** catalog id of the model this was tuned from */
  readonly base?: string;
  /** `YYYY-MM` */
  readonly released?: string;
  readonly license?: string;
  /** what the licence says of commercial use; absent where it is not known */
  readonly commercialUse?: "allowed" | "conditional" | "not-allowed";
  readonly useCases: readonly CatalogUseCase[];
  readonly traits?: readonly ModelTrait[];
  /** a tune of 2023's crowd: found by name, but no candidate of a ranking unless it is scored or installed */
  readonly unranked?: true;
  readonly nativeFormat?: NativeFormat;
  readonly capabilities: Capabilities;
  readonly trainedContextTokens: Tokens;
  /** where a tune has more or fewer tokens than its base */
  readonly vocabularyCount?: number;
  /** weights with vision and audio towers and prediction layers, where they are known to differ from the text model's */
  readonly totalParameterCount?: number;
  /** other repositories of the same weights */
  readonly aliases?: readonly string[];
  readonly ggufRepos?: readonly string[];
  readonly mlxRepos?: readonly string[];
  /** safetensors repositories in other number formats: AWQ, GPTQ, FP8, bitsandbytes … */
  readonly quantizedRepos?: readonly string[];
  readonly ollama?: string;
  readonly popularity?: { readonly downloadCount: number; readonly likeCount?: number; readonly date: string };
  readonly source: string;
}

export interface ModelFamily {
  readonly family: string;
  readonly architectures: readonly ArchitectureEntry[];
  readonly models: readonly ModelEntry[];
}
