/** `npm run catalog:check`: every problem of the catalog in a line of its own; exits with 1 when there is any. */
import { join } from "node:path";
import { checkModels } from "./check-models.ts";

const problems = checkModels(join(import.meta.dirname, ".."));
for (const problem of problems) console.error(problem);
process.stdout.write(problems.length === 0 ? "catalog: no problems\n" : `catalog: ${problems.length} problems\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
