/**
 * The header of a GGUF file: its key-values without the tokenizer's arrays, and its tensor table, both bounded.
 * Layout: gguf.md; the rules a file must keep are those of `gguf_init_from_reader` (ggml/src/gguf.cpp, llama.cpp v0.5.0).
 */
import type { GGUFValueType } from "@huggingface/gguf";
import { InputError } from "../../facts/input-error.ts";
import type { Metadata, MetadataValue } from "../../facts/model.ts";
import { type Tensor, tensorBytes } from "../../facts/tensor.ts";
import { tensorTypeOfId, tensorTypes } from "../../facts/tensor-type.ts";
import { type Bytes, padTo } from "../../units.ts";
import { type ByteSource, Cursor } from "./cursor.ts";

export interface GgufHeader {
  readonly metadata: Metadata;
  readonly tensors: readonly Tensor[];
  /** where the tensors' data begins */
  readonly dataOffsetBytes: Bytes;
  /** what the file must measure with its data, but for the padding after the last tensor */
  readonly wholeBytes: Bytes;
}

/** What stands before the tokenizer's first array: enough to lay the model out. */
export interface GgufHead {
  /** with `tokenizer.ggml.tokens.count` where the tokens come first */
  readonly metadata: Metadata;
  readonly tensorCount: number;
  /** of the tokens array; 0 where there is none before the head's end */
  readonly tokenCount: number;
  /** where the head ends: at the tokens' first string, or after the last key-value */
  readonly endBytes: Bytes;
}

const VERSIONS = [2, 3];
/** The largest published headers hold 60 key-values and 2,600 tensors. */
const MAX_KEY_VALUES = 65_536;
const MAX_TENSORS = 100_000;
/** gguf.md: keys are at most 2^16 − 1 bytes; none of llama.cpp's is longer than 64 */
const MAX_KEY_BYTES = 65_535;
/** chat templates are the longest texts that are read, up to 30 kB */
const MAX_TEXT_BYTES = 262_144;
/** per-layer arrays have at most 512 numbers; longer ones are stepped over */
const MAX_ARRAY_LENGTH = 4096;
/** of all key-values together: what a header may make this program hold */
const MAX_KEPT = 4 * 1024 * 1024;
const MAX_NAME_BYTES = 256;
const MAX_DIMENSIONS = 4;
/** 2^50 weights: a thousand times the largest published model */
const MAX_WEIGHTS = 2 ** 50;
const MAX_ALIGNMENT = 2 ** 20;
const DEFAULT_ALIGNMENT = 32;

type ValueName = keyof typeof GGUFValueType;
type Scalar = string | number | boolean;

interface NumberRow {
  readonly bytes: Bytes;
  readonly get: (view: DataView, at: number) => Scalar;
}

/** Value types by id; the names are @huggingface/gguf's, and a test holds the ids against its enum. */
export const valueTypes: Readonly<Record<ValueName, number>> = {
  UINT8: 0,
  INT8: 1,
  UINT16: 2,
  INT16: 3,
  UINT32: 4,
  INT32: 5,
  FLOAT32: 6,
  BOOL: 7,
  STRING: 8,
  ARRAY: 9,
  UINT64: 10,
  INT64: 11,
  FLOAT64: 12,
};

const numbers: Readonly<Record<Exclude<ValueName, "STRING" | "ARRAY">, NumberRow>> = {
  UINT8: { bytes: 1, get: (view, at) => view.getUint8(at) },
  INT8: { bytes: 1, get: (view, at) => view.getInt8(at) },
  UINT16: { bytes: 2, get: (view, at) => view.getUint16(at, true) },
  INT16: { bytes: 2, get: (view, at) => view.getInt16(at, true) },
  UINT32: { bytes: 4, get: (view, at) => view.getUint32(at, true) },
  INT32: { bytes: 4, get: (view, at) => view.getInt32(at, true) },
  FLOAT32: { bytes: 4, get: (view, at) => view.getFloat32(at, true) },
  BOOL: { bytes: 1, get: (view, at) => view.getInt8(at) !== 0 },
  UINT64: { bytes: 8, get: (view, at) => Number(view.getBigUint64(at, true)) },
  INT64: { bytes: 8, get: (view, at) => Number(view.getBigInt64(at, true)) },
  FLOAT64: { bytes: 8, get: (view, at) => view.getFloat64(at, true) },
};

const numberOfId = new Map<number, NumberRow>(
  Object.entries(numbers).map(([name, row]) => [isValueName(name) ? valueTypes[name] : -1, row]),
);

function isValueName(name: string): name is ValueName {
  return Object.hasOwn(valueTypes, name);
}

interface Start {
  readonly tensorCount: number;
  readonly keyValueCount: number;
}

async function readStart(cursor: Cursor, source: ByteSource): Promise<Start> {
  const magic = source.sizeBytes < 4 ? 0 : await cursor.u32();
  if (magic !== 0x46554747)
    throw new InputError(
      `${source.name} is not a GGUF file (its first bytes are not "GGUF"). Send a .gguf model file.`,
    );
  const version = await cursor.u32();
  if (!VERSIONS.includes(version)) {
    const reason = version % 65_536 === 0 ? "is written for a big-endian machine" : `is of version ${version}`;
    throw new InputError(
      `The GGUF file ${source.name} ${reason}; versions 2 and 3 in little-endian are read, as by llama.cpp. Send a newer conversion of the model.`,
    );
  }
  // a tensor's row takes at least 32 bytes, a key-value 13
  const tensorCount = await cursor.count("tensors", 32);
  const keyValueCount = await cursor.count("key-values", 13);
  if (tensorCount > MAX_TENSORS) cursor.refuse(`it lists ${tensorCount} tensors, more than ${MAX_TENSORS}`);
  if (keyValueCount > MAX_KEY_VALUES)
    cursor.refuse(`it lists ${keyValueCount} key-values, more than ${MAX_KEY_VALUES}`);
  return { tensorCount, keyValueCount };
}

/** Key-values as they are read; counts what they hold. */
class Pairs {
  readonly #map = new Map<string, MetadataValue>();
  readonly #cursor: Cursor;
  #kept = 0;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  keep(key: string, value: MetadataValue | undefined, size: number): void {
    this.#kept += key.length + size;
    if (this.#kept > MAX_KEPT) this.#cursor.refuse("its key-values hold more than a model's can");
    if (value !== undefined) this.#map.set(key, value);
  }

  has(key: string): boolean {
    return this.#map.has(key);
  }

  get(key: string): MetadataValue | undefined {
    return this.#map.get(key);
  }

  /** own properties only, whatever the keys are called */
  metadata(): Metadata {
    return Object.fromEntries(this.#map);
  }
}

async function readArray(cursor: Cursor, pairs: Pairs, key: string): Promise<void> {
  const type = await cursor.u32();
  const row = numberOfId.get(type);
  if (row === undefined && type !== valueTypes.STRING)
    cursor.refuse(`its key ${key.slice(0, 64)} is an array of unknown type ${type}`);
  const length = await cursor.count(`values of ${key.slice(0, 64)}`, row?.bytes ?? 8);
  if (key === "tokenizer.ggml.tokens") pairs.keep("tokenizer.ggml.tokens.count", length, 1);
  const isKept = length <= MAX_ARRAY_LENGTH && !key.startsWith("tokenizer.");
  if (row === undefined) {
    if (!isKept) return cursor.skipStrings(length);
    const texts: string[] = [];
    for (let index = 0; index < length; index++) {
      const text = await cursor.text(MAX_TEXT_BYTES);
      if (text === undefined) continue;
      texts.push(text);
      pairs.keep("", undefined, text.length + 8);
    }
    return pairs.keep(key, texts, 0);
  }
  if (!isKept) return cursor.skip(length * row.bytes);
  const values: Scalar[] = [];
  for (let index = 0; index < length; index++) values.push(await cursor.scalar(row.bytes, row.get));
  pairs.keep(key, values, 8 * length);
}

/** true: the tokens array comes next, its type and length read */
async function readPairs(cursor: Cursor, count: number, pairs: Pairs, stopAtTokens: boolean): Promise<boolean> {
  for (let index = 0; index < count; index++) {
    const key = await cursor.text(MAX_KEY_BYTES);
    if (key === undefined) cursor.refuse("a key is longer than 65,535 bytes");
    if (pairs.has(key)) cursor.refuse(`its key ${key.slice(0, 64)} stands there twice`);
    const type = await cursor.u32();
    const row = numberOfId.get(type);
    if (row !== undefined) pairs.keep(key, await cursor.scalar(row.bytes, row.get), 8);
    else if (type === valueTypes.STRING) {
      const text = await cursor.text(MAX_TEXT_BYTES);
      pairs.keep(key, text, text?.length ?? 0);
    } else if (type !== valueTypes.ARRAY) cursor.refuse(`its key ${key.slice(0, 64)} is of unknown type ${type}`);
    else if (stopAtTokens && key === "tokenizer.ggml.tokens") {
      if ((await cursor.u32()) !== valueTypes.STRING) cursor.refuse("its tokens are no texts");
      pairs.keep("tokenizer.ggml.tokens.count", await cursor.count("tokens", 8), 1);
      return true;
    } else await readArray(cursor, pairs, key);
  }
  return false;
}

interface PlacedTensor {
  readonly tensor: Tensor;
  readonly offsetBytes: Bytes;
}

async function readTensor(cursor: Cursor, source: ByteSource): Promise<PlacedTensor> {
  const name = await cursor.text(MAX_NAME_BYTES);
  if (name === undefined || name === "") cursor.refuse("a tensor has no name, or one longer than 256 bytes");
  const shown = name.slice(0, 64);
  const dimensions = await cursor.u32();
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS) cursor.refuse(`tensor ${shown} has ${dimensions} dimensions`);
  const shape: number[] = [];
  let weights = 1;
  for (let index = 0; index < dimensions; index++) {
    const extent = await cursor.u64();
    weights *= extent;
    if (extent < 1 || weights > MAX_WEIGHTS) cursor.refuse(`tensor ${shown} has an impossible shape`);
    shape.push(extent);
  }
  const id = await cursor.u32();
  const type = tensorTypeOfId(id);
  if (type === undefined)
    throw new InputError(
      `${source.name} stores the tensor ${shown} in ggml type ${id}, which this version does not know. Send a file of a published recipe, or update modelfit-mcp.`,
    );
  if ((shape[0] ?? 0) % tensorTypes[type].blockWeights !== 0)
    cursor.refuse(`tensor ${shown} has rows of ${shape[0]} weights, which ${type} cannot store`);
  const offsetBytes = await cursor.u64();
  return { tensor: { name, type, shape }, offsetBytes };
}

function alignmentOf(cursor: Cursor, pairs: Pairs): Bytes {
  const alignment = pairs.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  if (
    typeof alignment !== "number" ||
    alignment < 1 ||
    alignment > MAX_ALIGNMENT ||
    !Number.isInteger(Math.log2(alignment))
  )
    cursor.refuse("its alignment is no power of two");
  return alignment;
}

/**
 * The whole header. Time and memory are bounded by the file's size and the limits above.
 * @throws InputError when it is no GGUF header, is cut off, or says what no model file can
 */
export async function readGgufHeader(source: ByteSource, pieceBytes: Bytes): Promise<GgufHeader> {
  const cursor = new Cursor(source, pieceBytes);
  const { tensorCount, keyValueCount } = await readStart(cursor, source);
  const pairs = new Pairs(cursor);
  await readPairs(cursor, keyValueCount, pairs, false);
  const alignment = alignmentOf(cursor, pairs);
  const tensors: Tensor[] = [];
  const names = new Set<string>();
  let dataBytes = 0;
  let endBytes = 0;
  for (let index = 0; index < tensorCount; index++) {
    const { tensor, offsetBytes } = await readTensor(cursor, source);
    if (names.has(tensor.name)) cursor.refuse(`tensor ${tensor.name.slice(0, 64)} stands there twice`);
    // ggml takes no file whose tensors do not lie one after another
    if (offsetBytes !== dataBytes)
      cursor.refuse(`tensor ${tensor.name.slice(0, 64)} begins at ${offsetBytes} instead of ${dataBytes}`);
    names.add(tensor.name);
    tensors.push(tensor);
    endBytes = dataBytes + tensorBytes(tensor);
    dataBytes = padTo(endBytes, alignment);
  }
  const dataOffsetBytes = padTo(cursor.position, alignment);
  return { metadata: pairs.metadata(), tensors, dataOffsetBytes, wholeBytes: dataOffsetBytes + endBytes };
}

/** Only what stands before the tokenizer's arrays. @throws InputError as `readGgufHeader` */
export async function readGgufHead(source: ByteSource, pieceBytes: Bytes): Promise<GgufHead> {
  const cursor = new Cursor(source, pieceBytes);
  const { tensorCount, keyValueCount } = await readStart(cursor, source);
  const pairs = new Pairs(cursor);
  await readPairs(cursor, keyValueCount, pairs, true);
  const tokenCount = pairs.get("tokenizer.ggml.tokens.count");
  return {
    metadata: pairs.metadata(),
    tensorCount,
    tokenCount: typeof tokenCount === "number" ? tokenCount : 0,
    endBytes: cursor.position,
  };
}
