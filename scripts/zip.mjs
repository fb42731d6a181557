/** A zip file of a few files, the same bytes for the same contents. Format: PKWARE APPNOTE 6.3, sections 4.3 and 4.4. */
import { deflateRawSync, crc32 as nodeCrc32 } from "node:zlib";

/** 1980-01-01, the oldest date that the format can say */
const DATE = 0x0021;

const table = Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});
/** Node has its own from 22.2 on. */
function crc32(bytes) {
  if (nodeCrc32 !== undefined) return nodeCrc32(bytes);
  let value = 0xffffffff;
  for (const byte of bytes) value = table[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** `files`: path in the archive → contents, in order. */
export function zip(files) {
  const parts = [];
  const entries = [];
  let offset = 0;
  for (const [path, contents] of files) {
    const name = Buffer.from(path);
    const packed = deflateRawSync(contents, { level: 9 });
    // version 2.0, names in UTF-8, deflated; time, date; checksum, sizes; length of the name, no extra field
    const facts = Buffer.alloc(26);
    for (const [index, value] of [20, 0x0800, 8, 0, DATE].entries()) facts.writeUInt16LE(value, 2 * index);
    const sizes = [crc32(contents), packed.length, contents.length];
    for (const [index, value] of sizes.entries()) facts.writeUInt32LE(value, 10 + 4 * index);
    facts.writeUInt16LE(name.length, 22);
    parts.push(Buffer.from("PK\u0003\u0004"), facts, name, packed);
    const where = Buffer.alloc(14);
    where.writeUInt32LE(offset, 10);
    entries.push(Buffer.from("PK\u0001\u0002\u0014\u0000"), facts, where, name);
    offset += 30 + name.length + packed.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, directory, Buffer.from("PK\u0005\u0006"), end]);
}
