/**
 * Quality of a model as stored: its ability in a domain, less what quantization costs it.
 * ln KLD = a + b(bits − 4) + c(bits − 4)² + d(log10 active billions − 1) + e(log10 total billions − 1), fitted on published divergences;
 * ability lost = 1.5 logit per nat. A prediction is good to a factor of two, so nothing is ranked by a difference below that.
 */
import type { Abilities, Ability, Domain, QualityConstants } from "../facts/ability.ts";
import type { Model } from "../facts/model.ts";
import type { CacheType } from "../facts/run.ts";
import type { Fraction, Interval } from "../units.ts";
import { roledTensors } from "./roles.ts";

/** Native low-precision weights are the reference themselves, not a loss. */
const LOSSLESS_BITS = 15.9;

export interface Sizes {
  readonly parameterCount: number;
  readonly activeParameterCount: number;
  /** average of the weights that are multiplied: embeddings and vectors aside */
  readonly bitsPerWeight: number;
}

const sizesCache = new WeakMap<Model, Sizes>();

/** Parameters in all and per token, and the average storage of what is multiplied. */
export function sizesOf(model: Model): Sizes {
  const known = sizesCache.get(model);
  if (known) return known;
  const { experts } = model.hyper;
  const share = experts && experts.total > 0 ? experts.used / experts.total : 1;
  let parameterCount = 0;
  let activeParameterCount = 0;
  let bytes = 0;
  let weights = 0;
  for (const tensor of roledTensors(model)) {
    parameterCount += tensor.weights;
    activeParameterCount += tensor.role === "experts" ? tensor.weights * share : tensor.weights;
    if (tensor.role === "embedding" || tensor.role === "norm") continue;
    bytes += tensor.bytes;
    weights += tensor.weights;
  }
  const sizes = {
    parameterCount,
    activeParameterCount: Math.round(activeParameterCount),
    bitsPerWeight: weights > 0 ? (8 * bytes) / weights : 16,
  };
  sizesCache.set(model, sizes);
  return sizes;
}

/** Expected divergence (nats) of the stored weights and cache from the model as published. */
export function meanKlDivergenceNats(
  model: Model,
  cacheTypeK: CacheType,
  cacheTypeV: CacheType,
  constants: QualityConstants,
): number {
  const at = (type: CacheType): number => Number(constants.cacheKlDivergence[type] ?? 0);
  const cache = (at(cacheTypeK) + at(cacheTypeV)) / 2;
  const { bitsPerWeight, parameterCount, activeParameterCount } = sizesOf(model);
  if (bitsPerWeight >= LOSSLESS_BITS || isNative(model)) return cache;
  if (model.klDivergenceNats !== undefined) return model.klDivergenceNats + cache;
  return (
    divergenceAtBits(bitsPerWeight, activeParameterCount, parameterCount, constants) *
      constants.klDivergence.mixFactor +
    cache
  );
}

/** The curve itself: a file of this many bits a weight everywhere. */
export function divergenceAtBits(
  bitsPerWeight: number,
  activeParameterCount: number,
  parameterCount: number,
  constants: QualityConstants,
): number {
  const k = constants.klDivergence;
  const over = bitsPerWeight - 4;
  return Math.exp(
    k.intercept +
      k.bits * over +
      k.bitsSquared * over * over +
      k.activeBillionsLog10 * (Math.log10(activeParameterCount / 1e9) - 1) +
      k.totalBillionsLog10 * (Math.log10(parameterCount / 1e9) - 1),
  );
}

/** Architectures whose makers publish the routed experts in a 4-bit float: there that type is the reference, elsewhere a loss. */
const nativeExpertTypes: Readonly<Record<string, string>> = { "gpt-oss": "mxfp4" };

/** The experts' matrices as published, and nothing else below 8 bits. */
function isNative(model: Model): boolean {
  const native = Object.hasOwn(nativeExpertTypes, model.hyper.architecture)
    ? nativeExpertTypes[model.hyper.architecture]
    : undefined;
  if (native === undefined) return false;
  const wide = /^(f32|f16|bf16|q8_0)$/;
  return roledTensors(model).every(({ role, type }) => wide.test(type) || (role === "experts" && type === native));
}

/** exp(0.84 · KLD) − 1, with the factor-of-two interval of the fit. */
export function perplexityIncrease(klDivergenceNats: number, constants: QualityConstants): Interval {
  const at = (nats: number): Fraction => Math.expm1(constants.logPerplexityPerNat.value * nats);
  const { uncertaintyFactor } = constants.klDivergence;
  return {
    low: at(klDivergenceNats / uncertaintyFactor),
    mid: at(klDivergenceNats),
    high: at(klDivergenceNats * uncertaintyFactor),
  };
}

/** What a model of this size and year usually reaches, for want of any score. */
export function priorAbility(
  domain: Domain,
  parameterCount: number,
  releaseYear: number,
  constants: QualityConstants,
): Ability | undefined {
  const row = constants.prior[domain];
  if (row === undefined || typeof row === "string") return undefined;
  const theta = row.intercept + row.size * Math.log10(parameterCount / 1e9) + row.year * (releaseYear - 2025);
  return { theta, sd: row.sd, basis: "inherited", scoreCount: 0, backing: "traits" };
}

/** The ability in `domain`; where it was not scored, the nearest there is; undefined when nothing is known. */
export function abilityIn(abilities: Abilities, domain: Domain): Ability | undefined {
  return abilities[domain] ?? (domain === "embedding" ? undefined : abilities.general);
}

export interface Quality {
  /** 0…100 from the weakest to the best of what is scored, the ability held back by its uncertainty */
  readonly score: number;
  readonly basis: "measured" | "inherited";
  readonly klDivergenceNats: number;
  readonly ability: Ability | undefined;
}

/** Domains where a small divergence already shows: exact syntax and arguments. */
const precise = new Set<Domain>(["coding", "tool"]);

/** Logits of ability that a divergence costs. */
export function abilityLoss(klDivergenceNats: number, domain: Domain, constants: QualityConstants): number {
  const c = constants.abilityPerNat;
  return (precise.has(domain) ? c.precise : c.knowledge) * c.value * Math.min(klDivergenceNats, c.ceilingNats);
}

/** Ability that can be counted on: the less vouches for it, the more is held back. */
export function heldAbility({ theta, sd, backing }: Ability, { caution }: QualityConstants): number {
  const vouched = backing === "leaderboard" || backing === "kin";
  return theta - (vouched ? caution.deviations : caution.unvouchedDeviations) * sd;
}

/** Whether two abilities cannot be told apart: their gap is under one pooled deviation. */
export function isTie(a: Ability, b: Ability): boolean {
  return Math.abs(a.theta - b.theta) < Math.hypot(a.sd, b.sd);
}

export function estimateQuality(
  ability: Ability | undefined,
  domain: Domain,
  klDivergenceNats: number,
  constants: QualityConstants,
): Quality {
  if (!ability) return { score: 0, basis: "inherited", klDivergenceNats, ability };
  const held = heldAbility(ability, constants) - abilityLoss(klDivergenceNats, domain, constants);
  const { least, most } = constants.scale;
  const score = 100 * Math.min(1, Math.max(0, (held - least) / (most - least)));
  return { score, basis: ability.basis, klDivergenceNats, ability };
}
