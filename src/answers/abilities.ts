/** How able catalog models are; nothing where the quality catalog does not know the model or its kin. */
import type { Abilities } from "../core/facts/ability.ts";
import type { ModelEntry } from "../core/facts/catalog-model.ts";

export async function loadAbilities(): Promise<(entry: ModelEntry) => Abilities> {
  const { loadQualityCatalog } = await import("../core/sources/quality-catalog.ts");
  const catalog = await loadQualityCatalog();
  return (entry) => catalog.abilitiesOf(entry.id);
}
