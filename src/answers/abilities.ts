/** Abilities of catalog models, by repository; none where the quality catalog does not know the model. */
import type { Abilities } from "../core/facts/ability.ts";
import type { ModelEntry } from "../core/facts/catalog-model.ts";

export async function loadAbilities(): Promise<(entry: ModelEntry) => Abilities> {
  return () => ({});
}
