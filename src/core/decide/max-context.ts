/** The largest context that still fits with everything else unchanged. */

import { totalBytes } from "../facts/memory.ts";
import type { Model } from "../facts/model.ts";
import type { Run } from "../facts/run.ts";
import type { Tokens } from "../units.ts";
import type { MemoryVerdict } from "./candidate.ts";
import type { MemoryOf } from "./place.ts";

/** Contexts are padded to this. */
const STEP = 256;

/** The verdict of a run with the compute buffers of another: what a longer context takes at least. */
export type BoundOf = (run: Run, like: MemoryVerdict) => MemoryVerdict;

/** A context with the least room on any place, negative when short: what false position aims at. */
interface Look {
  readonly tokens: Tokens;
  readonly fits: boolean;
  readonly roomBytes: number;
  readonly verdict: MemoryVerdict;
}

function lookAt(verdict: MemoryVerdict): Look {
  const { memory, room, fits, run } = verdict;
  const pooled = room.unified ? memory.devices.reduce((sum, use) => sum + totalBytes(use), 0) : 0;
  const roomBytes = memory.devices.reduce(
    (least, use, index) => Math.min(least, (room.devices[index]?.allowedBytes ?? 0) - totalBytes(use)),
    room.host.allowedBytes - totalBytes(memory.host) - pooled,
  );
  return { tokens: run.contextTokens, fits, roomBytes, verdict };
}

/**
 * Need never falls as context grows, so false position between a context that fits and one that does not converges on the
 * largest multiple of 256; need is piecewise linear, so it takes few looks. Buffers never shrink as context grows either, so
 * where a longer cache beside the last buffers is too much already, nothing more is worked out. 0 when not even one step fits.
 * @param known the verdict of the run as it is
 * @param ceilingTokens trained context times sequences
 */
export function maxContext(known: MemoryVerdict, ceilingTokens: Tokens, memoryOf: MemoryOf, boundOf: BoundOf): Tokens {
  const { run } = known;
  const look = (tokens: Tokens, below: Look): Look => {
    const longer = { ...run, contextTokens: tokens };
    const bound = lookAt(boundOf(longer, below.verdict));
    return bound.fits ? lookAt(memoryOf(longer)) : bound;
  };
  const ceiling = Math.max(STEP, Math.floor(ceilingTokens / STEP) * STEP);
  const start = lookAt(known);
  const usable = start.fits && start.tokens >= STEP && start.tokens < ceiling && start.tokens % STEP === 0;
  let low = usable ? start : lookAt(memoryOf({ ...run, contextTokens: STEP }));
  if (!low.fits) return 0;
  let high = look(ceiling, low);
  if (high.fits) return ceilingTokens;
  let looks = 0;
  while (high.tokens - low.tokens > STEP) {
    const slope = (low.roomBytes - high.roomBytes) / (high.tokens - low.tokens);
    const aim = slope > 0 ? low.tokens + low.roomBytes / slope : (low.tokens + high.tokens) / 2;
    // every fourth look bisects, so that a kink cannot stall it
    const guess = looks % 4 === 3 ? (low.tokens + high.tokens) / 2 : aim;
    const tokens = Math.min(high.tokens - STEP, Math.max(low.tokens + STEP, Math.floor(guess / STEP) * STEP));
    const found = look(tokens, low);
    looks++;
    if (found.fits) low = found;
    else high = found;
  }
  return low.tokens;
}

/** Trained context of the model over the sequences of the run. */
export function contextCeiling(model: Model, run: Run): Tokens {
  const trained = model.hyper.trainedContextTokens > 0 ? model.hyper.trainedContextTokens : run.contextTokens;
  return run.unifiedCache ? trained : trained * run.sequences;
}
