/** dist/: the program and the library as minified modules whose heavy parts are chunks of their own, with types and licences. */
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./prepare.mjs";

/** CommonJS packages inside the bundle ask for Node's own modules with `require`. */
const banner = 'import{createRequire as __cr}from"node:module";const require=__cr(import.meta.url);';

/**
 * Parts of the SDK that this server never uses but would load at every start, by what stands in for them: a JSON Schema validator for
 * elicitation answers, schemas of zod 3, and a body reader (ours is bounded). Worth about 15 ms of the answer to `initialize`.
 */
const unused = [
  [/validation[\\/]ajv-provider\.js$/, "export class AjvJsonSchemaValidator {}"],
  [/node_modules[\\/]zod[\\/]v3[\\/]index\.js$/, "export const object = undefined, ZodFirstPartyTypeKind = {};"],
  [/node_modules[\\/]raw-body[\\/]index\.js$/, "export default undefined;"],
];
const withoutUnused = {
  name: "without-unused",
  setup: (plugin) => {
    for (const [filter, contents] of unused) plugin.onLoad({ filter }, () => ({ contents, loader: "js" }));
  },
};

/** Puts the values of `tools/list` and the other lists in place of the modules that compute them: 9 MB and 20 ms less when a client asks. */
const listedInAdvance = {
  name: "listed-in-advance",
  setup: (plugin) => {
    plugin.onLoad({ filter: /src[\\/](tools|resources)[\\/]listed\.ts$/ }, async ({ path }) => ({
      contents: `export const listed = ${JSON.stringify((await evaluate(plugin.esbuild, path)).listed)};`,
      loader: "js",
    }));
  },
};

/** Puts the pages' text in place of the module that reads them, without the spaces that only their author needs. */
const pagesInside = {
  name: "pages-inside",
  setup: (plugin) => {
    plugin.onLoad({ filter: /src[\\/]apps[\\/]html\.ts$/ }, ({ path }) => {
      const text = (name) => JSON.stringify(readFileSync(join(dirname(path), name), "utf8").replace(/^[ \t]+/gm, ""));
      return {
        contents: `export const pageHtml = ${text("page.html")}, frontierHtml = ${text("frontier.html")};`,
        loader: "js",
      };
    });
  },
};

/** The exports of a source module, run on its own. */
async function evaluate({ build: bundle }, path) {
  // beside the packages, so that their names resolve
  const file = join(root, "node_modules/.cache", `${randomUUID()}.mjs`);
  await bundle({
    entryPoints: [path],
    outfile: file,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    plugins: [pagesInside],
  });
  try {
    return await import(pathToFileURL(file).href);
  } finally {
    rmSync(file);
  }
}

export async function build() {
  const { build: bundle } = await import("esbuild");
  const { metafile, outputFiles } = await bundle({
    absWorkingDir: root,
    entryPoints: { cli: "src/cli.ts", library: "src/library.ts", thread: "src/work/thread.ts" },
    outdir: "dist",
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    minify: true,
    banner: { js: banner },
    plugins: [withoutUnused, listedInAdvance, pagesInside],
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
    write: false,
  });
  // only a build that succeeded replaces the last one
  rmSync(join(root, "dist"), { recursive: true, force: true });
  mkdirSync(join(root, "dist/chunks"), { recursive: true });
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
  writeFileSync(join(root, "dist/THIRD-PARTY-LICENSES"), licences(Object.keys(metafile.inputs)));
}

/** The types of the library; apart from the build because running needs none. */
function declare() {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const done = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

/** The licence text of every package that went into the bundle. */
function licences(inputs) {
  const packages = new Set(
    inputs.map((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[0]).filter((path) => path !== undefined),
  );
  return [...packages]
    .sort()
    .map((path) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, path, "package.json"), "utf8"));
      const file = readdirSync(join(root, path)).find((entry) => /^licen[cs]e/i.test(entry));
      return `${name} ${version} (${license})\n\n${file === undefined ? "" : readFileSync(join(root, path, file), "utf8").trim()}\n`;
    })
    .join(`\n${"-".repeat(78)}\n\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await build();
  declare();
}
