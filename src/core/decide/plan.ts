/**
 * The configuration to launch: recipe × cache type × context × micro-batch × placement, every one judged whole, the best by the
 * objective. Small enough to enumerate: coarse choices are skipped only when a finer one already serves.
 */
import { sizesOf } from "../estimate/quality.ts";
import type { Ability } from "../facts/ability.ts";
import type { CacheType, Run } from "../facts/run.ts";
import type { Tokens, TokensPerSecond } from "../units.ts";
import type { Candidate } from "./candidate.ts";
import {
  bestPlacement,
  type Judged,
  judge,
  type Knowledge,
  type ModelQuestion,
  placementIsFixed,
  refine,
  taskSeconds,
} from "./choose.ts";
import { floorBitsPerWeight, type Variant } from "./variants.ts";

export const objectives = ["balanced", "quality", "speed", "context", "memory"] as const;
export type Objective = (typeof objectives)[number];

export interface PlanQuestion extends ModelQuestion {
  /** the variants allowed, finest first; one when the caller fixed it */
  readonly variants: readonly Variant[];
  /** the recipe was left to the plan: floors of quality hold */
  readonly recipeIsFree: boolean;
  readonly baseRun: (variant: Variant) => Run;
  readonly objective: Objective;
  readonly targetContextTokens: Tokens;
  readonly minContextTokens: Tokens;
  readonly minDecodeTokensPerSecond: TokensPerSecond;
  readonly cacheTypes: readonly CacheType[];
  readonly ability: Ability | undefined;
}

export interface Plan {
  readonly best: Judged & { readonly variant: Variant };
  readonly all: readonly (Judged & { readonly variant: Variant })[];
  readonly triedCount: number;
}

export type PlanOutcome =
  | { readonly outcome: "planned"; readonly plan: Plan }
  | {
      readonly outcome: "infeasible";
      readonly closest: Candidate;
      readonly variant: Variant;
      readonly reason: string;
      readonly triedCount: number;
    };

type Option = Judged & { readonly variant: Variant };

/** Larger is better; ties by whole-answer time. */
const worth: Readonly<Record<Objective, (option: Option) => number>> = {
  balanced: (option) => option.score,
  quality: (option) => option.scores.quality + option.score / 100,
  speed: (option) => option.candidate.speed?.decodeTokensPerSecond.mid ?? 0,
  context: (option) => option.maxContextTokens + option.score / 1000,
  memory: (option) => -option.candidate.memoryBytes,
};

/** The contexts to try: the wanted one, and halves of it down to the least where it does not run on devices alone. */
function contextSteps(target: Tokens, least: Tokens): Tokens[] {
  const steps: Tokens[] = [];
  for (let tokens = Math.max(target, least); tokens > least; tokens = Math.floor(tokens / 2)) steps.push(tokens);
  steps.push(least);
  return steps;
}

function optionsOf(
  variant: Variant,
  ask: PlanQuestion,
  knowledge: Knowledge,
): { readonly options: Option[]; readonly closest: Candidate; readonly tried: number } {
  const model = variant.model();
  const base = ask.baseRun(variant);
  const contexts =
    ask.fixed.has("contextTokens") || !model.hyper.hasCache
      ? [base.contextTokens]
      : contextSteps(ask.targetContextTokens, Math.min(ask.minContextTokens, ask.targetContextTokens));
  const pairs: readonly (readonly [CacheType, CacheType])[] =
    ask.fixed.has("cacheTypeK") || ask.fixed.has("cacheTypeV") || !model.hyper.hasCache
      ? [[base.cacheTypeK, base.cacheTypeV]]
      : ask.cacheTypes.map((type) => [type, type] as const);
  const options: Option[] = [];
  let closest: Candidate | undefined;
  let tried = 0;
  for (const contextTokens of contexts) {
    let onDevices = false;
    for (const [cacheTypeK, cacheTypeV] of pairs) {
      const candidate = bestPlacement(
        model,
        { ...base, contextTokens, cacheTypeK, cacheTypeV },
        ask,
        knowledge,
        "whole",
      );
      tried++;
      if (!closest || candidate.shortfall.totalBytes < closest.shortfall.totalBytes) closest = candidate;
      if (!candidate.fits) continue;
      options.push({ ...judge(candidate, ask.ability, knowledge, contextMode(ask)), variant });
      onDevices ||= candidate.runMode === "gpu";
      // a finer cache on devices alone leaves nothing for a coarser one to win, unless room is what is wanted
      if (candidate.runMode === "gpu" && ask.objective !== "context" && ask.objective !== "memory") break;
    }
    if (onDevices || placementIsFixed(ask.fixed)) break;
  }
  return { options, closest: closest ?? bestPlacement(model, base, ask, knowledge, "whole"), tried };
}

/** Larger micro-batches read long prompts faster, above all where weights cross the link, and take a larger compute buffer. */
const UBATCHES = [1024, 2048];
/** A whole answer must come this much sooner, and decode lose at most that much, for a larger micro-batch to be worth it. */
const SOONER = 0.9;
const DECODE_KEPT = 0.95;

function withBatch(option: Option, ask: PlanQuestion, knowledge: Knowledge): Option {
  const { run, model, speed } = option.candidate;
  if (ask.fixed.has("ubatchTokens") || ask.objective === "memory" || ask.objective === "context" || !model.hyper.causal)
    return option;
  let best = option;
  for (const ubatchTokens of UBATCHES) {
    if (ubatchTokens > run.batchTokens || ubatchTokens / 2 >= ask.question.promptTokens) continue;
    const candidate = bestPlacement(model, { ...run, ubatchTokens }, ask, knowledge, "whole");
    if (!candidate.fits || !ask.runModes.some((mode) => mode === candidate.runMode)) continue;
    const decodeKept =
      (candidate.speed?.decodeTokensPerSecond.mid ?? 0) >= DECODE_KEPT * (speed?.decodeTokensPerSecond.mid ?? 0);
    if (decodeKept && taskSeconds(candidate) < SOONER * taskSeconds(best.candidate))
      best = { ...judge(candidate, ask.ability, knowledge, contextMode(ask)), variant: option.variant };
  }
  return best;
}

/** A plan is scored by the context it runs with; only who wants the most has it searched for every option. */
function contextMode(ask: PlanQuestion): "searched" | "run" {
  return ask.objective === "context" ? "searched" : "run";
}

function meets(option: Option, ask: PlanQuestion): boolean {
  return (option.candidate.speed?.decodeTokensPerSecond.mid ?? 0) >= ask.minDecodeTokensPerSecond;
}

/** Best first. */
export function sortOptions(options: readonly Option[], objective: Objective): Option[] {
  return [...options].sort(
    (a, b) => worth[objective](b) - worth[objective](a) || taskSeconds(a.candidate) - taskSeconds(b.candidate),
  );
}

export function plan(ask: PlanQuestion, knowledge: Knowledge): PlanOutcome {
  const all: Option[] = [];
  let nearest: { readonly closest: Candidate; readonly variant: Variant } | undefined;
  let triedCount = 0;
  for (const variant of ask.variants) {
    const { parameterCount, bitsPerWeight } = sizesOf(variant.model());
    const coarse = ask.recipeIsFree && bitsPerWeight < floorBitsPerWeight(parameterCount);
    // below the floor only when nothing above it runs at all
    if (coarse && all.some((option) => meets(option, ask))) break;
    const { options, closest, tried } = optionsOf(variant, ask, knowledge);
    triedCount += tried;
    all.push(...options);
    if (!nearest || closest.shortfall.totalBytes < nearest.closest.shortfall.totalBytes) nearest = { closest, variant };
  }
  const feasible = sortOptions(
    all.filter((option) => meets(option, ask)),
    ask.objective,
  );
  const first = feasible[0];
  const coarse = first && withBatch(first, ask, knowledge);
  if (coarse) {
    const candidate = refine(coarse.candidate, ask, knowledge);
    const best = { ...judge(candidate, ask.ability, knowledge, contextMode(ask)), variant: coarse.variant };
    const { maxContextTokens } = judge(best.candidate, ask.ability, knowledge);
    return {
      outcome: "planned",
      plan: { best: { ...best, maxContextTokens }, all: sortOptions(all, ask.objective), triedCount },
    };
  }
  const fastest = sortOptions(all, "speed")[0];
  if (fastest) {
    const reached = fastest.candidate.speed?.decodeTokensPerSecond.mid ?? 0;
    return {
      outcome: "infeasible",
      closest: fastest.candidate,
      variant: fastest.variant,
      reason: `the fastest configuration decodes ${reached.toPrecision(2)} of ${ask.minDecodeTokensPerSecond} tok/s`,
      triedCount,
    };
  }
  const [only] = ask.variants;
  if (!nearest && only)
    nearest = { closest: bestPlacement(only.model(), ask.baseRun(only), ask, knowledge), variant: only };
  if (!nearest) throw new Error("a plan needs at least one variant");
  return { outcome: "infeasible", ...nearest, reason: "not enough memory", triedCount };
}
