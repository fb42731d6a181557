/** One model at its best on a machine: the recipe whose score is highest, floors of quality kept where anything above them runs. */
import { sizesOf } from "../estimate/quality.ts";
import type { Ability } from "../facts/ability.ts";
import type { Run } from "../facts/run.ts";
import { bestPlacement, judge, type Judged, type Knowledge, type ModelQuestion } from "./choose.ts";
import { floorBitsPerWeight, type Variant } from "./variants.ts";

export interface RankQuestion extends ModelQuestion {
  /** finest first */
  readonly variants: readonly Variant[];
  readonly parameterCount: number;
  readonly run: Run;
  readonly ability: Ability | undefined;
}

/** No published file stores a weight in less. */
const LEAST_BITS = 2;

/** @returns undefined when not even the smallest file could fit in all the memory there is */
export function rankModel(ask: RankQuestion, knowledge: Knowledge): Judged | undefined {
  const { hardware, parameterCount } = ask;
  const memory = hardware.devices.reduce((sum, device) => (device.kind === "unified" ? sum : sum + device.memoryUsableBytes.value), 0) + hardware.host.ramAvailableBytes.value;
  if ((parameterCount * LEAST_BITS) / 8 > memory) return undefined;
  let best: Judged | undefined;
  for (const variant of ask.variants) {
    if (variant.recipe === undefined) continue;
    const model = variant.model();
    if (model.fileBytes > memory) continue;
    const { bitsPerWeight } = sizesOf(model);
    if (best?.candidate.fits && bitsPerWeight < floorBitsPerWeight(parameterCount)) break;
    const judged = judge(bestPlacement(model, ask.run, ask, knowledge), ask.ability, knowledge);
    if (!best || judged.score > best.score) best = judged;
    // coarser files only lose quality once the speed target is met on devices alone
    if (judged.candidate.runMode === "gpu" && judged.candidate.fitLevel === "perfect" && judged.scores.speed >= 100) break;
  }
  return best;
}
