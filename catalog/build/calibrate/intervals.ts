/**
 * How far predictions lie off, by what they know of the device: the 10, 50 and 90 % quantiles of ln(observed / predicted), every device the
 * same weight; and how much wider or narrower a family is than its level.
 */
import type { Quantiles } from "../../../src/core/facts/calibration.ts";
import { familyOf, type Judged, type OwnBasis } from "./judge.ts";
import type { Point } from "./points.ts";

const levels: Readonly<Partial<Record<OwnBasis, string>>> = { known: "A", unseen: "C", strange: "D" };

/** Votes that a family's own width is held against; with as many of its own it counts half. */
const PRIOR_VOTES = 4;
/** Least votes for a width of its own. */
const LEAST_VOTES = 10;

function groupOf(point: Point): string {
  const { offload } = point.observation;
  if (offload === "partial") return "offload";
  if (offload === "cpu") return point.setting.hostRates.isa.startsWith("avx") ? "x86" : "arm";
  return point.moe ? "moe" : "dense";
}

/** Least votes for quantiles of their own; devices that a shift of the middle is held against. */
const LEAST_QUANTILE_VOTES = 8;
const PRIOR_DEVICES = 10;

function quantilesOf(rows: readonly Judged[]): Quantiles & { readonly n: number; readonly devices: number } {
  const counts = new Map<string, number>();
  for (const { point } of rows) counts.set(point.device, (counts.get(point.device) ?? 0) + 1);
  const byDevice = ({ point }: Judged) => 1 / (counts.get(point.device) ?? 1) / counts.size;
  // coverage is promised by devices and by rows: half of each
  const byBoth = (row: Judged) => (byDevice(row) + 1 / rows.length) / 2;
  const sorted = [...rows].sort((a, b) => a.residual - b.residual);
  const at = (fraction: number, weight: (row: Judged) => number): number => {
    let passed = 0;
    for (const row of sorted) {
      passed += weight(row);
      if (passed >= fraction) return row.residual;
    }
    return sorted.at(-1)?.residual ?? 0;
  };
  const round = (value: number) => Math.round(value * 1e3) / 1e3;
  const q50 = (at(0.5, byDevice) * counts.size) / (counts.size + PRIOR_DEVICES);
  return {
    q10: round(Math.min(at(0.1, byBoth), q50)),
    q50: round(q50),
    q90: round(Math.max(at(0.9, byBoth), q50)),
    n: rows.length,
    devices: counts.size,
  };
}

export interface FittedIntervals {
  /** `decode|dense|A` */
  readonly quantiles: Readonly<Record<string, Quantiles & { readonly n: number; readonly devices: number }>>;
  /** `decode|A|nvidia-ada|cuda`: factor on the distance from the middle */
  readonly widths: Readonly<Record<string, number>>;
}

export function fitIntervals(judged: readonly Judged[]): FittedIntervals {
  const groups = new Map<string, Judged[]>();
  for (const row of judged) {
    const level = levels[row.basis];
    if (level === undefined) continue;
    const key = `${row.task}|${groupOf(row.point)}|${level}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const quantiles: Record<string, Quantiles & { n: number; devices: number }> = {};
  const families = new Map<string, number[]>();
  for (const [key, rows] of groups) {
    if (rows.length < LEAST_QUANTILE_VOTES) continue;
    const own = quantilesOf(rows);
    const { q10, q50, q90 } = own;
    quantiles[key] = own;
    for (const { task, basis, point, residual } of rows) {
      const reach = residual >= q50 ? q90 - q50 : q50 - q10;
      const family = `${task}|${levels[basis]}|${familyOf(point)}`;
      families.set(family, [...(families.get(family) ?? []), Math.abs(residual - q50) / Math.max(reach, 0.01)]);
    }
  }
  const widths: Record<string, number> = {};
  for (const [family, distances] of [...families].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const count = distances.length;
    if (count < LEAST_VOTES) continue;
    const own = [...distances].sort((a, b) => a - b)[Math.ceil(0.8 * count) - 1] ?? 1;
    widths[family] = Math.round(100 * Math.exp((Math.log(Math.max(own, 0.2)) * count) / (count + PRIOR_VOTES))) / 100;
  }
  return { quantiles, widths };
}
