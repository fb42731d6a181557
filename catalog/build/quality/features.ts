/** What is known of a model before anybody scores it: size, date, traits read off its repository's own words, and its generation. */
import type { Observations } from "./observations.ts";

/** Middle of the collected releases: years are counted from here. */
export const MIDDLE_YEAR = 2024.5;

export const featureNames = [
  "constant",
  "log10 active",
  "log10 total",
  "log10 active squared",
  "year",
  "year squared",
  "log10 active × year",
  "size unknown",
  "base",
  "coder",
  "vision",
  "reasoning",
  "community tune",
] as const;

export interface ModelFacts {
  readonly repo: string;
  readonly totalBillions: number | undefined;
  readonly activeBillions: number | undefined;
  /** `YYYY-MM` */
  readonly released: string | undefined;
  readonly base: boolean;
  readonly communityTune: boolean;
}

/** A size to stand for an unknown one; the feature "size unknown" takes up the rest. */
const USUAL_BILLIONS = 8;

export function yearOf(month: string | undefined): number | undefined {
  const match = /^(\d{4})-(\d{2})/.exec(month ?? "");
  return match ? Number(match[1]) + (Number(match[2]) - 1) / 12 : undefined;
}

export function featuresOf(model: ModelFacts): readonly number[] {
  const total = model.totalBillions ?? USUAL_BILLIONS;
  const active = Math.log10(Math.max(0.1, model.activeBillions ?? total)) - 1;
  const year = (yearOf(model.released) ?? MIDDLE_YEAR) - MIDDLE_YEAR;
  const name = model.repo.toLowerCase();
  const says = (pattern: RegExp): number => Number(pattern.test(name));
  return [
    1,
    active,
    Math.log10(Math.max(0.1, total)) - 1,
    active * active,
    year,
    year * year,
    active * year,
    Number(model.totalBillions === undefined),
    Number(model.base && !/instruct|chat|-it|think|reason|coder|-rl|sft|dpo/.test(name)),
    says(/coder|code|devstral/),
    says(/-vl|vision|internvl|minicpm-v|pixtral|molmo|omni|4\.5v|4\.6v/),
    says(/think|reason|qwq|-r1|distill|magistral|-rl\b/),
    Number(model.communityTune),
  ];
}

/**
 * Generation of a model: the maker's series with its version, as the repository spells them (`qwen3.5`, `gemma-3`, `llama-3.1`).
 * Read by a rule, so a new generation is one of its own without anybody listing it.
 */
export function generationOf(repo: string): string {
  const [owner = "", ...rest] = repo.toLowerCase().split("/");
  const name = rest.join("/") || owner;
  const series =
    /(qwen|llama|gemma|gpt-oss|deepseek|glm|kimi|minimax|ministral|magistral|devstral|mixtral|mistral|phi|granite|smollm|olmo|nemotron|exaone|hunyuan|seed|ernie|lfm|falcon-h|falcon|command|aya|internvl|internlm|minicpm|yi|jamba|solar|starcoder|step|ling|ring|mimo|apertus)[-_ ]?(v|r|m|k)?(\d+(?:\.\d+)?(?!\d*b\b))?/.exec(
      name,
    );
  if (series === null) return owner;
  const [, word = "", letter = "", version = ""] = series;
  const branch = /coder|-vl|distill|next/.exec(name)?.[0] ?? "";
  return `${word}${letter}${version}${branch === "" ? "" : ` ${branch.replace("-", "")}`}`;
}

/** Facts of a scored model; without a release date the first month anybody scored it. */
export function factsOf(repo: string, row: Observations["models"][string]): ModelFacts {
  const first = row.scores
    .map(([, , , , month]) => month)
    .filter((month) => yearOf(month) !== undefined)
    .sort()[0];
  return {
    repo,
    totalBillions: row.totalBillions,
    activeBillions: row.activeBillions,
    released: row.released ?? first,
    base: row.base ?? false,
    communityTune: row.communityTune ?? false,
  };
}
