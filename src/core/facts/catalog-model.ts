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
  readonly embedding?: true;
  readonly reranking?: true;
}

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
  /** `base`: not tuned to follow instructions; `safety`: a classifier of prompts and answers */
  readonly traits?: readonly ("base" | "safety")[];
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
