/** GGUF files on disk → Model: the headers of all shards, turned into facts. */
import { basename, dirname, join } from "node:path";
import { readHyperparameters } from "../../facts/hyperparameters.ts";
import { InputError } from "../../facts/input-error.ts";
import type { Model } from "../../facts/model.ts";
import type { Bytes } from "../../units.ts";
import { recipeOfFileType } from "./file-type.ts";
import { type GgufHeader, readGgufHeader } from "./header.ts";

const MAX_SHARDS = 512;
/** A disk gives a megabyte in the time of a few small reads. */
const PIECE_BYTES = 1024 * 1024;

interface FileHeader extends GgufHeader {
  readonly presentBytes: Bytes;
}

async function readFileHeader(path: string): Promise<FileHeader> {
  const { fileFacts, openForReading } = await import("../world/files.ts");
  const facts = await fileFacts(path);
  if (facts === undefined)
    throw new InputError(`There is no file ${path}. Send the path of a GGUF file, or a catalog id.`);
  const file = facts.kind === "file" ? await openForReading(path) : undefined;
  if (file === undefined)
    throw new InputError(`${path} is not a regular file that can be read. Send the path of a GGUF file.`);
  try {
    const { sizeBytes } = file;
    const source = { name: basename(path), sizeBytes, read: file.read };
    return { ...(await readGgufHeader(source, PIECE_BYTES)), presentBytes: sizeBytes };
  } finally {
    await file.close();
  }
}

/** `name-00002-of-00005.gguf` → the names of all five; any other → itself. @throws InputError for a count nobody splits into */
export function shardNames(name: string): readonly string[] {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/.exec(name);
  if (match === null) return [name];
  const count = Number(match[3]);
  if (count < 1 || count > MAX_SHARDS)
    throw new InputError(
      `${name} claims ${count} shards; 1 to ${MAX_SHARDS} are read. Send one shard of an intact split file.`,
    );
  return Array.from(
    { length: count },
    (_, index) => `${match[1]}-${String(index + 1).padStart(5, "0")}-of-${match[3]}.gguf`,
  );
}

/** One model of the headers of all its shards, in order. */
export function assembleModel(headers: readonly GgufHeader[], name: string, source: string): Model {
  const [first] = headers;
  if (first === undefined) throw new InputError(`${source} is empty. Send a GGUF file.`);
  const tensors = headers.flatMap((header) => header.tensors);
  if (tensors.length === 0)
    throw new InputError(`${name} holds no tensors (a vocabulary alone, perhaps). Send the GGUF file of a model.`);
  const given = first.metadata["general.name"];
  const fileType = first.metadata["general.file_type"];
  return {
    name: typeof given === "string" && given !== "" ? given.slice(0, 128) : name,
    recipe: typeof fileType === "number" ? recipeOfFileType(fileType) : undefined,
    hyper: readHyperparameters(first.metadata, tensors),
    tensors,
    fileBytes: headers.reduce((sum, { wholeBytes }) => sum + wholeBytes, 0),
    evidence: "reported",
    source,
    warnings: [],
  };
}

/**
 * Reads a GGUF file (any shard of a split one; a header whose data is cut off is profiled like a whole file, with a warning).
 * @throws InputError when it is missing, not GGUF, truncated inside its header, or of an architecture that is not known.
 */
export async function readGgufFile(path: string): Promise<Model> {
  const headers: FileHeader[] = [];
  for (const name of shardNames(basename(path))) headers.push(await readFileHeader(join(dirname(path), name)));
  const model = assembleModel(headers, basename(path), `GGUF header of ${basename(path)}`);
  if (!headers.some(({ presentBytes, wholeBytes }) => presentBytes < wholeBytes)) return model;
  const cutOff = `${basename(path)} holds only a header: its tensor data is cut off, so no engine can load it.`;
  return { ...model, warnings: [cutOff] };
}
