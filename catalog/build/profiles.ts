/**
 * The model catalog as sums → catalog/profiles.json: per set of dimensions its shape, and per published recipe the weights by part and type.
 * Run after the catalog, the layouts or the recipes change: npx tsx catalog/build/profiles.ts
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { profilesOf } from "./profiles-of.ts";

const { text, count } = await profilesOf();
writeFileSync(join(import.meta.dirname, "../profiles.json"), text);
process.stdout.write(`${count} profiles, ${text.length} bytes\n`);
