/** What callers over the network may reach of this machine: files below allowed folders, and the Hub at a bounded rate. */
import { sep } from "node:path";
import { InputError } from "../core/facts/input-error.ts";
import type { World } from "../core/sources/world.ts";
import { tokenBucket } from "./bucket.ts";

/** Look-ups on the Hub at once, and then each second, for all remote callers together; one model takes about three. */
const HUB_BURST = 60;
const HUB_PER_SECOND = 1;

/** The same machine with its requests to the network bounded. */
export function boundedWorld(world: World): World {
  const bucket = tokenBucket(HUB_BURST, HUB_PER_SECOND, world.now);
  return {
    ...world,
    fetch: (input, init) => {
      if (bucket.take("hub")) return world.fetch(input, init);
      return Promise.reject(
        new InputError("Too many models were looked up on the Hub just now. Wait a minute, or send a catalog id."),
      );
    },
  };
}

/** The file's or folder's real path when it lies below an allowed folder; links are followed before that is judged. */
export async function pathBelow(world: World, path: string, roots: readonly string[]): Promise<string | undefined> {
  const real = await world.realPath(path);
  if (real === undefined) return undefined;
  for (const root of roots) {
    const realRoot = await world.realPath(root);
    if (
      realRoot !== undefined &&
      (real === realRoot || real.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep))
    )
      return real;
  }
  return undefined;
}
