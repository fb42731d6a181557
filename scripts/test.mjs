/** `npm test`: all tests, from a fresh checkout on. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureInstalled, root } from "./prepare.mjs";

ensureInstalled();
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const done = spawnSync(process.execPath, [vitest, "run", ...process.argv.slice(2)], { cwd: root, stdio: "inherit" });
process.exit(done.status ?? 1);
