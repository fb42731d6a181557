/**
 * Reads GGUF key-values as llama.cpp's loader does (`get_key`, `get_key_or_arr`, `get_arr`, llama-model-loader.cpp of
 * llama.cpp v0.5.0), but bounded: a header is untrusted input, and every count decides an allocation or a loop here.
 */
import { InputError } from "./input-error.ts";
import type { Metadata, MetadataValue } from "./model.ts";

/** `LLAMA_MAX_LAYERS` and `LLAMA_MAX_EXPERTS` (llama-hparams.h:11-12): llama.cpp refuses more. */
export const MAX_LAYERS = 512;
export const MAX_EXPERTS = 1024;
/** Far above any model (the widest rows are about 2^19); products of two stay exact in a double. */
const MAX_EXTENT = 2 ** 24;

export interface MetadataReader {
  readonly architecture: string;
  /** whole number ≥ 0 under `{architecture}.{key}`; undefined when absent */
  readonly count: (key: string, max?: number) => number | undefined;
  /** the same, but undefined for an array too */
  readonly scalar: (key: string) => number | undefined;
  /** the same as `count`, but the key must be there */
  readonly required: (key: string, max?: number) => number;
  readonly flag: (key: string) => boolean | undefined;
  /** a scalar stands for every layer; an array must have `length` entries */
  readonly perLayer: (key: string, length: number, max?: number) => number[] | undefined;
  /** an array only, of any length up to `MAX_LAYERS`; undefined when absent or a scalar */
  readonly array: (key: string) => number[] | undefined;
}

function asCount(name: string, value: MetadataValue | undefined, max: number): number {
  const number = typeof value === "boolean" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number > max)
    throw new InputError(
      `Model key ${name} is ${JSON.stringify(value)?.slice(0, 40)}, not a whole number from 0 to ${max}. Check the GGUF header or send a metadata value in that range.`,
    );
  return number;
}

export function readerOf(metadata: Metadata, architecture: string): MetadataReader {
  const nameOf = (key: string) => `${architecture}.${key}`;
  const rawValue = (key: string): MetadataValue | undefined =>
    Object.hasOwn(metadata, nameOf(key)) ? metadata[nameOf(key)] : undefined;

  const count = (key: string, max = MAX_EXTENT) => {
    const value = rawValue(key);
    return value === undefined ? undefined : asCount(nameOf(key), value, max);
  };

  const array = (key: string, max = MAX_EXTENT) => {
    const value = rawValue(key);
    if (!Array.isArray(value)) return undefined;
    if (value.length > MAX_LAYERS)
      throw new InputError(
        `Model key ${nameOf(key)} has ${value.length} entries, more than the ${MAX_LAYERS} layers llama.cpp allows. Check the GGUF header.`,
      );
    return value.map((entry, index) => asCount(`${nameOf(key)}[${index}]`, entry, max));
  };

  return {
    architecture,
    count,
    scalar: (key) => (Array.isArray(rawValue(key)) ? undefined : count(key)),
    required: (key, max) => {
      const value = count(key, max);
      if (value !== undefined) return value;
      throw new InputError(
        `Model key ${nameOf(key)} is missing. llama.cpp needs it for architecture ${architecture}: add it to the metadata.`,
      );
    },
    flag: (key) => {
      const value = rawValue(key);
      return value === undefined || Array.isArray(value) ? undefined : asCount(nameOf(key), value, 1) === 1;
    },
    perLayer: (key, length, max = MAX_EXTENT) => {
      const values = array(key, max);
      if (values && values.length !== length)
        throw new InputError(
          `Model key ${nameOf(key)} has ${values.length} entries for ${length} layers. Send one number, or one for every layer.`,
        );
      if (values) return values;
      const value = count(key, max);
      return value === undefined ? undefined : Array.from({ length }, () => value);
    },
    array: (key) => array(key),
  };
}
