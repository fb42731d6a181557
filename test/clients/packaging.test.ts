/** What is published says the same as the program: names, versions, tools; and the extension file opens and starts. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { expect, it } from "vitest";
import { contents, manifest } from "../../scripts/mcpb.ts";
import { root } from "../../scripts/prepare.mjs";
import { zip } from "../../scripts/zip.mjs";
import { tools } from "../../src/tools/index.ts";

const json = (name: string) => JSON.parse(readFileSync(join(root, name), "utf8"));

it("is one name and one version everywhere", () => {
  const { name, version, mcpName } = json("package.json");
  const server = json("server.json");
  expect([server.name, server.version]).toEqual([mcpName, version]);
  expect(server.description.length).toBeLessThanOrEqual(100);
  expect(server.packages[0]).toMatchObject({ identifier: name, version, transport: { type: "stdio" } });
  expect(manifest()).toMatchObject({ name, version, tools: tools.map((tool) => ({ name: tool.name })) });
  expect(json(".claude-plugin/plugin.json").version).toBe(version);
});

/** The files of an archive by its central directory, each checked against its own header. */
function unzip(archive: Buffer): Map<string, Buffer> {
  const end = archive.lastIndexOf("PK\u0005\u0006");
  const files = new Map<string, Buffer>();
  let at = archive.readUInt32LE(end + 16);
  for (let count = archive.readUInt16LE(end + 10); count > 0; count--) {
    const length = archive.readUInt16LE(at + 28);
    const name = archive.toString("utf8", at + 46, at + 46 + length);
    const local = archive.readUInt32LE(at + 42);
    expect(archive.toString("latin1", local, local + 4)).toBe("PK\u0003\u0004");
    const start = local + 30 + archive.readUInt16LE(local + 26);
    const bytes = inflateRawSync(archive.subarray(start, start + archive.readUInt32LE(at + 20)));
    expect(bytes.length).toBe(archive.readUInt32LE(at + 24));
    files.set(name, bytes);
    at += 46 + length;
  }
  return files;
}

it("checks sums as the format wants", () => {
  // of "123456789", the check value of CRC-32 (ISO-HDLC)
  expect(zip([["a", Buffer.from("123456789")]]).readUInt32LE(14)).toBe(0xcbf43926);
});

it("makes an extension file that is always the same, small, and starts", () => {
  const archive = zip(contents());
  expect(archive.equals(zip(contents()))).toBe(true);
  expect(archive.length).toBeLessThan(2_000_000);
  const files = unzip(archive);
  expect([...files.keys()]).toEqual(
    expect.arrayContaining(["manifest.json", "LICENSE", "dist/cli.js", "dist/thread.js", "dist/THIRD-PARTY-LICENSES"]),
  );
  const folder = mkdtempSync(join(tmpdir(), "modelfit-"));
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  const started = spawnSync(process.execPath, [join(folder, manifest().server.entry_point), "--version"], {
    encoding: "utf8",
  });
  rmSync(folder, { recursive: true });
  expect(started.stdout.trim()).toBe(manifest().version);
}, 60_000);
