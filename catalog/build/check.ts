/** `npm run catalog:check`: what the catalog holds, its exceptions, and every problem in a line of its own; exits with 1 when there is any. */
import { join } from "node:path";
import { checkModels, summarizeModels } from "./check-models.ts";

const folder = join(import.meta.dirname, "..");
const problems = checkModels(folder);
if (problems.length === 0) process.stdout.write(`${summarizeModels(folder).join("\n")}\n`);
for (const problem of problems) console.error(problem);
process.stdout.write(problems.length === 0 ? "catalog: no problems\n" : `catalog: ${problems.length} problems\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
