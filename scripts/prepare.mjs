/** What the other scripts need first: dependencies as the lock file has them, and a build newer than its sources. Node built-ins only. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Installs when node_modules is missing or older than the lock file. Everything it says goes to standard error. */
export function ensureInstalled() {
  if (modifiedMs("node_modules/.package-lock.json") >= modifiedMs("package-lock.json")) return;
  console.error("Installing dependencies (once) …");
  const npm = process.env.npm_execpath;
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const done =
    npm === undefined
      ? spawnSync("npm", args, { cwd: root, stdio: ["ignore", 2, 2], shell: process.platform === "win32" })
      : spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status === 0) return;
  console.error("The dependencies could not be installed. Check the network connection and try again.");
  process.exit(1);
}

/** Builds dist/ when a source is newer than it. */
export async function ensureBuilt() {
  const sources = ["package.json", "tsconfig.build.json", "scripts", "src", "catalog"];
  if (modifiedMs("dist/library.js") > Math.max(...sources.map(newestMs))) return;
  const { build } = await import("./build.mjs");
  await build();
}

function modifiedMs(path) {
  const full = join(root, path);
  return existsSync(full) ? statSync(full).mtimeMs : 0;
}

function newestMs(path) {
  const full = join(root, path);
  if (!existsSync(full)) return 0;
  const { mtimeMs } = statSync(full);
  if (!statSync(full).isDirectory()) return mtimeMs;
  return readdirSync(full).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), mtimeMs);
}
