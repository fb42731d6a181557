/** Observations as the fit takes them: names become indexes, scores become logits. */
import { fittedDomains } from "../../../src/core/facts/quality.ts";
import { domainOf, toLogit } from "./benchmarks.ts";
import { factsOf, featuresOf, generationOf, type ModelFacts } from "./features.ts";
import type { Observation, Problem } from "./fit.ts";
import { modes, type Observations, scoreKinds } from "./observations.ts";

export interface NamedProblem extends Problem {
  readonly models: readonly string[];
  readonly facts: readonly ModelFacts[];
  readonly benchmarks: readonly string[];
  /** where an item was measured */
  readonly places: readonly string[];
  readonly printed: readonly number[];
  readonly generationNames: readonly string[];
}

export function problemOf({ items, models }: Observations): NamedProblem {
  const names = Object.keys(models);
  const benchmarks = items.map((item) => item.split("|")[0] ?? "");
  const domains = benchmarks.map((benchmark) => fittedDomains.findIndex((domain) => domain === domainOf(benchmark)));
  const facts = names.map((name) => factsOf(name, models[name] ?? { scores: [] }));
  const generationNames = [...new Set(names.map(generationOf))].sort();
  const observations: Observation[] = [];
  const printed: number[] = [];
  names.forEach((name, model) => {
    const scores = models[name]?.scores ?? [];
    const seen = new Set(scores.map(([, , mode]) => modes[mode]));
    const hybrid = seen.has("on") && seen.has("off");
    for (const [item, score, mode, kind] of scores) {
      const benchmark = benchmarks[item] ?? "";
      observations.push({
        model,
        item,
        domain: domains[item] ?? 0,
        // only a model seen both ways tells the modes apart
        mode: !hybrid || modes[mode] === "on" ? 0 : modes[mode] === "off" ? 1 : 2,
        logit: toLogit(benchmark, score),
        own: scoreKinds[kind] === "vendor",
        claim: scoreKinds[kind] !== "leaderboard",
      });
      printed.push(score);
    }
  });
  return {
    observations,
    printed,
    features: facts.map(featuresOf),
    generations: names.map((name) => generationNames.indexOf(generationOf(name))),
    generationCount: generationNames.length,
    itemCount: items.length,
    domainCount: fittedDomains.length,
    models: names,
    facts,
    benchmarks,
    places: items.map((item) => item.split("|")[2] ?? ""),
    generationNames,
  };
}
