/**
 * Item-response model with features, by expectation and maximization:
 *
 *   y = a_i + b_i (θ[model, domain(i)] + δ[mode, domain] ) + κ[domain]·own + e,   e ~ N(0, s_i²) with Huber weights
 *   θ[model] ~ N(x·W + F[generation], Σ)
 *
 * y is the logit of a score less chance; `own` marks a maker's claim about its own model. Deterministic: no random start, fixed rounds.
 */
import { at, inverse, type Matrix, matrix, times } from "./linear.ts";

/** One score, by indexes. */
export interface Observation {
  readonly model: number;
  readonly item: number;
  readonly domain: number;
  /** 0 thinking or nothing else known, 1 thinking off, 2 unlabelled beside labelled ones */
  readonly mode: 0 | 1 | 2;
  readonly logit: number;
  /** the maker's own claim */
  readonly own: boolean;
  readonly claim: boolean;
}

export interface Problem {
  readonly observations: readonly Observation[];
  readonly features: readonly (readonly number[])[];
  readonly generations: readonly number[];
  readonly generationCount: number;
  readonly itemCount: number;
  readonly domainCount: number;
}

export interface FitOptions {
  readonly rounds?: number;
  readonly discrimination?: boolean;
  readonly useFeatures?: boolean;
  readonly useGenerations?: boolean;
}

export interface Fit {
  readonly intercepts: Float64Array;
  readonly slopes: Float64Array;
  readonly variances: Float64Array;
  /** posterior mean and covariance of every model's abilities, prior mean beside them */
  readonly abilities: Matrix;
  readonly covariances: readonly Matrix[];
  readonly priors: Matrix;
  readonly residual: Matrix;
  readonly modeEffects: Matrix;
  readonly ownClaims: Float64Array;
  readonly weights: Matrix;
  readonly generationEffects: Matrix;
}

/** Prior of the slopes: most benchmarks discriminate alike. Source: spread of the fitted slopes. */
const SLOPE_DEVIATION = 0.35;
const SLOPE_RANGE = { least: 0.25, most: 2.5 };
/** Residuals beyond this many deviations weigh less: protocol failures, not ability. */
const HUBER = 2;
/** Rounds before weights are trusted to tell outliers. */
const SETTLED_ROUND = 5;
/** Scores that an item's variance is shrunk with, and their variance. */
const VARIANCE_PRIOR = { count: 3, variance: 0.08 };
const GENERATION_SHRINKAGE = 3;
const EFFECT_SHRINKAGE = 20;
const RESIDUAL_PRIOR = { count: 5, variance: 0.5 };

/** @param used observations to fit on, by index */
export function fit(problem: Problem, used: readonly number[], options: FitOptions = {}): Fit {
  const { rounds = 25, discrimination = true, useFeatures = true, useGenerations = true } = options;
  const { observations, features, generations, generationCount, itemCount, domainCount: K } = problem;
  const modelCount = features.length;
  const featureCount = features[0]?.length ?? 0;
  const rows = used.flatMap((index) => observations[index] ?? []);
  const byModel: number[][] = features.map(() => []);
  const byItem: number[][] = Array.from({ length: itemCount }, () => []);
  rows.forEach(({ model, item }, row) => {
    byModel[model]?.push(row);
    byItem[item]?.push(row);
  });

  const intercepts = Float64Array.from(byItem, (list) =>
    list.length > 0 ? list.reduce((sum, row) => sum + (rows[row]?.logit ?? 0), 0) / list.length : 0,
  );
  const slopes = new Float64Array(itemCount).fill(1);
  const variances = new Float64Array(itemCount).fill(0.3);
  const robust = new Float64Array(rows.length).fill(1);
  const abilities = matrix(modelCount, K);
  const priors = matrix(modelCount, K);
  const covariances: Matrix[] = features.map(() => matrix(K, K));
  const modeEffects = matrix(3, K);
  const ownClaims = new Float64Array(K);
  const weights = matrix(featureCount, K);
  const generationEffects = matrix(generationCount, K);
  let residual = matrix(K, K).map((row, index) => row.map((_, column) => (index === column ? 1.5 : 0.7)));

  const n = (value: number | undefined): number => value ?? 0;
  const effect = ({ mode, domain }: Observation): number => n(at(modeEffects, mode)[domain]);
  const claimed = ({ own, domain }: Observation): number => (own ? n(ownClaims[domain]) : 0);
  const scored = byModel.flatMap((list, model) => (list.length > 0 ? [model] : []));

  const estimateAbilities = (): void => {
    const precision = inverse(residual);
    for (let model = 0; model < modelCount; model++) {
      const sum = precision.map((row) => Float64Array.from(row));
      const pull = times(precision, at(priors, model));
      for (const index of byModel[model] ?? []) {
        const row = rows[index];
        if (!row) continue;
        const { item, domain } = row;
        const slope = n(slopes[item]);
        const weight = (n(robust[index]) * slope) / n(variances[item]);
        const target = at(sum, domain);
        target[domain] = n(target[domain]) + slope * weight;
        pull[domain] =
          n(pull[domain]) + weight * (row.logit - n(intercepts[item]) - slope * effect(row) - claimed(row));
      }
      const covariance = inverse(sum);
      covariances[model] = covariance;
      abilities[model] = times(covariance, pull);
    }
  };

  const abilityOf = ({ model, domain }: Observation): number => n(at(abilities, model)[domain]);
  const varianceOf = ({ model, domain }: Observation): number => n(covariances[model]?.[domain]?.[domain]);

  /** Regression of scores on abilities, whose own uncertainty counts as spread. */
  const estimateItem = (item: number, round: number): void => {
    const list = byItem[item] ?? [];
    if (list.length === 0) return;
    let q = 0;
    let mx = 0;
    let my = 0;
    for (const index of list) {
      const row = rows[index];
      if (!row) continue;
      const w = n(robust[index]);
      q += w;
      mx += w * (abilityOf(row) + effect(row));
      my += w * (row.logit - claimed(row));
    }
    mx /= q;
    my /= q;
    let sxx = 0;
    let sxy = 0;
    for (const index of list) {
      const row = rows[index];
      if (!row) continue;
      const w = n(robust[index]);
      const x = abilityOf(row) + effect(row) - mx;
      sxx += w * (x * x + varianceOf(row));
      sxy += w * x * (row.logit - claimed(row) - my);
    }
    const ridge = n(variances[item]) / SLOPE_DEVIATION ** 2;
    const slope = discrimination
      ? Math.min(SLOPE_RANGE.most, Math.max(SLOPE_RANGE.least, (sxy + ridge) / (sxx + ridge)))
      : 1;
    slopes[item] = slope;
    intercepts[item] = my - slope * mx;
    let squares = 0;
    const errors = list.map((index) => {
      const row = rows[index];
      if (!row) return 0;
      const error = row.logit - claimed(row) - n(intercepts[item]) - slope * (abilityOf(row) + effect(row));
      squares += n(robust[index]) * (error * error + slope * slope * varianceOf(row));
      return error;
    });
    const variance = (squares + VARIANCE_PRIOR.count * VARIANCE_PRIOR.variance) / (list.length + VARIANCE_PRIOR.count);
    variances[item] = variance;
    if (round < SETTLED_ROUND) return;
    const deviation = Math.sqrt(variance);
    list.forEach((index, order) => {
      robust[index] = Math.min(1, HUBER / Math.max(1e-6, Math.abs(n(errors[order])) / deviation));
    });
  };

  const estimateModes = (): void => {
    for (const mode of [1, 2]) {
      const top = new Float64Array(K);
      const bottom = new Float64Array(K);
      const counts = new Float64Array(K);
      for (const row of rows) {
        if (row.mode !== mode) continue;
        const { item, domain } = row;
        const slope = n(slopes[item]);
        const w = slope ** 2 / n(variances[item]);
        top[domain] = n(top[domain]) + w * ((row.logit - n(intercepts[item])) / slope - abilityOf(row));
        bottom[domain] = n(bottom[domain]) + w;
        counts[domain] = n(counts[domain]) + 1;
      }
      for (let domain = 0; domain < K; domain++)
        if (n(counts[domain]) >= 5)
          at(modeEffects, mode)[domain] = n(top[domain]) / (n(bottom[domain]) + EFFECT_SHRINKAGE);
    }
  };

  /** Makers' claims against third parties' on the same benchmarks. */
  const estimateClaims = (): void => {
    const sums = [matrix(3, K), matrix(3, K)];
    for (const row of rows) {
      if (!row.claim) continue;
      const { item, domain } = row;
      const side = sums[row.own ? 1 : 0];
      if (!side) continue;
      const w = 1 / n(variances[item]);
      const error = row.logit - n(intercepts[item]) - n(slopes[item]) * (abilityOf(row) + effect(row));
      at(side, 0)[domain] = n(at(side, 0)[domain]) + w * error;
      at(side, 1)[domain] = n(at(side, 1)[domain]) + w;
      at(side, 2)[domain] = n(at(side, 2)[domain]) + 1;
    }
    const [others, owns] = sums;
    if (!others || !owns) return;
    for (let domain = 0; domain < K; domain++) {
      const counts = [n(at(owns, 2)[domain]), n(at(others, 2)[domain])];
      if (n(counts[0]) + n(counts[1]) < 20 || Math.min(...counts) <= 5) continue;
      const mean = (side: Matrix): number => n(at(side, 0)[domain]) / (n(at(side, 1)[domain]) + EFFECT_SHRINKAGE);
      ownClaims[domain] = 0.5 * n(ownClaims[domain]) + 0.5 * (mean(owns) - mean(others));
    }
  };

  const estimatePriors = (): void => {
    if (useFeatures) {
      const gram = matrix(featureCount, featureCount);
      const targets = matrix(featureCount, K);
      for (const model of scored) {
        const x = features[model] ?? [];
        const trace = covariances[model]?.reduce((sum, row, index) => sum + n(row[index]), 0) ?? 0;
        const w = 1 / (1 + trace / K);
        const offset = useGenerations ? generationEffects[generations[model] ?? 0] : undefined;
        for (let i = 0; i < featureCount; i++) {
          const wx = w * n(x[i]);
          if (wx === 0) continue;
          const gramRow = at(gram, i);
          for (let j = 0; j < featureCount; j++) gramRow[j] = n(gramRow[j]) + wx * n(x[j]);
          const targetRow = at(targets, i);
          for (let d = 0; d < K; d++)
            targetRow[d] = n(targetRow[d]) + wx * (n(at(abilities, model)[d]) - n(offset?.[d]));
        }
      }
      for (let i = 0; i < featureCount; i++) at(gram, i)[i] = n(at(gram, i)[i]) + (i === 0 ? 0.01 : 1);
      const solved = inverse(gram);
      for (let i = 0; i < featureCount; i++)
        for (let d = 0; d < K; d++)
          at(weights, i)[d] = at(solved, i).reduce((sum, value, j) => sum + value * n(at(targets, j)[d]), 0);
    }
    const fromFeatures = features.map((x) =>
      Float64Array.from({ length: K }, (_, d) => x.reduce((sum, value, i) => sum + value * n(at(weights, i)[d]), 0)),
    );
    if (useFeatures && useGenerations) {
      const counts = new Float64Array(generationCount);
      for (const row of generationEffects) row.fill(0);
      for (const model of scored) {
        const generation = generations[model] ?? 0;
        counts[generation] = n(counts[generation]) + 1;
        const row = at(generationEffects, generation);
        for (let d = 0; d < K; d++) row[d] = n(row[d]) + n(at(abilities, model)[d]) - n(fromFeatures[model]?.[d]);
      }
      generationEffects.forEach((row, generation) => {
        for (let d = 0; d < K; d++) row[d] = n(row[d]) / (n(counts[generation]) + GENERATION_SHRINKAGE);
      });
    }
    const means = Float64Array.from(
      { length: K },
      (_, d) => scored.reduce((sum, model) => sum + n(at(abilities, model)[d]), 0) / Math.max(1, scored.length),
    );
    for (let model = 0; model < modelCount; model++)
      for (let d = 0; d < K; d++)
        at(priors, model)[d] = useFeatures
          ? n(fromFeatures[model]?.[d]) + (useGenerations ? n(generationEffects[generations[model] ?? 0]?.[d]) : 0)
          : n(means[d]);
    const spread = matrix(K, K);
    for (const model of scored) {
      const away = Float64Array.from({ length: K }, (_, d) => n(at(abilities, model)[d]) - n(at(priors, model)[d]));
      for (let i = 0; i < K; i++)
        for (let j = 0; j < K; j++)
          at(spread, i)[j] = n(at(spread, i)[j]) + n(away[i]) * n(away[j]) + n(covariances[model]?.[i]?.[j]);
    }
    residual = spread.map((row, i) =>
      row.map(
        (value, j) =>
          (value + (i === j ? RESIDUAL_PRIOR.count * RESIDUAL_PRIOR.variance : 0)) /
          (scored.length + RESIDUAL_PRIOR.count),
      ),
    );
  };

  for (let round = 0; round < rounds; round++) {
    estimateAbilities();
    for (let item = 0; item < itemCount; item++) estimateItem(item, round);
    estimateModes();
    estimateClaims();
    estimatePriors();
  }
  return {
    intercepts,
    slopes,
    variances,
    abilities,
    covariances,
    priors,
    residual,
    modeEffects,
    ownClaims,
    weights,
    generationEffects,
  };
}

/** Expected logit of a score. */
export function predict(model: Fit, row: Observation): number {
  const ability = (model.abilities[row.model]?.[row.domain] ?? 0) + (model.modeEffects[row.mode]?.[row.domain] ?? 0);
  return (
    (model.intercepts[row.item] ?? 0) +
    (model.slopes[row.item] ?? 1) * ability +
    (row.own ? (model.ownClaims[row.domain] ?? 0) : 0)
  );
}
