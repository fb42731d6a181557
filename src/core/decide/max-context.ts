/** The largest context that still fits with everything else unchanged. */

import { totalBytes } from "../facts/memory.ts";
import type { Model } from "../facts/model.ts";
import type { Run } from "../facts/run.ts";
import type { Tokens } from "../units.ts";
import type { MemoryOf } from "./place.ts";

/** Contexts are padded to this. */
const STEP = 256;

/**
 * Need never falls as context grows, so false position between a context that fits and one that does not converges on the
 * largest multiple of 256; need is piecewise linear, so it takes few looks. 0 when not even one step fits.
 * @param ceilingTokens trained context times sequences
 */
export function maxContext(run: Run, ceilingTokens: Tokens, memoryOf: MemoryOf): Tokens {
  const fits = (tokens: Tokens): { readonly ok: boolean; readonly room: number } => {
    const verdict = memoryOf({ ...run, contextTokens: tokens });
    // least room on any place, negative when short: what false position aims at
    const rooms = verdict.memory.devices.map(
      (use, index) => (verdict.room.devices[index]?.allowedBytes ?? 0) - totalBytes(use),
    );
    rooms.push(verdict.room.host.allowedBytes - totalBytes(verdict.memory.host));
    return { ok: verdict.fits, room: Math.min(...rooms) };
  };
  const ceiling = Math.max(STEP, Math.floor(ceilingTokens / STEP) * STEP);
  const top = fits(ceiling);
  if (top.ok) return ceilingTokens;
  let low = Math.min(ceiling, STEP);
  let lowRoom = fits(low);
  if (!lowRoom.ok) return 0;
  let high = ceiling;
  let highRoom = top;
  let look = 0;
  while (high - low > STEP) {
    const slope = (lowRoom.room - highRoom.room) / (high - low);
    // every third look bisects, so that a kink cannot stall it
    const guess = look++ % 3 === 2 || slope <= 0 ? (low + high) / 2 : low + lowRoom.room / slope;
    const tokens = Math.min(high - STEP, Math.max(low + STEP, Math.floor(guess / STEP) * STEP));
    const room = fits(tokens);
    if (room.ok) {
      low = tokens;
      lowRoom = room;
    } else {
      high = tokens;
      highRoom = room;
    }
  }
  return low;
}

/** Trained context of the model over the sequences of the run. */
export function contextCeiling(model: Model, run: Run): Tokens {
  const trained = model.hyper.trainedContextTokens > 0 ? model.hyper.trainedContextTokens : run.contextTokens;
  return run.unifiedCache ? trained : trained * run.sequences;
}
