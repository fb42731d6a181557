/** catalog/quality/observations.json: published scores, condensed. A score is `[item, printed score, mode, kind, month of the source]`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** Whether the model thought before it answered. */
export const modes = ["unlabelled", "on", "off"] as const;
export type Mode = (typeof modes)[number];
export const scoreKinds = ["leaderboard", "third_party", "vendor"] as const;
export type ScoreKind = (typeof scoreKinds)[number];

const observations = z.strictObject({
  /** `benchmark|version|where it was measured`, with a protocol where one source has two */
  items: z.array(z.string()),
  models: z.record(
    z.string(),
    z.strictObject({
      totalBillions: z.number().positive().optional(),
      activeBillions: z.number().positive().optional(),
      released: z.string().optional(),
      communityTune: z.literal(true).optional(),
      base: z.literal(true).optional(),
      scores: z.array(
        z.tuple([z.int().nonnegative(), z.number(), z.int().min(0).max(2), z.int().min(0).max(2), z.string()]),
      ),
    }),
  ),
});
export type Observations = z.infer<typeof observations>;

export function readObservations(): Observations {
  return observations.parse(
    JSON.parse(readFileSync(join(import.meta.dirname, "../../quality/observations.json"), "utf8")),
  );
}
