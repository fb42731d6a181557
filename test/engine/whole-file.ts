/**
 * A measured header → a file that a real engine loads: a synthetic tokenizer of the same vocabulary, and a hole where the weights would be
 * (zeros, which llama.cpp computes with at full speed).
 */
import { readFile, truncate, writeFile } from "node:fs/promises";
import { buildGgufHeader, GGUFValueType, gguf } from "@huggingface/gguf";
import { shapeBytes, tensorTypeOfId } from "../../src/core/facts/tensor-type.ts";

const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const BYTE = 6;

function syntheticVocabulary(count: number): { tokens: string[]; types: number[]; scores: number[] } {
  const special = ["<unk>", "<s>", "</s>"];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const rest = Array.from({ length: count - special.length - bytes.length }, (_, index) => `tok_${index}`);
  return {
    tokens: [...special, ...bytes, ...rest],
    types: [UNKNOWN, CONTROL, CONTROL, ...bytes.map(() => BYTE), ...rest.map(() => NORMAL)],
    scores: Array.from({ length: count }, (_, index) => -index),
  };
}

export async function writeWholeFile(headerPath: string, outputPath: string, vocabularyCount: number): Promise<void> {
  const parsed = await gguf(headerPath, { allowLocalFile: true, typedMetadata: true });
  const { tokens, types, scores } = syntheticVocabulary(vocabularyCount);
  const metadata = Object.assign(parsed.typedMetadata, {
    "tokenizer.ggml.model": { value: "llama" as const, type: GGUFValueType.STRING },
    "tokenizer.ggml.tokens": { value: tokens, type: GGUFValueType.ARRAY, subType: GGUFValueType.STRING },
    "tokenizer.ggml.scores": { value: scores, type: GGUFValueType.ARRAY, subType: GGUFValueType.FLOAT32 },
    "tokenizer.ggml.token_type": { value: types, type: GGUFValueType.ARRAY, subType: GGUFValueType.INT32 },
    "tokenizer.ggml.bos_token_id": { value: 1, type: GGUFValueType.UINT32 },
    "tokenizer.ggml.eos_token_id": { value: 2, type: GGUFValueType.UINT32 },
  });
  const header = await buildGgufHeader(new Blob([await readFile(headerPath)]), metadata, {
    littleEndian: parsed.littleEndian,
    tensorInfoByteRange: parsed.tensorInfoByteRange,
  });
  await writeFile(outputPath, Buffer.from(await header.arrayBuffer()));
  const dataBytes = parsed.tensorInfos.reduce((end, { shape, dtype, offset }) => {
    const type = tensorTypeOfId(dtype);
    if (type === undefined) throw new Error(`unknown tensor type ${dtype}`);
    return Math.max(end, Number(offset) + shapeBytes(type, shape.map(Number)));
  }, 0);
  await truncate(outputPath, header.size + dataBytes);
}
