/** The text of catalog/profiles.json, from the catalog as it is now. */
import { publishedRecipes } from "../../src/core/decide/variants.ts";
import { partsOf, shapeOf } from "../../src/core/estimate/profile.ts";
import type { ModelEntry } from "../../src/core/facts/catalog-model.ts";
import type { Model } from "../../src/core/facts/model.ts";
import { applyRecipe, recipes } from "../../src/core/facts/recipe.ts";
import { loadModelCatalog, type ModelCatalog } from "../../src/core/sources/model-catalog.ts";
import { packProfile, profileKey } from "../../src/core/sources/profile-catalog.ts";

function storedAs(catalog: ModelCatalog, entry: ModelEntry, recipe: (typeof recipes)[number]): Model {
  const hyper = catalog.hyperparametersOf(entry);
  return {
    name: entry.id,
    recipe,
    hyper,
    tensors: applyRecipe(hyper, catalog.tensorsOf(entry), recipe),
    fileBytes: 0,
    evidence: "catalog",
    source: "catalog",
    warnings: [],
  };
}

/** @returns one line a profile */
export async function profilesOf(): Promise<{ readonly text: string; readonly count: number }> {
  const catalog = await loadModelCatalog();
  const lines = new Map<string, string>();
  for (const entry of catalog.models) {
    const key = profileKey(entry);
    if (lines.has(key)) continue;
    const hyper = catalog.hyperparametersOf(entry);
    const published = publishedRecipes(hyper.architecture);
    const models = recipes
      .filter((recipe) => published.includes(recipe))
      .map((recipe) => storedAs(catalog, entry, recipe));
    const [first] = models;
    if (first === undefined) continue;
    const stored = models.map((model) => ({ recipe: model.recipe ?? "", parts: partsOf(model) }));
    lines.set(key, `${JSON.stringify(key)}:${JSON.stringify(packProfile(shapeOf(hyper, first), stored))}`);
  }
  return {
    text: `{\n${[...lines.keys()]
      .sort()
      .map((key) => lines.get(key))
      .join(",\n")}\n}\n`,
    count: lines.size,
  };
}
