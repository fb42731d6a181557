/**
 * When the measured build was made, as a fraction of a year: its number says it best, then the date of the measurement, then the number of
 * the thread that reports it.
 */
import type { PublishedRow } from "./published.ts";

type Marks = readonly (readonly [number: number, year: number])[];

/** llama.cpp's build numbers (commits on its main branch) and when they were made, from dated rows and the project's history. */
const builds: Marks = [
  [0, 2023.2],
  [1026, 2023.65],
  [1500, 2023.84],
  [2000, 2024.08],
  [2843, 2024.36],
  [4000, 2024.83],
  [5000, 2025.25],
  [5863, 2025.53],
  [6118, 2025.6],
  [6645, 2025.75],
  [7147, 2025.9],
  [7474, 2025.96],
  [8038, 2026.12],
  [8460, 2026.27],
  [9050, 2026.35],
  [9927, 2026.53],
];

/** Numbers of llama.cpp's issues and pull requests, from dated rows. */
const threads: Marks = [
  [34, 2023.2],
  [4766, 2024.03],
  [7314, 2024.37],
  [10171, 2024.85],
  [13324, 2025.35],
  [15802, 2025.68],
  [17505, 2025.88],
  [20934, 2026.22],
  [22413, 2026.38],
  [27721, 2026.65],
];

function interpolate(marks: Marks, number: number): number {
  for (let index = 1; index < marks.length; index++) {
    const [before, after] = [marks[index - 1], marks[index]];
    if (before && after && (number <= after[0] || index === marks.length - 1))
      return before[1] + ((number - before[0]) / (after[0] - before[0])) * (after[1] - before[1]);
  }
  return 2025.5;
}

/** A number and a date further apart than this are not of one program: forks count their own builds. */
const TOLERATED_YEARS = 0.8;

export function buildYear(row: PublishedRow): number {
  const date = /^(\d{4})(?:-(\d{2}))?(?!\d)/.exec(row.date ?? "");
  const month = Number(date?.[2] ?? 0);
  const dated = date ? Number(date[1]) + (month >= 1 && month <= 12 ? (month - 0.5) / 12 : 0.5) : undefined;
  const build = /\((\d{4,5})\)|\bb(\d{4,5})\b/.exec(row.build ?? "");
  const number = Number(build?.[1] ?? build?.[2] ?? 0);
  const numbered = number > 0 ? interpolate(builds, number) : undefined;
  if (numbered !== undefined && (dated === undefined || month > 12 || Math.abs(numbered - dated) < TOLERATED_YEARS))
    return numbered;
  if (dated !== undefined) return dated;
  const thread = /ggml-org\/llama\.cpp#(\d+)/.exec(row.source)?.[1];
  return thread === undefined ? 2025.5 : interpolate(threads, Number(thread));
}
