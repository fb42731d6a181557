/** Long calculations let the rest of the process have a turn: cancellations arrive, a client that went away ends us, progress goes out. */
import type { World } from "../core/sources/world.ts";

interface Worker {
  readonly world: World;
  readonly signal?: AbortSignal;
  readonly progress?: (done: number, total: number | undefined, message: string) => void;
}

/** Nobody notices a wait this short. */
const TURN_MS = 40;

/** Call the answer between steps; every 40 ms it gives way. Throws the signal's reason once the caller has cancelled. */
export function pauses(
  { world, signal, progress }: Worker,
  totalCount: number,
  what: string,
): (done: number) => Promise<void> {
  let turnStartedMs = world.now();
  return async (done) => {
    if (world.now() - turnStartedMs < TURN_MS) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    progress?.(done, totalCount, what);
    turnStartedMs = world.now();
  };
}
