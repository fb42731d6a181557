/** GGUF headers over HTTP: ranges of the file's head, through the same checks as a local file. */

import { readHyperparameters } from "../facts/hyperparameters.ts";
import { InputError } from "../facts/input-error.ts";
import type { Metadata, Model } from "../facts/model.ts";
import { type Tensor, tensorBytes } from "../facts/tensor.ts";
import type { Bytes } from "../units.ts";
import { recipeOfFileType } from "./gguf/file-type.ts";
import { plainMetadata, readTensorInfo } from "./gguf/read.ts";

export interface RemoteHeader {
  readonly metadata: Metadata;
  readonly tensors: readonly Tensor[];
  readonly fileBytes: Bytes;
}

/** @throws InputError when what lies at `url` is no intact GGUF header; errors of the network pass through */
export async function readRemoteHeader(
  url: string,
  name: string,
  fetch: typeof globalThis.fetch,
): Promise<RemoteHeader> {
  const { gguf } = await import("@huggingface/gguf");
  let networkError: unknown;
  const watched: typeof fetch = async (input, init) => {
    try {
      const response = await fetch(input, init);
      if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { statusCode: response.status });
      return response;
    } catch (error) {
      networkError = error;
      throw error;
    }
  };
  const parsed = await gguf(url, { fetch: watched }).catch((error: unknown) => {
    if (networkError !== undefined) throw networkError;
    const reason = error instanceof Error ? error.message.slice(0, 120) : "unreadable";
    throw new InputError(`The header of ${name} cannot be read (${reason}). Send another GGUF file.`);
  });
  let fileBytes = Number(parsed.tensorDataOffset);
  const tensors = parsed.tensorInfos.map((info) => {
    const tensor = readTensorInfo(info, name);
    fileBytes = Math.max(fileBytes, Number(parsed.tensorDataOffset) + Number(info.offset) + tensorBytes(tensor));
    return tensor;
  });
  return { metadata: plainMetadata(Object.fromEntries(Object.entries(parsed.metadata))), tensors, fileBytes };
}

/** One model of the headers of all its shards. */
export function assembleModel(headers: readonly RemoteHeader[], source: string): Model {
  const [first] = headers;
  if (first === undefined) throw new InputError(`${source} is empty. Send a GGUF file.`);
  const tensors = headers.flatMap((header) => header.tensors);
  const name = first.metadata["general.name"];
  const fileType = first.metadata["general.file_type"];
  return {
    name: typeof name === "string" ? name.slice(0, 128) : source,
    recipe: typeof fileType === "number" ? recipeOfFileType(fileType) : undefined,
    hyper: readHyperparameters(first.metadata, tensors),
    tensors,
    fileBytes: headers.reduce((sum, header) => sum + header.fileBytes, 0),
    evidence: "reported",
    source,
    warnings: [],
  };
}
