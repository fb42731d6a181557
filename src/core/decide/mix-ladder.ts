/**
 * The mixes worth comparing for one model on one machine: the finest that its devices hold alone, finer ones that spill to RAM, and, where a
 * speed is asked for, the finest that reaches it (the ladder of AHMP: the least aggressive setting that serves).
 */
import { sizesOf } from "../estimate/quality.ts";
import { totalBytes } from "../facts/memory.ts";
import type { Model } from "../facts/model.ts";
import type { Run } from "../facts/run.ts";
import type { Bytes, TokensPerSecond } from "../units.ts";
import { type Candidate, judgeMemory } from "./candidate.ts";
import { bestPlacement, type Knowledge as ModelKnowledge, type ModelQuestion } from "./choose.ts";
import { type Knowledge as LossKnowledge, mixPrecision } from "./mix.ts";
import { floorBitsPerWeight, type Variant, variant } from "./variants.ts";

export interface MixAsk extends ModelQuestion {
  /** shapes of the model; its types do not matter */
  readonly model: Model;
  readonly run: Run;
  /** undefined: the floor that keeps a smaller model from being the better use of the memory */
  readonly leastBits: number | undefined;
  readonly imatrix: boolean;
  readonly minDecodeTokensPerSecond: TokensPerSecond;
}

/** Average bits of the rungs above what the devices hold alone. */
const RUNG_BITS = [8.5, 6.6, 5.6, 4.9, 4.3];
const ROUNDS = 4;
const BISECTIONS = 5;

/** Finest first. Empty where not even the coarsest mix allowed fits the machine. */
export function mixedVariants(ask: MixAsk, knowledge: ModelKnowledge, losses: LossKnowledge): Variant[] {
  const { parameterCount } = sizesOf(ask.model);
  const leastBits = ask.leastBits ?? Math.max(2, floorBitsPerWeight(parameterCount) - 1);
  const mixes = new Map<Bytes, Candidate>();
  const at = (budgetBytes: Bytes): Candidate | undefined => {
    const mix = mixPrecision({ model: ask.model, budgetBytes, leastBits, imatrix: ask.imatrix }, losses);
    if (mix.outcome !== "mixed") return undefined;
    const held = mixes.get(mix.model.fileBytes) ?? bestPlacement(mix.model, ask.run, ask, knowledge, "whole");
    mixes.set(mix.model.fileBytes, held);
    return held;
  };
  const alone = onDevicesAlone(ask, leastBits, losses, knowledge);
  if (alone) mixes.set(alone.model.fileBytes, alone);
  const above = alone?.model.fileBytes ?? 0;
  for (const bits of RUNG_BITS) {
    const budgetBytes = Math.round((parameterCount * bits) / 8);
    if (budgetBytes > above * 1.05) at(budgetBytes);
  }
  if (ask.minDecodeTokensPerSecond > 0) finestAtSpeed(ask.minDecodeTokensPerSecond, [...mixes.values()], at);
  return [...mixes.values()]
    .filter(({ fits }) => fits)
    .sort((a, b) => b.model.fileBytes - a.model.fileBytes)
    .map(({ model }) => ({ ...variant("mixed", () => model), leastBits }));
}

/** The finest mix that the devices hold with the whole run, or undefined. */
function onDevicesAlone(
  ask: MixAsk,
  leastBits: number,
  losses: LossKnowledge,
  knowledge: ModelKnowledge,
): Candidate | undefined {
  const { hardware, question, model } = ask;
  if (hardware.devices.length === 0 || !ask.runModes.includes("gpu")) return undefined;
  const run: Run = {
    ...ask.run,
    offloadedLayers: model.hyper.layerCount + 1,
    cpuMoeLayers: 0,
    cpuFfnLayers: 0,
    overrides: [],
    tensorSplit: [],
  };
  const like = judgeMemory(model, hardware, run, question.limits);
  const used = (use: { readonly contextBytes: Bytes; readonly computeBytes: Bytes }): Bytes =>
    use.contextBytes + use.computeBytes;
  let budgetBytes = like.memory.devices.reduce(
    (sum, use, index) => sum + Math.max(0, (like.room.devices[index]?.allowedBytes ?? 0) - used(use)),
    0,
  );
  // the embedding table stays on the host: its own bytes are free, as many as this mix gives it
  const hostShare = like.memory.host.modelBytes / Math.max(1, model.fileBytes);
  budgetBytes /= 1 - Math.min(0.5, hostShare);
  if (like.room.unified)
    budgetBytes = Math.min(budgetBytes, like.room.host.allowedBytes - totalBytes(like.memory.host));
  for (let round = 0; round < ROUNDS; round++) {
    const mix = mixPrecision({ model, budgetBytes, leastBits, imatrix: ask.imatrix }, losses);
    if (mix.outcome !== "mixed") return undefined;
    const tried = bestPlacement(mix.model, ask.run, { ...ask, runModes: ["gpu"] }, knowledge);
    if (tried.fits) return tried;
    // what one card lacks is taken from all, since layers cannot be cut to measure
    budgetBytes = mix.model.fileBytes - Math.max(tried.shortfall.totalBytes, mix.model.fileBytes / 200);
  }
  return undefined;
}

/** Between the finest rung that is fast enough and the coarsest that is not: the finest that is. */
function finestAtSpeed(
  least: TokensPerSecond,
  rungs: readonly Candidate[],
  at: (budgetBytes: Bytes) => Candidate | undefined,
): void {
  const fast = ({ fits, speed }: Candidate): boolean => fits && (speed?.decodeTokensPerSecond.mid ?? 0) >= least;
  const bytes = (of: readonly Candidate[]): Bytes[] => of.map(({ model }) => model.fileBytes);
  let low = Math.max(0, ...bytes(rungs.filter(fast)));
  let high = Math.min(...bytes(rungs.filter((rung) => !fast(rung) && rung.model.fileBytes > low)));
  if (!Number.isFinite(high)) return;
  if (low === 0) low = high / 2;
  for (let round = 0; round < BISECTIONS; round++) {
    const middle = Math.round((low + high) / 2);
    const tried = at(middle);
    if (tried && fast(tried)) low = middle;
    else high = middle;
  }
}
