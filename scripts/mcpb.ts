/**
 * The extension file for desktop hosts: `modelfit-mcp-VERSION.mcpb`, a zip of the manifest, the built program and the licences. Prints its
 * digest, and writes it into server.json when the address of the release is given: `npm run mcpb [https://…/releases/download/v1.2.3]`.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tools } from "../src/tools/index.ts";
import { version } from "../src/version.ts";
import { ensureBuilt, root } from "./prepare.mjs";
import { zip } from "./zip.mjs";

/** The extension's manifest, version 0.3 of the format. */
export function manifest() {
  return {
    manifest_version: "0.3",
    name: "modelfit-mcp",
    display_name: "modelfit",
    version,
    description: "Which open-weight model runs on this machine, how well, how fast, and with which command.",
    author: { name: "modelfit" },
    license: "Apache-2.0",
    keywords: ["llm", "gguf", "llama.cpp", "gpu", "vram", "hardware"],
    server: {
      type: "node",
      entry_point: "dist/cli.js",
      mcp_config: {
        command: "node",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the host fills these in
        args: ["${__dirname}/dist/cli.js"],
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the host fills these in
        env: { HF_TOKEN: "${user_config.hf_token}" },
      },
    },
    tools: tools.map(({ name, description }) => ({ name, description })),
    prompts_generated: true,
    user_config: {
      hf_token: {
        type: "string",
        title: "Hugging Face token",
        description: "Only for models that need one; everything in the catalog is answered without.",
        sensitive: true,
        required: false,
        default: "",
      },
    },
    compatibility: { platforms: ["darwin", "win32", "linux"], runtimes: { node: ">=20.0.0" } },
  };
}

/** Every file that belongs in it, by its path there; types are of no use to a host. */
export function contents(): [string, Buffer][] {
  const built = readdirSync(join(root, "dist"), { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => /\.js$|^THIRD-PARTY-LICENSES$/.test(name) && !name.startsWith("types/") && name !== "library.js")
    .sort();
  const own = Buffer.from(JSON.stringify({ name: "modelfit-mcp", version, type: "module" }));
  return [
    ["manifest.json", Buffer.from(JSON.stringify(manifest(), undefined, 2))],
    ["package.json", own],
    ["LICENSE", readFileSync(join(root, "LICENSE"))],
    ...built.map((name): [string, Buffer] => [`dist/${name}`, readFileSync(join(root, "dist", name))]),
  ];
}

if (process.argv[1]?.endsWith("mcpb.ts")) {
  await ensureBuilt();
  const name = `modelfit-mcp-${version}.mcpb`;
  const bytes = zip(contents());
  const fileSha256 = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(root, name), bytes);
  process.stdout.write(`${name} ${bytes.length} bytes sha256 ${fileSha256}\n`);
  const release = process.argv[2];
  if (release !== undefined) {
    const path = join(root, "server.json");
    const server = JSON.parse(readFileSync(path, "utf8"));
    const npm = server.packages.filter(({ registryType }: { registryType: string }) => registryType !== "mcpb");
    const mcpb = { registryType: "mcpb", identifier: `${release}/${name}`, fileSha256, transport: { type: "stdio" } };
    writeFileSync(path, `${JSON.stringify({ ...server, packages: [...npm, mcpb] }, undefined, 2)}\n`);
  }
}
