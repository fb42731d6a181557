/** One model at its best on a machine, by sums: the recipe whose score is highest, floors of quality kept where anything above them runs. */
import { sizesOf } from "../estimate/quality.ts";
import type { Ability } from "../facts/ability.ts";
import type { Run } from "../facts/run.ts";
import type { Knowledge, ModelQuestion } from "./choose.ts";
import { type Quick, quick } from "./quick.ts";
import { floorBitsPerWeight, type Variant } from "./variants.ts";

export interface RankQuestion extends ModelQuestion {
  /** finest first */
  readonly variants: readonly Variant[];
  readonly parameterCount: number;
  readonly run: Run;
  readonly ability: Ability | undefined;
}

export interface Ranked extends Quick {
  readonly variant: Variant;
}

/** No published file stores a weight in less. */
const LEAST_BITS = 2;

/** @returns undefined when not even the smallest file could fit in all the memory there is */
export function rankModel(ask: RankQuestion, knowledge: Knowledge): Ranked | undefined {
  const { hardware, parameterCount, question } = ask;
  const memory =
    hardware.devices.reduce(
      (sum, device) => (device.kind === "unified" ? sum : sum + device.memoryUsableBytes.value),
      0,
    ) + hardware.host.ramAvailableBytes.value;
  if ((parameterCount * LEAST_BITS) / 8 > memory) return undefined;
  let best: Ranked | undefined;
  for (const variant of ask.variants) {
    // a finer file than memory could hold needs no layout
    if (variant.recipe === undefined || (parameterCount * variant.leastBits) / 8 > memory) continue;
    const model = variant.model();
    if (best?.fits && sizesOf(model).bitsPerWeight < floorBitsPerWeight(parameterCount)) break;
    const judged = { ...quick(model, hardware, ask.run, question, ask.ability, knowledge), variant };
    if (!best || (judged.fits && !best.fits) || judged.score > best.score) best = judged;
    // coarser files only lose quality once the target is met on devices alone
    if (judged.runMode === "gpu" && judged.comfortable && judged.scores.speed >= 100) break;
  }
  return best;
}
