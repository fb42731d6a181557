/**
 * A repository's `config.json` → the model's dimensions: what all configs say here, what each `model_type` adds in hf-model-types.ts.
 */
import { InputError } from "../facts/input-error.ts";
import { MAX_LAYERS } from "../facts/metadata-reader.ts";
import type { ArchitectureFacts } from "./architecture-facts.ts";
import { type Config, type ConfigReader, configReader, isConfig, textConfigOf } from "./config-reader.ts";
import { given, modelTypeAliases, modelTypes, ropeFraction, type TypeRow } from "./hf-model-types.ts";

/** model_types this reads, for error messages and tests */
export const knownModelTypes: readonly string[] = Object.keys(modelTypes);

function rowOf(modelType: string): TypeRow {
  const name = Object.hasOwn(modelTypeAliases, modelType) ? (modelTypeAliases[modelType] ?? modelType) : modelType;
  const row = Object.hasOwn(modelTypes, name) ? modelTypes[name] : undefined;
  if (row) return row;
  throw new InputError(
    `config.json is of model_type "${modelType.slice(0, 40)}", which is not read here. Send a GGUF file of the model, or a repository of one of: ${knownModelTypes.slice(0, 12).join(", ")} …`,
  );
}

function ropeScaling(c: ConfigReader): ArchitectureFacts["ropeScaling"] {
  const scaling = c.inner("rope_scaling") ?? c.inner("rope_parameters");
  const type = scaling?.text("rope_type") ?? scaling?.text("type");
  if (scaling === undefined || type === undefined || type === "default" || type === "mrope") return undefined;
  return {
    type,
    ...given({
      factor: scaling.number("factor"),
      originalContextTokens:
        scaling.count("original_max_position_embeddings") ?? c.count("original_max_position_embeddings"),
    }),
  };
}

/**
 * Dimensions of the language model that `config` (parsed config.json) describes.
 * @throws InputError when it is no config of a model type read here, or lacks a dimension
 */
export function readHubConfig(config: unknown): ArchitectureFacts {
  if (!isConfig(config)) throw new InputError("config.json does not hold an object. Send the model's own config.json.");
  const text: Config = textConfigOf(config);
  const c = configReader(text);
  const modelType = c.text("model_type");
  if (modelType === undefined)
    throw new InputError("config.json names no model_type. Send the config.json of a language model.");
  const row = rowOf(modelType);
  const layerCount =
    c.count("num_hidden_layers", "n_layer", "n_layers", "num_layers") ??
    c.texts("layers_block_type")?.length ??
    c.required("num_hidden_layers");
  if (layerCount < 1 || layerCount > MAX_LAYERS)
    throw new InputError(
      `config.json says the model has ${layerCount} layers; 1 to ${MAX_LAYERS} are read. Send the model's own config.json.`,
    );
  const embeddingLength = c.required("hidden_size", "n_embd", "d_model");
  const headCount = c.count("num_attention_heads", "n_head") ?? 0;
  const feedForwardLength = c.count("intermediate_size", "n_inner", "ffn_hidden_size") ?? 0;
  const keyLength =
    c.count("head_dim", "attention_head_dim") ?? (headCount > 0 ? Math.floor(embeddingLength / headCount) : 0);
  return {
    architecture: typeof row.architecture === "string" ? row.architecture : row.architecture(c),
    layerCount,
    embeddingLength,
    vocabularyCount: c.required("vocab_size"),
    contextTokens: c.count("max_position_embeddings", "n_positions", "seq_length", "max_seq_len") ?? 0,
    headCount,
    kvHeadCount: c.count("num_key_value_heads") ?? headCount,
    keyLength,
    valueLength: keyLength,
    feedForwardLength,
    attentionBias: c.flag("attention_bias") ?? false,
    attentionOutputBias: c.flag("attention_bias") ?? false,
    feedForwardBias: c.flag("mlp_bias") ?? false,
    feedForwardGate: true,
    outputBias: false,
    normBias: false,
    secondNorm: true,
    queryKeyNorm: false,
    attentionGate: "none",
    positionCount: 0,
    tokenTypeCount: 0,
    causal: true,
    ...given({
      ropeTheta: c.number("rope_theta") ?? c.inner("rope_parameters")?.number("rope_theta"),
      ropeFraction: ropeFraction(c),
      ropeScaling: ropeScaling(c),
    }),
    ...{ tiedEmbeddings: false, ...row.facts?.(c, { layerCount, embeddingLength, headCount, feedForwardLength }) },
    ...given({ tiedEmbeddings: c.flag("tie_word_embeddings") }),
  };
}
