/** The measured loss priors of catalog/quality, read when a plan first mixes precisions. */
import type { LossPriors } from "../facts/sensitivity.ts";

let loaded: Promise<LossPriors> | undefined;

export function loadLossPriors(): Promise<LossPriors> {
  loaded ??= import("../../../catalog/quality/loss.json", { with: { type: "json" } }).then(({ default: file }) => file);
  return loaded;
}
