/** Reads a `config.json` of the Hub: untrusted text, nested text models, names that differ between generations. */
import { InputError } from "../facts/input-error.ts";
import { MAX_LAYERS } from "../facts/metadata-reader.ts";

export type Config = Readonly<Record<string, unknown>>;

export function isConfig(value: unknown): value is Config {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parsed text of a config.json. Python writes Infinity and NaN, which JSON has not: they are read as null. */
export function parseConfig(text: string, name: string): unknown {
  const parse = (json: string): unknown => JSON.parse(json);
  try {
    return parse(text);
  } catch {
    try {
      return parse(text.replace(/-?\b(Infinity|NaN)\b/g, "null"));
    } catch {
      throw new InputError(`The config.json of ${name} is not JSON. Send the config.json of a model, or a GGUF file.`);
    }
  }
}

/** Contexts reach 10 M; no published dimension is larger. */
const MAX_COUNT = 2 ** 26;

/** Where multimodal configs keep their language model. */
const textKeys = ["text_config", "language_config", "llm_config", "thinker_config"] as const;

/** The language model's own config; what only the outer one says is kept. */
export function textConfigOf(config: Config): Config {
  for (const key of textKeys) {
    const inner = config[key];
    if (isConfig(inner)) return textConfigOf({ ...outerDefaults(config), ...inner });
  }
  return config;
}

const outerNames = [
  "model_type",
  "tie_word_embeddings",
  "vocab_size",
  "quantization_config",
  "torch_dtype",
  "dtype",
  "vision_config",
] as const;

function outerDefaults(config: Config): Config {
  return Object.fromEntries(outerNames.flatMap((name) => (config[name] === undefined ? [] : [[name, config[name]]])));
}

export interface ConfigReader {
  readonly text: (name: string) => string | undefined;
  readonly flag: (name: string) => boolean | undefined;
  readonly number: (name: string) => number | undefined;
  /** a whole number ≥ 0; the first of these names that is there */
  readonly count: (...names: string[]) => number | undefined;
  readonly required: (...names: string[]) => number;
  readonly counts: (name: string) => readonly number[] | undefined;
  readonly texts: (name: string) => readonly string[] | undefined;
  readonly inner: (name: string) => ConfigReader | undefined;
  /** the objects of a list */
  readonly inners: (name: string) => readonly ConfigReader[] | undefined;
}

export function configReader(config: Config): ConfigReader {
  const count = (...names: string[]): number | undefined => {
    for (const name of names) {
      const value = config[name];
      if (value === undefined || value === null) continue;
      if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > MAX_COUNT)
        throw new InputError(
          `config.json says ${name} is ${JSON.stringify(value).slice(0, 40)}, not a whole number from 0 to ${MAX_COUNT}. Send the model's own config.json.`,
        );
      return value;
    }
    return undefined;
  };
  const list = (name: string): readonly unknown[] | undefined => {
    const value = config[name];
    if (!Array.isArray(value)) return undefined;
    if (value.length > MAX_LAYERS)
      throw new InputError(
        `config.json lists ${value.length} values for ${name}, more than ${MAX_LAYERS} layers. Send the model's own config.json.`,
      );
    return value;
  };
  return {
    text: (name) => (typeof config[name] === "string" ? config[name] : undefined),
    flag: (name) => (typeof config[name] === "boolean" ? config[name] : undefined),
    number: (name) => (typeof config[name] === "number" && Number.isFinite(config[name]) ? config[name] : undefined),
    count,
    required: (...names) => {
      const value = count(...names);
      if (value !== undefined) return value;
      throw new InputError(
        `config.json has no ${names[0]}. Send the config.json of a language model, or a GGUF file of it.`,
      );
    },
    counts: (name) =>
      list(name)?.map((value) =>
        typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_COUNT ? value : 0,
      ),
    texts: (name) => list(name)?.map(String),
    inner: (name) => {
      const value = config[name];
      return isConfig(value) ? configReader(value) : undefined;
    },
    inners: (name) => list(name)?.filter(isConfig).map(configReader),
  };
}
