/** What each published benchmark measures, on which scale, and what guessing earns there. Facts about benchmarks, not about models. */
import type { Domain } from "../../../src/core/facts/ability.ts";

type FittedDomain = Exclude<Domain, "embedding">;

/** First match decides; `undefined` leaves the benchmark out: composites of others, parts of a counted whole, another kind of model. */
const rows: readonly (readonly [RegExp, FittedDomain | undefined])[] = [
  // composites whose parts are counted themselves
  [/^(aa-(intelligence|coding|agentic)-index|livebench|nejumi4-total|evalplus)$/, undefined],
  // embedding and reranking benchmarks: a list of their own
  [/^(c?mteb|beir|rerank)/, undefined],
  [/^bfcl-v[34]$/, "tool"],
  // parts of the two whole results above, and single lengths of an averaged test
  [/^(bfcl-|ruler-\d)/, undefined],
  [/^lmarena-elo-(vision|document)$/, "multimodal"],
  [/^lmarena-elo-(text-coding|webdev)$/, "coding"],
  [/^lmarena-elo-text-math$/, "reasoning"],
  [/^lmarena-elo-agent$/, "tool"],
  [/^lmarena-elo-text(-(creative_writing|if|multiturn|hard_6|long_user))?$/, "chat"],
  [/^lmarena/, undefined],
  [
    /^(scicode|livebench-coding|humaneval|mbpp|livecodebench|bigcodebench|aider|swe-bench|multipl-e|cruxeval|weirdml|nejumi4-(coding|swebench)|swe-atlas|nl2repo)/,
    "coding",
  ],
  [
    /^(tau|terminal-bench|gdpval|browsecomp|livebench-agentic|nejumi4-function|osworld|hle-tools|claw|screenspot)/,
    "tool",
  ],
  [
    /^(mmmu(?!lu)|mathvista|docvqa|ai2d|chartqa|ocrbench|textvqa|infovqa|mmbench|mmstar|realworldqa|videomme|mathvision|hallusionbench|mmvet)/,
    "multimodal",
  ],
  [/^(mt-bench|arena-hard|alpacaeval|creative|writingbench|lechmazur-writing|nejumi4-ja-mt)/, "chat"],
  [
    /^(gpqa|hle|aime|math|critpt|livebench-(reasoning|math)|musr|bbh|zebralogic|hmmt|otis|frontiermath|simplebench|gsm8k|nejumi4-(math|logic)|nyt|arc-agi|supergpqa|polymath|geobench|balrog)/,
    "reasoning",
  ],
];

/** Everything that is none of the above asks for knowledge and instructions: general. */
export function domainOf(benchmark: string): FittedDomain | undefined {
  for (const [pattern, domain] of rows) if (pattern.test(benchmark)) return domain;
  return "general";
}

/** Points that guessing earns, of 100: one over the number of choices. */
const chancePoints: Readonly<Record<string, number>> = {
  mmlu: 25,
  "mmlu-redux": 25,
  mmmlu: 25,
  "mmlu-pro": 10,
  supergpqa: 10,
  "gpqa-diamond": 25,
  "gpqa-main": 25,
  "arc-c": 25,
  hellaswag: 25,
  winogrande: 50,
  bbh: 25,
  musr: 33,
  "c-eval": 25,
  cmmlu: 25,
  agieval: 25,
};

/** Elo points of one logit: 400 / ln 10. */
const ELO_PER_LOGIT = 400 / Math.LN10;
/** Out of ten. */
const tenths = new Set(["mt-bench", "lechmazur-writing"]);
/** Shares nearer to 0 or 1 say "floor" or "ceiling", not how far. */
const LEAST_SHARE = 0.012;

export function isElo(benchmark: string): boolean {
  return benchmark.includes("elo");
}

/** Printed points per point of 100. */
export function pointScale(benchmark: string): number {
  return tenths.has(benchmark) ? 10 : 1;
}

/** Printed score → logit of the share of what guessing does not earn; Elo → logits. */
export function toLogit(benchmark: string, score: number): number {
  if (isElo(benchmark)) return score / ELO_PER_LOGIT;
  const chance = chancePoints[benchmark] ?? 0;
  const share = (score * pointScale(benchmark) - chance) / (100 - chance);
  const held = Math.min(1 - LEAST_SHARE, Math.max(LEAST_SHARE, share));
  return Math.log(held / (1 - held));
}

/** Back to the printed scale. */
export function fromLogit(benchmark: string, logit: number): number {
  if (isElo(benchmark)) return logit * ELO_PER_LOGIT;
  const chance = chancePoints[benchmark] ?? 0;
  return (chance + (100 - chance) / (1 + Math.exp(-logit))) / pointScale(benchmark);
}
