/** The smallest GGUF reader that these tests need: key-values and the tensor table of a header file. */
import { readFileSync } from "node:fs";
import type { Metadata, MetadataValue } from "../../../src/core/facts/model.ts";
import type { Tensor } from "../../../src/core/facts/tensor.ts";
import { tensorTypeOfId } from "../../../src/core/facts/tensor-type.ts";

export interface Header {
  readonly metadata: Metadata;
  readonly tensors: readonly Tensor[];
}

export function readHeader(path: string): Header {
  const bytes = readFileSync(path);
  let at = 8;
  const u32 = () => bytes.readUInt32LE((at += 4) - 4);
  const u64 = () => Number(bytes.readBigUInt64LE((at += 8) - 8));
  const text = () => {
    const length = u64();
    return bytes.toString("utf8", at, (at += length));
  };
  const scalar = (type: number): string | number | boolean => {
    switch (type) {
      case 0: return bytes.readUInt8((at += 1) - 1);
      case 1: return bytes.readInt8((at += 1) - 1);
      case 2: return bytes.readUInt16LE((at += 2) - 2);
      case 3: return bytes.readInt16LE((at += 2) - 2);
      case 4: return u32();
      case 5: return bytes.readInt32LE((at += 4) - 4);
      case 6: return bytes.readFloatLE((at += 4) - 4);
      case 7: return bytes.readUInt8((at += 1) - 1) !== 0;
      case 8: return text();
      case 10: return u64();
      case 11: return Number(bytes.readBigInt64LE((at += 8) - 8));
      case 12: return bytes.readDoubleLE((at += 8) - 8);
      default: throw new Error(`GGUF value type ${type} in ${path}`);
    }
  };
  const tensorCount = u64();
  const keyCount = u64();
  const metadata: Record<string, MetadataValue> = {};
  for (let key = 0; key < keyCount; key++) {
    const name = text();
    const type = u32();
    if (type !== 9) metadata[name] = scalar(type);
    else {
      const element = u32();
      metadata[name] = Array.from({ length: u64() }, () => scalar(element));
    }
  }
  const tensors = Array.from({ length: tensorCount }, () => {
    const name = text();
    const shape = Array.from({ length: u32() }, u64);
    const id = u32();
    u64();
    const type = tensorTypeOfId(id);
    if (!type) throw new Error(`GGUF tensor type ${id} in ${path}`);
    return { name, shape, type };
  });
  return { metadata, tensors };
}
