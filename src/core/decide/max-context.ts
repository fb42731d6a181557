/** The largest context that still fits with everything else unchanged. */

import { totalBytes } from "../facts/memory.ts";
import type { Model } from "../facts/model.ts";
import type { Run } from "../facts/run.ts";
import type { Tokens } from "../units.ts";
import type { MemoryVerdict } from "./candidate.ts";
import type { MemoryOf } from "./place.ts";

/** Contexts are padded to this. */
const STEP = 256;

/** A context with the least room on any place, negative when short: what false position aims at. */
interface Look {
  readonly tokens: Tokens;
  readonly fits: boolean;
  readonly roomBytes: number;
}

function lookAt({ memory, room, fits, run }: MemoryVerdict): Look {
  const pooled = room.unified ? memory.devices.reduce((sum, use) => sum + totalBytes(use), 0) : 0;
  const roomBytes = memory.devices.reduce(
    (least, use, index) => Math.min(least, (room.devices[index]?.allowedBytes ?? 0) - totalBytes(use)),
    room.host.allowedBytes - totalBytes(memory.host) - pooled,
  );
  return { tokens: run.contextTokens, fits, roomBytes };
}

/**
 * Need never falls as context grows, so false position between a context that fits and one that does not converges on the
 * largest multiple of 256; need is piecewise linear, so it takes few looks. 0 when not even one step fits.
 * @param known the verdict of the run as it is
 * @param ceilingTokens trained context times sequences
 */
export function maxContext(known: MemoryVerdict, ceilingTokens: Tokens, memoryOf: MemoryOf): Tokens {
  const { run } = known;
  const look = (tokens: Tokens): Look => lookAt(memoryOf({ ...run, contextTokens: tokens }));
  const ceiling = Math.max(STEP, Math.floor(ceilingTokens / STEP) * STEP);
  let high = look(ceiling);
  if (high.fits) return ceilingTokens;
  const start = lookAt(known);
  const usable = start.fits && start.tokens >= STEP && start.tokens < ceiling && start.tokens % STEP === 0;
  let low = usable ? start : look(STEP);
  if (!low.fits || low.tokens >= ceiling) return 0;
  let looks = 0;
  while (high.tokens - low.tokens > STEP) {
    const slope = (low.roomBytes - high.roomBytes) / (high.tokens - low.tokens);
    const aim = slope > 0 ? low.tokens + low.roomBytes / slope : (low.tokens + high.tokens) / 2;
    // every fourth look bisects, so that a kink cannot stall it
    const guess = looks % 4 === 3 ? (low.tokens + high.tokens) / 2 : aim;
    const tokens = Math.min(high.tokens - STEP, Math.max(low.tokens + STEP, Math.floor(guess / STEP) * STEP));
    const found = look(tokens);
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
