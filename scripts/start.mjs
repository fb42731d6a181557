/** `npm start`: the answer for this machine, from a fresh checkout on. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root } from "./prepare.mjs";

ensureInstalled();
await ensureBuilt();
const done = spawnSync(process.execPath, [join(root, "dist/cli.js"), "here", ...process.argv.slice(2)], {
  stdio: "inherit",
});
process.exit(done.status ?? 1);
