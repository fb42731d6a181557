/** Hard conditions on a catalog model, checked before anything is laid out; a reason in words for each one missed. */
import type { ArchitectureEntry, Capabilities, ModelEntry, ModelTrait } from "../facts/catalog-model.ts";
import type { Bytes, Tokens, TokensPerSecond } from "../units.ts";
import type { Question } from "./candidate.ts";

export interface RankFilters {
  readonly models?: readonly string[] | undefined;
  readonly contextTokens?: Tokens | undefined;
  readonly minDecodeTokensPerSecond?: TokensPerSecond | undefined;
  readonly minContextTokens?: Tokens | undefined;
  readonly maxMemoryBytes?: Bytes | undefined;
  readonly minParameterCount?: number | undefined;
  readonly maxParameterCount?: number | undefined;
  readonly family?: string | undefined;
  readonly license?: string | undefined;
  readonly capabilities?: readonly string[] | undefined;
  readonly recipes?: readonly string[] | undefined;
}

const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9.]/g, "");

function has(capabilities: Capabilities, name: string): boolean {
  const wanted = plain(name);
  if (wanted.startsWith("tool")) return capabilities.tools === true;
  if (/^(thinking|reasoning)$/.test(wanted)) return capabilities.thinking === true;
  if (/^(vision|image|images|multimodal)$/.test(wanted)) return capabilities.vision === true;
  if (wanted.startsWith("embed")) return capabilities.embedding === true;
  return wanted.startsWith("rerank") && capabilities.reranking === true;
}

/** Why a model of this kind is no assistant, in words. */
const traitReasons: Readonly<Record<ModelTrait, string>> = {
  base: "base models, not tuned to follow instructions",
  safety: "safety classifiers",
  ocr: "document readers",
  translation: "translators",
  reward: "reward models",
  diffusion: "diffusion models, which no chat server of llama.cpp runs",
};

/** Whether a model is made for the use case at all. */
function kindReason(entry: ModelEntry, architecture: ArchitectureEntry, question: Question): string | undefined {
  const { capability } = question.row;
  const { capabilities, useCases, traits = [] } = entry;
  if (capability !== undefined && !has(capabilities, capability)) return `not made for ${question.useCase}`;
  if (capability === undefined && (capabilities.embedding || capabilities.reranking))
    return "embedding or reranking models";
  const trait = traits[0];
  if (trait !== undefined && !(question.row.domain === "embedding" && trait === "base")) return traitReasons[trait];
  if (question.engine === "llama.cpp" && architecture.cannotLoad !== undefined) return "not loaded by llama.cpp";
  if (capability === undefined && useCases.length === 1 && useCases[0] === "multimodal" && !capabilities.tools)
    return "made for images alone";
  return undefined;
}

/** Why a model is left out, or undefined. */
export function filterReasons(
  entry: ModelEntry,
  architecture: ArchitectureEntry,
  question: Question,
  filters: RankFilters,
): string | undefined {
  const reason = kindReason(entry, architecture, question);
  if (reason !== undefined) return reason;
  if (
    filters.family !== undefined &&
    !plain(entry.family).includes(plain(filters.family)) &&
    !plain(entry.id).includes(plain(filters.family))
  )
    return "another family";
  if (filters.license !== undefined && !licenseMatches(entry, filters.license)) return "another licence";
  for (const name of filters.capabilities ?? []) if (!has(entry.capabilities, name)) return `not known for ${name}`;
  const count = entry.totalParameterCount ?? architecture.parameterCount;
  if (count < (filters.minParameterCount ?? 0)) return "too few parameters";
  if (count > (filters.maxParameterCount ?? Number.POSITIVE_INFINITY)) return "too many parameters";
  if (entry.trainedContextTokens < (filters.minContextTokens ?? 0))
    return `trained on fewer than ${filters.minContextTokens} tokens`;
  return undefined;
}

function licenseMatches(entry: ModelEntry, wanted: string): boolean {
  if (/^(commercial|commercial-use|commercialuse)$/i.test(wanted)) return entry.commercialUse === "allowed";
  return entry.license !== undefined && plain(entry.license) === plain(wanted);
}
