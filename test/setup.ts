/** Client tests start the built program: build it once, when a source is newer than it. */
import { ensureBuilt } from "../scripts/prepare.mjs";

export default async function setup(): Promise<void> {
  await ensureBuilt();
}
