/**
 * The recipe of a model that is best on a machine for a use case: of those above the floor of quality the one whose exact score is
 * highest. Where a file fits on the devices alone coarser ones only lose quality, so the search starts there and climbs.
 */
import { sizesOf } from "../estimate/quality.ts";
import type { Ability } from "../facts/ability.ts";
import type { Run } from "../facts/run.ts";
import { bestPlacement, type Judged, judge, type Knowledge, type ModelQuestion } from "./choose.ts";
import { floorBitsPerWeight, type Variant } from "./variants.ts";

export interface BestVariant {
  readonly variant: Variant;
  /** false: none fits, and this is the smallest */
  readonly fits: boolean;
}

/** Where to start when nothing fits on devices alone: what most people run. */
const USUAL_BITS = 4.9;

/** @param variants finest first, at least one */
export function bestVariant(
  variants: readonly Variant[],
  runFor: (variant: Variant) => Run,
  ask: ModelQuestion,
  ability: Ability | undefined,
  knowledge: Knowledge,
): BestVariant | undefined {
  const [first] = variants;
  const last = variants.at(-1);
  if (!first || !last) return undefined;
  const floor = floorBitsPerWeight(sizesOf(last.model()).parameterCount);
  const bitsOf = (variant: Variant): number => sizesOf(variant.model()).bitsPerWeight;
  const above = variants.filter((variant) => variant === first || bitsOf(variant) >= floor);
  const tried = new Map<number, Judged>();
  const judgedAt = (index: number): Judged | undefined => {
    const variant = above[index];
    if (!variant) return undefined;
    const known = tried.get(index);
    if (known) return known;
    const judged = judge(bestPlacement(variant.model(), runFor(variant), ask, knowledge), ability, knowledge, "run");
    tried.set(index, judged);
    return judged;
  };
  const scoreAt = (index: number): number => judgedAt(index)?.score ?? Number.NEGATIVE_INFINITY;

  const onDevices = ask.hardware.devices.length > 0 ? above.findIndex((variant) => fitsOnDevices(variant)) : -1;
  const usual = above.findIndex((variant) => bitsOf(variant) <= USUAL_BITS);
  let best = onDevices >= 0 ? onDevices : Math.max(0, usual);
  for (const step of [-1, 1]) while (scoreAt(best + step) > scoreAt(best)) best += step;
  const variant = above[best];
  if (variant && judgedAt(best)?.candidate.fits) return { variant, fits: true };
  // below the floor only when nothing above it runs at all
  const small = variants.find((candidate) => bestPlacement(candidate.model(), runFor(candidate), ask, knowledge).fits);
  return small ? { variant: small, fits: true } : { variant: last, fits: false };

  function fitsOnDevices(candidate: Variant): boolean {
    const model = candidate.model();
    const room = ask.hardware.devices.reduce((sum, device) => sum + device.memoryUsableBytes.value, 0);
    if (model.fileBytes > room) return false;
    return bestPlacement(model, runFor(candidate), { ...ask, runModes: ["gpu"] }, knowledge).fits;
  }
}
