/**
 * catalog/quality/{observations,embedding}.json → catalog/quality/abilities.json: fits the item-response model, joins it to catalog ids,
 * and says for every catalog model how able it is and how that is known. Deterministic; seconds.
 * Run: npx tsx catalog/build/quality.ts          (writes)
 *      npx tsx catalog/build/quality.ts report   (the held-out report; fails under .80 pair accuracy on unscored models)
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { abilitiesText } from "./quality/abilities.ts";
import { type Accuracy, droppedBoards, randomScores, unscoredModels } from "./quality/evaluate.ts";
import { readObservations } from "./quality/observations.ts";
import { problemOf } from "./quality/problem.ts";

/** Pair accuracy on unscored models below which a refresh is not to be trusted. */
const LEAST_PAIR_ACCURACY = 0.8;

function report(): void {
  const observations = readObservations();
  const problem = problemOf(observations);
  const line = (name: string, { scoreCount, pointsMae, eloMae, pairAccuracy }: Accuracy): string =>
    `${name.padEnd(28)} n ${String(scoreCount).padStart(6)}  MAE ${pointsMae.toFixed(2)} points, Elo ${eloMae.toFixed(0)}  pairs ${pairAccuracy.toFixed(3)}\n`;
  process.stdout.write(line("single scores held out", randomScores(problem)));
  const { all, byDomain, againstSize } = unscoredModels(problem);
  process.stdout.write(line("unscored models", all));
  for (const [domain, row] of Object.entries(byDomain)) process.stdout.write(line(`  ${domain}`, row));
  for (const [domain, { prior, size, pairCount }] of Object.entries(againstSize))
    process.stdout.write(
      `  ${domain.padEnd(12)} pairs ${prior.toFixed(3)} against ${size.toFixed(3)} by parameters only (${pairCount})\n`,
    );
  for (const [board, { pairAccuracy, scoreCount }] of Object.entries(droppedBoards(problem, observations.items)))
    process.stdout.write(`without ${board.padEnd(28)} pairs ${pairAccuracy.toFixed(3)} (${scoreCount} scores)\n`);
  if (all.pairAccuracy < LEAST_PAIR_ACCURACY) {
    process.stderr.write(
      `pair accuracy on unscored models is ${all.pairAccuracy.toFixed(3)}, under ${LEAST_PAIR_ACCURACY}\n`,
    );
    process.exitCode = 1;
  }
}

if (process.argv[2] === "report") report();
else {
  const { text, summary } = await abilitiesText();
  writeFileSync(join(import.meta.dirname, "../quality/abilities.json"), text);
  process.stdout.write(summary);
}
