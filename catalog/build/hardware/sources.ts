/** Where the numbers of a row come from, as short keys; `catalog/hardware/sources.json` explains them. */

export const sourceTitles = {
  techpowerup: {
    title: "TechPowerUp GPU database, page https://www.techpowerup.com/gpu-specs/<page>",
    through: "RightNow-GPU-Database, 2026-02 (github.com/reox007/RightNow-GPU-Database)",
    knownErrors:
      "bandwidth rounded to three digits; CDNA3, MI25, B200 and about 20 mobile parts are wrong there and corrected here",
  },
  wikipedia: {
    title: "Wikipedia lists of graphics processing units",
    through: "gpu-info-api, 2025-06 (github.com/voidful/gpu-info-api)",
  },
  vendor: { title: "The vendor's data sheet or product page, typed by hand" },
  arithmetic: {
    title: "Bus width × data rate ÷ 8; for processors the vendor's fastest supported memory on all channels",
  },
  driver: { title: "clocks.max.memory of the driver × 2 × bus width ÷ 8, agrees within 0.1 % on the cards seen" },
  llmfit: { title: "Table of the llmfit project; laptop parts carry desktop figures there and do not count" },
  whichllm: { title: "Table of the whichllm project, 2026-06 (github.com/Andyyyy64/whichllm)" },
  tables: { title: "Several further public tables of LLM planners; they partly copy one another" },
} as const;

type SourceKey = keyof typeof sourceTitles;

const patterns: readonly (readonly [RegExp, SourceKey])[] = [
  [/^techpowerup/, "techpowerup"],
  [/^wikipedia/, "wikipedia"],
  [/bus width x data rate|^computed/, "arithmetic"],
  [/^driver_max/, "driver"],
  [/^llmfit/, "llmfit"],
  [/whichllm/, "whichllm"],
  [/datasheet|spec pages|product pages|docs|vendor_spec/, "vendor"],
];

const keyOf = (text: string): SourceKey => patterns.find(([pattern]) => pattern.test(text))?.[1] ?? "tables";

export function sourceOf(sources: readonly string[]): string {
  const first = sources[0] ?? "";
  const page = /gpu-specs\/([\w.+-]+)/.exec(first)?.[1];
  return page === undefined ? keyOf(first) : `${keyOf(first)}:${page}`;
}

/** The sources that agree with the row's bandwidth, its own left out. */
export function bandwidthSources(verifiedBy: readonly string[], own: readonly string[]): string[] {
  const main = keyOf(own[0] ?? "");
  return [...new Set(verifiedBy.map(keyOf))].filter((key) => key !== main).sort();
}
