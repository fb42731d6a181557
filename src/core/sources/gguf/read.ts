/**
 * A GGUF header on disk → Model. Parsing and its bounds are @huggingface/gguf's; here the numbers are checked against something physical
 * (types we can size, shapes whose bytes fit the offsets, shards that are all there) and turned into facts.
 */
import { open, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { readHyperparameters } from "../../facts/hyperparameters.ts";
import { InputError } from "../../facts/input-error.ts";
import type { Metadata, MetadataValue, Model } from "../../facts/model.ts";
import { type Tensor, tensorBytes } from "../../facts/tensor.ts";
import { tensorTypeOfId } from "../../facts/tensor-type.ts";
import type { Bytes } from "../../units.ts";
import { recipeOfFileType } from "./file-type.ts";

const MAX_SHARDS = 512;
const MAX_TENSORS = 100_000;
/** 2^50 weights: a thousand times the largest published model */
const MAX_WEIGHTS = 2 ** 50;

interface Header {
  readonly metadata: Metadata;
  readonly tensors: readonly Tensor[];
  /** what the file must measure with its data */
  readonly wholeBytes: Bytes;
  readonly presentBytes: Bytes;
}

export interface RawTensorInfo {
  readonly name: string;
  readonly shape: readonly bigint[];
  readonly dtype: number;
  readonly offset: bigint;
}

/** Bounded conversion of one tensor row. @throws InputError when it cannot be a tensor of a model. */
export function readTensorInfo(info: RawTensorInfo, file: string): Tensor {
  const type = tensorTypeOfId(info.dtype);
  if (type === undefined)
    throw new InputError(
      `${file} stores the tensor ${info.name.slice(0, 64)} in ggml type ${info.dtype}, which this version does not know. Send a file of a published recipe, or update modelfit-mcp.`,
    );
  const shape = info.shape.map(Number);
  const weights = shape.reduce((product, extent) => product * extent, 1);
  if (info.name.length > 256 || shape.length > 4 || shape.some((extent) => extent < 1) || weights > MAX_WEIGHTS)
    throw new InputError(`${file} holds an impossible tensor shape. Send an intact GGUF file.`);
  return { name: info.name, type, shape };
}

/** GGUF key-values with 64-bit integers as numbers; nested arrays and `null` are dropped, none of llama.cpp's keys has them. */
export function plainMetadata(raw: Readonly<Record<string, unknown>>): Metadata {
  const plain: Record<string, MetadataValue> = {};
  for (const [key, value] of Object.entries(raw)) {
    if (Array.isArray(value)) {
      if (key.startsWith("tokenizer.")) continue;
      plain[key] = value.map(plainScalar).filter((item) => item !== undefined);
    } else {
      const scalar = plainScalar(value);
      if (scalar !== undefined) plain[key] = scalar;
    }
  }
  const tokens = raw["tokenizer.ggml.tokens"];
  if (Array.isArray(tokens)) plain["tokenizer.ggml.tokens.count"] = tokens.length;
  return plain;
}

function plainScalar(value: unknown): string | number | boolean | undefined {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return undefined;
}

async function checkMagic(path: string): Promise<Bytes> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) throw new InputError(`There is no file ${path}. Send the path of a GGUF file, or a catalog id.`);
  if (!info.isFile()) throw new InputError(`${path} is not a regular file. Send the path of a GGUF file.`);
  const handle = await open(path, "r");
  try {
    const magic = Buffer.alloc(4);
    await handle.read(magic, 0, 4, 0);
    if (magic.toString("latin1") !== "GGUF")
      throw new InputError(`${basename(path)} is not a GGUF file (its first bytes are not "GGUF"). Send a .gguf model file.`);
  } finally {
    await handle.close();
  }
  return info.size;
}

async function readHeader(path: string): Promise<Header> {
  const presentBytes = await checkMagic(path);
  const { gguf } = await import("@huggingface/gguf");
  const parsed = await gguf(path, { allowLocalFile: true }).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message.slice(0, 120) : "unreadable";
    throw new InputError(`The header of ${basename(path)} cannot be read (${reason}). Send a complete GGUF file; it may be truncated.`);
  });
  if (parsed.tensorInfos.length > MAX_TENSORS)
    throw new InputError(`${basename(path)} lists ${parsed.tensorInfos.length} tensors, more than the ${MAX_TENSORS} read here. Send a model file.`);
  let wholeBytes = Number(parsed.tensorDataOffset);
  const tensors = parsed.tensorInfos.map((info) => {
    const tensor = readTensorInfo(info, basename(path));
    wholeBytes = Math.max(wholeBytes, Number(parsed.tensorDataOffset) + Number(info.offset) + tensorBytes(tensor));
    return tensor;
  });
  return { metadata: plainMetadata(Object.fromEntries(Object.entries(parsed.metadata))), tensors, wholeBytes, presentBytes };
}

/** `name-00002-of-00005.gguf` → the paths of all five; a plain file → itself. */
function shardPaths(path: string): string[] {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/.exec(basename(path));
  if (match === null) return [path];
  const count = Number(match[3]);
  if (count < 1 || count > MAX_SHARDS)
    throw new InputError(`${basename(path)} claims ${count} shards; 1 to ${MAX_SHARDS} are read. Send one shard of an intact split file.`);
  return Array.from({ length: count }, (_, index) =>
    join(dirname(path), `${match[1]}-${String(index + 1).padStart(5, "0")}-of-${match[3]}.gguf`),
  );
}

/**
 * Reads a GGUF file (any shard of a split one; a header whose data is cut off is profiled like a whole file, with a warning).
 * @throws InputError when it is missing, not GGUF, truncated inside its header, or of an architecture that is not known.
 */
export async function readGgufFile(path: string): Promise<Model> {
  const headers: Header[] = [];
  for (const shard of shardPaths(path)) headers.push(await readHeader(shard));
  const [first] = headers;
  if (first === undefined) throw new InputError(`There is no file ${path}. Send the path of a GGUF file.`);
  const tensors = headers.flatMap((header) => header.tensors);
  const name = first.metadata["general.name"];
  const fileType = first.metadata["general.file_type"];
  const cutOff = headers.some(({ presentBytes, wholeBytes }) => presentBytes < wholeBytes);
  return {
    name: typeof name === "string" ? name.slice(0, 128) : basename(path),
    recipe: typeof fileType === "number" ? recipeOfFileType(fileType) : undefined,
    hyper: readHyperparameters(first.metadata, tensors),
    tensors,
    fileBytes: headers.reduce((sum, { wholeBytes }) => sum + wholeBytes, 0),
    evidence: "reported",
    source: `GGUF header of ${basename(path)}`,
    warnings: cutOff ? [`${basename(path)} holds only a header: its tensor data is cut off, so no engine can load it.`] : [],
  };
}
